"""The exported function "model", for Python: NumPy, ctypes and the library beside this file are all that it needs."""

from __future__ import annotations

import ctypes
import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["ExportedError", "Model"]

LIBRARY = "libmodel.so"
#: how a call returns: "single", "list", "none", or the keys of a dict
RETURNS: str | list[str] = "list"

_DTYPES = (
    "bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64",
    "float16", "float32", "float64", "complex64", "complex128",
)  # fmt: skip
_MAX_NDIM = 32


class ExportedError(RuntimeError):
    """The exported function cannot run: it misses BLAS, for example."""


_ERRORS = {1: TypeError, 2: ValueError, 3: IndexError, 4: ValueError, 5: MemoryError, 6: ExportedError}


class _Array(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("dtype", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("dims", ctypes.c_int64 * _MAX_NDIM),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
    ]


class _Value(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("dtype", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("length_one", ctypes.c_uint32),
        ("optional", ctypes.c_int32),
    ]


def _open(path: Path) -> Any:
    library = ctypes.CDLL(str(path))
    pointer = ctypes.c_void_p
    arrays = ctypes.POINTER(_Array)
    for name, result, arguments in (
        ("new", pointer, []),
        ("free", None, [pointer]),
        ("call", ctypes.c_int, [pointer, arrays, arrays]),
        ("error", ctypes.c_char_p, [pointer]),
        ("get_state", ctypes.c_int, [pointer, ctypes.c_int, arrays]),
        ("set_state", ctypes.c_int, [pointer, ctypes.c_int, arrays]),
        ("free_array", None, [arrays]),
        ("inputs", ctypes.c_int, [ctypes.POINTER(ctypes.POINTER(_Value))]),
        ("outputs", ctypes.c_int, [ctypes.POINTER(ctypes.POINTER(_Value))]),
        ("states", ctypes.c_int, [ctypes.POINTER(ctypes.POINTER(_Value))]),
        ("set_threads", ctypes.c_int, [ctypes.c_int]),
        ("set_blas", ctypes.c_int, [ctypes.c_char_p, pointer]),
        ("missing_blas", ctypes.c_char_p, []),
    ):
        function = getattr(library, f"model_{name}")
        function.restype, function.argtypes = result, arguments
        setattr(library, name, function)
    return library


def _scipy_blas(routine: str) -> int:
    """The address of a routine of the BLAS and LAPACK that SciPy brings."""
    try:
        from scipy.linalg import cython_blas, cython_lapack
    except ImportError as error:
        raise ExportedError(
            f"the function calls {routine} and {LIBRARY} is linked to no BLAS or LAPACK: install scipy, whose BLAS serves, or export it "
            'with link flags, as in blas="-lopenblas"'
        ) from error
    capsule = {**vars(cython_lapack)["__pyx_capi__"], **vars(cython_blas)["__pyx_capi__"]}[routine]
    get_name, get_pointer = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    get_name.restype, get_name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    get_pointer.restype, get_pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return int(get_pointer(capsule, get_name(capsule)))


class Model:
    """An instance of the function, with state of its own.

    Call it with one value for each input, by position or by name. ``model[name]`` reads and sets a state, by name or
    position. Threads that share an instance take turns; different instances run at once.

    Parameters
    ----------
    library : path, optional
        The shared library; that beside this file by default.
    threads : int, optional
        Threads of long loops, for all instances in the process; 0: as OMP_NUM_THREADS or the machine says.
    """

    def __init__(self, library: str | Path | None = None, threads: int | None = None) -> None:
        self._library = _open(Path(library) if library is not None else Path(__file__).with_name(LIBRARY))
        missing = self._library.missing_blas()
        while missing:
            self._library.set_blas(missing, _scipy_blas(missing.decode()))
            missing = self._library.missing_blas()
        if threads is not None:
            self._library.set_threads(threads)
        self._inputs, self._outputs, self._states = map(self._values, ("inputs", "outputs", "states"))
        self._lock = threading.Lock()
        self._instance = self._library.new()
        if not self._instance:
            raise MemoryError(self._library.error(None).decode())
        weakref.finalize(self, self._library.free, self._instance)

    def _values(self, kind: str) -> list[_Value]:
        values = ctypes.POINTER(_Value)()
        count = getattr(self._library, kind)(ctypes.byref(values))
        return [values[k] for k in range(count)]

    @property
    def inputs(self) -> list[str]:
        """The names of the inputs; empty where one has none."""
        return [value.name.decode() for value in self._inputs]

    @property
    def states(self) -> list[str]:
        """The names of the states; empty where one has none."""
        return [value.name.decode() for value in self._states]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The outputs for these arguments; updates of state are stored."""
        names = self.inputs
        if len(args) > len(names):
            raise TypeError(f"expected at most {len(names)} arguments, got {len(args)}")
        given = dict(enumerate(args))
        for name, value in kwargs.items():
            if name not in names:
                raise TypeError(f"there is no input {name!r}; the inputs are {', '.join(names)}")
            if names.index(name) in given:
                raise TypeError(f"input {name!r} was given twice")
            given[names.index(name)] = value
        arrays = {k: _as_array(value, self._inputs[k], f"input {k}") for k, value in given.items()}
        inputs = (_Array * (len(names) + 1))(*(_described(arrays[k]) if k in arrays else _Array() for k in range(len(names))))
        outputs = (_Array * (len(self._outputs) + 1))()
        with self._lock:
            self._check(self._library.call(self._instance, inputs, outputs))
        results = [self._taken(outputs[k]) for k in range(len(self._outputs))]
        if RETURNS == "none":
            return None
        if RETURNS == "single":
            return results[0]
        return results if RETURNS == "list" else dict(zip(RETURNS, results, strict=True))

    def _check(self, status: int) -> None:
        if status:
            raise _ERRORS.get(status, RuntimeError)(self._library.error(self._instance).decode(errors="replace"))

    def _taken(self, array: _Array) -> Any:
        """The memory that the library allocated as a NumPy array, which gives it back when it goes."""
        shape, dtype = tuple(array.dims[: array.ndim]), np.dtype(_DTYPES[array.dtype])
        if 0 in shape:
            self._library.free_array(ctypes.byref(array))
            return np.empty(shape, dtype)
        kept = _Array.from_buffer_copy(array)
        holder = (ctypes.c_char * (int(np.prod(shape, dtype=np.int64)) * dtype.itemsize)).from_address(array.data)
        weakref.finalize(holder, self._library.free_array, ctypes.byref(kept)).atexit = False
        return np.frombuffer(memoryview(holder), dtype).reshape(shape)

    def _which(self, key: int | str) -> int:
        names = self.states
        if isinstance(key, str) and key in names:
            return names.index(key)
        if isinstance(key, int) and 0 <= key < len(names):
            return key
        raise KeyError(f"there is no state {key!r}; the states are {', '.join(names) or 'none'}")

    def __getitem__(self, key: int | str) -> Any:
        which, value = self._which(key), _Array()
        with self._lock:
            self._check(self._library.get_state(self._instance, which, ctypes.byref(value)))
        return self._taken(value)

    def __setitem__(self, key: int | str, value: Any) -> None:
        which = self._which(key)
        array = _as_array(value, self._states[which], f"state {which}")
        described = _described(array)
        with self._lock:
            self._check(self._library.set_state(self._instance, which, ctypes.byref(described)))


def _as_array(value: Any, wanted: _Value, label: str) -> Any:
    """``value`` as an array whose elements native code reads; precision is lost by numbers of Python only."""
    array, dtype = np.asarray(value), np.dtype(_DTYPES[wanted.dtype])
    if array.dtype != dtype:
        rule = "safe" if isinstance(value, (np.ndarray, np.generic)) else "same_kind"
        if not np.can_cast(array.dtype, dtype, rule):  # type: ignore[arg-type]
            name = f" ({wanted.name.decode()})" if wanted.name else ""
            raise TypeError(f"{label}{name} has dtype {array.dtype}, expected {dtype}")
    return np.require(array, dtype, "A")


def _described(array: Any) -> _Array:
    strides = (ctypes.c_int64 * _MAX_NDIM)(*array.strides)
    return _Array(
        array.ctypes.data, _DTYPES.index(array.dtype.name), array.ndim, (ctypes.c_int64 * _MAX_NDIM)(*array.shape),
        ctypes.cast(strides, ctypes.POINTER(ctypes.c_int64)),
    )  # fmt: skip
