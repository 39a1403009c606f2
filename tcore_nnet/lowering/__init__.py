"""Lowerings of the ops of neural networks to the loop IR, one file per family."""

from tcore_nnet.lowering import correlation, crossentropy, pooling, pooling_gradients

__all__ = ["LOWERINGS"]

LOWERINGS = (*correlation.LOWERINGS, *crossentropy.LOWERINGS, *pooling.LOWERINGS, *pooling_gradients.LOWERINGS)
