"""Signal processing for tcore, mounted as ``tcore.tensor.signal``: convolution of images, and pooling."""

from tcore_nnet.signal import conv, pool

__all__ = ["conv", "pool"]
