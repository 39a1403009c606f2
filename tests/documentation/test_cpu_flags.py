"""Flags of compilation, folders, OpenMP and BLAS of the CPU backend; its lines in the names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import Mode, function
from tcore.configuration import Config, config, defaults
from tcore.configuration.sources import read_sources
from tcore.graph import Apply, Op
from tcore_cpu.compiling.compiler import find_compiler
from tcore_cpu.runtime import blas
from tcore_cpu.runtime import loading as runtime

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="no C compiler")


def configured(flags: str = "") -> Config:
    """A configuration that knows these flags alone."""
    return Config(config.options.values(), read_sources({"TCORE_FLAGS": flags, "TCORERC": ""}))


class Told(Op):
    """A number that the C compiler was told by a macro, -1 where it was not."""

    __props__ = ("macro",)

    def __init__(self, macro):
        self.macro = macro

    def make_node(self):
        return Apply(self, [], [T.dscalar()])

    def perform(self, node, inputs, output_storage, params=None):
        output_storage[0][0] = np.asarray(-2.0)

    def c_code(self, node, name, inputs, outputs, sub):
        (z,) = outputs
        return f"""
        #ifdef {self.macro}
            double told = {self.macro} + 0;
        #else
            double told = -1;
        #endif
        Py_XDECREF({z});
        {z} = (PyArrayObject*)PyArray_ZEROS(0, NULL, NPY_DOUBLE, 0);
        *(double*)PyArray_DATA({z}) = told;
        """

    def c_code_cache_version(self):
        return (1,)


@pytest.fixture
def store(tmp_path):
    with config.change_flags(backend="cpu", cpu__store=str(tmp_path / "kernels")):
        yield tmp_path / "kernels"


def told(macro: str) -> float:
    return float(function([], Told(macro)(), mode=Mode("cvm", None))())


class TestCompiler:
    def test_flags_of_users_code_L13816(self, store):
        """``gcc.cxxflags`` goes to the compiler, and code compiled with other flags is other code."""
        with config.change_flags(gcc__cxxflags="-DTOLD=7 -I/somewhere/else"):
            assert told("TOLD") == 7
        assert told("TOLD") == -1
        with config.change_flags(gcc__cxxflags="-DTOLD=8"):
            assert told("TOLD") == 8

    def test_without_optimization_L14052(self, store):
        """``cmodule.remove_gxx_opt`` leaves -O out: the compiler says whether it optimizes."""
        assert told("__OPTIMIZE__") == 1
        with config.change_flags(cmodule__remove_gxx_opt=True):
            assert told("__OPTIMIZE__") == -1

    def test_debug_macro_L14076(self, store):
        """``cmodule.debug`` defines DEBUG."""
        assert told("DEBUG") == -1
        with config.change_flags(cmodule__debug=True):
            assert told("DEBUG") == 1

    @pytest.mark.parametrize(
        ("platform", "present", "wanted"),
        [
            ("linux", ["g++", "clang++"], "/bin/g++"),
            ("darwin", ["g++", "clang++"], "/bin/clang++"),
            ("darwin", ["g++"], "/bin/g++"),
            ("linux", [], ""),
        ],
    )
    def test_default_L13822(self, monkeypatch, platform, present, wanted):
        """The full path of g++, on macOS clang++ first; empty where there is none."""
        monkeypatch.setattr(defaults, "sys", SimpleNamespace(platform=platform))
        monkeypatch.setattr(defaults, "program", lambda name: f"/bin/{name}" if name in present else None)
        assert configured().cxx == wanted
        assert configured("cxx=/opt/other-g++").cxx == "/opt/other-g++"

    def test_none_L13822(self, tmp_path):
        """An empty ``cxx`` compiles nothing: one warning, and the same numbers."""
        program = "import tcore, tcore.tensor as T; x = T.dvector('x'); print(tcore.function([x], T.exp(x) * 2)([0.0]))"
        environment = {**os.environ, "TCORE_FLAGS": f"cxx=,cpu.store={tmp_path}", "CC": ""}
        done = subprocess.run([sys.executable, "-P", "-c", program], env=environment, capture_output=True, text=True, check=True)
        assert done.stdout == "[2.]\n"
        assert done.stderr.count("no C compiler") == 1
        assert not list(tmp_path.iterdir())


class TestFolders:
    def test_base_L13682(self, monkeypatch, tmp_path):
        """``~/.tcore``; on Windows ``Tcore`` in LOCALAPPDATA, where that is set."""
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
        assert configured().base_compiledir == str(tmp_path / ".tcore")
        monkeypatch.setattr(defaults, "sys", SimpleNamespace(platform="win32"))
        assert configured().base_compiledir == str(tmp_path / "local" / "Tcore")
        monkeypatch.delenv("LOCALAPPDATA")
        assert configured().base_compiledir == str(tmp_path / ".tcore")

    def test_format_L13690_L13698(self):
        """``compiledir`` is ``base_compiledir`` and the format, filled in; the keys are printed with the option."""
        usual = configured("base_compiledir=/b").compiledir
        assert Path(usual).parent == Path("/b")
        assert Path(usual).name.startswith("compiledir_")
        assert Path(usual).name.endswith("-64" if sys.maxsize > 2**32 else "-32")
        assert configured("base_compiledir=/b,compiledir_format=%(python_version)s").compiledir == f"/b/{sys.version.split()[0]}"
        assert configured("compiledir=/elsewhere").compiledir == "/elsewhere"
        for key in defaults.COMPILEDIR_KEYS:
            assert f"%({key})s" in str(config)
            assert configured(f"compiledir_format=a-%({key})s").compiledir


class TestCompileSection:
    def test_section_L13872_L13876_L13884(self):
        """``compile.timeout`` is 24 times ``compile.wait`` unless it is given; both are declared for programs that set them."""
        assert (configured().compile.wait, configured().compile.timeout) == (5, 120)
        assert configured("compile.wait=2").compile.timeout == 48
        assert configured("compile.wait=2,compile.timeout=7").compile.timeout == 7
        assert {"wait", "timeout"} <= set(dir(config.compile))


class TestThreads:
    @pytest.mark.parametrize(
        ("flags", "elements"), [("", None), ("openmp=True", 200000), ("openmp=True,openmp_elemwise_minsize=5", 5), ("openmp_elemwise_minsize=5", None)]
    )
    def test_smallest_parallel_size_L6326_L13443_L13451(self, monkeypatch, flags, elements):
        """The size from which loops use threads counts where ``openmp`` is on; tcore's own rule holds otherwise."""
        calls = {}
        fake = SimpleNamespace(
            set_threads=lambda count: calls.update(threads=count),
            cache_limit=lambda count: None,
            set_elements=lambda count: calls.update(elements=count),
        )
        monkeypatch.setattr(runtime, "_load", lambda: fake)
        monkeypatch.setattr(runtime, "_loaded", None)
        monkeypatch.setattr(runtime, "config", configured(flags))
        assert runtime.runtime() is fake
        assert calls.get("elements") == elements

    @pytest.mark.parametrize(("flags", "started"), [("openmp=True,openmp_elemwise_minsize=3000", ["0", "1"]), ("openmp_elemwise_minsize=3000", ["0", "0"])])
    def test_short_loops_of_many_elements_L6328(self, flags, started):
        """From that size on a sum takes another thread, though it is a few microseconds of work; below, and without ``openmp``, it does not."""
        program = """
import os
import numpy as np, tcore, tcore.tensor as T
x = T.dvector("x")
f = tcore.function([x], x + 1, mode=tcore.Mode("cvm", None))
threads = lambda: len(os.listdir("/proc/self/task"))
before = threads()
for length in (2999, 3000):
    f(np.zeros(length))
    print(threads() - before)
"""
        environment = {**os.environ, "TCORE_FLAGS": f"{os.environ['TCORE_FLAGS']},backend=cpu,{flags}", "OMP_NUM_THREADS": "2"}
        done = subprocess.run([sys.executable, "-P", "-c", program], env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.split() == started


class TestBlasL13706:
    @staticmethod
    def product():
        m = T.dmatrix("m")
        return function([m], T.dot(m, m), mode=Mode("cvm", "fast_run"))([[1.0, 2.0], [3.0, 4.0]]).tolist()

    @pytest.fixture(autouse=True)
    def _not_loaded(self, monkeypatch):
        monkeypatch.setattr(runtime, "_blas_done", False)
        with config.change_flags(backend="cpu"):
            yield

    def test_default_that_does_not_work(self, monkeypatch):
        """It is tried; where it fails, a warning says so and products run without BLAS."""

        def fails():
            raise blas.BlasError("nothing here")

        monkeypatch.setattr(blas, "_from_scipy", fails)
        with pytest.warns(RuntimeWarning, match="products run on NumPy: nothing here"):
            assert not runtime.load_blas()
        with pytest.warns(RuntimeWarning, match="products run on NumPy"):
            assert self.product() == [[7, 10], [15, 22]]

    def test_switched_off(self):
        """An empty text is no mistake."""
        with config.change_flags(blas__ldflags=""):
            assert not runtime.load_blas()
            assert self.product() == [[7, 10], [15, 22]]

    @pytest.mark.parametrize("flags", ["-lnothing-of-this-name", "-lm"])
    def test_named_library_that_is_none(self, flags):
        """What the user named must be a BLAS: the error says where was looked."""
        with config.change_flags(blas__ldflags=flags), pytest.raises(blas.BlasError, match="no library there has BLAS"):
            runtime.load_blas()

    def test_default(self):
        assert tcore.config.blas.ldflags == "-lblas"
        assert runtime.load_blas()
