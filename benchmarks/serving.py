"""What a child process does with requests: one library on one row, in lines of JSON.

- ``{"do": "first", "reference": PATH}``: make the program, call it, compare the result with NumPy's (NumPy's own process writes it);
- ``{"do": "sample", "seconds": S}``: call it for about so long; the answer has the seconds of one call;
- ``{"do": "inspect", "seconds": S}``: what tcore made of it, as texts by file name (:mod:`inspecting`).
"""

from __future__ import annotations

import gc
import itertools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from groups import ROWS
from libraries import LIBRARIES, Library
from row import NotBuilt, Row

__all__ = ["difference", "serve"]


def serve(row_name: str, library_name: str, tiny: bool, imported: float, answers: TextIO) -> None:
    """Answer until the input ends; ``imported`` is the CPU time that the library's import took."""
    row = next(each for each in ROWS if each.name == row_name)
    library = next(each for each in LIBRARIES if each.name == library_name)
    server = Server(row.made_tiny() if tiny else row, library, imported)
    for line in sys.stdin:
        try:
            answer = server.answer(json.loads(line))
        except NotBuilt as reason:
            answer = {"not_built": str(reason)}
        except BaseException as error:  # whatever it is: the table shows it, the other columns go on
            answer = {"error": f"{type(error).__name__}: {next(iter(str(error).strip().splitlines()), '')}"}
        print(json.dumps(answer), file=answers, flush=True)


class Server:
    """Answers requests about one row in one library."""

    def __init__(self, row: Row, library: Library, imported: float) -> None:
        self.row, self.library, self.imported = row, library, imported
        self.call: Callable[[], Any] | None = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if self.row.kind == "import":
            return {"seconds": self.imported}
        if request["do"] == "first":
            return self.first(request["reference"])
        if request["do"] == "inspect":
            return {"texts": self.inspect(request["seconds"])}
        return {"seconds": self.sample(request["seconds"])}

    def first(self, reference: str) -> dict[str, Any]:
        """The seconds until the first result, and what is wrong with the first results."""
        data = self.row.data()
        make = self.row.program(self.library.method)
        variant = () if self.library.variant is None else (self.library.variant,)
        start = time.perf_counter()
        self.call = make(data, *(function() for function in variant))
        if self.row.kind == "own":
            return {"seconds": 0.0}
        results = [as_arrays(self.call())]
        seconds = time.perf_counter() - start
        results += [as_arrays(self.call()) for _ in range(self.row.checked_calls - 1)]
        arrays = self.row.compared([array for result in results for array in result])
        path = Path(reference)
        if self.library.name == "numpy":
            np.savez(path, *arrays)
            return {"seconds": seconds}
        if not path.exists():
            return {"seconds": seconds, "wrong": "NumPy gave no result to compare with"}
        with np.load(path) as stored:
            wanted = [stored[name] for name in stored.files]
        return {"seconds": seconds, "wrong": difference(arrays, wanted, self.row.rtol, self.row.atol)}

    def inspect(self, seconds: float) -> dict[str, str]:
        """Texts that show why a row is as slow as it is."""
        from inspecting import first_call_profile, inspected  # loads tcore's reports, which no row must

        make, data = self.row.program(self.library.method), self.row.data()
        if self.row.kind == "first":
            return {"functions.txt": first_call_profile(lambda: make(data))}
        return inspected(lambda: make(data), seconds)

    def sample(self, seconds: float) -> float:
        """The seconds of one call, over as many calls as fit, after one that warms the caches."""
        call = self.call
        assert call is not None
        if self.row.kind == "own":
            return call()
        start = time.perf_counter()
        call()
        calls = max(1, int(seconds / max(time.perf_counter() - start, 1e-9)))
        if calls > 10:  # the first was slow: ask again
            calls = max(10, int(seconds / timed(call, 10)))
        return timed(call, calls)


def timed(call: Callable[[], Any], calls: int) -> float:
    """The mean seconds of a call, without the garbage collector, as :mod:`timeit` does."""
    gc.collect()
    gc.disable()
    try:
        start = time.perf_counter()
        for _ in itertools.repeat(None, calls):
            call()
        return (time.perf_counter() - start) / calls
    finally:
        gc.enable()


def as_arrays(result: Any) -> list[Any]:
    """The results of a call as NumPy arrays; several results are a tuple or a list of them."""
    parts = result if isinstance(result, tuple | list) else [result]
    return [np.asarray(part.detach() if hasattr(part, "detach") else part) for part in parts]


def difference(found: list[Any], wanted: list[Any], rtol: float, atol: float) -> str | None:
    """What is wrong with results, or None."""
    if len(found) != len(wanted):
        return f"{len(found)} results, NumPy has {len(wanted)}"
    for number, (array, right) in enumerate(zip(found, wanted, strict=True)):
        if array.shape != right.shape:
            return f"result {number} has shape {array.shape}, NumPy's {right.shape}"
        if array.dtype.kind == "f" and array.dtype != right.dtype:
            return f"result {number} is {array.dtype}, NumPy's {right.dtype}"
        if array.dtype.kind == "f" and not np.array_equal(np.isnan(array), np.isnan(right)):
            return f"result {number} has other NaN than NumPy's"
        if not np.allclose(array, right, rtol=rtol, atol=atol, equal_nan=True):
            apart = np.nanmax(np.abs(np.asarray(array, dtype=float) - right))
            return f"result {number} is up to {apart:.3g} away from NumPy's (values up to {np.nanmax(np.abs(right)):.3g})"
    return None
