"""Users' C code: the text of the C++ module around an op's documented ``c_*`` methods.

One block per variable, nested: declare, fill (inputs are extracted, outputs initialised), the blocks inside, then a
label, from outputs the value back into Python, and cleanup. ``sub["fail"]`` jumps to the label of the block that it is
used in, so that everything from there outwards is cleaned up.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from typing import Any

from tcore.configuration import config
from tcore.graph import MethodNotDefined, NoParams
from tcore.graph.c_interface import CLinkerOp, ask, ask_compiler, ask_with_check, text_pieces
from tcore.records import frozen

__all__ = ["ModuleText", "cells_of", "has_c_code", "module_text", "params_of"]

_PLACEHOLDER = "tcHASHHERE"
_NO_ERROR = "Unexpected error in an Op's C code. No Python exception was set."


@frozen
class ModuleText:
    """A C++ module: its name, its source, and what the compiler needs to know.

    ``cached`` is False where the op asks that its code is not kept.
    """

    name: str
    source: str
    include_dirs: tuple[str, ...]
    libraries: tuple[str, ...]
    library_dirs: tuple[str, ...]
    arguments: tuple[str, ...]
    refused: tuple[str, ...]
    cached: bool


def has_c_code(node: Any) -> bool:
    """Whether a node's op brings C code for it, and all its types have a C side."""
    op = node.op
    if getattr(type(op), "c_code", CLinkerOp.c_code) is CLinkerOp.c_code and "c_code" not in getattr(op, "__dict__", {}):
        return False
    variables = [*node.inputs, *node.outputs]
    if not getattr(op, "_f16_ok", False) and any(getattr(v.type, "dtype", "") == "float16" for v in variables):
        return False
    if any(ask(v.type, "c_declare", "V0", {"fail": ""}) is None for v in variables):
        return False
    writer = _Writer(node, getattr(op, "params_type", None))
    try:
        writer.code(1)
    except MethodNotDefined:  # not for nodes like this one
        return False
    return True


def _join(found: Any) -> str:
    return "\n".join(text_pieces(found))


def _fail(label: int) -> str:
    return (
        f'{{ tc_failure = {label}; if (!PyErr_Occurred()) PyErr_SetString(PyExc_RuntimeError, "{_NO_ERROR}"); '
        f"goto tc_label_{label}; }}"
    )


class _Writer:
    def __init__(self, node: Any, params_type: Any) -> None:
        self.node, self.op, self.params_type = node, node.op, params_type
        self.names: dict[Any, str] = {}
        for variable in (*node.inputs, *node.outputs):
            self.names.setdefault(variable, f"V{2 * len(self.names) + 1}")
        self.inputs = list(dict.fromkeys(node.inputs))
        self.outputs = list(node.outputs)
        checks = getattr(node.op, "check_input", None)
        self.check = bool(config.check_input if checks is None else checks)
        self.name = f"node_{_PLACEHOLDER}_0"

    @property
    def storages(self) -> list[str]:
        """Names of the cells, in the order in which they are given."""
        names = [self.names[v] for v in (*self.inputs, *self.outputs)]
        return [*names, "tc_params"] if self.params_type is not None else names

    # -- pieces

    def sub(self, label: int) -> dict[str, str]:
        """What C text may refer to."""
        sub = {"fail": _fail(label)}
        if self.params_type is not None:
            sub["params"] = "tc_params"
        return sub

    def enter(self, name: str, type_: Any, label: int, *, output: bool) -> str:
        """Declare and fill one variable."""
        sub = self.sub(label)
        filled = ask(type_, "c_init", name, sub, default="") if output else ask_with_check(type_.c_extract, name, sub, self.check)
        return f"""
{{
{ask_with_check(type_.c_declare, name, sub, self.check)}
py_{name} = PyList_GET_ITEM(storage_{name}, 0);
Py_XINCREF(py_{name});
{{
{filled}
}}
"""

    def leave(self, name: str, type_: Any, label: int, *, output: bool) -> str:
        """Hand one variable back and clean up."""
        text = f"\ntc_label_{label}: ;\n"
        if output:
            # A failing sync has nowhere left to go but on.
            sub = {**self.sub(label), "fail": "{ tc_failure = -1; }"}
            text += f"""
if (!tc_failure) {{
{type_.c_sync(name, sub)}
PyObject* tc_old = PyList_GET_ITEM(storage_{name}, 0);
Py_XINCREF(py_{name});
PyList_SET_ITEM(storage_{name}, 0, py_{name});
Py_XDECREF(tc_old);
}}
"""
        return f"{text}\n{ask(type_, 'c_cleanup', name, self.sub(label), default='')}\nPy_XDECREF(py_{name});\n}}\n"

    @property
    def arguments(self) -> tuple[list[str], list[str]]:
        """The C names of the node's inputs and outputs."""
        return [self.names[v] for v in self.node.inputs], [self.names[v] for v in self.outputs]

    def code(self, label: int) -> str:
        """The op's own code, which fails to ``label``."""
        return str(self.op.c_code(self.node, self.name, *self.arguments, self.sub(label)))

    def run(self) -> str:
        """The body of ``run``: nested blocks around the op's code."""
        order: list[tuple[str, Any, bool]] = [(self.names[v], v.type, False) for v in self.inputs]
        order += [(self.names[v], v.type, True) for v in self.outputs]
        if self.params_type is not None:
            order.insert(0, ("tc_params", self.params_type, False))
        text = "".join(f"PyObject* py_{name};\n" for name, _, _ in order)
        for label, (name, type_, output) in enumerate(order, 1):
            text += self.enter(name, type_, label, output=output)
        last = len(order) + 1
        sub = self.sub(last)
        code = self.code(last)
        cleanup = ask(self.op, "c_code_cleanup", self.node, self.name, *self.arguments, sub, default="")
        text += f"{{\n{code}\ntc_label_{last}: ;\n{cleanup}\n}}\n"
        for label, (name, type_, output) in reversed(list(enumerate(order, 1))):
            text += self.leave(name, type_, label, output=output)
        return text

    def construct(self) -> str:
        """The body of ``init``: the op's struct code, with its params in reach."""
        code = ask(self.op, "c_init_code_struct", self.node, self.name, self.sub(1), default="")
        if self.params_type is None:
            return f"{{\n{code}\n}}\ntc_label_1: ;\n"
        enter = self.enter("tc_params", self.params_type, 1, output=False)
        leave = self.leave("tc_params", self.params_type, 1, output=False)
        return f"PyObject* py_tc_params;\n{enter}\n{{\n{code}\n}}\n{leave}"

    def source(self) -> str:
        """The whole module, with a placeholder for the hash."""
        owners = [self.op, *(v.type for v in (*self.inputs, *self.outputs))]
        if self.params_type is not None:
            owners.append(self.params_type)
        headers = ["<Python.h>", "<stdio.h>", "<stdlib.h>", "<string.h>", "<math.h>", "<numpy/arrayobject.h>"]
        for owner in owners:
            headers += ask_compiler(owner, "c_headers")
        included = [h if h[0] in '<"' else f'"{h}"' for h in dict.fromkeys(headers)]
        support = dict.fromkeys(piece for owner in [*owners[1:], self.op] for piece in text_pieces(ask(owner, "c_support_code")))
        initial = dict.fromkeys(_join(ask(owner, "c_init_code")) for owner in [*owners[1:], self.op])
        storages = self.storages
        parts = [
            *(f"#include {header}" for header in included),
            *support,
            _join(ask(self.op, "c_support_code_apply", self.node, self.name)),
            _STRUCT.format(
                members="\n".join(f"PyObject* storage_{name};" for name in storages),
                support=_join(ask(self.op, "c_support_code_struct", self.node, self.name)),
                take="\n".join(
                    f"storage_{name} = PyTuple_GET_ITEM(cells, {k}); Py_INCREF(storage_{name});"
                    for k, name in enumerate(storages)
                ),
                init=self.construct(),
                cleanup=_join(ask(self.op, "c_cleanup_code_struct", self.node, self.name)),
                give="\n".join(f"Py_CLEAR(storage_{name});" for name in storages),
                run=self.run(),
                clear="\n".join(f"storage_{name} = NULL;" for name in storages),
                count=len(storages),
            ),
            _MODULE.format(
                name=self.name,
                initial="\n".join(initial),
                apply=_join(ask(self.op, "c_init_code_apply", self.node, self.name)),
            ),
        ]
        return "\n".join(parts)


_STRUCT = """
namespace {{
struct tc_struct {{
{members}
bool tc_built;
{support}
tc_struct() : tc_built(false) {{
{clear}
}}
int init(PyObject* cells) {{
int tc_failure = 0;
{take}
{init}
tc_built = !tc_failure;
return tc_failure;
}}
void cleanup() {{
if (tc_built) {{
{cleanup}
}}
{give}
}}
int run() {{
int tc_failure = 0;
{run}
return tc_failure;
}}
}};

void tc_destroy(PyObject* capsule) {{
tc_struct* self = (tc_struct*) PyCapsule_GetPointer(capsule, "tcore_cpu.struct");
if (self) {{ self->cleanup(); delete self; }}
}}
PyObject* tc_instantiate(PyObject*, PyObject* cells) {{
if (!PyTuple_Check(cells) || PyTuple_GET_SIZE(cells) != {count}) {{
    PyErr_SetString(PyExc_TypeError, "instantiate takes {count} cells");
    return NULL;
}}
tc_struct* self = new tc_struct();
if (self->init(cells)) {{ self->cleanup(); delete self; return NULL; }}
PyObject* capsule = PyCapsule_New(self, "tcore_cpu.struct", tc_destroy);
if (!capsule) {{ self->cleanup(); delete self; }}
return capsule;
}}
PyObject* tc_run(PyObject*, PyObject* capsule) {{
tc_struct* self = (tc_struct*) PyCapsule_GetPointer(capsule, "tcore_cpu.struct");
if (!self) return NULL;
int failure = self->run();
if (failure || PyErr_Occurred()) {{
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_RuntimeError, "an Op's C code failed without an exception");
    return NULL;
}}
Py_RETURN_NONE;
}}
PyMethodDef tc_methods[] = {{
    {{"instantiate", tc_instantiate, METH_O, "A struct over these cells."}},
    {{"run", tc_run, METH_O, "Run the code of a struct."}},
    {{NULL, NULL, 0, NULL}}
}};
}}
"""
_MODULE = """
static PyModuleDef tc_module = {{ PyModuleDef_HEAD_INIT, "{name}", NULL, -1, tc_methods, NULL, NULL, NULL, NULL }};
PyMODINIT_FUNC PyInit_{name}(void) {{
import_array();
{{
{initial}
}}
{{
{apply}
}}
return PyModule_Create(&tc_module);
}}
"""


def module_text(node: Any) -> ModuleText:
    """The module for one node, whose op has C code."""
    params_type = None if params_of(node) is None else node.op.params_type
    writer = _Writer(node, params_type)
    source = writer.source()
    types = dict.fromkeys([*(v.type for v in (*writer.inputs, *writer.outputs)), *([params_type] if params_type is not None else [])])

    def gather(method: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(item for owner in (node.op, *types) for item in ask_compiler(owner, method)))

    version = ask(node.op, "c_code_cache_version_apply", node, default=())
    versions = (version, *(ask(type_, "c_code_cache_version", default=()) for type_ in types))
    if config.cmodule.warn_no_version and not all(versions):
        nameless = [str(owner) for owner, number in zip((node.op, *types), versions, strict=True) if not number]
        warnings.warn(
            f"the C code of {node} is compiled again in every process: {', '.join(nameless)} gives no c_code_cache_version "
            f"(cmodule.warn_no_version={config.cmodule.warn_no_version})", stacklevel=2,
        )  # fmt: skip
    digest = hashlib.sha256(f"{source}\0{versions!r}".encode()).hexdigest()[:32]
    return ModuleText(
        writer.name.replace(_PLACEHOLDER, digest),
        source.replace(_PLACEHOLDER, digest),
        gather("c_header_dirs"),
        gather("c_libraries"),
        gather("c_lib_dirs"),
        gather("c_compile_args"),
        gather("c_no_compile_args"),
        all(versions),
    )


def params_of(node: Any) -> Any:
    """The params of a node, filtered by their type; None where there are none."""
    found = node.run_params()
    return None if found is NoParams else found


def cells_of(node: Any) -> Sequence[Any]:
    """The variables whose cells :func:`module_text`'s struct takes, in order (params come last)."""
    return [*dict.fromkeys(node.inputs), *node.outputs]
