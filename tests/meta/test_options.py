"""Every option is read by something, or stands here with the part that will read it."""

from __future__ import annotations

import ast
import fnmatch
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import tcore_opencl.plugin
from tcore.configuration import config
from tcore.configuration.flags import CORE_OPTIONS

ROOT = Path(__file__).parents[2]
PACKAGES = ("tcore", "tcore_cpu", "tcore_cuda", "tcore_opencl", "tcore_sparse", "tcore_nnet")
OPTIONS = {option.name for option in (*CORE_OPTIONS, *tcore_opencl.plugin.tcore_config())}

UNREAD = {
    "convolution": "conv.assert_shape metaopt.optimizer_excluding metaopt.optimizer_including metaopt.verbose",
    "CTC": "ctc.root",
    "CUDA": "nvcc.fastmath nvcc.flags",
    "cuDNN": (
        "dnn.conv.algo_bwd dnn.conv.algo_bwd_data dnn.conv.algo_bwd_filter dnn.conv.algo_fwd dnn.conv.precision "
        "dnn.conv.workmem dnn.conv.workmem_bwd dnn.enabled dnn.include_path dnn.library_path"
    ),
    "MAGMA": "magma.enabled magma.include_path magma.library_path",
    "devices": "deterministic gpuarray.cache_path gpuarray.preallocate gpuarray.sched gpuarray.single_stream",
    "bugs of old versions, of which there is none": "warn.subtensor_merge_bug",
}


def _option(node: ast.AST) -> str | None:
    """``a.b`` of ``config.a.b``, ``tcore.config.a.b`` and ``self._config.a.b``; None for anything else."""
    words = []
    while isinstance(node, ast.Attribute):
        words.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    root, _, name = ".".join([node.id, *reversed(words)]).removeprefix("tcore.").removeprefix("self._").partition(".")
    return name if root == "config" and name else None


def _reads(tree: ast.AST) -> Iterator[str]:
    """Options that a module reads: ``config.a.b``; all of a section for ``getattr(config.a, name)`` and ``flags = config.a``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (name := _option(node)) is not None:
            yield name
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr":
            section = _option(node.args[0])
            yield from (name for name in OPTIONS if section and name.startswith(f"{section}."))
        if isinstance(node, ast.Assign) and (section := _option(node.value)) is not None:
            names = {n.attr if isinstance(n, ast.Attribute) else n.value for n in ast.walk(tree) if isinstance(n, (ast.Attribute, ast.Constant))}
            yield from (name for name in OPTIONS if name.startswith(f"{section}.") and name.removeprefix(f"{section}.") in names)


@pytest.fixture(scope="module")
def read() -> set[str]:
    """Options with a reader outside the declarations. What defaults of other options are made of counts: those are read."""
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if ".venv" not in path.parts]
    assert len(files) > 300
    declared = {ROOT / "tcore/configuration" / name for name in ("flags.py", "flags_cpu.py", "flags_debug.py", "flags_device.py")}
    return {name for path in files if path not in declared for name in _reads(ast.parse(path.read_text(encoding="utf-8")))}


def test_options_that_nothing_reads(read: set[str]) -> None:
    """A new option needs a reader; one that gets a reader leaves the list above."""
    waiting = {name for names in UNREAD.values() for name in names.split()}
    assert sorted(OPTIONS - read) == sorted(waiting)


def test_the_manual_tells() -> None:
    """The list stands in the manual, by name, so that nobody waits for an effect."""
    text = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    _, _, chapter = text.partition("## Options without effect")
    for names in UNREAD.values():
        for name in names.split():
            section = name.rpartition(".")[0]
            assert f"`{name}`" in chapter or f"`{section}.*`" in chapter, name


def test_the_manual_tells_of_no_other(read: set[str]) -> None:
    """What something reads has an effect."""
    text = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    told = [name for line in text.partition("## Options without effect")[2].splitlines() for name in re.findall(r"`([\w.*]+)`", line.rpartition("|")[0].rpartition("|")[0])]
    assert told
    assert not [option for option in read & OPTIONS for name in told if fnmatch.fnmatchcase(option, name)]


def test_every_option_explains_itself() -> None:
    """One sentence that ends like one, and a name that ``config`` answers to."""
    for option in CORE_OPTIONS:
        assert option.doc.endswith("."), option.name
        assert config.source(option.name)
