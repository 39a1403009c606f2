"""What exported functions refuse, and what cannot be exported: the errors say why."""

from __future__ import annotations

import pytest
from exports import compile_, run_python

import tcore
import tcore.tensor as tt
from tcore.compile.mode import Mode
from tcore.graph import Apply, Op
from tcore.link import ExportError
from tcore.tensor.assertion import Assert


def test_checks(tmp_path) -> None:
    """Conditions of a graph are part of the library; the error has their text."""
    x = tt.dvector("x")
    compile_([x], Assert("all are positive")(x, tt.all(x > 0)) * 2).export(tmp_path / "checked")
    body = """
import checked
model = checked.Model()
for numbers in ([1.0, 2.0], [1.0, -2.0]):
    try:
        print(model(np.array(numbers)))
    except ValueError as error:
        print(error)
"""
    first, second = run_python(tmp_path, body)
    assert first == "[2. 4.]"
    assert second.startswith("a condition on lengths or numbers does not hold in Assert{msg='all are positive'}")


class OwnChoice(Op):
    """Its first input, by a thunk that asks for it."""

    __props__ = ()
    lazy = True

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def make_thunk(self, node, storage_map, compute_map, no_recycling, impl=None):
        (x,), (y,) = node.inputs, node.outputs

        def thunk():
            if not compute_map[x][0]:
                return [0]
            storage_map[y][0], compute_map[y][0] = storage_map[x][0], True
            return None

        thunk.lazy = True
        return thunk


class PythonOnly(Op):
    """x + 1, in Python."""

    __props__ = ()

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage, params=None):
        output_storage[0][0] = inputs[0] + 1


def test_what_needs_python_is_refused(tmp_path) -> None:
    """The error names the nodes and values, and what to do; nothing is written."""
    x = tt.dvector("x")
    with pytest.raises(ExportError, match=r"need Python:\n  PythonOnly.*PythonOnly has no lowering\nWrite them with ops") as found:
        compile_([x], PythonOnly()(x) * 2, name="twice").export(tmp_path / "model")
    assert str(found.value).startswith('the function "twice" cannot be exported')
    anything = tcore.graph.generic()
    anything.name = "anything"
    with pytest.raises(ExportError, match="input anything is of type"):
        compile_([anything, x], x, on_unused_input="ignore").export(tmp_path / "model")
    with pytest.raises(ExportError, match="OwnChoice.*: it decides in Python which of its inputs are computed; ifelse can be exported"):
        compile_([x], OwnChoice()(x + 1)).export(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_backends_without_export(tmp_path) -> None:
    """A linker that writes no code says which one does."""
    x = tt.dvector("x")
    f = tcore.function([x], x + 1, mode=Mode(linker="py"))
    with pytest.raises(ExportError, match="PerformLinker runs functions inside this process .*package tcore-cpu"):
        f.export(tmp_path / "model")


def test_names_of_files(tmp_path) -> None:
    """The last part of the path is a name in C."""
    x = tt.dvector("x")
    with pytest.raises(ValueError, match="'my-model' cannot start names in C"):
        compile_([x], x + 1).export(tmp_path / "my-model")
    with pytest.raises(ValueError, match=r"'class' is a word of Python, so that nothing could import class\.py"):
        compile_([x], x + 1).export(tmp_path / "class")


def test_wrong_options(tmp_path) -> None:
    """What was expected and what came, before anything is compiled."""
    f = compile_([x := tt.dvector("x")], tt.exp(x))
    for name, options, error, words in (
        ("a" * 300, {}, ValueError, "at most 200 characters, got 300: aaaaaaaaaaaaaaaaaaaa"),
        ("model", {"blas": 5}, TypeError, "blas must be text, such as '-lopenblas', got 5"),
        ("model", {"blas": ["-lblas"]}, TypeError, r"blas must be text, .* got \['-lblas'\]"),
        ("model", {"march": 5}, TypeError, "march must be text, such as 'native', got 5"),
        ("model", {"blas": "-L'here"}, ValueError, 'blas must be link flags, .* got "-L\'here": No closing quotation'),
    ):
        with pytest.raises(error, match=words):
            f.export(tmp_path / name, **options)
    assert not list(tmp_path.iterdir())
