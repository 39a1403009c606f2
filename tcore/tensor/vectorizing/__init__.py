"""Expressions of single items, applied to whole batches of them at once: ``vectorize`` and what it is made of."""

import tcore.compile
import tcore.optimizer  # noqa: F401 - floors below load as wholes, before modules of theirs
from tcore.tensor.vectorizing import elements, indices, linalg, loop, products, shapes  # noqa: F401 - the rules
from tcore.tensor.vectorizing.batch import Batch, Item, vectorizes
from tcore.tensor.vectorizing.graph import vectorize_graph
from tcore.tensor.vectorizing.signature import Signature
from tcore.tensor.vectorizing.vectorize import vectorize

__all__ = ["Batch", "Item", "Signature", "vectorize", "vectorize_graph", "vectorizes"]
