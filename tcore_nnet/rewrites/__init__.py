"""Rewrites of neural-network ops, one family a file."""

from tcore_nnet.rewrites import crossentropy

__all__ = ["GROUP"]

GROUP = crossentropy.REWRITES
