"""Rewrites of sparse ops, one family a file."""

import tcore.optimizer  # noqa: F401 - floors below load as wholes, before modules of theirs
from tcore_sparse.rewrites import products

__all__ = ["GROUP"]

GROUP = products.REWRITES
