"""Sessions: `nox -s demo`, `nox -s tests`, `nox --list` for all.

Our own distributions are always installed by path: PyPI has a tcore of another owner. A session that tests what an
installed copy does (`core`, `build`) runs away from the checkout; the others use editable installs, which put the
checkout on the path.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nox

ROOT = Path(__file__).parent.resolve()
DISTRIBUTIONS = ("tcore", "tcore_cpu", "tcore_cuda", "tcore_opencl", "tcore_sparse", "tcore_nnet")
BUILD_REQUIREMENTS = ("hatchling>=1.27", "setuptools>=77", "numpy>=2", "editables")
TESTING_KIT = ("pytest>=8.3",)  # what tcore.testing needs: the extra `testing` of tcore
OTHER_PYTHONS = ("3.11", "3.12", "3.13", "3.14")

#: the program that makes sure that the core alone is under test
ALONE = """
import importlib.metadata, tcore
assert "site-packages" in tcore.__file__, tcore.__file__
ours = sorted(each.name for each in importlib.metadata.distributions() if each.name.startswith("tcore"))
assert ours == ["tcore"], ours
"""

nox.needs_version = ">=2024.10"
nox.options.default_venv_backend = "venv"
nox.options.sessions = ["tests"]


# ------------------------------------------------------------------------------------------------------------- helpers


def groups(*names: str) -> tuple[str, ...]:
    """Requirements of dependency groups of the root pyproject.toml."""
    return nox.project.dependency_groups(nox.project.load_toml(ROOT / "pyproject.toml"), *names)


def install_editable(session: nox.Session, *names: str) -> None:
    """Install the six distributions editable, with dependency groups.

    The build tools come first, once, instead of once per distribution into throw-away environments.
    """
    session.install(*BUILD_REQUIREMENTS, *groups(*names))
    paths = [argument for name in DISTRIBUTIONS for argument in ("-e", f"./{name}")]
    session.install("--no-build-isolation", *paths)


def third_party() -> list[str]:
    """Run-time requirements of the six that are not ours."""
    found = set()
    for name in DISTRIBUTIONS:
        project = nox.project.load_toml(ROOT / name / "pyproject.toml")["project"]
        found.update(requirement for requirement in project["dependencies"] if not requirement.startswith("tcore"))
    return sorted(found)


def build_wheels(session: nox.Session, folder: Path, *names: str) -> list[Path]:
    """Build wheels of the named distributions into ``folder`` with the tools that the session has installed."""
    session.run(
        "python", "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), *(f"./{name}" for name in names)
    )
    return sorted(folder.glob("*.whl"))


def run_pytest(session: nox.Session, *arguments: str, default: tuple[str, ...] = (), env: dict[str, str] | None = None) -> None:
    """Run pytest on all cores; arguments after `--` are pytest's and come last."""
    given = list(session.posargs)
    parallel = [] if any(word == "-n" or word.startswith(("-n=", "--numprocesses", "--pdb")) for word in given) else ["-n", "logical"]
    session.run("python", "-P", "-m", "pytest", *parallel, *arguments, *(given or default), env=env)


@contextlib.contextmanager
def outside() -> Iterator[Path]:
    """An empty folder away from the checkout, for as long as the block runs: nothing of ours is importable from there by accident."""
    folder = Path(tempfile.mkdtemp(prefix="tcore-nox-")).resolve()
    try:
        yield folder
    finally:
        os.chdir(ROOT)
        shutil.rmtree(folder, ignore_errors=True)


# ----------------------------------------------------------------------------------------------------------- every day


@nox.session
def dev(session: nox.Session) -> None:
    """Editable install of all six into .venv, with every tool; the development install."""
    target = ROOT / ".venv"
    python = target / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists():
        session.run(sys.executable, "-m", "venv", str(target), external=True)
    pip = (str(python), "-m", "pip", "install")
    session.run(*pip, "--quiet", *BUILD_REQUIREMENTS, external=True)
    paths = [argument for name in DISTRIBUTIONS for argument in ("-e", f"./{name}")]
    session.run(*pip, "--no-build-isolation", *paths, *groups("dev"), external=True)


@nox.session
def demo(session: nox.Session) -> None:
    """Train two models on scikit-learn's handwritten digits; `-- --backend cpu|numpy|opencl` picks the backend."""
    install_editable(session, "demo")
    session.run("python", "-P", str(ROOT / "examples" / "digits"), *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """The whole test suite on the running Python; `-- --backend cpu` limits the backends, all four by default."""
    install_editable(session, "test", "demo")
    run_pytest(session)


def _tests_on(version: str) -> None:
    @nox.session(name=f"tests-{version}", python=version)
    def tests_on(session: nox.Session) -> None:
        install_editable(session, "test", "demo")
        run_pytest(session)

    tests_on.__doc__ = f"The test suite on Python {version}."


for _version in OTHER_PYTHONS:
    _tests_on(_version)


@nox.session
def coverage(session: nox.Session) -> None:
    """The test suite with branch coverage, as a table and as htmlcov/."""
    install_editable(session, "test", "demo", "coverage")
    # what these count, imports, processes and memory, the measurement itself adds to
    counting = ("tcore/test_import.py::test_loads_nothing", "benchmarks/test_every_row.py")
    run_pytest(session, "--cov", "--cov-report=term", "--cov-report=html", *(f"--deselect=tests/{test}" for test in counting))


# ------------------------------------------------------------------------------------------------------- the core alone


@nox.session
def core(session: nox.Session) -> None:
    """The tcore wheel alone, away from the checkout: tests/tcore on the NumPy backend."""
    session.install(*BUILD_REQUIREMENTS, *groups("test"))
    with outside() as folder:
        (wheel,) = build_wheels(session, folder / "wheels", "tcore")
        session.install(str(wheel))
        (folder / "tests").mkdir()
        for part in ("tcore", "shared"):
            shutil.copytree(ROOT / "tests" / part, folder / "tests" / part)
        shutil.copy(ROOT / "tests" / "conftest.py", folder / "tests")
        shutil.copy(ROOT / "pyproject.toml", folder)
        session.chdir(folder)
        session.run("python", "-P", "-c", ALONE)
        run_pytest(session, "--backend=numpy", "-p", "no:cacheprovider", default=("tests/tcore",))


#: what the documentation says of users' C code, which tests that need tcore_cpu alone hold
DOCUMENTED_C_CODE = ("test_c_blocks.py", "test_c_contract.py", "test_c_interface.py", "test_c_ops.py", "test_params.py")


@contextlib.contextmanager
def native_tests(session: nox.Session, c: str, cplusplus: str) -> Iterator[dict[str, str]]:
    """Tests of native code away from the checkout, by other compilers under the usual names.

    Installs what tests/tcore_cpu, tests/conformance and the documentation's C code need, our runtime built by those compilers; the session is in a folder
    with the tests for as long as the block runs. The value is the environment for them.
    """
    session.install(*BUILD_REQUIREMENTS, *groups("test"), *third_party())
    with outside() as folder:
        programs = folder / "bin"
        programs.mkdir()
        for name, command in (("gcc", c), ("cc", c), ("g++", cplusplus), ("c++", cplusplus)):
            (programs / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
            (programs / name).chmod(0o755)
        environment = {"PATH": os.pathsep.join([str(programs), *session.bin_paths, os.environ["PATH"]])}
        ours = [str(ROOT / name) for name in ("tcore", "tcore_cpu", "tcore_nnet")]
        session.run("python", "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", *ours, env=environment)
        (folder / "tests").mkdir()
        for part in ("tcore_cpu", "conformance", "shared"):
            shutil.copytree(ROOT / "tests" / part, folder / "tests" / part)
        shutil.copytree(ROOT / "tests" / "documentation" / "c_code", folder / "tests" / "documentation" / "c_code")
        for name in DOCUMENTED_C_CODE:
            shutil.copy(ROOT / "tests" / "documentation" / name, folder / "tests" / "documentation")
        # processes that are killed while they compile: long, and no native code of ours runs
        (folder / "tests" / "tcore_cpu" / "compiling" / "test_store_race.py").unlink()
        shutil.copy(ROOT / "tests" / "conftest.py", folder / "tests")
        shutil.copy(ROOT / "pyproject.toml", folder)
        session.chdir(folder)
        yield environment


def program(session: nox.Session, name: str) -> str:
    """The path of a program that is no part of the session."""
    return shutil.which(name) or session.error(f"there is no {name} on the PATH")


@nox.session
def clang(session: nox.Session) -> None:
    """Runtime, kernels and users' C code by clang, under the names of gcc: tests/tcore_cpu, tests/conformance on cpu.

    `.ci/run` leaves it out: the suite compiles a few programs with each compiler that is there.
    """
    with native_tests(session, program(session, "clang"), program(session, "clang++")) as environment:
        run_pytest(session, "--backend=cpu", "-p", "no:cacheprovider", default=("tests",), env=environment)


#: parts of the suite that meet NumPy and SciPy most
MEET_THE_OLDEST = (*(f"tests/tcore/{part}" for part in ("configuration", "graph", "link", "plugins", "scalar", "tensor")), "tests/tcore_sparse")
#: what compares with functions, or with meanings of them, that the oldest NumPy and SciPy do not have
NOT_OF_THE_OLDEST = (
    "--ignore=tests/tcore/tensor/test_numpy_protocols.py",
    "--ignore=tests/tcore/tensor/xp",
    "--ignore=tests/tcore/tensor/linalg/test_stacks.py",
    "--deselect=tests/tcore/tensor/vectorizing/test_vectorize.py::test_as_numpy_item_by_item[exponentials]",
)


@nox.session(name="oldest", python="3.11")
def with_the_oldest(session: nox.Session) -> None:
    """The oldest Python, and the oldest releases that tcore, tcore_cpu and tcore_sparse admit: parts of the suite on the NumPy backend, some 3 minutes long."""
    session.install(*BUILD_REQUIREMENTS, *groups("test"))
    names = ("tcore", "tcore_cpu", "tcore_sparse")
    required = [each for name in names for each in nox.project.load_toml(ROOT / name / "pyproject.toml")["project"]["dependencies"]]
    bounds = sorted({f"{each.replace('>=', '==')}.*" for each in required if not each.startswith("tcore")})
    with outside() as folder:
        wheels = build_wheels(session, folder / "wheels", *names)
        session.install(*map(str, wheels), *bounds)
        (folder / "tests").mkdir()
        for part in ("shared", "tcore", "tcore_sparse"):
            shutil.copytree(ROOT / "tests" / part, folder / "tests" / part)
        shutil.copy(ROOT / "tests" / "conftest.py", folder / "tests")
        shutil.copy(ROOT / "pyproject.toml", folder)
        session.chdir(folder)
        run_pytest(session, "--backend=numpy", "-p", "no:cacheprovider", *NOT_OF_THE_OLDEST, default=MEET_THE_OLDEST)


#: parts of the suite that run hardly any native code, on whatever form of the runtime; those of the store make that again and again
WITHOUT_NATIVE_CODE = (
    *("benchmarks", "meta", "tcore_cuda", "tcore_opencl", *(f"tcore_cpu/compiling/test_{name}.py" for name in ("store", "store_race", "trust"))),
    *(f"tcore/{part}" for part in ("cli", "configuration", "graph", "gpuarray", "optimizer", "plugins", "printing")),
)
#: tests of what holds only where the extension module is there
NEED_THE_EXTENSION = (
    "compiling/test_compilation_cache.py::test_second_process_loads_little",  # the cffi form loads more
    "programs/test_pickled_programs.py::test_worker_without_compiler",
    "runtime/test_memory.py::test_kept_memory_is_given_back_before_a_call_fails",  # results of the cffi form are memory of NumPy
    "runtime/test_runtime.py::test_large_results_come_from_the_cache",
    "runtime/test_runtime.py::test_memory_that_nobody_wants_goes_in_time",
    "test_report.py::test_without_compilers",
)


@nox.session
def fallback(session: nox.Session) -> None:
    """The suite on the cffi form of the runtime, which installations without Python's headers have: about 20 minutes of CPU time.

    Leaves out the parts that run hardly any native code.
    """
    install_editable(session, "test", "demo")
    warning = "default::tcore_cpu.runtime.fallback.FallbackWarning"
    left_out = [f"--ignore=tests/{part}" for part in WITHOUT_NATIVE_CODE]
    left_out += [f"--deselect=tests/tcore_cpu/{test}" for test in NEED_THE_EXTENSION]
    run_pytest(session, "--backend=cpu", "-W", warning, *left_out, default=("tests",), env={"TCORE_CPU_RUNTIME": "cffi"})


@nox.session
def conformance(session: nox.Session) -> None:
    """Every lowering against `perform` with 40 times as many examples as in `tests`: about ten minutes of CPU time; `--hypothesis-profile` after `--` picks another number."""
    install_editable(session, "test")
    run_pytest(session, "--hypothesis-profile=thorough", "--backend=cpu", default=("tests/conformance",))


#: tests of native code that the session `sanitizers` leaves out, and why
NOT_UNDER_SANITIZERS = (
    "tests/tcore_cpu/runtime/test_runtime.py::test_cffi_form_has_the_same_interface",  # compiles the same core a second time
    "tests/tcore_cpu/compiling/test_store.py::test_kernels_by_each_compiler",  # names compilers of its own
    "tests/tcore_cpu/compiling/test_store.py::test_kernels_by_ziglang",
    "tests/tcore_cpu/compiling/test_store.py::test_compiler_of_ziglang",
    "tests/tcore_cpu/compiling/test_store.py::test_amdlibm_L13560",  # loads a library with RTLD_DEEPBIND, which they refuse
    "tests/tcore_cpu/kernels/test_mathematics.py::test_every_loop_has_its_own",  # reads the machine code, which they change
    "tests/tcore_cpu/runtime/test_memory.py::test_each_request_for_memory_is_refused_once",  # replaces malloc, as they do
    "tests/tcore_cpu/test_leaks.py::test_made_and_dropped_functions",  # measures memory, which they keep after it is given back
)


@nox.session
def sanitizers(session: nox.Session) -> None:
    """Runtime, kernels, users' C code and exported functions under -fsanitize=address,undefined: tests/tcore_cpu, tests/conformance on cpu.

    About ten minutes on two cores, so `.ci/run` leaves it out. gcc is needed, with its sanitizer libraries.
    """
    flags = "-fsanitize=address,undefined -fno-omit-frame-pointer -g1"
    libraries = [session.run("gcc", f"-print-file-name={name}", external=True, silent=True).strip() for name in ("libasan.so", "libubsan.so")]
    # the libraries are for the programs that are compiled, not for the compiler
    c, cplusplus = (f"env -u LD_PRELOAD {program(session, name)} {flags}" for name in ("gcc", "g++"))
    with native_tests(session, c, cplusplus) as environment:
        environment |= {
            "LD_PRELOAD": " ".join(libraries),  # Python itself is built without them
            "PYTHONMALLOC": "malloc",
            # Python and NumPy leak on purpose; arrays that no machine can hold are asked for on purpose, too
            "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",
            "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        }
        left_out = [f"--deselect={name}" for name in NOT_UNDER_SANITIZERS]
        left_out.append("--ignore=tests/conformance/test_warnings.py")  # compiles without running anything
        # a report ends the process, so it must get past pytest: only what Python writes is captured
        run_pytest(session, "--backend=cpu", "--capture=sys", "-p", "no:cacheprovider", *left_out, default=("tests",), env=environment)


# --------------------------------------------------------------------------------------------------------------- checks


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff on everything; `-- --fix` repairs what can be repaired."""
    session.install(*groups("lint"))
    session.run("ruff", "check", *session.posargs, ".")


@nox.session
def types(session: nox.Session) -> None:
    """Mypy on the six packages."""
    session.install(*groups("types"), *third_party())
    session.run("mypy", *session.posargs)


@nox.session
def architecture(session: nox.Session) -> None:
    """Import contracts: the floors of tcore, tcore imports no plugin, plugins stay apart."""
    session.install(*groups("architecture"))
    session.run("lint-imports", "--no-logo", *session.posargs, env={"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"})


# ----------------------------------------------------------------------------------------------------------------- build


@nox.session
def build(session: nox.Session) -> None:
    """Wheels of all six into dist/: contents, installation and imports away from the checkout, resolution by name."""
    dist = ROOT / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    session.install(*BUILD_REQUIREMENTS)
    wheels = build_wheels(session, dist, *DISTRIBUTIONS)
    session.run("python", str(ROOT / ".ci" / "wheels.py"), "contents", str(dist))
    with outside() as folder:
        # every third-party wheel, fetched once: the install and the resolution by name see this folder and nothing else
        house = folder / "wheelhouse"
        session.run("python", "-m", "pip", "wheel", "--quiet", "--wheel-dir", str(house), *third_party(), *TESTING_KIT)
        session.install("--no-index", "--find-links", str(house), *map(str, wheels), *TESTING_KIT)
        session.install("ziglang")  # the extra tcore[cpu-compiler]
        session.chdir(folder)
        for check in (("imports",), ("smoke",), ("compiler",), ("aarch64",), ("resolve", str(dist), str(house))):
            session.run("python", "-P", str(ROOT / ".ci" / "wheels.py"), *check)


@nox.session
def plugins(session: nox.Session) -> None:
    """The outside plugin of examples/plugin, installed by path: its tests on every backend."""
    install_editable(session, "test")
    session.install("--no-build-isolation", "./examples/plugin")
    session.chdir("examples/plugin")
    run_pytest(session, "-c", "pyproject.toml", "--import-mode=importlib", default=("tests",))


# ------------------------------------------------------------------------------------------------------- docs and bench


@nox.session
def docs(session: nox.Session) -> None:
    """The manual as HTML in docs/_build/html; warnings are errors."""
    install_editable(session, "docs")
    session.run("sphinx-build", "-W", "--keep-going", "-b", "html", "docs", "docs/_build/html", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Times beside those of NumPy, PyTensor, JAX and PyTorch as JSON, Markdown and PNG in benchmarks/results; `-- --list` names the rows."""
    install_editable(session, "bench", "peers")
    session.run("python", "-P", str(ROOT / "benchmarks"), *session.posargs)
