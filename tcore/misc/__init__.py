"""Programs to run from the command line; and the documented home of what reads and writes archives."""

from typing import TYPE_CHECKING

from tcore.finders import lazy_submodules, names_elsewhere

if TYPE_CHECKING:
    from typing import Any
else:
    _submodule, _elsewhere = lazy_submodules(__name__), names_elsewhere(__name__)

    def __getattr__(name: str) -> "Any":
        try:
            return _submodule(name)
        except AttributeError:
            return _elsewhere(name)
