"""What options whose choices are ``ignore``, ``warn``, ``raise`` and ``pdb`` do about a finding."""

from __future__ import annotations

import warnings

__all__ = ["react"]


def react(action: str, finding: Exception, stacklevel: int = 1) -> None:
    """Do about ``finding`` what ``action`` says.

    Parameters
    ----------
    action : {"ignore", "warn", "raise", "pdb"}
        ``pdb`` prints it and stops in the debugger.
    finding : Exception
        What ``raise`` raises; its text serves the others.
    stacklevel : int
        As for ``warnings.warn``: 1 is the caller.
    """
    if action == "raise":
        raise finding
    if action == "warn":
        warnings.warn(str(finding), stacklevel=stacklevel + 1)
    elif action == "pdb":
        print(finding)
        import pdb  # noqa: T100 - what the option asks for; it loads a dozen modules

        pdb.set_trace()  # noqa: T100
