"""``import theano`` means tcore, for programs that were written against the documented interface.

>>> from tcore.compat import theano
>>> theano.install()

Or, without touching the program: ``python -c "from tcore.compat import theano; theano.install(); import runpy;
runpy.run_path('program.py', run_name='__main__')"``.
"""

from __future__ import annotations

import sys

from tcore.finders import add_alias

__all__ = ["install"]

_NAME = "theano"


def install() -> None:
    """From now on ``theano`` and every module below it are the modules of tcore, the same objects under two names.

    Raises
    ------
    RuntimeError
        If another package of that name was imported before.
    """
    import tcore

    present = sys.modules.get(_NAME)
    if present is not None and present is not tcore:
        raise RuntimeError(f"{_NAME} is imported already, from {getattr(present, '__file__', '?')}: call install() before that")
    add_alias(_NAME, "tcore")
