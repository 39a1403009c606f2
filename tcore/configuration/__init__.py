"""Options: the one object :data:`config`, which everybody reads, and the records that declare what it holds.

>>> from tcore.configuration import config
>>> config.floatX
'float64'

Sources, the strongest first: assignment in code (``config.floatX = "float32"``), the variable ``TCORE_FLAGS``
(``floatX=float32,scan.allow_gc=True``; the right-most wins), rc files (``TCORERC``, else ``~/.tcorerc``), the default.
"""

from tcore.configuration.errors import ConfigFrozenError, ConfigValueError, DuplicateOptionError, UnknownOptionError
from tcore.configuration.flags import CORE_OPTIONS
from tcore.configuration.option import Computed, Option
from tcore.configuration.sources import read_sources
from tcore.configuration.tree import Config, Section, change_flags_of

__all__ = [
    "Computed",
    "Config",
    "ConfigFrozenError",
    "ConfigValueError",
    "DuplicateOptionError",
    "Option",
    "Section",
    "UnknownOptionError",
    "change_flags",
    "config",
    "register",
]

#: The options of this process. The environment and the rc files are read once, when this module is imported.
config = Config(CORE_OPTIONS, read_sources())
config.warn_of_unknown_names()

register = config.register
change_flags = change_flags_of(config)
