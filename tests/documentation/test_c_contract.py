"""What the documentation promises to authors of C code, and what it asks of them; its lines in the names."""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import gof
from tcore.gof import Apply, Op
from tcore_cpu.user_code import modules as user_modules

pytestmark = [pytest.mark.usefixtures("backend"), pytest.mark.backends("cpu")]

CVM, C = tcore.Mode("cvm", None), tcore.Mode("c", None)


@pytest.fixture
def compilations(monkeypatch, tmp_path):
    """An empty kernel store, as a new process sees it, and the commands of compilers since the last look."""
    commands = []

    def run(command, *args, **kwargs):
        commands.append(command)
        return real(command, *args, **kwargs)

    real = user_modules.run
    monkeypatch.setattr(user_modules, "run", run)
    monkeypatch.setattr(user_modules, "_loaded", {})
    with tcore.config.change_flags(cpu__store=str(tmp_path / "kernels")):
        yield commands


class Text(Op):
    """An op of the statements that a test needs; perform gives what C never does."""

    __props__ = ("code",)

    def __init__(self, code):
        self.code = code

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = np.full_like(inputs[0], -1)

    def c_code(self, node, name, inputs, outputs, sub):
        return self.code % {"x": inputs[0], "z": outputs[0], "fail": sub["fail"]}

    def c_code_cache_version(self):
        return (1,)


COPY = "Py_XDECREF(%(z)s); %(z)s = (PyArrayObject*) PyArray_FromArray(%(x)s, 0, NPY_ARRAY_ENSURECOPY); if (!%(z)s) %(fail)s; "


# ------------------------------------------------------------ versions and the cache


class TestVersions:
    """Each process counts for itself: what a module is called decides whether it is found again."""

    @staticmethod
    def module(version, of_node=None, statement="= 2 *"):
        class Twice(Text):
            def c_code_cache_version(self):
                return version

        if of_node is not None:
            Twice.c_code_cache_version_apply = lambda self, node: of_node
        x = tcore.scalar.float64("x")
        f = tcore.function([x], Twice(f"%(z)s {statement} %(x)s;")(x), mode=CVM)
        return f(4.0)

    def test_kept_code_L7159_L7213_L9367(self, compilations, monkeypatch):
        """The store serves the next process; another version, and another text under the old version, are compiled."""
        assert self.module((1,)) == 8
        assert len(compilations) == 1
        monkeypatch.setattr(user_modules, "_loaded", {})
        assert self.module((1,)) == 8
        assert len(compilations) == 1
        assert self.module((2,)) == 8
        assert len(compilations) == 2
        assert self.module((2,), statement="= 3 *") == 12
        assert len(compilations) == 3

    def test_without_version_L7217_L9369(self, compilations, monkeypatch):
        for number in (1, 2):
            monkeypatch.setattr(user_modules, "_loaded", {})
            assert self.module(()) == 8
            assert len(compilations) == number

    def test_version_of_a_node_L9371(self, compilations, monkeypatch):
        """It counts in place of the op's: a version where the op has none, none where the op has one."""
        for version, of_node, expected in (((), (3,), 1), ((1,), (), 3)):
            for _ in range(2):
                monkeypatch.setattr(user_modules, "_loaded", {})
                assert self.module(version, of_node) == 8
            assert len(compilations) == expected


# ------------------------------------------------------------ libraries


def test_library_in_a_folder_L9277_L9283_L9289_L9295_L7161(tmp_path, compilations):
    """An op's own header and library, found when it is compiled and when it is loaded; another library is another module."""
    include = tmp_path / "include"
    include.mkdir()
    (include / "ours.h").write_text('extern "C" double scaled_by_ours(double);\n')
    for name, factor in (("three", 3), ("five", 5)):
        (tmp_path / name).mkdir()
        source = tmp_path / f"{name}.c"
        source.write_text(f"double scaled_by_ours(double x) {{ return {factor} * x; }}\n")
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", tmp_path / name / f"lib{name}.so", source], check=True)

    class Scaled(Text):
        __props__ = ("code", "library")

        def __init__(self, library):
            self.library = library
            super().__init__("%(z)s = scaled_by_ours(std::fabs(%(x)s));")

        def c_headers(self):
            return ["<cmath>", "ours.h"]

        def c_header_dirs(self):
            return [str(include)]

        def c_libraries(self):
            return [self.library]

        def c_lib_dirs(self):
            return [str(tmp_path / self.library)]

    x = tcore.scalar.float64("x")
    for name, expected in (("three", 6.0), ("five", 10.0)):
        assert tcore.function([x], Scaled(name)(x), mode=CVM)(-2.0) == expected
    assert len(compilations) == 2


# ------------------------------------------------------------ what an op may do


class TestDuties:
    @pytest.mark.parametrize(
        ("code", "error"),
        [
            ("Py_XDECREF(%(z)s); %(z)s = %(x)s; Py_INCREF(%(z)s);", tcore.compile.debugmode.BadViewMap),
            (f"{COPY} *(double*) PyArray_DATA(%(x)s) += 1;", tcore.compile.debugmode.BadDestroyMap),
        ],
        ids=["view", "destroy"],
    )
    def test_undeclared_views_and_changes_L7223_L7227(self, code, error):
        """DebugMode finds them in C code, too."""
        x = T.dvector("x")
        f = tcore.function([x], Text(code)(x) + 1, mode=tcore.compile.DebugMode(check_py_code=False))
        with pytest.raises(error, match="view_map|destroy_map"):
            f(np.array([1.0, 2.0]))

    @pytest.mark.parametrize(
        ("linker", "code", "error", "says"),
        [
            ("cvm", "Py_XDECREF(%(z)s); %(z)s = NULL;", TypeError, "made None where"),
            ("c|py", "Py_XDECREF(%(z)s); %(z)s = NULL;", TypeError, "made None where"),
            ("c", "Py_XDECREF(%(z)s); %(z)s = NULL;", TypeError, "made None where an array of 1 dimensions and float64 belongs"),
            ("c", "Py_XDECREF(%(z)s); %(z)s = (PyArrayObject*) Py_None; Py_INCREF(Py_None);", TypeError, "made None where"),
            (
                "c",
                "Py_XDECREF(%(z)s); { npy_intp n[2] = {2, 3}; %(z)s = (PyArrayObject*) PyArray_ZEROS(2, n, NPY_FLOAT64, 0); }",
                TypeError,
                "array of 2 dimensions",
            ),
            ("c", "Py_XDECREF(%(z)s); %(z)s = (PyArrayObject*) PyArray_ZEROS(1, PyArray_DIMS(%(x)s), NPY_INT32, 0);", TypeError, "dtype.'int32'. where"),
            ("c", 'PyErr_SetString(PyExc_KeyError, "set, and nothing made");', KeyError, "set, and nothing made"),
            ("c", "if (1) { %(fail)s; }", RuntimeError, "No Python exception was set"),
        ],
        ids=["cvm", "c|py", "nothing", "None", "axes", "dtype", "no fail", "no exception"],
    )
    def test_inputs_have_the_number_of_axes_L7243_L9247(self, linker, code, error, says):
        """What an op reads is what the type says, whatever the op before it did: that one is named."""
        x = T.dvector("x")
        reads = Text(f"{COPY} *(double*) PyArray_DATA(%(z)s) *= PyArray_DIMS(%(x)s)[0];")
        f = tcore.function([x], reads(Text(code)(x)), mode=tcore.Mode(linker, None))
        with pytest.raises(error, match=f"(?s){says}.*Apply node that caused the error: Text.code='{re.escape(code[:6])}"):
            f([1.0, 2.0])

    def test_cleanup_after_a_wrong_result_L9271(self):
        """c_code_cleanup frees what the code held."""
        log = []

        class Holds(Text):
            params_type = gof.type.Generic()

            def get_params(self, node):
                return Hashed(log)

            def c_code_cleanup(self, node, name, inputs, outputs, sub):
                return f"""
                PyObject *type, *value, *trace;
                PyErr_Fetch(&type, &value, &trace);
                Py_XDECREF(PyObject_CallMethod({sub["params"]}, "append", "i", held));
                PyErr_Restore(type, value, trace);
                """

        x = T.dvector("x")
        f = tcore.function([x], Holds("int held = 1; Py_XDECREF(%(z)s); %(z)s = NULL;")(x), mode=C)
        with pytest.raises(TypeError, match="made None where"):
            f([1.0])
        assert log == [1]

    def test_checks_of_make_node_L7253_L7266(self):
        """The messages of the first listing."""

        class VectorTimesScalar(Text):
            def make_node(self, x, y):
                if x.type.ndim != 1:
                    raise TypeError("x must be a 1-d vector")
                if y.type.ndim != 0:
                    raise TypeError("y must be a scalar")
                return Apply(op=self, inputs=[x, y], outputs=[x.type()])

        op = VectorTimesScalar("")
        with pytest.raises(TypeError, match="x must be a 1-d vector"):
            op(T.dmatrix(), T.dscalar())
        with pytest.raises(TypeError, match="y must be a scalar"):
            op(T.dvector(), T.dvector())
        row = op(T.TensorType("float32", [True])("row"), T.dscalar())
        assert row.type == T.TensorType("float32", [True])  # x.type() has the broadcast pattern, too (L7708)

    def test_changes_of_the_op_L7231_L7235(self):
        """perform that changes an attribute is found by DebugMode, which names it; what is no part of the op may change."""

        class Counts(Op):
            __props__ = ("calls",)
            runs = 0

            def __init__(self, counted):
                self.calls, self.counted = 0, counted

            def make_node(self, x):
                return Apply(self, [x], [x.type()])

            def perform(self, node, inputs, output_storage):
                setattr(self, self.counted, getattr(self, self.counted) + 1)
                output_storage[0][0] = inputs[0] + 1

        x = T.dvector("x")
        np.testing.assert_array_equal(tcore.function([x], Counts("runs")(x), mode="DebugMode")([1.0]), [2.0])
        with pytest.raises(tcore.compile.debugmode.DebugModeError, match=r"running Counts.*changed the op itself: .*calls from 0 to \d"):
            tcore.function([x], Counts("calls")(x), mode="DebugMode")([1.0])

    def test_shape_of_a_product_L9359_L9365(self):
        """[(x0, y1)]: where only the shape is asked for, the op does not run."""

        class Product(Op):
            __props__ = ()

            def make_node(self, x, y):
                return Apply(self, [x, y], [T.dmatrix()])

            def perform(self, node, inputs, output_storage):
                raise AssertionError("only the shape was asked for")

            def infer_shape(self, node, input_shapes):
                (x0, _), (_, y1) = input_shapes
                return [(x0, y1)]

        x, y = T.dmatrix("x"), T.dmatrix("y")
        f = tcore.function([x, y], Product()(x, y).shape, mode=tcore.Mode("cvm", "fast_run"))
        assert [*f(np.zeros((2, 3)), np.zeros((3, 5)))] == [2, 5]


class Hashed:
    """A list as params."""

    def __init__(self, items):
        self.append = items.append


class TestConstantFolding:
    """What computes a node of constants when the graph is optimized."""

    @staticmethod
    def folded(op):
        f = tcore.function([], op(tcore.scalar.constant(np.float64(3))), mode=tcore.Mode("cvm", "fast_run"))
        (node,) = f.maker.fgraph.toposort()
        assert node.op == tcore.compile.ops.deep_copy_op
        return f()

    def test_python_or_c_L9375(self):
        """The op's own word; without one its perform, and C where there is no perform."""

        class Unasked(Text):
            def perform(self, node, inputs, output_storage):
                output_storage[0][0] = np.float64(-1)

        class InPython(Unasked):
            def python_constant_folding(self, node):
                return True

        class InC(Unasked):
            def python_constant_folding(self, node):
                return False

        class OnlyC(Text):
            perform = Op.perform

        code = "%(z)s = 2 * %(x)s;"
        assert [self.folded(op(code)) for op in (Unasked, InPython, InC, OnlyC)] == [-1, -1, 6, 6]


# ------------------------------------------------------------ Types that hold memory, and Types made of others


class Doubles(gof.Type):
    """Lists of numbers as vectors of C++; each element is extracted and synchronized by the code of another Type."""

    def __init__(self, element):
        self.element = element

    def __eq__(self, other):
        return type(self) is type(other) and self.element == other.element

    def __hash__(self):
        return hash((type(self), self.element))

    def filter(self, value, strict=False, allow_downcast=None):
        return [np.float64(each) if isinstance(each, (int, float)) else each for each in value]

    def c_headers(self):
        return ["<vector>", *self.element.c_headers()]

    def c_support_code(self):
        return "static long vectors_now = 0;"

    def c_declare(self, name, sub, check_input=True):
        return f"std::vector<double>* {name};"

    def c_init(self, name, sub):
        return f"{name} = NULL;"

    def c_extract(self, name, sub, check_input=True):
        one = f"{name}_one"
        inner = dict(sub, fail=f"{{ failed_{name} = 1; break; }}")
        return f"""
        {name} = new std::vector<double>();
        vectors_now++;
        int failed_{name} = 0;
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(py_{name}); ++i) {{
            PyObject* py_{one} = PyList_GET_ITEM(py_{name}, i);
            {self.element.c_declare(one, inner)}
            {self.element.c_extract(one, inner)}
            {name}->push_back({one});
            {self.element.c_cleanup(one, inner)}
        }}
        if (failed_{name}) {{ {sub["fail"]} }}
        """

    def c_sync(self, name, sub):
        one = f"{name}_one"
        return f"""
        Py_XDECREF(py_{name});
        py_{name} = {name} ? PyList_New({name}->size()) : NULL;
        if (!py_{name}) {{ Py_XINCREF(Py_None); py_{name} = Py_None; }}
        else for (size_t i = 0; i < {name}->size(); ++i) {{
            PyObject* py_{one} = NULL;
            {self.element.c_declare(one, sub)}
            {one} = (*{name})[i];
            {self.element.c_sync(one, sub)}
            PyList_SET_ITEM(py_{name}, i, py_{one});
        }}
        """

    def c_cleanup(self, name, sub):
        return f"if ({name}) {{ delete {name}; vectors_now--; {name} = NULL; }}"

    def c_code_cache_version(self):
        return (1,)


class Reversed(Op):
    """The elements in the reverse order, nothing for fewer than two; and how many vectors there are. Fails at a negative sum."""

    __props__ = ()

    def make_node(self, x):
        return Apply(self, [x], [x.type(), tcore.scalar.int64()])

    def c_code(self, node, name, inputs, outputs, sub):
        (x,), (z, count) = inputs, outputs
        return f"""
        double total = 0;
        for (double each : *{x}) total += each;
        if (total < 0) {{ PyErr_SetString(PyExc_ValueError, "negative"); {sub["fail"]} }}
        if ({z}) {{ delete {z}; vectors_now--; {z} = NULL; }}
        if ({x}->size() > 1) {{ {z} = new std::vector<double>({x}->rbegin(), {x}->rend()); vectors_now++; }}
        {count} = vectors_now;
        """

    def c_code_cache_version(self):
        return (1,)


@pytest.mark.parametrize("linker", ["c", "cvm", "c|py"])
def test_types_of_types_L8963_L9055_L9059_L9024_L8893_L8897(linker):
    """A Type wraps another's code with its own way to fail; NULL becomes None; all memory is given back, after errors too."""
    x = Doubles(tcore.scalar.float64)("x")
    f = tcore.function([x], Reversed()(x), mode=tcore.Mode(linker, None))
    for _ in range(3):
        assert f([1.0, 2.0, 4.0]) == [[4.0, 2.0, 1.0], 2]
        assert f([1.0]) == [None, 1]
        with pytest.raises(ValueError, match="expected float64, got str"):
            f([1.0, "no number", 2.0])
        with pytest.raises(ValueError, match="negative"):
            f([1.0, -2.0])
    gc.collect()
    assert f([]) == [None, 1]


def test_every_variable_has_an_object_L9078_L8953_L9133():
    """py_name for each variable, temporaries too; storage_name for what comes and goes; fail is a goto."""
    from tcore_cpu.user_code.block import Block
    from tcore_cpu.user_code.source import source_of

    x = tcore.scalar.float64("x")
    inner = Text("%(z)s = %(x)s;")(x)
    outer = Text("if (%(x)s < 0) %(fail)s %(z)s = %(x)s;")(inner)
    block = Block([x], [outer], [inner.owner, outer.owner])
    source = source_of(block)
    for variable in (x, inner, outer):
        assert f"PyObject* py_{block.names[variable]} = NULL;" in source
        assert (f"PyObject* storage_{block.names[variable]};" in source) == (variable is not inner)
    assert f"if ({block.names[inner]} < 0) {{ tc_failure" in source
    assert "goto tc_label_" in source


def test_references_of_results_L9033_L7048_L7050_L7072():
    """A result belongs to its caller alone, whoever made it: the op, c_sync, or the op after it."""
    x, g = T.dvector("x"), gof.type.generic("g")
    copied, shown = Text(COPY), Text("Py_XDECREF(%(z)s); %(z)s = PyObject_Repr(%(x)s); if (!%(z)s) %(fail)s")
    f = tcore.function([x, g], [copied(x), copied(copied(x)), shown(g)], mode=C)
    for _ in range(3):
        results = f([1.0, 2.0], 7.5)
        assert results[2] == "7.5"
        assert [sys.getrefcount(results[k]) for k in range(3)] == [2, 2, 2]


def test_threads_by_the_environment_L6334_L6328():
    """OMP_NUM_THREADS counts for tcore's own loops; a short loop starts no thread."""
    program = """
import threading, os
import numpy as np, tcore, tcore.tensor as T
from tcore_cpu.runtime.loading import runtime
x = T.dvector("x")
f = tcore.function([x], T.exp(x))
tasks = lambda: len(os.listdir("/proc/self/task"))
before = tasks()
f(np.zeros(10))
short = tasks() - before
f(np.zeros(3_000_000))
print(runtime().set_threads(0), short, tasks() - before)
"""
    for threads in (1, 3):
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run([sys.executable, "-P", "-c", program], env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.split() == [str(threads), "0", str(threads - 1)]
