"""The kernel store: content addressed, verified, private; and the compiler, which a warm process never starts."""

from __future__ import annotations

import errno
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

import tcore.tensor as tt
from tcore import function, gof
from tcore.configuration import config, defaults
from tcore_cpu.compiling import compiler as compiler_module
from tcore_cpu.compiling import core_object
from tcore_cpu.compiling import store as store_module
from tcore_cpu.compiling.compiler import CompileError, Unit, find_compiler, load_units
from tcore_cpu.compiling.libraries import LoadError
from tcore_cpu.compiling.store import Store, StoreWarning, open_store
from tcore_cpu.export import writing
from tcore_cpu.user_code.modules import objection

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="no C compiler")

SOURCE = """
static void body(long n) { (void)n; }
__attribute__((visibility("default"))) void *tc_table[] = {(void *)body};
"""


def test_second_look_up_starts_no_compiler_L10582(folder, monkeypatch) -> None:
    """What was compiled once is found again, in the same layer or in a read-only one below."""
    (first,) = load_units([Unit(SOURCE, 1)])
    assert first.table("tc_table", 1)[0]
    monkeypatch.setattr(compiler_module, "find_compiler", lambda: pytest.fail("a compiler was asked for"))
    (second,) = load_units([Unit(SOURCE, 1)])
    assert second.path == first.path
    upper = Store(folder.parent / "upper", (folder,))
    found = upper.find(Unit(SOURCE, 1).key)
    assert found is not None
    assert found.path == first.path


@pytest.mark.parametrize("damage", ["truncated", "foreign", "record", "format"])
def test_damaged_entries_are_made_again(folder, damage) -> None:
    """A file that is not what the record says is never loaded."""
    (library,) = load_units([Unit(SOURCE, 1)])
    path = library.path
    content = path.read_bytes()
    del library
    if damage == "record":
        path.with_suffix(".record").write_text("{", encoding="utf-8")
    elif damage == "format":  # written by another version
        record = path.with_suffix(".record")
        record.write_text(record.read_text(encoding="utf-8").replace("format\t", "format\t9"), encoding="utf-8")
    else:
        path.unlink()
        path.write_bytes(content[: len(content) // 2] if damage == "truncated" else b"#!/bin/sh\n" + content)
        path.chmod(0o600)
    store = open_store(folder)
    assert store.find(Unit(SOURCE, 1).key) is None
    (again,) = load_units([Unit(SOURCE, 1)])
    assert again.table("tc_table", 1)[0]
    assert store.find(Unit(SOURCE, 1).key) is not None


def test_record_without_its_end(folder) -> None:
    """A record that was cut off anywhere, even where it still has lines, is as good as none."""
    (library,) = load_units([Unit(SOURCE, 1)])
    record = library.path.with_suffix(".record")
    whole = record.read_bytes()
    store = open_store(folder)
    for length in (*range(0, len(whole), 17), len(whole) - 2):
        record.write_bytes(whole[:length])
        assert store.find(Unit(SOURCE, 1).key) is None
    record.write_bytes(whole)
    assert store.find(Unit(SOURCE, 1).key) is not None


def test_records_hold_any_text(folder) -> None:
    """Paths of compilers may hold whatever file systems take."""
    store = open_store(folder)
    store.write_record("compilers.record", {"/opt/c c\tc": "one\ttwo", "\udcff": "first\nsecond\r", "plain": ""})
    assert store.read_record("compilers.record") == {"/opt/c c": "c\tone\ttwo", "\\udcff": "first second\r", "plain": ""}
    (folder / "compilers.record").write_bytes(b"\xff\t\n")
    assert store.read_record("compilers.record") == {}


@pytest.mark.parametrize("form", ["{}", "{}/", "{}//"])
def test_separators_at_the_end_of_a_folder(folder, form) -> None:
    """They change neither what is found nor that it ages."""
    (library,) = load_units([Unit(SOURCE, 1)])
    os.utime(library.path.with_suffix(".record"), (0, 0))
    store = Store(form.format(folder))
    assert store.root == folder
    assert store.find(Unit(SOURCE, 1).key) is None
    assert Store(folder.parent / "upper", (form.format(folder),)).find(Unit(SOURCE, 1).key) is not None


def test_entries_of_another_version(folder, monkeypatch) -> None:
    """Two versions of tcore whose kernels call different runtimes share a store, and neither sees what the other wrote."""
    (ours,) = load_units([Unit(SOURCE, 1)])
    with monkeypatch.context() as patch:
        patch.setattr(compiler_module, "RUNTIME_ABI", -1)
        (theirs,) = load_units([Unit(SOURCE, 1)])
        assert theirs.compiled
        assert theirs.path != ours.path
    (again,) = load_units([Unit(SOURCE, 1)])
    assert not again.compiled
    assert again.path == ours.path


def test_entries_for_other_cpus_are_left_alone(folder) -> None:
    """An entry that needs a feature which this CPU lacks is not loaded; one that needs less is."""
    (library,) = load_units([Unit(SOURCE, 1)])
    key = Unit(SOURCE, 1).key
    store = open_store(folder)
    assert Store(folder, (), frozenset(["nothing"])).find(key) is None
    more = Store(folder, (), store.features | {"a-feature-of-tomorrow"}).find(key)
    assert more is not None
    assert more.path == library.path


def test_store_that_cannot_be_made(tmp_path) -> None:
    """A path below a file is refused likewise."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.warns(StoreWarning, match=r"cannot be made.*cpu\.store"):
        store = open_store(tmp_path / "file" / "kernels")
    assert store.root.is_dir()


@pytest.mark.parametrize("flag", ["cpu.store", "compiledir", "base_compiledir"])
def test_file_where_a_folder_belongs(tmp_path, flag) -> None:
    """One warning names the path and what helps; kernels are made elsewhere, and results are right."""
    (tmp_path / "file").touch()
    found = _run(PROGRAM, TCORE_FLAGS=f"backend=cpu,{flag}={tmp_path / 'file'}")
    assert found.returncode == 0, found.stderr
    assert found.stderr.count("StoreWarning") == 1
    reason = "is no folder" if flag == "cpu.store" else r"cannot be made \(Not a directory\)"
    assert re.search(rf"{tmp_path / 'file'}\S* {reason}.*set the flag cpu.store", found.stderr)
    assert found.stdout == _run(PROGRAM).stdout


def test_library_that_lacks_something(folder) -> None:
    """That is the code's fault, not the store's."""
    lacking = "extern void tc_nowhere(void); void tc_other(void) { tc_nowhere(); }\n"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(LoadError, match="cannot be loaded: .*undefined symbol: tc_nowhere"):
            load_units([Unit(lacking.replace("void tc_other", '__attribute__((visibility("default"))) void tc_other') + SOURCE, 1)])


@pytest.mark.parametrize("what", ["runtime", "export"])
def test_full_disk_for_the_runtime_and_for_exports(folder, tmp_path, monkeypatch, what) -> None:
    """What is no kernel is made elsewhere likewise."""
    script = tmp_path / "cc"
    deed = f"echo fatal: {os.strerror(errno.ENOSPC)} >&2; exit 1"
    script.write_text(f'#!/bin/sh\ncase "$TMPDIR" in {folder}*) {deed};; esac\nexec gcc "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    x = tt.dvector("x")
    f = function([x], tt.exp(x) * 2)
    monkeypatch.setenv("CC", str(script))
    monkeypatch.setattr(store_module, "_opened", {})
    monkeypatch.setattr(core_object.runtime_build, "shipped_object", lambda: None)
    # the true one takes long to compile
    short = ["-xc", "-c", "/dev/null"]
    monkeypatch.setattr(core_object.runtime_build, "object_command", lambda command, target: [*command, *short, "-o", str(target)])
    monkeypatch.setattr(writing, "libraries_of", lambda compiler: ("-lm", "-Wl,--unresolved-symbols=ignore-all"))
    with pytest.warns(StoreWarning, match=r"cannot be written any more \(No space"):
        made = core_object.core_library().path if what == "runtime" else f.export(tmp_path / "model")[0]
    assert made.exists()
    assert made.parent != folder


@pytest.mark.parametrize("when", ["the compiler writes", "the library is moved", "the store is deleted"])
def test_store_that_fails_while_it_is_written(folder, tmp_path, monkeypatch, when) -> None:
    """A full disk, or a folder that goes: one warning, and the kernel is made elsewhere."""
    monkeypatch.setattr(store_module, "_opened", {})
    put = Store.put_file

    def full(self, key, built, about):
        if self.root == folder:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return put(self, key, built, about)

    if when == "the library is moved":
        monkeypatch.setattr(Store, "put_file", full)
    else:
        # compilers speak the user's language
        full_disk = f'[ "$LC_ALL" = C ] && echo fatal: {os.strerror(errno.ENOSPC)} || echo Fehler: kein Platz'
        deed = f"rm -rf {folder}; echo no input" if when == "the store is deleted" else f"({full_disk})"
        script = tmp_path / "cc"
        script.write_text(f'#!/bin/sh\ncase "$TMPDIR" in {folder}*) {deed} >&2; exit 1;; esac\nexec gcc "$@"\n', encoding="utf-8")
        script.chmod(0o755)
        monkeypatch.setenv("CC", str(script))
    with pytest.warns(StoreWarning, match=r"cannot be written any more \((No space|No such).*cpu\.store"):
        (library,) = load_units([Unit(SOURCE, 1)])
    assert library.table("tc_table", 1)[0]
    assert library.path.parent != folder


def test_store_deleted_between_functions(folder) -> None:
    """A store that is gone is made again."""
    load_units([Unit(SOURCE, 1)])
    shutil.rmtree(folder)
    (library,) = load_units([Unit(SOURCE, 1)])
    assert library.path.parent == folder


def test_refused_source_shows_the_compilers_words(folder) -> None:
    """A CompileError has the compiler's output and the command."""
    with pytest.raises(CompileError, match="(?s)could not compile.*error.*command: "):
        load_units([Unit("this is no C;", 0)])


def test_sources_are_kept_L13864(folder) -> None:
    """``nocleanup`` keeps what the compiler was given, whether it took it or not; by default all is removed."""
    refused, taken = Unit("this is no C;", 0), Unit(SOURCE, 1)
    with pytest.raises(CompileError):
        load_units([refused])
    load_units([taken])
    assert not list(folder.glob(".work-*"))
    other = Unit(SOURCE + "/* kept */", 1)
    with config.change_flags(nocleanup=True):
        with pytest.raises(CompileError):
            load_units([refused])
        load_units([other])
    assert {path.read_text(encoding="utf-8") for path in folder.glob(".work-*/*.c")} == {refused.source, other.source}


def test_warnings_of_the_compiler_L14058(folder, caplog) -> None:
    """``cmodule.compilation_warning`` shows them where something is compiled."""
    doubtful = "#warning doubtful\n"
    load_units([Unit(doubtful + SOURCE, 1)])
    assert not caplog.records
    with config.change_flags(**{"cmodule.compilation_warning": True}):
        load_units([Unit(doubtful + SOURCE + "\n", 1)])
        load_units([Unit(doubtful + SOURCE + "\n", 1)])
    (record,) = caplog.records
    assert "doubtful" in record.getMessage()


class TestAgeL14070:
    """``cmodule.age_thresh_use``: an entry that nobody used for so long is made again, and removed a week later."""

    DAY = 24 * 3600

    @pytest.fixture
    def record(self, folder) -> Path:
        (library,) = load_units([Unit(SOURCE, 1)])
        return library.path.with_suffix(".record")

    @staticmethod
    def age(record: Path, seconds: float) -> None:
        os.utime(record, (time.time() - seconds,) * 2)

    def test_use(self, folder, record) -> None:
        """24 days by default; whoever finds an entry keeps it young."""
        self.age(record, 23 * self.DAY)
        assert not load_units([Unit(SOURCE, 1)])[0].compiled
        assert time.time() - record.stat().st_mtime < self.DAY
        self.age(record, 25 * self.DAY)
        store = open_store(folder)
        assert not store.has(Unit(SOURCE, 1).key)
        assert load_units([Unit(SOURCE, 1)])[0].compiled
        assert store.has(Unit(SOURCE, 1).key)
        self.age(record, 7200)
        with config.change_flags(cmodule__age_thresh_use=3600):
            assert load_units([Unit(SOURCE, 1)])[0].compiled

    def test_removal(self, folder, record) -> None:
        """By the next compilation, with its library."""
        for days, stays in ((30, True), (32, False)):
            self.age(record, days * self.DAY)
            load_units([Unit(SOURCE + f"/* {days} */", 1)])
            assert (record.exists(), record.with_suffix(".so").exists()) == (stays, stays)

    def test_superseded_modules_L15191_L15185(self, folder) -> None:
        """A module whose op has a newer version is never loaded again, and in time removed; that of the newer one stays."""

        class Versioned(gof.Op):
            __props__ = ("version",)

            def __init__(self, version):
                self.version = version

            def make_node(self, x):
                return gof.Apply(self, [x], [x.type()])

            def c_code(self, node, name, inputs, outputs, sub):
                return f"Py_XDECREF({outputs[0]}); {outputs[0]} = (PyArrayObject*) PyArray_NewCopy({inputs[0]}, NPY_CORDER);"

            def c_code_cache_version(self):
                return (self.version,)

        def records(version: int) -> set[Path]:
            """What a function with this version adds to the store."""
            before = set(folder.glob("*.record")) if folder.exists() else set()
            x = tt.dvector("x")
            with config.change_flags(backend="cpu"):
                np.testing.assert_array_equal(function([x], Versioned(version)(x))([1.0, 2]), [1, 2])
            return {path for path in folder.glob("*.record") if path.with_suffix(".so").exists()} - before

        (old,), (new,) = records(1), records(2)
        self.age(old, 40 * self.DAY)
        assert not records(2)
        load_units([Unit(SOURCE, 1)])
        assert not old.exists()
        assert not old.with_suffix(".so").exists()
        assert new.with_suffix(".so").exists()

    def test_read_only_layers(self, folder, record) -> None:
        """Their entries do not age: whoever made the layer answers for it."""
        self.age(record, 365 * self.DAY)
        upper = Store(folder.parent / "upper", (folder,))
        assert upper.has(Unit(SOURCE, 1).key)
        assert upper.find(Unit(SOURCE, 1).key) is not None


def test_layers_by_a_flag(folder, tmp_path, monkeypatch) -> None:
    """``cpu.store_layers``: what lies in them is found, best first, nothing is written there, and the store keeps the rest."""
    load_units([Unit(SOURCE, 1)])
    before, own = sorted(folder.iterdir()), tmp_path / "own"
    with config.change_flags(cpu__store=str(own), cpu__store_layers=f"{tmp_path / 'nothing'}:{folder}"):
        with monkeypatch.context() as patch:
            patch.setattr(compiler_module, "find_compiler", lambda: pytest.fail("a compiler was asked for"))
            (found,) = load_units([Unit(SOURCE, 1)])
        assert found.path.parent == folder
        (other,) = load_units([Unit(SOURCE + "int other;", 1)])
        assert other.path.parent == own
    assert sorted(folder.iterdir()) == before


def test_preloading_L14064(folder) -> None:
    """``cmodule.preload_cache`` loads what this CPU can run when the store is opened; later look-ups read no file."""
    other = Unit(SOURCE + "int other;", 1)
    load_units([Unit(SOURCE, 1), other])
    later, upper = Unit(SOURCE + "int later;", 1), folder.parent / "upper"
    upper.mkdir(mode=0o700)
    with config.change_flags(cmodule__preload_cache=True):
        store = open_store(upper, [folder])
    paths = {store.find(unit.key).path for unit in (Unit(SOURCE, 1), other)}
    for path in folder.iterdir():
        path.unlink()
    assert {store.find(unit.key).path for unit in (Unit(SOURCE, 1), other)} == paths
    assert {line.split()[-1] for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines() if str(folder) in line}
    assert store.find(later.key) is None
    assert store.preload() == 2


def test_amdlibm_L13560(folder, tmp_path) -> None:
    """``lib.amdlibm``: its functions are taken before those of the C library; where it is missing, the linker's words say so."""
    (tmp_path / "m.c").write_text("double tgamma(double x) { return 42 + x; }", encoding="utf-8")
    subprocess.run(["gcc", "-shared", "-fPIC", str(tmp_path / "m.c"), "-o", str(tmp_path / "libamdlibm.so")], check=True)
    program = "import tcore, tcore.tensor as T; x = T.dvector('x'); print(tcore.function([x], T.gamma(x))([3.0])[0])"
    flags = f"backend=cpu,cpu.store={folder},lib.amdlibm=True"
    done = _run(program, TCORE_FLAGS=flags, LIBRARY_PATH=str(tmp_path), LD_LIBRARY_PATH=str(tmp_path))
    assert done.stdout.strip() == "45.0", done.stderr
    unit = Unit(SOURCE, 1)
    load_units([unit])
    with config.change_flags(lib__amdlibm=True), pytest.raises(CompileError, match="amdlibm"):
        load_units([unit])


def test_libraries_are_closed(folder) -> None:
    """A library leaves the process with its last user."""
    (library,) = load_units([Unit(SOURCE, 1)])
    path = str(library.path)
    assert path in Path("/proc/self/maps").read_text(encoding="utf-8")
    del library
    assert path not in Path("/proc/self/maps").read_text(encoding="utf-8")


def test_environment_names_the_compiler(monkeypatch) -> None:
    """``CC`` decides; one that does not exist means none."""
    monkeypatch.setenv("CC", "gcc -O1")
    assert find_compiler().command[1:] == ("-O1",)
    monkeypatch.setenv("CC", "no-such-compiler")
    assert find_compiler() is None


def test_compiler_of_ziglang(monkeypatch, tmp_path) -> None:
    """Where PATH has no compiler, that of the package ziglang serves; one on PATH comes first."""
    (tmp_path / "ziglang").mkdir()
    (tmp_path / "ziglang" / "__init__.py").touch()
    zig = tmp_path / "ziglang" / "zig"
    zig.write_text("#!/bin/sh\n", encoding="utf-8")
    zig.chmod(0o755)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "ziglang", raising=False)
    monkeypatch.delenv("CC", raising=False)
    with config.change_flags(cxx=defaults.cxx(config)):
        assert find_compiler().path != str(zig)
    monkeypatch.setenv("PATH", str(tmp_path))
    with config.change_flags(cxx=defaults.cxx(config)):
        assert config.cxx == f"{zig} c++"
        assert find_compiler().command == (str(zig), "cc")
    with config.change_flags(cxx=""):
        assert find_compiler() is None


@pytest.mark.skipif(importlib.util.find_spec("ziglang") is None, reason="no package ziglang")
@pytest.mark.parametrize("program", ["kernels", "users' code"])
def test_kernels_by_ziglang(tmp_path, program) -> None:
    """That compiler takes our flags: nothing else is on PATH, and results are right."""
    text = PROGRAM if program == "kernels" else USERS_PROGRAM
    found = _run(text, TCORE_FLAGS=f"backend=cpu,cpu.store={tmp_path / 'kernels'}", PATH=str(tmp_path), CC="")
    assert found.returncode == 0, found.stderr
    assert "no C compiler" not in found.stderr
    assert found.stdout == _run(text).stdout
    assert list((tmp_path / "kernels").glob("*.so"))


@pytest.mark.parametrize(("c", "cplusplus"), [("gcc", "g++"), ("clang", "clang++")])
@pytest.mark.parametrize("program", ["kernels", "users' code"])
def test_kernels_by_each_compiler(tmp_path, c, cplusplus, program) -> None:
    """gcc and clang, where they are, take our flags and give the same numbers; users' C code in kernels and by itself as well."""
    if shutil.which(c) is None or shutil.which(cplusplus) is None:
        pytest.skip(f"no compiler {c}")
    if program == "users' code" and objection() is not None:
        pytest.skip(objection())
    text = PROGRAM if program == "kernels" else USERS_PROGRAM
    found = _run(text, TCORE_FLAGS=f"backend=cpu,cpu.store={tmp_path / 'kernels'},cxx={cplusplus}", CC=c)
    assert found.returncode == 0, found.stderr
    assert found.stdout == _run(text).stdout
    assert list((tmp_path / "kernels").glob("*.so"))


USERS_PROGRAM = """
import numpy as np
import tcore
import tcore.tensor as T
from tcore import scalar
from tcore.graph import Apply, Op

class Cubed(scalar.UnaryScalarOp):
    def impl(self, x):
        return x * x * x

    def c_code(self, node, name, inputs, outputs, sub):
        return f"{outputs[0]} = {inputs[0]} * {inputs[0]} * {inputs[0]};"

    def c_code_cache_version(self):
        return (1,)

class Copied(Op):
    __props__ = ()

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, outputs):
        outputs[0][0] = inputs[0].copy()

    def c_code(self, node, name, inputs, outputs, sub):
        x, z = inputs[0], outputs[0]
        return f"Py_XDECREF({z}); {z} = (PyArrayObject *)PyArray_NewCopy({x}, NPY_CORDER); if (!{z}) {{ {sub['fail']} }}"

    def c_code_cache_version(self):
        return (1,)

x = T.dvector("x")
cubed = T.Elemwise(Cubed(scalar.same_out, name="cubed"))
f = tcore.function([x], [cubed(x + 1) * 2, Copied()(x)], mode=tcore.Mode("cvm", "fast_run"))
print(f(np.arange(3.0)))
assert {report.runs_on for report in f.explain().nodes} == {"kernel", "C"}, f.explain()
"""


PROGRAM = """
import sys, time
import numpy as np
import tcore.tensor as tt
from tcore.compile.function import function
x, y = tt.dmatrix("x"), tt.dvector("y")
f = function([x, y], [tt.exp(x).sum(axis=0) + y, tt.dot(x, y)])
print(f(np.ones((3, 3)), np.ones(3)))
"""


def _run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-c", program]
    return subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120, check=False
    )


def test_second_process_starts_no_program(tmp_path) -> None:
    """With a warm store nothing is executed: a PATH full of failing compilers is not noticed."""
    traps = tmp_path / "bin"
    traps.mkdir()
    for name in ("gcc", "g++", "cc", "clang"):
        trap = traps / name
        trap.write_text(f"#!/bin/sh\necho started >> {tmp_path}/started\nexit 1\n", encoding="utf-8")
        trap.chmod(0o755)
    flags = f"cpu.store={tmp_path / 'kernels'}"
    first = _run(PROGRAM, TCORE_FLAGS=flags)
    assert first.returncode == 0, first.stderr
    second = _run(PROGRAM, TCORE_FLAGS=flags, PATH=str(traps))
    assert second.returncode == 0, second.stderr
    assert second.stdout == first.stdout
    assert not (tmp_path / "started").exists()


def test_second_process_with_default_folders_starts_no_program(tmp_path) -> None:
    """Nor does anything start one to find out what the folders are called."""
    watched = "import sys\nsys.addaudithook(lambda event, _: event == 'subprocess.Popen' and sys.exit('a program was started'))\n"
    flags = f"base_compiledir={tmp_path}"
    first = _run(PROGRAM, TCORE_FLAGS=flags)
    assert first.returncode == 0, first.stderr
    second = _run(watched + PROGRAM, TCORE_FLAGS=flags)
    assert second.returncode == 0, second.stderr
    assert second.stdout == first.stdout


def test_without_compiler(tmp_path) -> None:
    """No compiler on the PATH: one warning that names the remedy, then right answers."""
    empty = tmp_path / "bin"
    empty.mkdir()
    alone = f"import sys; sys.modules['ziglang'] = None\n{PROGRAM}"
    found = _run(alone, TCORE_FLAGS=f"cpu.store={tmp_path / 'kernels'}", PATH=str(empty), CC="")
    assert found.returncode == 0, found.stderr
    assert found.stderr.count("no C compiler") == 1
    assert "apt install gcc" in found.stderr
    assert found.stdout == _run(PROGRAM).stdout


def test_kernels_of_a_function_are_one_unit(folder, native) -> None:
    """A function's kernels are compiled together: one library for one function."""
    x = tt.dmatrix("x")
    f = native([x], [tt.exp(x).sum(axis=0), tt.log(x).max(axis=1), x.T + 1])
    f(np.ones((2, 2)))
    assert f.maker.linker.kernels >= 2
    assert open_store(folder).entries() == 1
