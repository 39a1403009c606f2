"""Signal processing for tcore, mounted as ``tcore.tensor.signal``: pooling."""

from tcore_nnet.signal import pool

__all__ = ["pool"]
