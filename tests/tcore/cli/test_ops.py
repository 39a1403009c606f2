"""``tcore ops``: the list of ops, which the manual shows, too."""

import json

from click.testing import CliRunner

from tcore.cli.main import main
from tcore.plugins.process import manager
from tcore.tensor.plugin import tcore_ops


def test_list_of_ops_L8430():
    """Which ops have a gradient, and which an R_op of their own; each once, with what it computes."""
    done = CliRunner().invoke(main, ["ops", "--json"])
    assert done.exit_code == 0, done.output
    rows = json.loads(done.output)
    by_name = {f"{row['module']}:{row['name']}": row for row in rows}
    assert len(by_name) == len(rows)
    dot = by_name["tcore.tensor.dot:Dot"]
    assert (dot["plugin"], dot["gradient"], dot["r_op"]) == ("tcore", True, True)
    assert dot["summary"].startswith("The product of two vectors or matrices")
    gemm = by_name["tcore.tensor.blas:Gemm"]
    assert (gemm["gradient"], gemm["r_op"]) == (True, False)
    assert not by_name["tcore.compile.copy_ops:FromFunctionOp"]["gradient"]
    assert by_name["tcore.scalar.exponential:Log1p"]["line"] > 1
    assert {spec.load for spec in tcore_ops()} <= set(by_name)
    assert all(row["summary"] for row in rows)
    assert not any(row["name"].startswith("_") or row["name"] in ("Op", "ScalarOp", "UnaryScalarOp", "FieldlessOp") for row in rows)


def test_text():
    lines = CliRunner().invoke(main, ["ops"]).output.splitlines()
    assert "tcore.tensor.reshape.Reshape (gradient, R_op): " in "\n".join(lines)
    assert lines[-1] == f"{len(lines) - 1} ops"


def installed():
    """The backends that have a column: those that are installed."""
    names = manager().names("backends")
    return [name for name in ("cpu", "opencl", "cuda") if name in names]


def test_coverage():
    """What there is of each op, and why not; the backends that are installed have a column each."""
    done = CliRunner().invoke(main, ["ops", "--coverage", "--json"])
    assert done.exit_code == 0, done.output
    rows = {f"{row['module']}:{row['name']}": row for row in json.loads(done.output)}
    assert {spec.load for spec in tcore_ops()} <= set(rows)
    exp, sort, gemm = (rows[f"tcore.{name}"] for name in ("scalar.exponential:Exp", "tensor.sorting:SortOp", "tensor.blas:Gemm"))
    own = {"perform": "impl", "infer_shape": "Elemwise", "grad": "own", "R_op": "grad", "lowering": "loop"}
    assert exp["cells"] == own | dict.fromkeys(installed(), "kernel")
    assert exp["reasons"] == {}
    assert (sort["cells"]["grad"], sort["cells"]["lowering"]) == ("own", "")
    assert set(sort["reasons"]) == {"lowering", *installed()} - {"cpu"}
    assert [gemm["cells"][name] for name in installed() if name != "opencl"] == ["native" for name in installed() if name != "opencl"]


def test_coverage_as_text():
    """A line for each op; below it, one for each reason."""
    lines = CliRunner().invoke(main, ["ops", "--coverage"]).output.splitlines()
    assert lines[0].split() == ["perform", "infer_shape", "grad", "R_op", "lowering", *installed()]
    without = [name for name in installed() if name != "cpu"]
    assert f"    no {', '.join(['lowering', *without])}: LAPACK, no loop of ours: the CPU calls it by address, device arrays come to the host for it" in lines
    assert lines[-1].endswith("cells filled")
