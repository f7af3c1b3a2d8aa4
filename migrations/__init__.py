"""The schema's history, one step a file. `auditor.store.migrate` runs it."""
