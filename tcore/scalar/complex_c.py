"""Complex numbers in C text: NumPy's formulas on real and imaginary parts.

NumPy's products and quotients are not those of C99, and NumPy's complex types are structs in C++, so that every operation is
written out on two numbers. Elementary functions are the compiler's own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tcore.scalar.dtypes import complex_dtypes

__all__ = ["statements"]

#: what is left in ``re`` and ``im`` by operands ``ar, ai, br, bi, …``
_FORMULAS = {
    "identity": "re = ar; im = ai;",
    "cast": "re = ar; im = ai;",
    "conj": "re = ar; im = -ai;",
    "neg": "re = -ar; im = -ai;",
    "sub": "re = ar - br; im = ai - bi;",
    "second": "re = br; im = bi;",
    "switch": "if (ar != 0 || ai != 0) { re = br; im = bi; } else { re = cr; im = ci; }",
    "sqr": "re = ar * ar - ai * ai; im = ar * ai + ai * ar;",
    "true_div": """
        if (fabs(br) >= fabs(bi)) {
            if (br == 0 && bi == 0) { re = ar / fabs(br); im = ai / fabs(br); }
            else { const P q = bi / br, s = 1 / (br + bi * q); re = (ar + ai * q) * s; im = (ai - ar * q) * s; }
        } else { const P q = br / bi, s = 1 / (bi + br * q); re = (ar * q + ai) * s; im = (ai * q - ar) * s; }""",
    "inv": """
        if (fabs(ai) <= fabs(ar)) { const P q = ai / ar, d = ar + ai * q; re = 1 / d; im = -q / d; }
        else { const P q = ar / ai, d = ar * q + ai; re = q / d; im = -1 / d; }""",
    "log1p": "re = log(hypot(ar + 1, ai)); im = atan2(ai, ar + 1);",
    "expm1": "const P h = sin(ai / 2); re = expm1(ar) * cos(ai) - 2 * h * h; im = exp(ar) * sin(ai);",
    "complex": "re = ar; im = br;",
    "complex_from_polar": "re = ar * cos(br); im = ar * sin(br);",
}
#: functions of one number that the compiler knows, and what their value is multiplied by
_BUILT_IN = {
    **{name: (f"c{name}", "") for name in ("exp", "log", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{name: (f"c{name}", "") for name in ("asin", "acos", "atan", "asinh", "acosh", "atanh")},
    "log2": ("clog", " * (P) 1.442695040888963407359924681001892137"),
    "log10": ("clog", " * (P) 0.434294481903251827651128918916605082"),
}
#: of any number of operands: the first, then each of the others in the place of ``b``
_FOLDED = {"add": "re += br; im += bi;", "mul": "{ const P q = re * br - im * bi; im = re * bi + im * br; re = q; }"}
#: functions with a real value
_REAL = {
    "real": "ar",
    "imag": "ai",
    "abs": "hypot(ar, ai)",
    "angle": "atan2(ai, ar)",
    "eq": "ar == br && ai == bi",
    "ne": "ar != br || ai != bi",
    "isnan": "ar != ar || ai != ai",
    "isinf": "fabs(ar) == INFINITY || fabs(ai) == INFINITY",
    "cast": "ar != 0 || ai != 0",
}
_POWER = """
    if (br == 0 && bi == 0) { re = 1; im = 0; }
    else if (ar == 0 && ai == 0) { re = im = br > 0 ? 0 : NAN; }
    else { __complex__ P b; __real__ b = br; __imag__ b = bi; const __complex__ P v = __builtin_cpowS(a, b); re = __real__ v; im = __imag__ v; }"""


def statements(name: str, input_dtypes: Sequence[str], dtype: str, inputs: Sequence[str], output: str) -> str | None:
    """The C text that computes a function by its name in loops; None where it is not one of complex numbers.

    Raises
    ------
    KeyError
        Where there is no formula.
    """
    if dtype not in complex_dtypes and not any(given in complex_dtypes for given in input_dtypes):
        return None
    single = dtype in ("complex64", "float32") or (dtype == "bool" and all(given == "complex64" for given in input_dtypes))
    part, suffix = ("npy_float32", "f") if single else ("npy_float64", "")
    lines = [f"typedef {part} tc_P;"]
    for letter, given, text in zip("abcdefgh", input_dtypes, inputs, strict=False):
        parts = _parts(given, text) if given in complex_dtypes else (text, "0")
        lines.append(f"const tc_P tc_{letter}r = (tc_P) {parts[0]}, tc_{letter}i = (tc_P) {parts[1]}; (void) tc_{letter}i;")
    if dtype in complex_dtypes:
        lines += ["tc_P tc_re, tc_im;", _private(_value(name, len(inputs), suffix))]
        lines += [f"{place} = tc_{found};" for place, found in zip(_parts(dtype, output), ("re", "im"), strict=True)]
    else:
        lines.append(f"{output} = {_private(_REAL[name])};")
    # compilers take no other name of a type there
    return "\n".join(("{", *lines, "}")).replace("__complex__ tc_P", f"__complex__ {'float' if single else 'double'}")


def _parts(dtype: str, text: str) -> tuple[str, str]:
    """Real and imaginary part of a complex number, which is a variable."""
    parts = f"((npy_float{int(dtype[7:]) // 2}*) &{text})"
    return f"{parts}[0]", f"{parts}[1]"


def _private(text: str) -> str:
    """Names that no operand has."""
    return re.sub(_NAMES, r"tc_\1", text)


_NAMES = r"\b([a-h][ri]|re|im|[abdhqsvP])\b"


def _value(name: str, count: int, suffix: str) -> str:
    if name in _FOLDED:
        others = [_FOLDED[name].replace("br", f"{letter}r").replace("bi", f"{letter}i") for letter in "bcdefgh"[: count - 1]]
        if count > 8:
            raise KeyError(f"{name} of {count} complex numbers")
        return "\n".join(("re = ar; im = ai;", *others))
    if name == "pow" or name in _BUILT_IN:
        number = "__complex__ P a; __real__ a = ar; __imag__ a = ai;"
        if name == "pow":
            return number + _POWER.replace("cpowS", f"cpow{suffix}")
        function, factor = _BUILT_IN[name]
        return f"{number} const __complex__ P v = __builtin_{function}{suffix}(a); re = __real__ v{factor}; im = __imag__ v{factor};"
    return _FORMULAS[name]
