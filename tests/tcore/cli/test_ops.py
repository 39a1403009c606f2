"""``tcore ops``: the list of ops, which the manual shows, too."""

import json

from click.testing import CliRunner

from tcore.cli.main import main
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
