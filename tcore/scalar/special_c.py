"""Special functions in C text: SciPy's own, by the addresses that it gives to compiled code, and the zeta function."""

from __future__ import annotations

__all__ = ["ZETA", "address", "call", "find"]


def address(name: str, count: int) -> str:
    """Where a function of ``scipy.special`` with ``count`` operands is; to be filled by :func:`find`."""
    operands = ", ".join(["double"] * count)
    return f"static double (*tc_scipy_{name})({operands}, int) = NULL;\n"


def call(name: str, *operands: str) -> str:
    """A call of it."""
    return f"tc_scipy_{name}({', '.join(f'(double) {text}' for text in operands)}, 0)"


def find(name: str, count: int) -> str:
    """Statements that look it up, once, when a module is loaded; they leave an exception where it is not there."""
    signature = f"double ({', '.join(['double'] * count)}, int __pyx_skip_dispatch)"
    return f"""{{
    /* functions of several precisions have one name for each */
    static const char* const tc_names[] = {{"{name}", "__pyx_fuse_0{name}", "__pyx_fuse_1{name}"}};
    PyObject* tc_scipy = PyImport_ImportModule("scipy.special.cython_special");
    PyObject* tc_table = tc_scipy ? PyObject_GetAttrString(tc_scipy, "__pyx_capi__") : NULL;
    for (int k = 0; tc_table && !tc_scipy_{name} && k < 3; k++) {{
        PyObject* tc_found = PyDict_GetItemString(tc_table, tc_names[k]);
        if (tc_found && PyCapsule_IsValid(tc_found, "{signature}"))
            *(void**) &tc_scipy_{name} = PyCapsule_GetPointer(tc_found, "{signature}");
    }}
    if (!tc_scipy_{name} && !PyErr_Occurred())
        PyErr_SetString(PyExc_ImportError, "this SciPy has no {name} for compiled code");
    Py_XDECREF(tc_table);
    Py_XDECREF(tc_scipy);
}}"""


# Euler-Maclaurin: terms up to q > 9, then the integral, half a term and eleven terms with Bernoulli numbers, each of which is
# less than the last by a factor of about (s + 2k)^2 / (2 pi q)^2. The text is C, OpenCL C and CUDA C: functions of OpenCL C have no static
# variables, CUDA C has no INFINITY without a header.
ZETA = """\
/* The sum of (q + k)^-s over k >= 0, for s > 1. */
static double tc_zeta(double s, double q)
{
    const double zero = 0, infinite = 1 / zero, undefined = zero / zero;
    const double bernoulli[] = {1.0 / 6, -1.0 / 30, 1.0 / 42, -1.0 / 30, 5.0 / 66, -691.0 / 2730, 7.0 / 6, -3617.0 / 510,
                                43867.0 / 798, -174611.0 / 330, 854513.0 / 138};
    if (s != s || q != q) return s + q;
    if (s <= 1) return s == 1 ? infinite : undefined;
    if (q <= 0 && q == floor(q)) return infinite;
    if (q <= 0 && s != floor(s)) return undefined;
    if (q > 1e8) return (1 / (s - 1) + 1 / (2 * q)) * pow(q, 1 - s);
    double sum = 0;
    for (; q <= 9 || q < 2 * s / 3; q += 1) {
        const double term = pow(q, -s);
        sum += term;
        if (q > 0 && term < 1e-17 * sum) return sum;
    }
    const double power = pow(q, -s);
    sum += power * q / (s - 1) + power / 2;
    double factor = s, scale = power / q, factorial = 2;
    for (int k = 0; k < 11; k++) {
        const double term = bernoulli[k] * factor * scale / factorial;
        sum += term;
        if (fabs(term) < 1e-17 * fabs(sum)) break;
        factor *= (s + 2 * k + 1) * (s + 2 * k + 2);
        scale /= q * q;
        factorial *= (2 * k + 3) * (2 * k + 4);
    }
    return sum;
}
"""
