"""Ops on sparse matrices, one family a file."""
