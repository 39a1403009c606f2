"""The C++ text around users' C code: a struct whose ``run`` computes some nodes.

``run`` declares all variables, fills them (inputs are extracted, the others initialised), runs the code of the nodes one after
the other, and then, in the reverse order, cleans up: a node's own cleanup, a result's way back into Python, a variable's
cleanup. ``sub["fail"]`` jumps to the label of the place that it is used in, so that everything from there outwards is
cleaned up. Values between the nodes never become Python objects.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

from tcore.configuration import config
from tcore.graph import Constant, NoParams
from tcore.graph.c_interface import ask, ask_with_check, text_pieces
from tcore_cpu.user_code.scopes import guarded, with_cleanup
from tcore_cpu.user_code.templates import OPERANDS, STRUCT

__all__ = ["PLACEHOLDER", "Block", "joined", "params_of"]

#: stands in texts for the hash of the whole
PLACEHOLDER = "tcHASHHERE"


def params_of(node: Any) -> Any:
    """The params of a node, filtered by their type; None where there are none."""
    found = node.run_params()
    return None if found is NoParams else found


def _function(code: str) -> str:
    """Code in a function of its own, which shares the caller's variables: compilers take long for many pieces in one."""
    return f"[&]() __attribute__((noinline)) -> c_code_must_not_return {{\n{code}return {{0}};\n}}();\n"


_TYPES = r"\s*(?:typedef [\w ]+;\s*)*"
#: declares one variable, which is a pointer or a number, and names of types
_PLAIN = re.compile(rf"{_TYPES}(?:PyObject|PyArrayObject|npy_\w+|int|long|float|double)\s*\*?\s*(\w+);{_TYPES}")


def joined(found: Any) -> str:
    """What a method that may give one text or several gave, as one."""
    return "\n".join(text_pieces(found))


def _label(name: str) -> str:
    return f"{name}: __attribute__((unused));\n"


class Block:
    """Nodes whose code runs as one piece, from Python values to Python values.

    Parameters
    ----------
    inputs, outputs : sequence of Variable
        What the nodes read, constants aside, and which of their results are wanted.
    nodes : sequence of Apply
        In a legal order.
    reports : bool
        Whether what a node read is kept when it fails.
    called : collection of Apply
        Nodes without C code of their own. Their cells hold callables, from the values of their inputs without constants,
        each once, to a tuple or list of outputs: the first that does not refuse them with a TypeError counts.

    Attributes
    ----------
    given, made : list of Variable
        Inputs and constants, those aside that only nodes in ``called`` read; results of the nodes.
    cells : list
        What the struct takes cells for, in order: variables; nodes with params or in ``called``.
    """

    def __init__(self, inputs: Sequence[Any], outputs: Sequence[Any], nodes: Sequence[Any], called: Collection[Any] = (), reports: bool = False) -> None:
        self.reports = reports
        #: whether each piece of ``run`` is a function of its own
        self._divided = len(nodes) > 1
        self.nodes, self.called = list(nodes), frozenset(called)
        self._numbers = {node: k for k, node in enumerate(self.nodes)}
        constants = [v for node in nodes if node not in self.called for v in node.inputs if isinstance(v, Constant)]
        self.given = list(dict.fromkeys([*inputs, *constants]))
        self.made = [v for node in nodes for v in node.outputs]
        own = set(self.made)
        self.wanted = [v for v in dict.fromkeys(outputs) if v in own]
        self.params = {node: node.op.params_type for node in nodes if node not in self.called and params_of(node) is not None}
        self.cells: list[Any] = [*self.given, *self.wanted, *self.params, *(node for node in nodes if node in self.called)]
        #: what is filled and cleaned up, with its C name and type; labels count from 1 in this order
        self.filled = [(f"tc_params_{self.number(node)}", kind) for node, kind in self.params.items()]
        self.names = {v: f"V{2 * k + 1}" for k, v in enumerate([*self.given, *self.made])}
        self.filled += [(self.names[v], v.type) for v in (*self.given, *self.made)]
        self._variables = {name: v for v, name in self.names.items()}
        self.storages = {cell: f"storage_{self._cell_name(cell)}" for cell in self.cells}
        readers: dict[Any, list[Any]] = {}
        for node in nodes:
            for variable in (*node.inputs, *node.outputs):
                readers.setdefault(variable, []).append(node.op)
        #: which variables' types may check what they are given
        self.checked = {v: any(_checks(op) for op in readers.get(v, ())) for v in self.names}

    @classmethod
    def of(cls, node: Any) -> Block:
        """The block of one node, whose constants are cells like its other inputs."""
        return cls(node.inputs, node.outputs, [node])

    def number(self, node: Any) -> int:
        """The position of a node."""
        return self._numbers[node]

    def name(self, node: Any) -> str:
        """The ``name`` that a node's methods get: valid in identifiers, and unique."""
        return f"node_{PLACEHOLDER}_{self.number(node)}"

    def failed(self, code: int) -> Any:
        """The node that a failure with this number belongs to; None for a value that could not be read."""
        position = code - len(self.filled) - 1
        return self.nodes[position] if 0 <= position < len(self.nodes) else None

    def operands(self, node: Any, kept: tuple[Any, ...]) -> tuple[Any, ...]:
        """What a node read, of what the struct kept: constants that it has no variables for among it."""
        return tuple(value if v in self.names else v.data for v, value in zip(node.inputs, kept, strict=True))

    def unread(self, code: int) -> Any:
        """The input that a failure with this number belongs to, which could not be read; None where it is another failure."""
        variable = self._variables.get(self.filled[code - 1][0]) if 0 < code <= len(self.filled) else None
        return variable if variable in self.given else None

    def _cell_name(self, cell: Any) -> str:
        if cell in self.names:
            return self.names[cell]
        return f"tc_called_{self.number(cell)}" if cell in self.called else f"tc_params_{self.number(cell)}"

    # ------------------------------------------------------------ what methods are told

    def _sub(self, code: int, label: str, node: Any = None) -> dict[str, str]:
        """``sub`` for text that fails with ``code`` to ``label``."""
        fail = f"{{ tc_failure = {code}; tc_explain(); goto {label}; }}"
        return {"fail": fail, "params": f"tc_params_{self.number(node)}"} if node in self.params else {"fail": fail}

    def arguments(self, node: Any) -> tuple[list[str], list[str]]:
        """The C names of a node's inputs and outputs; constants of nodes that are called have none."""
        return [self.names[v] for v in node.inputs if v in self.names], [self.names[v] for v in node.outputs]

    def code(self, node: Any, label: str = "tc_label_1") -> str:
        """The code of a node, which fails to ``label``."""
        sub = self._sub(len(self.filled) + 1 + self.number(node), label, node)
        if node in self.called:
            return self._call(node, sub)
        return str(node.op.c_code(node, self.name(node), *self.arguments(node), sub))

    # ------------------------------------------------------------ run

    def run(self) -> str:
        """The body of ``run``."""
        order = [(name, kind, self._variables.get(name)) for name, kind in self.filled]
        parts = [f"PyObject* py_{name} = NULL;\n(void) py_{name};\n" for name, _, _ in order]
        parts += [self._declare(name, kind, variable) for name, kind, variable in order]
        parts += [self._fill(k, name, kind, variable) for k, (name, kind, variable) in enumerate(order, 1)]
        if self.reports:
            parts += [self._work("tc_worked"), _label("tc_worked"), _function(self._operands())]
        else:
            parts.append(self._work(f"tc_label_{len(order)}"))
        parts += [self._leave(k, name, kind, variable) for k, (name, kind, variable) in reversed(list(enumerate(order, 1)))]
        return "".join(parts)

    def _declare(self, name: str, kind: Any, variable: Any) -> str:
        return ask_with_check(kind.c_declare, name, {"fail": ""}, self.checked.get(variable, True)) + "\n"

    def _fill(self, k: int, name: str, kind: Any, variable: Any) -> str:
        """Extract an input, params or an old result; initialise what is only needed inside."""
        inside = variable is not None and variable not in self.storages
        end = f"tc_filled_{k}" if self._divided and variable in self.storages else f"tc_label_{k}"
        sub, check = self._sub(k, end), self.checked.get(variable, True)
        if inside:
            return f"Py_INCREF(Py_None);\npy_{name} = Py_None;\n{{\n{ask(kind, 'c_init', name, sub, default='')}\n}}\n"
        if variable in self.wanted:
            text = _extract_out(kind, name, sub, check)
        else:
            text = ask_with_check(kind.c_extract, name, sub, check)
        text = f"py_{name} = PyList_GET_ITEM(storage_{name}, 0);\nPy_XINCREF(py_{name});\n{guarded(text, sub['fail'])}"
        return f"{_function(text + _label(end))}if (tc_failure) goto tc_label_{k};\n" if end != f"tc_label_{k}" else text

    def _work(self, outer: str) -> str:
        """The nodes' code in blocks; one that cleans up ends after all that follow it."""
        text, ends = "", []
        for k, node in enumerate(self.nodes):
            sub = self._sub(len(self.filled) + 1 + k, outer, node)
            cleanup = ""
            if node not in self.called:
                cleanup = ask(node.op, "c_code_cleanup", node, self.name(node), *self.arguments(node), sub, default="") or ""
            if not cleanup.strip():
                text += self._node(k, node, outer)
                continue
            label = f"tc_cleanup_{k}"
            inside = self._sub(len(self.filled) + 1 + k, label)
            code = with_cleanup(self.code(node, label), cleanup, inside["fail"], sub["fail"])
            text += f"TC_TRY {{\n{code}{self._check(node, inside)}"
            ends.append(f"{_label(label)}{cleanup}\n}} TC_CATCH {{\ntc_caught();\n{sub['fail']}\n}}\n")
            outer = label
        return text + "".join(reversed(ends))

    def _node(self, k: int, node: Any, outer: str) -> str:
        """The code of node number ``k``, which fails to ``outer``.

        As a function, it works on copies of pointers and numbers: what functions share, compilers read again after each store.
        """
        inner = f"tc_node_{k}" if self._divided else outer
        sub = self._sub(len(self.filled) + 1 + k, inner, node)
        code = guarded(self.code(node, inner), sub["fail"]) + self._check(node, sub)
        if not self._divided:
            return code
        names = dict.fromkeys(name for names in self.arguments(node) for name in names)
        plain = [name for name in names if self._is_plain(name)]
        into = "".join(f"auto& tc_of_{name} = {name};\n" for name in plain) + "".join(f"auto {name} = tc_of_{name};\n" for name in plain)
        back = "".join(f"tc_of_{name} = {name};\n" for name in plain)
        return f"{_function(f'{into}{code}{_label(inner)}{back}')}if (tc_failure) goto {outer};\n"

    def _is_plain(self, name: str) -> bool:
        """Whether all that a variable's type declares is a pointer or a number of this name, and types."""
        variable = self._variables[name]
        found = _PLAIN.fullmatch(self._declare(name, variable.type, variable))
        return found is not None and found[1] == name

    def _check(self, node: Any, sub: dict[str, str]) -> str:
        """Whether a node's own code made what its outputs' types promise."""
        if node in self.called:
            return ""
        return "".join(str(ask(v.type, "c_check", self.names[v], sub, default="")) for v in node.outputs)

    def _operands(self) -> str:
        """Where a node failed: keep what it read, as Python objects."""
        sub = {"fail": "{ goto tc_reported; }"}
        own = set(self.made)
        cases = []
        for k, node in enumerate(self.nodes):
            synced = "".join(f"{{\n{v.type.c_sync(self.names[v], sub)}\n}}\n" for v in dict.fromkeys(node.inputs) if v in own)
            read = ", ".join(f"py_{self.names[v]}" if v in self.names else "Py_None" for v in node.inputs)  # but for constants
            packed = f"PyTuple_Pack({len(node.inputs)}{', ' if read else ''}{read})"
            cases.append(f"case {k}: {{\n{synced}Py_XSETREF(tc_operands, {packed});\nbreak;\n}}\n")
        return OPERANDS.format(count=len(self.filled), first=len(self.filled) + 1, cases="".join(cases))

    def _leave(self, k: int, name: str, kind: Any, variable: Any) -> str:
        """Hand a result back, and clean up."""
        text = ""
        if variable in self.wanted:
            sub = self._sub(k, f"tc_synced_{k}")
            text = f"""if (!tc_failure) {{
{guarded(kind.c_sync(name, sub), sub["fail"])}
PyObject* tc_old = PyList_GET_ITEM(storage_{name}, 0);
Py_XINCREF(py_{name});
PyList_SET_ITEM(storage_{name}, 0, py_{name});
Py_XDECREF(tc_old);
}}
{_label(f"tc_synced_{k}")}"""
        sub = self._sub(k, f"tc_cleaned_{k}")
        cleanup = guarded(ask(kind, "c_cleanup", name, sub, default=""), sub["fail"])
        text += f"{cleanup}{_label(f'tc_cleaned_{k}')}Py_XDECREF(py_{name});\n"
        return _label(f"tc_label_{k}") + (_function(text) if self._divided and variable is not None else text)

    def _call(self, node: Any, sub: dict[str, str]) -> str:
        """Values into Python objects, the call, and its results back: by nothing but the types' documented methods."""
        operands = {self.names[v]: v for v in node.inputs if not isinstance(v, Constant)}
        outputs = self.arguments(node)[1]
        callables = f"storage_tc_called_{self.number(node)}"
        lines = [f"{{\n{variable.type.c_sync(name, sub)}\n}}" for name, variable in operands.items()]
        lines.append(f"PyObject* tc_arguments[] = {{{', '.join(f'py_{name}' for name in operands) or 'NULL'}}};")
        lines.append("PyObject* tc_results = NULL;")
        # each of them, but for the last, may refuse what it cannot take as it is
        lines.append(f"for (Py_ssize_t k = 0; !tc_results && k < PyList_GET_SIZE({callables}); k++) {{")
        lines.append(f"if (k > 0 && !PyErr_ExceptionMatches(PyExc_TypeError)) {sub['fail']}\nPyErr_Clear();")
        lines.append(f"tc_results = PyObject_Vectorcall(PyList_GET_ITEM({callables}, k), tc_arguments, {len(operands)}, NULL);\n}}")
        lines.append(f"if (!tc_results) {sub['fail']}")
        for k, name in enumerate(outputs):
            lines.append(f"Py_XDECREF(py_{name}); py_{name} = PySequence_Fast_GET_ITEM(tc_results, {k}); Py_INCREF(py_{name});")
        lines.append("Py_DECREF(tc_results);")
        for name, variable in zip(outputs, node.outputs, strict=True):
            lines.append(f"{{\n{ask(variable.type, 'c_cleanup', name, sub, default='')}\n}}")
            lines.append(f"{{\n{ask_with_check(variable.type.c_extract, name, sub, self.checked[variable])}\n}}")
        # a block of its own: jumps to a label outside do not cross what is declared in it
        return "\n".join(("{", *lines, "}"))

    # ------------------------------------------------------------ the struct's life

    def _construct(self, node: Any) -> str:
        """A member function that runs the struct code of a node; empty where it has none."""
        k = self.number(node)
        sub = self._sub(len(self.filled) + 1 + k, "tc_label_1", node)
        code = ask(node.op, "c_init_code_struct", node, self.name(node), sub, default="") or ""
        if not code.strip():
            return ""
        before = after = ""
        kind = self.params.get(node)
        if kind is not None:
            name = f"tc_params_{k}"
            before = f"PyObject* py_{name} = NULL;\n(void) py_{name};\n{self._declare(name, kind, None)}{self._fill(1, name, kind, None)}"
            after = self._leave(1, name, kind, None)
        else:
            after = _label("tc_label_1")
        return f"c_code_must_not_return tc_init_{k}() {{\nint tc_failure = 0;\n{before}{guarded(code, sub['fail'])}{after}return {{tc_failure}};\n}}\n"

    def _destruct(self, node: Any) -> str:
        """A member function that runs the cleanup of a node's struct; empty where it has none."""
        code = joined(ask(node.op, "c_cleanup_code_struct", node, self.name(node)))
        caught = guarded(code, "PyErr_WriteUnraisable(NULL);")  # nobody is there to raise it
        return f"void tc_destroy_{self.number(node)}() {{\n{caught}}}\n" if code.strip() else ""

    def struct(self) -> str:
        """The struct."""
        own = [node for node in self.nodes if node not in self.called]
        births = {node: self._construct(node) for node in own}
        deaths = {node: self._destruct(node) for node in own}
        build = [
            (f"if ((tc_failure = tc_init_{self.number(node)}().failure)) return tc_failure;\n" if births[node] else "") + f"tc_built = {k};"
            for k, node in enumerate(own, 1)
        ]
        ruin = [f"if (tc_built >= {k}) tc_destroy_{self.number(node)}();" for k, node in enumerate(own, 1) if deaths[node]]
        names = list(self.storages.values())
        return STRUCT.format(
            members="\n".join(f"PyObject* {name};" for name in names),
            support="\n".join(joined(ask(node.op, "c_support_code_struct", node, self.name(node))) for node in own),
            functions="".join((*births.values(), *deaths.values())),
            clear="\n".join(f"{name} = NULL;" for name in names),
            take="\n".join(f"{name} = PyTuple_GET_ITEM(cells, {k}); Py_INCREF({name});" for k, name in enumerate(names)),
            init="\n".join(build),
            cleanup="\n".join(reversed(ruin)),
            give="\n".join(f"Py_CLEAR({name});" for name in names),
            run=self.run(),
            count=len(names),
        )


def _checks(op: Any) -> bool:
    """Whether an op wants its inputs checked."""
    asked = getattr(op, "check_input", None)
    return bool(config.check_input if asked is None else asked)


def _extract_out(kind: Any, name: str, sub: dict[str, str], check: bool) -> str:
    """Fill an output from what its cell has; types that know nothing of old results start from nothing."""
    own = getattr(kind, "c_extract_out", None)
    if own is not None:
        return ask_with_check(own, name, sub, check)
    extract = ask_with_check(kind.c_extract, name, sub, check)
    return f"if (py_{name} == Py_None) {{\n{ask(kind, 'c_init', name, sub, default='')}\n}} else {{\n{extract}\n}}"
