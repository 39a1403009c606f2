"""Loops: ``scan``, its special cases, and the op that they make.

The pieces, from the user's call to the loop:

- :func:`scan` (:mod:`~tcore.scan_module.scan`) puts its arguments into one form (``arguments``), calls the user's function once, and reads
  what it returned (``step``). The records of ``parts`` hold each variable with all that belongs to it, and make the node.
- :class:`Scan` (``op``) has three things: the inner graph ``fgraph``, the ``layout``, and the ``options``. ``layout`` is the one place that knows
  in which order variables stand in the inputs and outputs of the node and of the inner graph, and what each kind of variable means.
- ``loop`` runs it, in Python; ``backward`` and ``tangents`` make its derivatives, which are loops again, the first of ``pullback``, the
  gradients of one step; ``shapes`` and ``connection`` answer questions about it; ``rewrites`` are loaded for graphs that hold a loop.

What a backend is handed
------------------------
A node of a ``Scan``, and nothing else; ``loop.run_loop`` is the specification. With ``given = op.layout.outer_inputs(values)``:

- ``given.n_steps`` is the number of steps, or with ``layout.until`` their bound: the loop ends after the first step whose last inner output
  is true, and the number of steps made is the last outer output. Negative is an error, and so is a sequence with fewer rows.
- A step reads row t of each sequence; rows t + tap of each mitmot; rows t + depth + tap of each state, ``depth = -min(taps)``, where the rows
  below ``depth`` are those of the outer input; and the non-sequences. All is read before anything is written: inner outputs may share memory
  with inner inputs, so that a row that is overwritten in the same step needs a temporary.
- A step writes row t + depth of each state, row t of each nitsot, rows t + tap of each mitmot in the order of its ``mitmot_out_taps``, and hands
  on shared values. All rows of an output have the shape of the first: another one is an error.
- A state or nitsot for which ``layout.kept`` is set gives its last ``given.keeps[k]`` rows alone, fewer where there are fewer, the oldest
  first: the loop needs room for ``max(keep, depth)`` rows, used in turn. All others give all rows, the ``depth`` first ones included.
- ``options.inplace`` names outer outputs (mitmots, then states) that use the memory of their outer input; a mitmot that is not among them works
  on a copy.
- Where the user gave ``options.mode`` or ``options.profile``, each step must be a call of ``op.fn``, the compiled inner function. Elsewhere
  the backend does what the mode of the function around it says, which the optimizer noted in ``options.function_mode``.
"""

import tcore.compile
import tcore.optimizer
import tcore.tensor.rewrites  # noqa: F401 - floors below load as wholes, before modules of theirs
from tcore.scan_module.checkpoints import scan_checkpoints
from tcore.scan_module.op import Scan
from tcore.scan_module.scan import scan
from tcore.scan_module.until import until
from tcore.scan_module.updates import OrderedUpdates
from tcore.scan_module.wrappers import foldl, foldr, map, reduce

__all__ = ["OrderedUpdates", "Scan", "foldl", "foldr", "map", "reduce", "scan", "scan_checkpoints", "until"]
