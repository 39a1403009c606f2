"""What keeps compiled C code apart: versions of ops and Types, and code that is not for a node."""

from __future__ import annotations

import warnings

import pytest

from tcore.compile.function import function
from tcore.compile.mode import Mode
from tcore.configuration import config
from tcore.graph import Apply, MethodNotDefined, Op, Type
from tcore_cpu.linkers.cvm import CvmLinker
from tcore_cpu.user_code.methods import module_text
from tcore_cpu.user_code.modules import objection

pytestmark = pytest.mark.skipif(objection() is not None, reason=str(objection()))


class Versioned(Type):
    """A C double whose text has the version that a test wants, and support code in two pieces."""

    __props__ = ("version",)

    def __init__(self, version):
        self.version = version

    def filter(self, value, strict=False, allow_downcast=None):
        return float(value)

    def c_support_code(self):
        return ["static double twice(double x) { return 2 * x; }", "/* shared */"]

    def c_code_cache_version(self):
        return self.version

    def c_declare(self, name, sub):
        return f"double {name};"

    def c_init(self, name, sub):
        return f"{name} = 0;"

    def c_extract(self, name, sub):
        return f"{name} = PyFloat_AsDouble(py_{name});"

    def c_sync(self, name, sub):
        return f"Py_XDECREF(py_{name}); py_{name} = PyFloat_FromDouble({name});"

    def c_cleanup(self, name, sub):
        return ""


class Twice(Op):
    """2 x, with the function of the type."""

    __props__ = ()

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = -1.0

    def c_code_cache_version(self):
        return (1,)

    def c_code(self, node, name, inp, out, sub):
        if node.inputs[0].type.version == "never":
            raise MethodNotDefined("c_code")
        return f"{out[0]} = twice({inp[0]});"


def test_warning_without_version_L14046() -> None:
    """``cmodule.warn_no_version`` names the op or Type for which code is compiled in every process."""
    for version, asked in (((), False), ((3,), True)):
        with config.change_flags(**{"cmodule.warn_no_version": asked}), warnings.catch_warnings():
            warnings.simplefilter("error")
            module_text(Twice()(Versioned(version)()).owner)
    with config.change_flags(**{"cmodule.warn_no_version": True}), pytest.warns(UserWarning, match=r"in every process: Versioned.* no c_code_cache_version"):
        module_text(Twice()(Versioned(())()).owner)


def test_unversioned_types_are_not_kept_L15189() -> None:
    """A module is kept if its op and all its types have versions; pieces of support code are put in once."""
    kept, other, unkept = (module_text(Twice()(Versioned(version)()).owner) for version in ((1,), (2,), ()))
    assert kept.cached
    assert not unkept.cached
    assert len({kept.name, other.name, unkept.name}) == 3
    assert kept.source.count("/* shared */") == 1


def test_code_that_is_not_for_this_node() -> None:
    """c_code that raises MethodNotDefined leaves the node to perform."""
    mode = Mode(linker=CvmLinker(), optimizer=None)
    for version, expected in [((), 6.0), ("never", -1.0)]:
        x = Versioned(version)("x")
        assert function([x], Twice()(x), mode=mode)(3) == expected
