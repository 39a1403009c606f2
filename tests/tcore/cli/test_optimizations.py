"""``tcore optimizations``."""

import json

import pytest
from click.testing import CliRunner

from tcore.cli.main import main


def run(*arguments):
    return CliRunner().invoke(main, ["optimizations", *arguments])


def test_json():
    """One record for each, with rule, places, tags, levels and source; in order of application."""
    done = run("--json")
    assert done.exit_code == 0, done.output
    rows = json.loads(done.output)
    by_name = {row["name"]: row for row in rows}
    row = by_name["local_neg_neg"]
    assert row["rule"] == "neg(neg(x)) -> x"
    assert row["places"] == [{"stage": "specialize", "position": 2, "within": None}]
    assert row["levels"] == ["o3", "o4", "unsafe"]
    assert row["module"] == "tcore.tensor.rewrites.arithmetic"
    names = list(by_name)
    assert names.index("merge1") < names.index("local_add_canonizer") < names.index("local_neg_neg") < names.index("merge3")


def test_tags_and_levels():
    """All given tags must be there; a level chooses what it has."""
    rows = json.loads(run("--json", "--tag", "inplace", "--tag", "fast_run").output)
    assert {"local_inplace_setsubtensor", "inplace_elemwise_opt", "add_destroy_handler"} <= {row["name"] for row in rows}
    assert all({"inplace", "fast_run"} <= set(row["tags"]) for row in rows)
    few = json.loads(run("--json", "--level", "fast_compile").output)
    assert few
    assert all("o1" in row["levels"] for row in few)
    assert json.loads(run("--json", "--tag", "inplace", "--level", "unsafe").output) == []


def test_text():
    """The same for people."""
    text = run("--tag", "local_neg_neg").output
    assert text.splitlines()[:3] == ["local_neg_neg", "  neg(neg(x)) -> x", "  at: specialize (2)"]
    assert "levels: o3, o4, unsafe" in text
    assert text.rstrip().endswith("1 optimizations")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(("--tag", "in_place"), "nothing has the tag 'in_place'; did you mean 'inplace'"), (("--level", "o9"), "there is no level 'o9'; there are o1, o2")],
)
def test_refusals(arguments, message):
    """A name that does not exist is an error that names those that do."""
    done = run(*arguments)
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())
