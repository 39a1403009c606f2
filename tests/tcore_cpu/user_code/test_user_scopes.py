"""What runs after a C++ exception in an op's code: its cleanup, those of others, and all references given back."""

from __future__ import annotations

import gc
import sys

import numpy as np
import pytest

import tcore
import tcore.tensor as tt
from tcore.graph import Apply, Op
from tcore_cpu.user_code.modules import objection
from tcore_cpu.user_code.scopes import with_cleanup

pytestmark = pytest.mark.skipif(objection() is not None, reason=str(objection()))

COUNTS = """
#include <stdexcept>
#include <vector>
static int held_now = 0, structs_now = 0;
static void maybe_throw(double asked, double here) { if (asked == here) throw std::runtime_error("thrown"); }
"""


class Holds(Op):
    """Holds memory and an object while it works; throws where the first element asks for it. Gives what is held now."""

    __props__ = ()

    def make_node(self, x):
        return Apply(self, [x], [tt.lscalar()])

    def c_support_code(self):
        return COUNTS

    def c_init_code_struct(self, node, name, sub):
        return "structs_now++;"

    def c_cleanup_code_struct(self, node, name):
        return "structs_now--;"

    def c_code(self, node, name, inputs, outputs, sub):
        x, z = inputs[0], outputs[0]
        return f"""
        const double asked = *(double*) PyArray_DATA({x});
        double* memory = (double*) malloc(16); held_now++;
        PyObject* object = PyList_New(0); /* a {{ bracket " in a comment */
        maybe_throw(asked, 1);  // an expression, with more declarations to come
        int later = 3, more[] = {{1, 2}};
        for (int i = 0; i < 3; i++) {{
            std::vector<double> local(3);
            maybe_throw(asked, 2 + i);
        }}
        if (asked == 9) {{ PyErr_SetString(PyExc_ValueError, "failed"); {sub["fail"]} }}
        else if (asked == 10) maybe_throw(asked, 10);
        {z} = (PyArrayObject*) PyArray_EMPTY(0, NULL, NPY_INT64, 0);
        *(npy_int64*) PyArray_DATA({z}) = held_now + later + more[0] - 4;
        maybe_throw(asked, 11);
        """

    def c_code_cleanup(self, node, name, inputs, outputs, sub):
        return "free(memory); Py_XDECREF(object); held_now--;"

    def c_code_cache_version(self):
        return (1,)


@pytest.mark.parametrize("linker", ["cvm", "c|py", "c"])
def test_everything_is_given_back(linker):
    """Wherever the exception is thrown, in a node before others and in one after them."""
    x, y = tt.dvector("x"), tt.dvector("y")
    f = tcore.function([x, y], [Holds()(x), Holds()(y * 1.0)], mode=tcore.Mode(linker=linker, optimizer=None))
    fine = np.zeros(1)
    counts = f(fine, fine)
    assert counts[0] == 1
    assert counts[1] in (1, 2)  # in one block both hold at once
    bad = np.zeros(1)
    known = sys.getrefcount(bad), sys.getrefcount(fine)
    for where in (1, 2, 4, 9, 10, 11):
        bad[0] = where
        for arguments in ((bad, fine), (fine, bad)):
            error, says = (ValueError, "failed") if where == 9 else (RuntimeError, "thrown")
            with pytest.raises(error, match=f"(?s){says}.*Apply node that caused the error: Holds"):
                f(*arguments)
            assert [*f(fine, fine)] == counts
    del error, arguments
    gc.collect()
    assert (sys.getrefcount(bad), sys.getrefcount(fine)) == known


def test_text_that_is_left_alone():
    """Jumps of the author's own, and conditions of the preprocessor."""
    for code in ("if (x) goto done; done: ;", "#if A\n{\n#else\n{\n#endif\nf(); }"):
        assert with_cleanup(code, "free(p);", "{ goto here; }", "{ goto outer; }") == code


def test_statements_between_declarations():
    """Those that run before a variable is there that the cleanup reads are left to the outer handler."""
    code = 'first(); char* p = get("}"); second(p); int q = 0; third(q);'
    found = with_cleanup(code, "free(p);", "HERE", "OUTER")
    assert found.startswith("first(); char* p")
    assert "TC_TRY {\n second(p);\n} TC_CATCH {\ntc_caught();\n{\nfree(p);\n}\nOUTER\n}" in found
    assert found.endswith("TC_TRY {\n third(q);\n} TC_CATCH {\ntc_caught();\nHERE\n}\n")


def test_macros_that_open_blocks():
    """Python's own reach from BEGIN to END."""
    code = "Py_BEGIN_ALLOW_THREADS int i = 0; work(i); Py_END_ALLOW_THREADS done();"
    found = with_cleanup(code, "free(p);", "HERE", "OUTER")
    assert found == f"TC_TRY {{\n{code}\n}} TC_CATCH {{\ntc_caught();\nHERE\n}}\n"
