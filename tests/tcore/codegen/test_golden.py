"""Printed kernels, compared with readable files in ``golden/``; write them anew with TCORE_GOLDEN=write."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest

import tcore.tensor as T
from tcore.codegen.schedule_gpu import schedule

HERE = Path(__file__).parent
_spec = importlib.util.spec_from_file_location("codegen_graphs", HERE / "graphs.py")
graphs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(graphs)


def _cases() -> dict[str, tuple[list[Any], list[Any]]]:
    a, b, c, d = T.dvectors("abcd")
    x, f, n = T.dmatrix("x"), T.fmatrix("f"), T.lvector("n")
    k, m = T.ivector("k"), T.ivector("m")
    return {
        "elementwise": ([a, b, c, d], [2 * a + 3 * b - T.sqrt(c) * T.exp(-d)]),
        "softmax": ([f], [T.nnet.softmax(f) if hasattr(T, "nnet") else T.softmax(f)]),
        "sum_of_columns": ([x], [(x * x).sum(axis=0) / 3.0]),
        "argmax": ([x], [T.argmax(x, axis=1)]),
        "gather": ([x, n], [x[n] * 2]),
        "scatter": ([x, n, a], [T.inc_subtensor(x[n], a)]),
        "set_slice": ([x], [T.set_subtensor(x[1:3], 0.0)]),
        "integers": ([k, m], [k // m + k % m, T.cast(k * 0.5, "int8")]),
    }


def _dialects() -> dict[str, Any]:
    from tcore_cuda.printer import CudaDialect
    from tcore_opencl.printer import OpenCLDialect

    return {"cu": CudaDialect, "cl": OpenCLDialect}


@pytest.mark.parametrize("language", ["ir", "cu", "cl"])
@pytest.mark.parametrize("case", sorted(_cases()))
def test_golden(case: str, language: str) -> None:
    """The text of each kernel is what the file shows."""
    _, grouping = graphs.grouped(*_cases()[case])
    texts = []
    for group in graphs.kernels(grouping):
        if language == "ir":
            texts.append(str(group.kernel) + "\n")
        else:
            pytest.importorskip("tcore_cuda" if language == "cu" else "tcore_opencl")
            dialect = _dialects()[language]()
            texts.append(schedule(group.kernel, dialect).source.replace(dialect.preamble.strip() + "\n\n", ""))
    text = "\n".join(texts)
    path = HERE / "golden" / f"{case}.{language}.txt"
    if os.environ.get("TCORE_GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()
