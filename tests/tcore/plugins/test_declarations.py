"""The contract: ten hooks, the records that they return, and marks that cost nothing."""

from __future__ import annotations

import inspect
import pickle
import subprocess
import sys

import pluggy
import pytest
from attrs.exceptions import FrozenInstanceError

from tcore import hookspecs, plugins
from tcore.plugins import (
    BackendSpec,
    CommandSpec,
    ConverterSpec,
    DeviceSpec,
    DuplicateNameError,
    LoweringGroup,
    Observer,
    OpSpec,
    ReportLine,
    RewriteGroup,
    SharedSpec,
    TransferSpec,
    TypeSpec,
    hookimpl,
)
from tcore.plugins.api import API_LEVEL, OLDEST_API_LEVEL, api_problem
from tcore.plugins.core import device_family
from tcore.plugins.discovery import Candidate, Source
from tcore.plugins.errors import PluginError
from tcore.plugins.loading import new_pluggy_manager
from tcore.plugins.references import resolve
from tcore.plugins.tables import HOOK_RECORDS, Declared, Tables

RECORDS = [
    TypeSpec("median", load="p.types:MedianType"),
    ConverterSpec("scipy.sparse", load="p.convert:convert"),
    SharedSpec("scipy.sparse", load="p.convert:share"),
    TransferSpec("gpu", load="p.transfer:move"),
    OpSpec("p.ops:Median"),
    RewriteGroup("median", load="p.rewrites:GROUP", tags=["gpu"], requires=["tcore_nnet"]),
    LoweringGroup("median", load="p.lowering:GROUP"),
    BackendSpec("fpga", load="p.backend:Backend", linkers=["cvm"]),
    DeviceSpec("fpga", load="p.runtime"),
    CommandSpec("median", load="p.cli:median"),
    ReportLine("fpga", "missing", "no board", remedy="buy one"),
    Observer("watch", load="p.watch:Watch"),
]


def test_ten_hooks() -> None:
    """The hooks of the design, each typed and documented, and known to pluggy."""
    names = {
        "tcore_config", "tcore_types", "tcore_ops", "tcore_optimizations", "tcore_lowerings",
        "tcore_backends", "tcore_devices", "tcore_commands", "tcore_report", "tcore_observers",
    }  # fmt: skip
    assert set(hookspecs.__all__) == names
    assert set(HOOK_RECORDS) == names - {"tcore_report"}
    assert set(new_pluggy_manager().hook.__dict__) == names
    for name in names:
        hook = getattr(hookspecs, name)
        assert inspect.getdoc(hook)
        assert inspect.signature(hook).return_annotation.startswith("Sequence[")
        assert not inspect.signature(hook).parameters
        with pytest.raises(NotImplementedError):
            hook()


def test_marking_imports_nothing() -> None:
    """A module with marked hooks can be imported without pluggy, attrs or the manager."""
    program = (
        "import sys\nfrom tcore.plugins import hookimpl\nimport tcore.hookspecs\n@hookimpl\ndef tcore_ops(): return []\n"
        "print([n for n in ('pluggy', 'attr', 'importlib_metadata', 'tcore.plugins.core') if n in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_mark_is_pluggys() -> None:
    """Our mark has every entry that pluggy's own marker makes."""

    def hook() -> None: ...

    ours, theirs = hookimpl(lambda: None), pluggy.HookimplMarker("tcore")(hook)
    assert ours.tcore_impl == theirs.tcore_impl
    assert hookimpl(optionalhook=True)(lambda: None).tcore_impl["optionalhook"] is True
    spec = pluggy.HookspecMarker("tcore")(hook)
    assert hookspecs.tcore_ops.tcore_spec == spec.tcore_spec


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_records_are_values(record: object) -> None:
    """Frozen, hashable, equal by content, picklable, with a label; sequences become tuples."""
    assert pickle.loads(pickle.dumps(record)) == record
    assert isinstance(hash(record), int)
    assert record.label
    with pytest.raises(FrozenInstanceError):
        record.load = "other"
    assert getattr(record, "tags", ()) in ((), ("gpu",))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: OpSpec("Median"), "OpSpec.load must read 'package.module:attribute', got 'Median'"),
        (lambda: OpSpec("p.ops"), "OpSpec.load must read"),
        (lambda: BackendSpec("", load="a:b"), "BackendSpec.name must be a plain name, got ''"),
        (lambda: BackendSpec("my backend", load="a:b"), "must be a plain name"),
        (lambda: RewriteGroup("a", load="a:b", tags="gpu"), "expected a tuple of names, got 'gpu'"),
        (lambda: RewriteGroup("a", load="a:b", requires=[1]), "RewriteGroup.requires must hold names"),
        (lambda: DeviceSpec("fpga", load="no module"), "DeviceSpec.load must read 'package.module' or"),
        (lambda: ConverterSpec("not-a-module", load="a:b"), "ConverterSpec.values must be a dotted module name"),
        (lambda: ReportLine("t", "bad", "x"), "ReportLine.status must be one of ok, missing, problem, info, got 'bad'"),
    ],
)
def test_wrong_records(make, message: str) -> None:
    """A record that is wrong says which field, and what it takes."""
    with pytest.raises(ValueError) as caught:
        make()
    assert message in str(caught.value)


def test_every_public_name_resolves() -> None:
    """What tcore.plugins lists is there, and nothing else."""
    for name in plugins.__all__:
        assert getattr(plugins, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'BackendSpecs'"):
        _ = plugins.BackendSpecs


@pytest.mark.parametrize(
    ("declared", "fine"),
    [("v1:v1", True), ("v1:v9", True), (" v1 : v2 ", True), ("v2:v2", False), ("v0:v1", False), ("1:1", False), (None, False)],
)
def test_api_levels(declared: str | None, fine: bool) -> None:
    """A range that holds this core's level, or the one before, is fine; everything else has a reason and a remedy."""
    problem = api_problem("median", declared)
    assert (problem is None) is fine
    if problem is not None:
        assert all(problem)
    assert max(1, API_LEVEL - 1) == OLDEST_API_LEVEL


def test_tables_are_replaced() -> None:
    """A plugin makes new tables; a name that is taken is an error that names both, and changes nothing."""
    empty = Tables()
    first = Declared(Candidate("one", "pk_one.plugin", Source("d")), (), (BackendSpec("fpga", load="a:b"),))
    full = empty.with_plugin(first)
    assert empty.plugins == ()
    assert full.of(BackendSpec) == (("one", BackendSpec("fpga", load="a:b")),)
    assert full.of(BackendSpec, ["two"]) == ()
    second = Declared(Candidate("two", "pk_two.plugin", Source("e")), (), (BackendSpec("fpga", load="c:d"),))
    with pytest.raises(DuplicateNameError, match=r"backend 'fpga' is declared by plugin 'one' \(d\) and by plugin 'two' \(e\)"):
        full.with_plugin(second)
    assert len(full.plugins) == 1


def test_references() -> None:
    """References are followed through attributes, or to a module; what is wrong is told with its cause."""
    assert resolve("os.path:join.__name__") == "join"
    assert resolve("os.path").__name__ in ("posixpath", "ntpath")
    with pytest.raises(PluginError, match=r"cannot follow the reference 'os:nothing': AttributeError"):
        resolve("os:nothing")
    with pytest.raises(PluginError, match=r"ModuleNotFoundError: No module named 'nothing_like_this'"):
        resolve("nothing_like_this:x")


@pytest.mark.parametrize(("device", "family"), [("cuda", "cuda"), ("cuda0", "cuda"), ("opencl0:1", "opencl"), ("my_dev12", "my_dev")])
def test_device_family(device: str, family: str) -> None:
    """The family of a device is its name without numbers."""
    assert device_family(device) == family


def test_groups_for_ops_of_some_modules():
    """A group takes part for ops of its modules and of what lies below them; without modules always."""
    group = RewriteGroup("g", load="p.rules:GROUP", modules=("p.ops",))
    assert group.concerns({"p.ops"})
    assert group.concerns({"q", "p.ops.products"})
    assert not group.concerns({"p", "p.opsy"})
    assert RewriteGroup("g", load="p.rules:GROUP").concerns(set())


def test_rewrites_of_linear_algebra_are_loaded_by_need():
    """A graph without matrices does not import them; one with them does, and only such a graph gets them."""
    code = """
import sys, tcore, tcore.tensor as T
x = T.dmatrix()
tcore.function([x], x.sum())
assert "tcore.tensor.rewrites.linalg" not in sys.modules
f = tcore.function([x], T.dot(T.nlinalg.matrix_inverse(x), x))
assert [type(node.op).__name__ for node in f.maker.fgraph.apply_nodes] == ["Solve"]
"""
    subprocess.run([sys.executable, "-P", "-c", code], check=True)
