"""Arrays from files and between processes."""

from tcore.tensor.io.files import *
from tcore.tensor.io.mpi import *

# ruff: noqa: F403 - each file lists its names in __all__
