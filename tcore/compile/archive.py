"""Files that hold an object and its arrays: a ZIP file of one pickle and one NPY file for each array.

``numpy.load`` reads the arrays of such a file where tcore is not installed. The values of shared variables are stored
under the variables' names.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from tcore.compile.sharedvalue import SharedVariable

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "CompatUnpickler",
    "PersistentNdarrayID",
    "PersistentNdarrayLoad",
    "PersistentSharedVariableID",
    "dump",
    "load",
]

#: the member that holds the pickle
_PICKLE = "pkl"
# every file with the same content has the same bytes
_DATE = (1980, 1, 1, 0, 0, 0)


class PersistentNdarrayID:
    """Sends every ``numpy.ndarray`` to an NPY file of its own, ``array_0``, ``array_1``, …

    Arrays of objects, and of subclasses of ``ndarray``, stay in the pickle: an NPY file could not hold them as they are.

    Parameters
    ----------
    zip_file : zipfile.ZipFile, open for writing
    """

    def __init__(self, zip_file: zipfile.ZipFile) -> None:
        self.zip_file = zip_file
        self._names: dict[int, str] = {}  # id of an array -> its member
        self._alive: list[Any] = []  # what a pickler makes on the way must not lend its id to another array
        self._taken = {_PICKLE}
        self._unnamed = 0

    def name_of(self, array: np.ndarray) -> str:
        """The name of the member for ``array``, which has none yet."""
        name = f"array_{self._unnamed}"
        self._unnamed += 1
        return name

    def __call__(self, obj: Any) -> str | None:
        """The member that holds ``obj``, written when it is met first; None leaves it to the pickle."""
        if type(obj) is not np.ndarray or obj.dtype.hasobject:
            return None
        name = self._names.get(id(obj))
        if name is None:
            name = self._names[id(obj)] = self._free(self.name_of(obj))
            self._alive.append(obj)
            with self.zip_file.open(_member(name), "w", force_zip64=True) as file:
                np.lib.format.write_array(file, obj, allow_pickle=False)
        return name

    def _free(self, name: str) -> str:
        wanted, count = name, 1
        while name in self._taken:
            count += 1
            name = f"{wanted}_{count}"
        self._taken.add(name)
        return name


class PersistentSharedVariableID(PersistentNdarrayID):
    """As :class:`PersistentNdarrayID`; the values of named shared variables have the names of the variables.

    Of two variables with one name, the second gets ``name_2``.
    """

    def __init__(self, zip_file: zipfile.ZipFile) -> None:
        super().__init__(zip_file)
        self._values: dict[int, str] = {}  # id of the value of a shared variable -> the variable's name
        self._next: str | None = None

    def __call__(self, obj: Any) -> str | None:
        """As for arrays."""
        if isinstance(obj, SharedVariable):
            value = obj.container.storage[0]
            if obj.name is not None and hasattr(value, "__array__"):
                self._values.setdefault(id(value), obj.name)
        elif id(obj) in self._values and type(obj) is not np.ndarray:
            self._next = self._values[id(obj)]  # on a device: its copy on the host is the next array to come
        return super().__call__(obj)

    def name_of(self, array: np.ndarray) -> str:
        """The name of the shared variable that holds ``array``."""
        name, self._next = self._next or self._values.get(id(array)), None
        return name or super().name_of(array)


class PersistentNdarrayLoad:
    """Reads what :class:`PersistentNdarrayID` wrote; one object for each member.

    Parameters
    ----------
    zip_file : zipfile.ZipFile, open for reading
    """

    def __init__(self, zip_file: zipfile.ZipFile) -> None:
        self.zip_file = zip_file
        self._arrays: dict[str, np.ndarray] = {}

    def __call__(self, name: str) -> np.ndarray:
        """The array of the member ``name``."""
        if name not in self._arrays:
            with self.zip_file.open(name) as file:
                self._arrays[name] = np.lib.format.read_array(file, allow_pickle=False)
        return self._arrays[name]


class _Pickler(pickle.Pickler):
    def __init__(self, file: IO[bytes], protocol: int, find: Callable[[Any], Any]) -> None:
        super().__init__(file, protocol)
        self._find = find

    def persistent_id(self, obj: Any) -> Any:
        return self._find(obj)


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: IO[bytes], find: Callable[[Any], Any]) -> None:
        super().__init__(file)
        self._find = find

    def persistent_load(self, pid: Any) -> Any:
        return self._find(pid)


def dump(
    obj: Any,
    file_handler: IO[bytes],
    protocol: int = 2,
    persistent_id: Callable[[zipfile.ZipFile], Callable[[Any], Any]] = PersistentSharedVariableID,
) -> None:
    """Write ``obj`` to a ZIP file that :func:`load` reads, and whose arrays ``numpy.load`` reads, too.

    Parameters
    ----------
    obj : object
    file_handler : file, open for writing in binary mode
    protocol : int
        Of pickle; 2 can be read by every Python.
    persistent_id : callable
        Called with the ZIP file, gives a function from object to the name of the member that holds it, or None for
        what belongs into the pickle.
    """
    _check_binary(file_handler)
    with zipfile.ZipFile(file_handler, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as zip_file:
        buffer = io.BytesIO()
        _Pickler(buffer, protocol, persistent_id(zip_file)).dump(obj)
        zip_file.writestr(_member(_PICKLE), buffer.getvalue())


def load(
    f: IO[bytes], persistent_load: Callable[[zipfile.ZipFile], Callable[[Any], Any]] = PersistentNdarrayLoad
) -> Any:
    """Read what :func:`dump` wrote.

    As with every pickle, what the file names is run: load only files that you trust. The arrays alone are safe to read
    with ``numpy.load``.

    Parameters
    ----------
    f : file, open for reading in binary mode
    persistent_load : callable
        Called with the ZIP file, gives a function from the name of a member to the object; the counterpart of the
        ``persistent_id`` that wrote the file.

    Raises
    ------
    ValueError
        If the file is not one that ``dump`` wrote.
    """
    _check_binary(f)
    try:
        zip_file = zipfile.ZipFile(f, "r")
    except zipfile.BadZipFile as error:
        raise ValueError(f"{getattr(f, 'name', f)} is no file of pkl_utils.dump: {error}; pickle.load reads plain pickles") from error
    with zip_file:
        if _PICKLE not in zip_file.namelist():
            raise ValueError(f"{getattr(f, 'name', f)} is no file of pkl_utils.dump: it has no member {_PICKLE!r}, only {zip_file.namelist()}")
        return _Unpickler(io.BytesIO(zip_file.read(_PICKLE)), persistent_load(zip_file)).load()


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _DATE)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _check_binary(file: Any) -> None:
    if isinstance(file, io.TextIOBase):
        raise TypeError(f"{getattr(file, 'name', file)} is open as text: open it in binary mode, 'wb' or 'rb'")


class CompatUnpickler(pickle.Unpickler):
    """Reads arrays that were pickled by Python 2 or by an older NumPy.

    Parameters
    ----------
    file : file, open for reading in binary mode
    encoding : str
        Of the byte strings in it; ``latin1`` keeps the bytes of arrays as they are.
    """

    def __init__(self, file: IO[bytes], *, fix_imports: bool = True, encoding: str = "latin1", errors: str = "strict") -> None:
        super().__init__(file, fix_imports=fix_imports, encoding=encoding, errors=errors)

    def find_class(self, module_name: str, global_name: str) -> Any:
        """NumPy's internal modules under the names that they have today."""
        if module_name.startswith("numpy.core") and hasattr(np, "_core"):
            module_name = "numpy._core" + module_name.removeprefix("numpy.core")
        return super().find_class(module_name, global_name)
