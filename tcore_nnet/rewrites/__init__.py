"""Rewrites of neural-network ops, one family a file."""

import tcore.optimizer  # noqa: F401 - floors below load as wholes, before modules of theirs
from tcore_nnet.rewrites import correlation, crossentropy

__all__ = ["GROUP"]

GROUP = (*correlation.REWRITES, *crossentropy.REWRITES)
