"""Rewrites of sparse ops, one family a file."""

from tcore_sparse.rewrites import products

__all__ = ["GROUP"]

GROUP = products.REWRITES
