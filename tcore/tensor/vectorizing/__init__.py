"""Expressions of single items, applied to whole batches of them at once: ``vectorize`` and what it is made of."""

from tcore.tensor.vectorizing.batch import Batch, Item, vectorizes
from tcore.tensor.vectorizing.graph import vectorize_graph
from tcore.tensor.vectorizing.signature import Signature
from tcore.tensor.vectorizing.vectorize import vectorize

__all__ = ["Batch", "Item", "Signature", "vectorize", "vectorize_graph", "vectorizes"]
