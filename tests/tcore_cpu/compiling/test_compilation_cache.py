"""Functions that an earlier process compiled are taken from the kernel store, and only those that would be the same."""

from __future__ import annotations

import math
import os
import pickle
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.compile import compilation_cache
from tcore.compile.maker import FunctionMaker
from tcore.configuration import config
from tcore.optimizer import local_optimizer, optdb
from tcore.optimizer.database import changed_by_programs
from tcore_cpu.compiling.compiler import find_compiler
from tcore_cpu.compiling.kept_programs import read, write
from tcore_cpu.compiling.store import PROGRAM_SUFFIX, open_store

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="no C compiler")


@pytest.fixture
def store(tmp_path, monkeypatch):
    """The cache, on, in a store of this test alone, whatever is edited while the tests run, and whatever other tests registered."""
    monkeypatch.setattr(compilation_cache, "LOADED", math.inf)
    monkeypatch.setattr("tcore.optimizer.database._changed", False)
    folder = tmp_path / "kernels"
    with config.change_flags(cpu__store=str(folder), backend="cpu", compilation_cache=True):
        yield folder


@pytest.fixture
def optimized(monkeypatch):
    """Names of the functions that were optimized, as this goes on."""
    names = []
    optimize = FunctionMaker._optimize

    def noted(maker, fgraph):
        names.append(maker.name)
        optimize(maker, fgraph)

    monkeypatch.setattr(FunctionMaker, "_optimize", noted)
    return names


def made(build=None, **options):
    """A function of always the same graph, made in always the same line: ``build`` gives its expression."""
    x = T.dvector("x")
    return tcore.function([x], (build or (lambda x: T.exp(x).sum() * 2))(x), **options)


def all_made(*options):
    """One function for each mapping of options. (Who calls is part of what is kept, so the calls come from one line.)"""
    return [made(**each) for each in options]


def kept(store):
    return sorted(store.glob("*" + PROGRAM_SUFFIX))


# ------------------------------------------------------------------------------------------------------ in a new process

PROGRAM = """
import os, sys
import numpy as np
import tcore
import tcore.tensor as T

if "strict" in sys.argv:
    import subprocess
    from tcore.compile.maker import FunctionMaker

    def refuse(*args, **kwargs):
        raise AssertionError("this process optimizes, or starts a program")

    FunctionMaker._optimize = subprocess.Popen.__init__ = refuse

x, y = T.dmatrix("x"), T.ivector("y")
w, b = tcore.shared(np.full((3, 2), 0.5), "w"), tcore.shared(np.zeros(2), "b")
p = T.nnet.softmax(T.dot(x, w) + b)
cost = -T.log(p[T.arange(y.shape[0]), y]).mean()
slopes = T.grad(cost, [w, b])
train = tcore.function([x, y], cost, updates=[(w, w - slopes[0]), (b, b - slopes[1])])
data = np.arange(12.0).reshape(4, 3) / 10, np.array([0, 1, 1, 0], dtype="int32")
print(*(float(train(*data)) for _ in range(3)), w.get_value().tolist())
streams = T.shared_randomstreams.RandomStreams(7)
draw = tcore.function([], streams.normal((2,)))
print(draw().tolist(), draw().tolist())
z = T.dvector("z")
both = tcore.function([tcore.In(z, mutable=True)], {"double": z * 2, "sum": z.sum(), "T": T.outer(z, z).T})
print({name: value.tolist() for name, value in both(np.arange(3.0)).items()})
swap = tcore.function([z], [w.sum(), b.sum()], givens={b: z[:2]})
print([float(value) for value in swap(np.arange(3.0))])
print([module for module in ("tcore.optimizer", "tcore.codegen", "tcore_cpu.programs.drafting") if module in sys.modules])
"""


def run(program, store, *arguments, **environment):
    path = store.parent / "program.py"
    if not path.exists() or path.read_text(encoding="utf-8") != textwrap.dedent(program):
        path.write_text(textwrap.dedent(program), encoding="utf-8")
    flags = f"base_compiledir={store.parent},cpu.store={store},compilation_cache=True"
    child = subprocess.run(
        [sys.executable, "-P", str(path), *arguments], env={**os.environ, "TCORE_FLAGS": flags, **environment}, capture_output=True, text=True, check=False
    )
    assert child.returncode == 0, child.stderr
    return child.stdout.splitlines()


def test_second_process_neither_optimizes_nor_compiles(store):
    first = run(PROGRAM, store, PYTHONHASHSEED="1")
    second = run(PROGRAM, store, "strict", PYTHONHASHSEED="2")
    assert second[:-1] == first[:-1]
    assert first[-1] == "['tcore.optimizer', 'tcore.codegen', 'tcore_cpu.programs.drafting']"
    assert second[-1] == "[]"


SMALL = """
import sys
import numpy
before = set(sys.modules)
import tcore
import tcore.tensor as T

x = T.dscalar("x")
tcore.function([x], x**2 + 1)(3.0)
unwanted = ("hashlib", "scipy", "tempfile", "pathlib", "json", "urllib", "tcore.optimizer", "tcore.link.work", "tcore.link.rounds", "tcore_cpu.native.abi")
print([module for module in unwanted if module in set(sys.modules) - before])
"""


def test_second_process_loads_little(store):
    """Neither OpenSSL nor SciPy, nor what only compiling needs, and as little of the standard library as there need be."""
    run(SMALL, store)
    assert run(SMALL, store) == ["[]"]


def test_program_whose_lines_moved_is_compiled_again(store):
    """Error reports name lines: they would be those of the old text."""
    run(PROGRAM, store)
    assert "this process optimizes" in failure("\n" + PROGRAM, store)


def failure(program, store):
    with pytest.raises(AssertionError) as caught:
        run(program, store, "strict")
    return str(caught.value)


OPS = """
import sys
import numpy as np
import tcore
import tcore.tensor as T

class Twice(tcore.Op):
    __props__ = ()
    def make_node(self, x):
        return tcore.Apply(self, [x], [x.type()])
    def perform(self, node, inputs, outputs):
        outputs[0][0] = FACTOR * inputs[0]

x = T.dvector("x")
print(tcore.function([x], Twice()(x))(np.ones(2)))
"""


def test_ops_of_a_program_are_not_kept(store):
    """Their code may have changed since."""
    assert run(OPS.replace("FACTOR", "2"), store) == ["[2. 2.]"]
    assert run(OPS.replace("FACTOR", "3"), store) == ["[3. 3.]"]
    assert kept(store) == []


def test_ops_that_are_pickled_by_a_name_are_not_kept(store):
    program = OPS.replace("__props__ = ()", "def __reduce_ex__(self, protocol): return 'twice'").replace("Twice()(x)", "twice(x)")
    assert run(program.replace("FACTOR", "2").replace("\nx = ", "\ntwice = Twice()\nx = "), store) == ["[2. 2.]"]
    assert kept(store) == []


PLUGIN = """
import tcore

class Scaled(tcore.Op):
    __props__ = ()
    def make_node(self, x):
        return tcore.Apply(self, [x], [x.type()])
    def perform(self, node, inputs, outputs):
        outputs[0][0] = FACTOR * inputs[0]
"""

USER = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
import tcore
import tcore.tensor as T
from scaled import Scaled
x = T.dvector("x")
f = tcore.function([x], T.exp(x).sum() + 0 * Scaled()(x).sum())
print(f(np.zeros(2)), Scaled.__module__)
"""


def test_edited_plugin_is_another_one(store, tmp_path):
    """The files of every package that takes part are part of the key."""
    package, info = tmp_path / "site" / "scaled", tmp_path / "site" / "scaled-1.0.dist-info"
    for folder in (package, info):
        folder.mkdir(parents=True)
    (package / "__init__.py").write_text(PLUGIN.replace("FACTOR", "2"), encoding="utf-8")
    (package / "plugin.py").write_text("", encoding="utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: scaled\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[tcore.plugins]\nscaled = scaled.plugin\n[tcore.api]\nv1 = v1:v1\n", encoding="utf-8")
    run(USER, store, str(package.parent))
    (first,) = kept(store)
    run(USER, store, str(package.parent))
    assert kept(store) == [first]
    (package / "__init__.py").write_text(PLUGIN.replace("FACTOR", "30"), encoding="utf-8")
    run(USER, store, str(package.parent))
    assert len(kept(store)) == 2


def test_files_that_changed_while_the_process_ran(store, monkeypatch):
    """It may have loaded what stood there before, and others must not take its program for that of the new text."""
    monkeypatch.setattr(compilation_cache, "LOADED", 0.0)
    compilation_cache._files_of.cache_clear()
    made()
    compilation_cache._files_of.cache_clear()
    assert kept(store) == []


# ------------------------------------------------------------------------------------------------- what decides about a key


def test_same_function_is_recalled(store, optimized):
    f, g = (made() for _ in range(2))
    assert len(optimized) == 1
    assert f([0.0, 1.0]) == g([0.0, 1.0]) == pytest.approx(2 * (1 + np.e))


@pytest.mark.parametrize(
    "change",
    [
        {"build": lambda x: T.exp(x).sum() * 3},
        {"build": lambda x: T.exp(x).sum() * np.float32(2)},
        {"build": lambda x: T.exp(x[:2]).sum() * 2},
        {"mode": tcore.Mode("cvm", "fast_compile")},
        {"mode": tcore.compile.FAST_RUN.excluding("fusion")},
        {"mode": tcore.Mode("cvm_nogc")},
        {"updates_transactional": True},
    ],
    ids=lambda change: "-".join(change),
)
def test_another_function(store, optimized, change):
    all_made({}, change, change)
    assert len(optimized) == 2


@pytest.mark.parametrize(
    "flags", [{"openmp_elemwise_minsize": 7}, {"allow_gc": False}, {"floatX": "float32"}, {"plugins.disabled": "tcore_sparse"}], ids=lambda flags: next(iter(flags))
)
def test_options_are_part_of_the_key(store, optimized, flags):
    for changes in ({}, flags, flags, {}):
        with config.change_flags(changes):
            made()
    assert len(optimized) == 2


@pytest.mark.parametrize(
    "declare",
    [
        lambda x: tcore.In(x, mutable=True),
        lambda x: tcore.In(x, borrow=True),
        lambda x: tcore.In(x, strict=True),
        lambda x: tcore.In(x, name="other"),
    ],
    ids=["mutable", "borrow", "strict", "name"],
)
def test_declarations_of_inputs(store, optimized, declare):
    for how in (lambda x: x, declare, declare):
        x = T.dvector("x")
        tcore.function([how(x)], x * 2)
    assert len(optimized) == 2


def test_borrowed_outputs(store, optimized):
    for borrow in (False, True, True):
        x = T.dvector("x")
        tcore.function([x], tcore.Out(x.T, borrow=borrow))
    assert len(optimized) == 2


@pytest.mark.parametrize("name", ["numpy", "files"])
def test_versions_are_part_of_the_key(store, optimized, monkeypatch, name):
    for changed in (False, True, True):
        if changed and name == "numpy":
            monkeypatch.setattr(compilation_cache.np, "__version__", "0.0")
        elif changed:
            monkeypatch.setattr(compilation_cache, "_files_of", lambda package: f"other files of {package}")
        made()
    assert len(optimized) == 2


# ---------------------------------------------------------------------------------------------------------- shared variables


def counter(start, step):
    n = tcore.shared(start, "n")
    return n, tcore.function([], n * 2, updates=[(n, n + step)])


def test_values_are_those_of_the_new_function(store, optimized):
    (n, f), (m, g) = (counter(np.float64(start), 1.0) for start in (1, 10))
    assert len(optimized) == 1
    assert [f(), f()] == [2, 4]
    assert [g(), g()] == [20, 22]
    assert (n.get_value(), m.get_value()) == (3, 12)


def test_types_of_values_are_part_of_the_key(store, optimized):
    for start in (np.float64(1), np.float32(1), np.ones(2), np.float64(1)):
        counter(start, np.float32(1))
    assert len(optimized) == 3


def test_which_variable_is_which(store, optimized):
    for swapped in (False, True, False):
        a, b = tcore.shared(np.float64(1), "a"), tcore.shared(np.float64(2), "b")
        x, y = (b, a) if swapped else (a, b)
        f = tcore.function([], x - 10 * y)
        assert f() == (2 - 10 if swapped else 1 - 20)
    # the two are told apart by what they are used for: a graph of the same shape may be recalled, its values never
    assert len(optimized) <= 2


def test_hints_on_shared_variables(store, optimized):
    """A triangular solver would read half of a matrix of which nothing is known."""
    for hints in ({"lower_triangular": True}, {}):
        a, b = tcore.shared(np.array([[2.0, 1.0], [0.0, 3.0]]), "a"), T.dvector("b")
        a.tag.hints = hints
        solved = tcore.function([b], tcore.tensor.linalg.solve(a, b))([1.0, 2.0])
    np.testing.assert_allclose(solved, [1 / 6, 2 / 3])
    assert len(optimized) == 2


def test_generators_go_on(store, optimized):
    """A recalled function draws what one that was compiled draws."""
    drawn = []
    for _ in range(2):
        f = tcore.function([], T.shared_randomstreams.RandomStreams(5).uniform((3,)))
        drawn.append([f().tolist() for _ in range(2)])
    assert len(optimized) == 1
    assert drawn[0] == drawn[1]
    assert drawn[0][0] != drawn[0][1]


# ------------------------------------------------------------------------------------------------------- what is never kept


@pytest.mark.parametrize(
    "options",
    [
        {"profile": tcore.compile.ProfileStats(atexit_print=False)},
        {"mode": "DebugMode"},
        {"mode": tcore.Mode("py")},
        {"mode": tcore.Mode("cvm", optdb.query(tcore.compile.predefined_optimizers["fast_run"]))},
        {"build": lambda x: x + np.zeros(1 << 21)},
    ],
    ids=["profile", "DebugMode", "Python", "an optimizer", "large constant"],
)
def test_not_kept(store, optimized, options):
    all_made(options, options)
    assert len(optimized) == 2
    assert kept(store) == []


@pytest.mark.parametrize("flags", [{"optimizer_verbose": True}, {"check_stack_trace": "log"}, {"compilation_cache": False}], ids=lambda flags: next(iter(flags)))
def test_options_that_keep_nothing(store, optimized, flags, capsys):
    with config.change_flags(**flags):
        for _ in range(2):
            made()
    assert len(optimized) == 2
    assert kept(store) == []


def test_optimizations_of_the_program(store, optimized, monkeypatch):
    """What a program registers has no place in a key."""
    monkeypatch.setattr("tcore.optimizer.database._changed", False)

    @local_optimizer([T.exp])
    def local_nothing(node):
        return False

    assert not changed_by_programs()
    try:
        for registered in (False, True):
            if registered:
                optdb["canonicalize"].register("local_nothing_of_a_program", local_nothing, "fast_run")
            assert changed_by_programs() == registered
            made()
        assert len(optimized) == 2
    finally:
        optdb["canonicalize"].unregister("local_nothing_of_a_program")


def test_errors_come_as_ever(store):
    x, y = T.dvector("x"), T.dvector("y")
    for _ in range(2):
        with pytest.raises(tcore.compile.UnusedInputError, match="position 1"):
            tcore.function([x, y], x * 2)
        with pytest.raises(tcore.gof.MissingInputError, match="y"):
            tcore.function([x], x * y)


def test_unused_inputs_are_told_of_each_time(store):
    x, y = T.dvector("x"), T.dvector("y")
    for _ in range(2):
        with pytest.warns(UserWarning, match="not needed"):
            tcore.function([x, y], x * 2, on_unused_input="warn")


# ------------------------------------------------------------------------------------------------------- recalled functions


def recalled(optimized, build=None, **options):
    _, f = all_made(*[{"build": build, **options}] * 2)
    assert len(optimized) == 1
    return f


def test_recalled_function_explains_itself(store, optimized):
    first, f = all_made({}, {})
    assert len(optimized) == 1
    assert [kernel.origin for kernel in f.explain().kernels] == ["store"]
    assert str(f.maker.fgraph) == str(first.maker.fgraph)
    assert str(f.memory_plan()) == str(first.memory_plan())


def test_recalled_function_is_pickled_and_copied(store, optimized):
    f = recalled(optimized)
    expected = f([1.0, 2.0])
    assert pickle.loads(pickle.dumps(f))([1.0, 2.0]) == expected
    assert f.copy()([1.0, 2.0]) == expected


def test_errors_of_recalled_functions_name_the_line(store, optimized):
    f = recalled(optimized, lambda x: x + T.ones((3,)))
    with pytest.raises(ValueError, match=r"mis-match|broadcast") as caught:
        f([1.0, 2.0])
    assert Path(__file__).name in str(caught.value)


def test_partial_outputs(store, optimized):
    f = recalled(optimized, lambda x: [x.sum(), x.max()])
    assert f([1.0, 2.0], output_subset=[1]) == [2.0]


# ----------------------------------------------------------------------------------------------------------------- the store


def spoilt(store, spoil):
    """The file of a function, which ``spoil`` is given before the same function is made again."""
    path = None
    for _ in range(2):
        f = made()
        if path is None:
            (path,) = kept(store)
            content = path.read_bytes()
            spoil(path)
    assert f([0.0]) == 2
    return path, content


def test_damaged_file(store, optimized):
    path, content = spoilt(store, lambda path: path.write_bytes(path.read_bytes()[:-1]))
    assert len(optimized) == 2
    assert read(path.stem) == content[32:]  # written again


def test_content_of_another_kind(store, optimized):
    path, content = spoilt(store, lambda path: write(path.stem, pickle.dumps("something")))
    assert len(optimized) == 2
    assert read(path.stem) == content[32:]


def test_file_that_others_could_write(store, optimized):
    spoilt(store, lambda path: path.chmod(0o666))
    assert len(optimized) == 2


def test_store_that_cannot_be_written(store, optimized, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    made()  # its kernel is there now
    monkeypatch.setattr("tcore_cpu.compiling.kept_programs.write_whole", full)
    before = kept(store)
    assert made()([0.0]) == 2
    assert len(optimized) == 2
    assert kept(store) == before


def test_another_place(store, optimized, tmp_path):
    """Where the store lies is no part of a key: what was made in one that is moved, or serves as a layer below another, is found."""
    places = {}, {"cpu.store": str(tmp_path / "own"), "cpu.store_layers": str(store)}
    for changes in places:
        with config.change_flags(changes):
            f = made()
    assert f([0.0]) == 2
    assert len(optimized) == 1
    assert len(kept(store)) == 1
    assert not list((tmp_path / "own").iterdir())


def test_old_files_are_not_used_and_go(store, optimized):
    made()
    (path,) = kept(store)
    old = time.time() - config.cmodule.age_thresh_use - 100
    os.utime(path, (old, old))
    assert read(path.stem) is None
    open_store(config.cpu.store).sweep()
    assert path.exists()  # for a week
    older = old - 8 * 24 * 3600
    os.utime(path, (older, older))
    open_store(config.cpu.store).sweep()
    assert not path.exists()
