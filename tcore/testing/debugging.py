"""An expression under DebugMode: what its ops do to memory that is not fresh, and to that of one another."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tcore.testing.cases import OpCase

__all__ = ["check_debug_mode"]

#: kinds of memory that ``perform`` may find in the cells of its outputs
_MEMORY = "initial:previous:c_contiguous:f_contiguous:strided:wrong_size"


def check_debug_mode(case: OpCase) -> None:
    """Each node, as it is built, keeps what it declares: inputs stay unless ``destroy_map`` has them, memory is shared where ``view_map`` says so, outputs are apart.

    ``perform`` gives the same values over output memory of every kind that a linker may leave: used, strided, of another size. Ops that act
    (``equal=False``) are left out: they would act several times.

    Raises
    ------
    DebugModeError
        One of its subclasses, which names the node and what it did.
    """
    from tcore.compile import function
    from tcore.compile.debugmode import DebugMode
    from tcore.configuration import config

    if not case.equal:
        return
    inputs, outputs = case.graph()
    mode = DebugMode(optimizer=None, check_c_code=False, check_isfinite=False, check_preallocated_output=_MEMORY)
    # an op that may work in its input's memory need not
    with config.change_flags(DebugMode__warn_input_not_reused=False), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # NaN and infinities, which cases may be about
        function(inputs, outputs, mode=mode, on_unused_input="ignore", accept_inplace=True)(*case.values)
