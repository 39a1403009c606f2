"""The documentation's COp and its promises on arrays in C; its lines in the names. Few modules, each for many promises."""

from __future__ import annotations

import pickle
import subprocess
from pathlib import Path

import numpy as np
import pytest
from in_threads import together

import tcore
import tcore.tensor as T
from tcore import gof
from tcore.gof import Apply, MethodNotDefined, Op, ParamsType
from tcore.scalar import Scalar

pytestmark = [pytest.mark.usefixtures("backend"), pytest.mark.backends("cpu")]


def text(node):
    """The module that the CPU backend makes for one node."""
    from tcore_cpu.user_code.methods import module_text

    return module_text(node)


# ------------------------------------------------------------ COp


class VectorTimesVector(gof.COp):
    """The listing."""

    __props__ = ()

    func_file = "./c_code/vectorTimesVector.c"
    func_name = "APPLY_SPECIFIC(vector_times_vector)"

    def __init__(self):
        super(VectorTimesVector, self).__init__(self.func_file, self.func_name)  # noqa: UP008 - as printed

    def make_node(self, x, y):
        if x.type.ndim != 1:
            raise TypeError("x must be a 1-d vector")
        if y.type.ndim != 1:
            raise TypeError("y must be a 1-d vector")
        output_var = T.TensorType(dtype=tcore.scalar.upcast(x.dtype, y.dtype), broadcastable=[False])()
        return gof.Apply(self, [x, y], [output_var])


class TestCOp:
    def test_vector_times_vector_L7476(self):
        """The results of the plain op; two nodes with other dtypes in one graph (L7344); strided input; the documentation's error (L7605).

        ``func_name`` in the macro's form (L7486), kept by the example itself (L7485); ``make_node`` as for a plain Op (L7598); the dtype by
        ``upcast`` (L7361) and a type from a list of marks (L7360); the four methods of most ops (L7168) come from the file.
        """
        x, y, i = T.dvector("x"), T.dvector("y"), T.ivector("i")
        op = VectorTimesVector()
        f = tcore.function([x, y, i], [op(x, y), op(i, y)], mode=tcore.Mode("c", None))
        first, second = f([1, 2, 3], np.arange(6.0)[::2], np.array([5, 6, 7], "int32"))
        np.testing.assert_array_equal(first, [0, 4, 12])
        np.testing.assert_array_equal(second, [0, 12, 28])
        assert second.dtype == np.float64
        with pytest.raises(ValueError, match=r"Shape mismatch : input0.shape\[0\] and input1.shape\[0\] should match but x.shape\[0\] == 2 and y.shape\[0\] == 3(.|\n)*VectorTimesVector"):
            f([1, 2], [1, 2, 3], [1, 2])

    def test_every_mode_L7151(self):
        """An op with C code alone runs under all linkers but ``py``, is checked by DebugMode, and has test values."""
        x, y = T.dvector("x"), T.dvector("y")
        z = VectorTimesVector()(x, y)
        preallocated = tcore.compile.DebugMode(check_preallocated_output="initial:previous:c_contiguous:f_contiguous:strided:wrong_size")
        for mode in ("FAST_COMPILE", "NanGuardMode", tcore.compile.MonitorMode(), tcore.Mode("vm", None), tcore.Mode("c|py", None), preallocated):
            np.testing.assert_array_equal(tcore.function([x, y], z, mode=mode)([1, 2], [3, 4]), [3, 8])
        with pytest.raises(MethodNotDefined, match="perform"):
            tcore.function([x, y], z, mode=tcore.Mode("py", None))([1, 2], [3, 4])
        with tcore.config.change_flags(compute_test_value="raise"):
            x.tag.test_value, y.tag.test_value = np.array([1.0, 2.0]), np.array([3.0, 4.0])
            np.testing.assert_array_equal(VectorTimesVector()(x, y).tag.test_value, [3, 8])

    def test_make_node_L7349(self):
        with pytest.raises(TypeError, match="x must be a 1-d vector"):
            VectorTimesVector()(T.dmatrix(), T.dvector())
        with pytest.raises(TypeError, match="y must be a 1-d vector"):
            VectorTimesVector()(T.dvector(), T.dscalar())

    def test_old_outputs_are_reused_L7245(self):
        """Without garbage collection an op gets the array that it made last time; a returned one is never written to."""
        x, y = T.dvector("x"), T.dvector("y")
        op = VectorTimesVector()
        inner = op(x, y)
        f = tcore.function([x, y], op(inner, y), mode=tcore.Mode("c|py_nogc", None))
        kept = next(f.fn.storage_map[v] for v in f.maker.fgraph.variables if v.owner and v not in f.maker.fgraph.outputs)
        first = f([1, 2], [3, 4])
        array = kept[0]
        second = f([1, 1], [1, 1])
        assert kept[0] is array
        np.testing.assert_array_equal(first, [9, 32])
        np.testing.assert_array_equal(second, [1, 1])
        np.testing.assert_array_equal(f([1, 2, 3], [1, 1, 1]), [1, 2, 3])

    def test_number_of_arguments_L7607_L7609(self):
        """The main function has the signature of the documentation, with NULL for what is missing at the end."""

        class SumAndDiff(gof.COp):
            __props__ = ("nout",)
            _cop_num_inputs, _cop_num_outputs = 3, 2

            def __init__(self, nout):
                self.nout = nout
                super().__init__(["c_code/sumAndDiff.c"], "APPLY_SPECIFIC(sumAndDiffOfScalars)")

            def make_node(self, *numbers):
                return Apply(self, list(numbers), [T.dscalar() for _ in range(self.nout)])

        a, b, c = T.dscalars("a", "b", "c")
        f = tcore.function([a, b, c], [*SumAndDiff(2)(a, b), SumAndDiff(1)(a, b, c)], mode=tcore.Mode("c", None))
        assert f(5, 3, 10) == [8, 2, 18]
        with pytest.raises(ValueError, match="at most 3 inputs"):
            text(SumAndDiff(1)(a, b, c, a).owner)

    def test_sections_and_macros_L7618_L7662(self, tmp_path):
        """Joined sections of two files, and every macro where it belongs. (L7620, L7622, L7630, L7631, L7633, L7635, L7648, L7650, L7654, L7664)"""
        one, two = tmp_path / "one.c", tmp_path / "two.c"
        one.write_text(
            "/* licence */\n#section support_code\nstatic int inits = 0;\n#section init_code\ninits += 1;\n#section init_code_apply\n"
            "APPLY_SPECIFIC(applies) = 10;\n#section support_code_apply\nstatic int APPLY_SPECIFIC(applies) = 0;\n"
            "#section support_code_struct\nlong APPLY_SPECIFIC(calls);\nint* APPLY_SPECIFIC(counter);\n"
            '#section init_code_struct\nif (PARAMS->start < 0) { PyErr_SetString(PyExc_ValueError, "a bad start"); FAIL; }\n'
            "APPLY_SPECIFIC(calls) = PARAMS->start;\n#section code\nnpy_intp length = 6;\n"
        )
        two.write_text(
            '#section code\nif (PyArray_SIZE(INPUT_0) == 0) { PyErr_SetString(PyExc_ValueError, "empty"); FAIL }\n'
            "{\nPARAMS_TYPE* params = PARAMS;\nPy_XDECREF(OUTPUT_0);\n"
            "OUTPUT_0 = (PyArrayObject*) PyArray_ZEROS(1, &length, TYPENUM_OUTPUT_0, 0);\nif (!OUTPUT_0) FAIL;\n"
            "DTYPE_OUTPUT_0* out = (DTYPE_OUTPUT_0*) PyArray_DATA(OUTPUT_0);\nDTYPE_INPUT_0 first = *(DTYPE_INPUT_0*) PyArray_DATA(INPUT_0);\n"
            "out[0] = inits; out[1] = APPLY_SPECIFIC(applies); out[2] = APPLY_SPECIFIC(calls)++; out[3] = first;\n"
            "out[4] = ITEMSIZE_INPUT_0 + 100 * (TYPENUM_INPUT_0 == NPY_FLOAT32) + 1000 * ITEMSIZE_OUTPUT_0; out[5] = params->start;\n}\n"
            "#section code_cleanup\nif (PyErr_Occurred()) APPLY_SPECIFIC(calls) += 1000;\n"
        )

        class Sections(gof.COp):
            __props__ = ("start",)
            params_type = ParamsType(start=Scalar("int64"))

            def __init__(self, start):
                self.start = start
                super().__init__([one, two])

            def make_node(self, x):
                return Apply(self, [x], [T.dvector()])

        x = T.fvector("x")
        f = tcore.function([x], Sections(40)(x), mode=tcore.Mode("cvm", None))
        np.testing.assert_array_equal(f(np.float32([2.5])), [1, 10, 40, 2.5, 8104, 40])
        with pytest.raises(ValueError, match="empty"):
            f(np.float32([]))
        np.testing.assert_array_equal(f(np.float32([0]))[2], 1041)
        with pytest.raises(ValueError, match="a bad start"):
            tcore.function([x], Sections(-1)(x), mode=tcore.Mode("cvm", None))
        source = text(Sections(40)(x).owner).source
        assert "APPLY_SPECIFIC" not in source.partition("static int inits")[0]
        with tcore.config.change_flags(check_input=False):
            source = text(Sections(40)(x).owner).source
            assert "DTYPE_OUTPUT_0 npy_float64" in source
            assert "DTYPE_INPUT_0 npy" not in source

    def test_version_follows_the_files_L7472(self, tmp_path):
        """An edit of a file changes the version, and nothing else has to be done; ops travel in pickles with their code."""
        file = tmp_path / "op.c"
        versions = []
        for body in ("1", "2", "1"):
            file.write_text(f"#section support_code\nint f(double, double*) {{ return {body}; }}\n")
            op = gof.COp(file, "f")
            versions.append(op.c_code_cache_version())
        assert versions[0] == versions[2] != versions[1]
        assert all(versions)
        file.unlink()
        assert pickle.loads(pickle.dumps(op)).c_code_cache_version() == versions[0]

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("#section suport_code\n", "unknown section suport_code"),
            ("int f() { return 0; }\n", "code before its first '#section"),
            ("int g;\n#section code\n", "code before its first '#section"),
            ("#section code\n;\n", "function f and a section 'code'"),
        ],
    )
    def test_bad_files_L7662(self, tmp_path, content, message):
        file = tmp_path / "op.c"
        file.write_text(content)
        with pytest.raises(ValueError, match=message):
            gof.COp(str(file), "f")

    def test_missing_file_L7597(self):
        """Paths start at the folder of the class, wherever the program runs."""

        class Lost(gof.COp):
            pass

        with pytest.raises(FileNotFoundError, match=r"documentation.*nowhere\.c"):
            Lost("nowhere.c")


# ------------------------------------------------------------ other ops


def test_kernels_in_the_block_L7153():
    """Ops without C code of their own between two that have some; c refuses what has no native code at all."""
    x, y = T.dvector("x"), T.dvector("y")
    op = VectorTimesVector()
    f = tcore.function([x, y], T.exp(op(x + 1, y)).sum() + op(y, y)[0], mode=tcore.Mode("c"))
    np.testing.assert_allclose(f([1.0, 2.0], [0.3, 0.4]), np.exp([0.6, 1.2]).sum() + 0.09)
    assert {f.maker.linker.explain_node(node) for node in f.maker.fgraph.toposort()} >= {"C", "kernel"}
    again = pickle.loads(pickle.dumps(f))
    together(lambda k: np.testing.assert_allclose(again([float(k), 0.0], [1.0, 2.0]), np.exp(k + 1.0) + np.exp(2) + 1), 4)

    class OnlyPython(Op):
        __props__ = ()

        def make_node(self, x):
            return Apply(self, [x], [x.type()])

        def perform(self, node, inputs, output_storage):
            output_storage[0][0] = inputs[0]

    with pytest.raises(NotImplementedError, match="'c' runs native code only, and OnlyPython"):
        tcore.function([x, y], OnlyPython()(op(x, y)), mode=tcore.Mode("c"))


def test_symbols_L7672_L7674():
    """A debugger finds the lines of a module's source, which lies in the kernel store."""
    from tcore_cpu.user_code.block import Block
    from tcore_cpu.user_code.modules import load_block

    v = T.dvector("v")
    loaded = load_block(Block.of(VectorTimesVector()(v, v).owner))
    source = Path(loaded.module.__file__).parent / f"{loaded.module.__name__}.cpp"
    assert "vector_same_shape" in source.read_text()
    symbols = subprocess.run(["readelf", "--debug-dump=info", "--wide", loaded.module.__file__], capture_output=True, text=True, check=True).stdout
    assert str(source) in symbols


def test_half_precision_L9387_L9389():
    """C code of nodes with float16 is off, unless the op says that it copes."""
    from tcore_cpu.user_code.methods import has_c_code

    class Copes(VectorTimesVector):
        _f16_ok = True

    x = T.TensorType("float16", [False])()
    assert not has_c_code(VectorTimesVector()(x, x).owner)
    assert has_c_code(Copes()(x, x).owner)


class Interface(Op):
    """Uses what the documentation lists of the interfaces of Python and NumPy; returns what it saw, and the memory as it lies there."""

    __props__ = ()

    def make_node(self, x):
        return Apply(self, [x], [T.lvector(), T.ivector(), T.imatrix()])

    def c_code_cache_version(self):
        return (1,)

    def c_code(self, node, name, inputs, outputs, sub):
        return """
        npy_intp length = 12, size = PyArray_SIZE(%(x)s);
        Py_XINCREF((PyObject*) NULL);
        Py_XDECREF((PyObject*) NULL);
        if (PyArray_NDIM(%(x)s) != 2 || PyArray_SHAPE(%(x)s) != PyArray_DIMS(%(x)s) || PyArray_DTYPE(%(x)s) != PyArray_DESCR(%(x)s)) {
            PyErr_Format(PyExc_RuntimeError, "%%s of %%d axes", "an array", PyArray_NDIM(%(x)s));
            %(fail)s
        }
        Py_XDECREF(%(seen)s);
        %(seen)s = (PyArrayObject*) PyArray_EMPTY(1, &length, NPY_INT64, 0);
        Py_XDECREF(%(memory)s);
        %(memory)s = (PyArrayObject*) PyArray_ZEROS(1, &size, NPY_INT32, 1);
        Py_XDECREF(%(copy)s);
        %(copy)s = PyArray_GETCONTIGUOUS(%(x)s);
        if (!%(seen)s || !%(memory)s || !%(copy)s) { %(fail)s }
        {
            npy_int64* seen = (npy_int64*) PyArray_DATA(%(seen)s);
            seen[0] = PyArray_CHKFLAGS(%(x)s, NPY_ARRAY_C_CONTIGUOUS);
            seen[1] = PyArray_CHKFLAGS(%(x)s, NPY_ARRAY_F_CONTIGUOUS);
            seen[2] = PyArray_CHKFLAGS(%(x)s, NPY_ARRAY_ALIGNED | NPY_ARRAY_WRITEABLE);
            seen[3] = PyArray_DIMS(%(x)s)[0];
            seen[4] = PyArray_DIMS(%(x)s)[1];
            seen[5] = PyArray_STRIDES(%(x)s)[0];
            seen[6] = PyArray_STRIDES(%(x)s)[1];
            seen[7] = PyArray_TYPE(%(x)s) == NPY_INT32;
            seen[8] = %(copy)s == %(x)s;
            seen[9] = sizeof(npy_int8) + sizeof(npy_uint16) + sizeof(npy_int32) + sizeof(npy_uint64) + sizeof(npy_float32) + sizeof(npy_float64);
            seen[10] = sizeof(dtype_%(x)s);
            PyObject* text = PyString_FromFormat("%%d", (int) sizeof(numpy_int32));
            seen[11] = PyUnicode_GetLength(text) + PyArray_CHKFLAGS(%(x)s, NPY_ARRAY_UPDATEIFCOPY);
            Py_XDECREF(text);
            if (seen[0] || seen[1]) memcpy(PyArray_DATA(%(memory)s), PyArray_DATA(%(x)s), 4 * size);
        }
        """ % {"x": inputs[0], "seen": outputs[0], "memory": outputs[1], "copy": outputs[2], "fail": sub["fail"]}

    view_map = {2: [0]}


def test_numpy_in_c_L7062_L7076_L7127_L7089_L7040():
    """Memory order of C-contiguous, F-contiguous and other arrays, and the functions of NumPy's interface.

    L7044, L7093, L7097, L7103, L7107, L7115, L7119, L7133, L7139, L7145, L7189
    """
    x = T.imatrix("x")
    f = tcore.function([x], Interface()(x), mode=tcore.Mode("cvm", None))
    value = np.array([[1, 2, 3], [4, 5, 6]], "int32")
    for given, order, flags in (
        (value, [1, 2, 3, 4, 5, 6], (1, 0)),
        (np.asfortranarray(value), [1, 4, 2, 5, 3, 6], (0, 1)),
        (np.repeat(value, 2, axis=1)[:, ::2], [0] * 6, (0, 0)),
    ):
        seen, memory, copy = f(given)
        assert tuple(seen) == (*flags, 1, 2, 3, *given.strides, 1, flags[0], 1 + 2 + 4 + 8 + 4 + 8, 4, 1)
        np.testing.assert_array_equal(memory, order)
        np.testing.assert_array_equal(copy, value)


# ------------------------------------------------------------ the C side of Types


def test_element_types_L15220():
    """What c_element_type gives, for arrays, numbers, enumerations and structs of parameters. (L8949)"""
    assert T.TensorType("int64", (False,)).c_element_type() == "npy_int64"
    assert Scalar("int32").c_element_type() == "npy_int32"
    assert gof.EnumList("A", "B").c_element_type() == "int"
    assert ParamsType(a=Scalar("int32")).c_element_type() in "".join(ParamsType(a=Scalar("int32")).c_support_code())
