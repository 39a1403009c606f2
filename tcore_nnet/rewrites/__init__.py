"""Rewrites of neural-network ops, one family a file."""

from tcore_nnet.rewrites import correlation, crossentropy

__all__ = ["GROUP"]

GROUP = (*correlation.REWRITES, *crossentropy.REWRITES)
