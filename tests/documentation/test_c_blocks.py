"""The documentation's `double` in C, and how blocks of C code are put together; its lines in the names."""

from __future__ import annotations

import gc
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import gof
from tcore.gof import Apply, FunctionGraph, Op
from tcore.gof.type import Generic

pytestmark = [pytest.mark.usefixtures("backend"), pytest.mark.backends("cpu")]


def text(node):
    """The module that the CPU backend makes for one node."""
    from tcore_cpu.user_code.methods import module_text

    return module_text(node)


class CDouble(gof.Type):
    """The final listing, with the two misprints of Py_XINCREF put right."""

    def filter(self, x, strict=False, allow_downcast=None):
        if strict and not isinstance(x, float):
            raise TypeError("Expected a float!")
        return float(x)

    def values_eq_approx(self, x, y, tolerance=1e-4):
        return x == y or abs(x - y) / (abs(x) + abs(y)) < tolerance

    def __str__(self):
        return "double"

    def c_declare(self, name, sub):
        return """
        double %(name)s;
        """ % {"name": name}

    def c_init(self, name, sub):
        return """
        %(name)s = 0.0;
        """ % {"name": name}

    def c_extract(self, name, sub):
        return """
        if (!PyFloat_Check(py_%(name)s)) {
            PyErr_SetString(PyExc_TypeError, "expected a float");
            %(fail)s
        }
        %(name)s = PyFloat_AsDouble(py_%(name)s);
        """ % dict(sub, name=name)

    def c_sync(self, name, sub):
        return """
        Py_XDECREF(py_%(name)s);
        py_%(name)s = PyFloat_FromDouble(%(name)s);
        if (!py_%(name)s) {
            printf("PyFloat_FromDouble failed on: %%f\\n", %(name)s);
            Py_XINCREF(Py_None);
            py_%(name)s = Py_None;
        }
        """ % {"name": name}

    def c_cleanup(self, name, sub):
        return ""


cdouble = CDouble()


class CBinaryDoubleOp(gof.Op):
    """L9429, with the blank in "% (z)s" left out; perform never runs here."""

    __props__ = ("name", "fn", "ccode")

    def __init__(self, name, fn, ccode):
        self.name, self.fn, self.ccode = name, fn, ccode

    def make_node(self, x, y):
        x, y = (gof.Constant(cdouble, v) if isinstance(v, (int, float)) else v for v in (x, y))
        if x.type != cdouble or y.type != cdouble:
            raise TypeError("%s only works on doubles" % self.name)
        return gof.Apply(self, [x, y], [cdouble()])

    def perform(self, node, inp, out):
        out[0][0] = self.fn(*inp)

    def __str__(self):
        return self.name

    def c_code(self, node, name, inp, out, sub):
        x, y = inp
        (z,) = out
        return self.ccode % locals()


def in_c(name, fn, ccode):
    """An op whose Python version gives another result, so that the results tell which one ran."""
    return CBinaryDoubleOp(name, lambda x, y: fn(x, y) + 1000, ccode)


CADD = in_c("add", lambda x, y: x + y, "%(z)s = %(x)s + %(y)s;")
CMUL = in_c("mul", lambda x, y: x * y, "%(z)s = %(x)s * %(y)s;")


class TestInC:
    @pytest.mark.parametrize("linker", ["cvm", "c|py"])
    def test_graph_L9067_L8969_L8999_L9019(self, linker):
        """Both nodes run in C, one block after the other, by Type methods without ``check_input`` (L8970)."""
        x, y, z = cdouble("x"), cdouble("y"), cdouble("z")
        f = tcore.function([x, y, z], CMUL(CADD(x, y), z), mode=tcore.Mode(linker, None))
        assert f(1.0, 2.0, 3.0) == 9.0
        assert f(5, 6, 0.5) == 5.5

    def test_constant_wrapped_L8538(self):
        x = cdouble("x")
        assert tcore.function([x], CMUL(x, 2), mode=tcore.Mode("cvm", None))(10) == 20.0

    def test_code_set_on_the_op_L9407(self):
        """mul.c_code as a function on a plain Op gives the same text as the class."""
        mul = gof.Op()

        def make_node(x, y):
            return gof.Apply(mul, [x, y], [cdouble()])

        def c_code(node, name, input_names, output_names, sub):
            x_name, y_name = input_names[0], input_names[1]
            output_name = output_names[0]
            return """
            %(output_name)s = %(x_name)s * %(y_name)s;
            """ % locals()

        mul.make_node, mul.c_code = make_node, c_code
        x, y = cdouble("x"), cdouble("y")
        node = mul.make_node(x, y)
        ours = CMUL.c_code(node, "n", ["V1", "V3"], ["V5"], {})
        assert mul.c_code(node, "n", ["V1", "V3"], ["V5"], {}).strip() == ours == "V5 = V1 * V3;"
        assert tcore.function([x, y], mul(x, y), mode=tcore.Mode("cvm", None))(5, 6) == 30.0


# ------------------------------------------------------------ the struct, the blocks, the order of things


class Log(list):
    """A list that can be a parameter."""

    __hash__ = object.__hash__

    def __eq__(self, other):
        return self is other


class Witness(Op):
    """Tells a list what happens to it in C; fails for inputs below ``limit``."""

    __props__ = ("title", "limit", "log")
    params_type = Generic()

    def __init__(self, title, limit, log):
        self.title, self.limit, self.log = title, limit, log

    def get_params(self, node):
        return self.log

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def c_headers(self):
        return ["cstdio"]

    def c_support_code(self):
        return """
        static int inits = 0, applies = 0;
        static void tell(PyObject* log, const char* what) {
            PyObject* text = PyUnicode_FromString(what);
            if (text) PyList_Append(log, text);
            Py_XDECREF(text);
        }
        """

    def c_init_code(self):
        return ["inits += 1;"]

    def c_init_code_apply(self, node, name):
        return "applies += 1;"

    def c_support_code_struct(self, node, name):
        return f"PyObject* log_{name};"

    def c_init_code_struct(self, node, name, sub):
        return f'log_{name} = {sub["params"]}; Py_INCREF(log_{name}); tell(log_{name}, "init {self.title}");'

    def c_cleanup_code_struct(self, node, name):
        return f'tell(log_{name}, "destroy {self.title}"); Py_DECREF(log_{name});'

    def c_code(self, node, name, inputs, outputs, sub):
        return f"""
        tell(log_{name}, "code {self.title}");
        double *memory = (double*) malloc(sizeof(double));
        if ({inputs[0]} < {self.limit}) {{
            PyErr_Format(PyExc_ValueError, "{self.title} takes numbers from {self.limit}");
            {sub["fail"]};
        }}
        *memory = {inputs[0]};
        {outputs[0]} = *memory + 10 * inits + 100 * applies;
        """

    def c_code_cleanup(self, node, name, inputs, outputs, sub):
        return f'tell(log_{name}, "cleanup {self.title}"); free(memory);'

    def c_code_cache_version(self):
        return (1,)


class Recorded(CDouble):
    """The documentation's double, which remembers which of its methods were asked for which variable."""

    def __init__(self):
        self.asked = {}

    def note(self, method, name):
        self.asked.setdefault(name, []).append(method)

    def c_declare(self, name, sub):
        self.note("declare", name)
        return super().c_declare(name, sub)

    def c_init(self, name, sub):
        self.note("init", name)
        return super().c_init(name, sub)

    def c_extract(self, name, sub):
        self.note("extract", name)
        return super().c_extract(name, sub)

    def c_sync(self, name, sub):
        self.note("sync", name)
        return super().c_sync(name, sub)

    def c_cleanup(self, name, sub):
        self.note("cleanup", name)
        return super().c_cleanup(name, sub)


class Holding(CDouble):
    """The documentation's double, which also holds on to the object that it was taken from; the names in its code need each other."""

    def c_declare(self, name, sub):
        return f"PyObject *held_{name};\n{super().c_declare(name, sub)}"

    def c_init(self, name, sub):
        return f"held_{name} = NULL;\n{super().c_init(name, sub)}"

    def c_extract(self, name, sub):
        return f"held_{name} = py_{name}; Py_INCREF(held_{name});\n{super().c_extract(name, sub)}"

    def c_cleanup(self, name, sub):
        return f"Py_XDECREF(held_{name});"


class Threshold(Op):
    """Its input where that is above 2, else 0."""

    __props__ = ()

    def make_node(self, x):
        return Apply(self, [tcore.scalar.as_scalar(x)], [tcore.scalar.float64()])

    def c_code(self, node, name, inputs, outputs, sub):
        return f"{outputs[0]} = {inputs[0]} > 2 ? {inputs[0]} : 0;"

    def c_code_cache_version(self):
        return (1,)


class TestStructure:
    def test_cleanup_gives_back_what_extract_took_L15170_L15206_L15252(self):
        """After a call, and after one that fails, each object is held as often as before; py_name is left alone."""
        kind = Holding()
        x = kind("x")
        limited = gof.Op()
        limited.make_node = lambda x: gof.Apply(limited, [x], [kind()])
        limited.c_code = lambda node, name, inputs, outputs, sub: (
            f'if ({inputs[0]} < 0) {{ PyErr_SetString(PyExc_ValueError, "negative"); {sub["fail"]} }} {outputs[0]} = 2 * {inputs[0]};'
        )
        f = tcore.function([x], limited(limited.make_node(x).outputs[0]), mode=tcore.Mode("cvm", None))
        good, bad = 0.125, -0.125

        def fails():
            with pytest.raises(ValueError, match="negative"):
                f(bad)

        for value, call in ((good, lambda: f(good)), (bad, fails)):
            call()
            gc.collect()
            before = sys.getrefcount(value)
            for _ in range(50):
                call()
            gc.collect()
            assert abs(sys.getrefcount(value) - before) <= 2
        assert f(good) == 0.5

    def test_one_block_L9067_L9102_L9319(self):
        """Code in order, cleanups in the reverse order, also after a fail; one struct per thunk, one init per module.

        Methods: c_code_cleanup (L9271), c_init_code_apply (L9323), c_support_code (L9341), c_support_code_struct (L9349), c_cleanup_code_struct (L9355).
        """
        log = Log()
        x = cdouble("x")
        f = tcore.function([x], Witness("b", 1, log)(Witness("a", -1000, log)(x)), mode=tcore.Mode(gof.CLinker(), None))
        assert list(log) == ["init a", "init b"]
        log.clear()
        assert f(1.0) == 1 + 2 * (10 + 2 * 100)
        assert list(log) == ["code a", "code b", "cleanup b", "cleanup a"]
        log.clear()
        with pytest.raises(ValueError, match=r"b takes numbers from 1\n(.|\n)*Witness"):
            f(-300.0)
        assert list(log) == ["code a", "code b", "cleanup b", "cleanup a"]
        log.clear()
        with pytest.raises(ValueError, match="a takes numbers from -1000"):
            f(-2000.0)
        assert list(log) == ["code a", "cleanup a"]
        assert f.fn.nodes[f.fn.position_of_error].op.title == "a"
        log.clear()
        f.fn.inputs[0][0] = "no float"
        with pytest.raises(TypeError, match="expected a float"):
            f.fn()
        assert not list(log)
        del f
        gc.collect()
        assert list(log) == ["destroy b", "destroy a"]

    def test_who_is_asked_what_L9063(self):
        """Inputs: extract and cleanup; temporaries: init and cleanup; outputs: sync, too. (L8889, L8893, L8897, L8901, L8905)"""
        from tcore_cpu.user_code.block import Block
        from tcore_cpu.user_code.source import source_of

        kind = Recorded()
        x, y, z = kind("x"), kind("y"), kind("z")
        a = Apply(CADD, [x, y], [kind()])
        b = Apply(CMUL, [a.outputs[0], z], [kind()])
        block = Block([x, y, z], b.outputs, [a, b])
        source_of(block)
        by = {v: set(kind.asked[name]) for v, name in block.names.items()}
        assert [by[v] for v in (x, y, z)] == [{"declare", "extract", "cleanup"}] * 3
        assert by[a.outputs[0]] == {"declare", "init", "cleanup"}
        assert by[b.outputs[0]] >= {"declare", "init", "sync", "cleanup"}

    @pytest.mark.parametrize("divided", [False, True])
    def test_order_of_the_text_L9087_L9131_L9133(self, divided):
        """Declarations and values of all variables in order, then the nodes in order, then cleanups in the reverse order, with the result's way to Python; a value that cannot be read jumps over what follows."""
        from tcore_cpu.user_code.block import Block
        from tcore_cpu.user_code.source import source_of

        class Labelled(CDouble):
            """Each method's text names itself and its variable."""

            def c_declare(self, name, sub):
                return f"double {name}; /* declare {name} */"

            def c_init(self, name, sub):
                return f"/* init {name} */"

            def c_extract(self, name, sub):
                return f"/* extract {name} */ {sub['fail']}"

            def c_sync(self, name, sub):
                return f"/* sync {name} */"

            def c_cleanup(self, name, sub):
                return f"/* cleanup {name} */"

        class Noted(Op):
            __props__ = ("title",)

            def __init__(self, title):
                self.title = title

            def make_node(self, x, y):
                return Apply(self, [x, y], [kind()])

            def c_code(self, node, name, inputs, outputs, sub):
                return f"/* code {self.title} */"

            def c_code_cleanup(self, node, name, inputs, outputs, sub):
                return f"/* cleanup {self.title} */"

        kind = Labelled()
        x, y, z = kind("x"), kind("y"), kind("z")
        a = Noted("add")(x, y)
        b = Noted("mul")(a, z)
        nodes = [a.owner, b.owner] if divided else [a.owner]
        block = Block([x, y, z][: 2 + divided], [nodes[-1].outputs[0]], nodes)
        text = re.findall(r"/\* (\w+ \w+) \*/", source_of(block))
        letters = {name: letter for letter, v in {"x": x, "y": y, "z": z, "a": a, "b": b}.items() if (name := block.names.get(v))}
        told = [f"{word} {letters.get(name, name)}" for word, name in (each.split() for each in text)]
        read, filled = ("x", "y", "z") if divided else ("x", "y"), ("a", "b") if divided else ("a",)
        result = filled[-1]
        titles = ["add", "mul"][: len(nodes)]
        expected = [f"declare {v}" for v in (*read, *filled)] + [f"extract {v}" for v in read]
        expected += ["init a"] * divided + [f"init {result}", f"extract {result}"]  # nothing, or what the last call left
        expected += [f"code {title}" for title in titles] + [f"cleanup {title}" for title in reversed(titles)]
        ends = [f"cleanup {v}" for v in reversed((*read, *filled))]
        expected += [f"sync {result}", *ends]
        assert told == expected
        source = source_of(block)
        jumps = [int(number) for number in re.findall(r"goto tc_label_(\d+)", source)]
        assert [source.index(f"tc_label_{k}: ") for k in sorted({*jumps}, reverse=True)] == sorted(source.index(f"tc_label_{k}: ") for k in {*jumps})

    def test_book_graph_L9067_L9135(self):
        """9.0 by one block, and by one block per op, where the intermediate value is a Python object."""
        x, y, z = cdouble("x"), cdouble("y"), cdouble("z")
        out = CMUL(CADD(x, y), z)
        assert tcore.function([x, y, z], out, mode=tcore.Mode("c", None))(1.0, 2.0, 3.0) == 9.0
        f = tcore.function([x, y, z], out, mode=tcore.Mode(gof.OpWiseCLinker(allow_gc=False), None))
        assert f(1.0, 2.0, 3.0) == 9.0
        assert [f.maker.linker.explain_node(node) for node in f.maker.fgraph.toposort()][:2] == ["C", "C"]
        assert 3.0 in [cell[0] for cell in f.fn.storage_map.values()]
        run = gof.CLinker().accept(FunctionGraph([x, y, z], [out, x])).make_function()
        assert run(1.0, 2.0, 3.0) == [9.0, 1.0]

    @pytest.mark.parametrize("linker", ["cvm", "c|py", "c", "vm"])
    def test_numbers_between_nodes_L8866(self, linker):
        """Scalar is a C primitive: kernels and C code hand on numbers, not 0-d arrays, and functions return NumPy scalars."""
        s = tcore.scalar.float64("s")
        f = tcore.function([s], [Threshold()(s + 1) * 2, s + 1, Threshold()(s)], mode=tcore.Mode(linker, None))
        results = f(3.0)
        assert results == [8.0, 4.0, 3.0]
        assert [type(value) for value in results] == [np.float64] * 3

    def test_make_thunk_L8267(self):
        """impl="c" is the C code, impl="py" perform, and an op without C code says so."""
        x, y = cdouble("x"), cdouble("y")
        node = CADD(x, y).owner
        for impl, expected in (("c", 3.0), ("py", 1003.0), (None, 1003.0)):
            cells = {x: [1.0], y: [2.0], node.outputs[0]: [None]}
            computed = {v: [0] for v in cells}
            thunk = node.op.make_thunk(node, cells, computed, [], impl=impl)
            thunk()
            assert cells[node.outputs[0]] == [expected]
            assert computed[node.outputs[0]][0]
            assert thunk.inputs == [cells[x], cells[y]]
        node = T.exp(T.dvector()).owner
        with pytest.raises(NotImplementedError, match="no C code"):
            node.op.make_thunk(node, {}, {}, [], impl="c")


# ------------------------------------------------------------ what surrounds the code


class Surrounded(CADD.__class__):
    """The documentation's op, which needs things."""

    def c_libraries(self):
        return ["never"]

    def c_no_compile_args(self, c_compiler):
        assert c_compiler == "special++"
        return ["-O3", "-march=native"]

    def c_compile_args(self):
        return ["-DSOMETHING"]

    def c_compiler(self):
        return "special++"


class BothForms(Surrounded):
    def c_libraries(self, c_compiler=None):  # the form with the compiler is tried first
        return ["never" if c_compiler is None else "m"]

    def c_lib_dirs(self):
        return ["/somewhere"]


def test_surroundings_L9277_L9313_L8941():
    """Both forms of the methods (L8909), arguments that are added (L9301) and taken away (L9307), and a compiler that an op insists on."""
    from tcore_cpu.user_code.modules import command_of

    x, y = cdouble("x"), cdouble("y")
    ops = [cls("add", CADD.fn, CADD.ccode) for cls in (Surrounded, BothForms)]
    one, two = (text(op(x, y).owner) for op in ops)
    assert (one.libraries, two.libraries, two.library_dirs) == (("never",), ("m",), ("/somewhere",))
    command = command_of(one)
    assert command[0] == "special++"
    assert "-DSOMETHING" in command
    assert not {"-O3", "-march=native"} & set(command)
    assert "-g" in command
    with tcore.config.change_flags(**{"cmodule.remove_gxx_opt": True}):
        assert not any(word.startswith("-O") for word in command_of(text(CADD(x, y).owner)))


def test_errors_in_methods_are_not_hidden_L9313():
    """A TypeError of the author's own is no sign of the other form."""

    class Wrong(Surrounded):
        def c_headers(self, c_compiler):
            raise TypeError("the author's own")

    x, y = cdouble("x"), cdouble("y")
    with pytest.raises(TypeError, match="the author's own"):
        text(Wrong("add", CADD.fn, CADD.ccode)(x, y).owner)


def test_two_compilers_L8941():
    """One block has one compiler."""
    from tcore_cpu.user_code.block import Block
    from tcore_cpu.user_code.source import compiler_of

    class Other(Surrounded):
        def c_compiler(self):
            return "other++"

    x, y = cdouble("x"), cdouble("y")
    one = Surrounded("add", CADD.fn, CADD.ccode)(x, y)
    two = Other("add", CADD.fn, CADD.ccode)(one, y)
    with pytest.raises(ValueError, match=r"add needs special\+\+, add needs other\+\+"):
        compiler_of(Block([x, y], [two], [one.owner, two.owner]))


# ------------------------------------------------------------ OpenMP


class Threads(gof.OpenMPOp):
    """How many threads OpenMP would use."""

    __props__ = ("openmp",)

    def __init__(self, openmp=None):
        super().__init__(openmp=openmp)

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def c_code_cache_version(self):
        return (1,)

    def c_code(self, node, name, inputs, outputs, sub):
        threads = "omp_get_max_threads()" if self.openmp else "-1"
        return f"{outputs[0]} = {threads};"


def test_openmp_L8844_L8846_L8850(monkeypatch):
    """Off by default, on by the flag or the argument; the compiler gets its flag."""
    x = cdouble("x")
    assert not Threads().openmp
    assert Threads().c_compile_args() == []
    with tcore.config.change_flags(openmp=True):
        op = Threads()
        assert not Threads(openmp=False).openmp
    if not op.openmp:
        pytest.skip(f"{tcore.config.cxx} has no OpenMP")
    assert op.c_compile_args() == ["-fopenmp"]
    assert op == Threads(openmp=True) != Threads()
    assert tcore.function([x], op(x), mode=tcore.Mode("cvm", None))(0.0) >= 1


def test_openmp_without_support_L8848():
    """A compiler without OpenMP: a warning, and the op does without."""
    x = cdouble("x")
    op = Threads(openmp=True)
    with tcore.config.change_flags(cxx="false"):
        node = op(x).owner
        with pytest.warns(UserWarning, match="false does not support OpenMP"):
            op.prepare_node(node, None, None, "c")
        assert (op.openmp, op.c_compile_args()) == (False, [])
        assert "omp_get" not in op.c_code(node, "n", ["a"], ["b"], {})


class Copies(Op):
    """An array of its own."""

    __props__ = ()

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def c_code(self, node, name, inputs, outputs, sub):
        return f"Py_XDECREF({outputs[0]}); {outputs[0]} = (PyArrayObject*) PyArray_NewCopy({inputs[0]}, NPY_CORDER);"


@pytest.mark.parametrize("compiler", [name for name in ("g++", "clang++") if shutil.which(name)])
def test_no_warnings(compiler):
    """What is written around users' code draws none under -Wall -Wextra: inputs, arrays, params, structs, cleanups."""
    from tcore_cpu.user_code.block import Block
    from tcore_cpu.user_code.methods import text_of
    from tcore_cpu.user_code.modules import command_of

    x, y = cdouble("x"), cdouble("y")
    total = CADD(x, y)
    out = Witness("w", 0, Log())(total)
    v = T.dvector("v")
    copied = Copies()(v)
    module = text_of(Block([x, y, v], [out, copied], [total.owner, out.owner, copied.owner]))
    command = [word for word in command_of(module)[1:] if word not in ("-w", "-O3", "-shared", "-g")]
    options = ["-O1", "-Wall", "-Wextra", "-Werror", "-S", "-o", "-", "-x", "c++", "-"]
    done = subprocess.run([compiler, *command, *options], input=module.source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
