"""Compares what runs in Kubernetes with what git says, judges it by best practices, and remembers."""

__version__ = "0.1.0"
