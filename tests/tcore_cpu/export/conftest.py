"""Exported functions that several tests use."""

from __future__ import annotations

from functools import partial

import pytest
from exports import compile_, layer, run_c

import tcore.tensor as tt


@pytest.fixture
def run(tmp_path):
    """Compile a main function against an exported function, and run it: the lines that it prints."""
    return partial(run_c, tmp_path)


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """The files of ``layer`` and of a matrix product."""
    folder = tmp_path_factory.mktemp("exported")
    x, y = tt.dmatrix("x"), tt.dmatrix("y")
    product = compile_([x, y], tt.dot(x, y))
    return {"layer": layer()[0].export(folder / "layer"), "product": product.export(folder / "product")}
