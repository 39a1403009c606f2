"""The C++ struct of a :class:`~tcore.graph.params_type.ParamsType`, which fills itself from a Python object field by field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.graph.c_interface import ask, ask_with_check

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["struct_of"]

_STRUCT = """struct TC_STRUCT {{
{members}
int tc_filled;
{functions}
int tc_field(PyObject* params, const char* name, int (TC_STRUCT::*extract)(PyObject*)) {{
    PyObject* value = PyObject_GetAttrString(params, name);
    if (value == NULL) return 1;
    ++tc_filled;
    int failed = (this->*extract)(value);
    Py_DECREF(value);
    if (failed && !PyErr_Occurred()) PyErr_Format(PyExc_RuntimeError, "the parameter %s cannot be read", name);
    return failed;
}}
int tc_fill(PyObject* params) {{
tc_filled = 0;
{steps}return 0;
}}
void tc_empty() {{
{cleanups}tc_filled = 0;
}}
}};
"""


def struct_of(fields: Mapping[str, Any]) -> tuple[str, str]:
    """Name and definition of the struct with these fields (name -> Type with a C side); equal fields give equal names.

    Each field is filled by a member function of its own, which may fail.
    """
    sub = {"fail": "{ return 1; }"}
    members: list[str] = []
    functions: list[str] = []
    steps: list[str] = []
    cleanups: list[str] = []
    for position, (name, kind) in enumerate(fields.items()):
        members.append(ask_with_check(kind.c_declare, name, sub, True))
        extract = ask_with_check(kind.c_extract, name, sub, True)
        functions.append(f"int tc_extract_{name}(PyObject* py_{name}) {{\n{extract}\nreturn 0;\n}}\n")
        functions.append(f"void tc_cleanup_{name}() {{\n{ask(kind, 'c_cleanup', name, sub, default='')}\n}}\n")
        steps.append(f'if (tc_field(params, "{name}", &TC_STRUCT::tc_extract_{name})) return 1;\n')
        cleanups.insert(0, f"if (tc_filled > {position}) tc_cleanup_{name}();\n")
    body = _STRUCT.format(
        members="".join(members), functions="".join(functions), steps="".join(steps), cleanups="".join(cleanups)
    )
    import hashlib  # loads OpenSSL, which only generated C code needs

    struct = f"tcore_params_{hashlib.sha256(body.encode()).hexdigest()[:16]}"
    return struct, body.replace("TC_STRUCT", struct)
