"""Random edits of live objects on a real API server, and what must be told of each, worked out without the product.

`types` (what the server publishes) → `draw` (an edit) → `hands` (the tool that makes it) → `expected` (what must be told).
"""
