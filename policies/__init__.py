"""The policies: one folder each, with the rule, a good and a bad manifest. The folder is the code, the test and the page."""
