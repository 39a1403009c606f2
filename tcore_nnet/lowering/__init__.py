"""Lowerings of the ops of neural networks to the loop IR, one file per family."""

from tcore_nnet.lowering import crossentropy, pooling

__all__ = ["LOWERINGS"]

LOWERINGS = (*crossentropy.LOWERINGS, *pooling.LOWERINGS)
