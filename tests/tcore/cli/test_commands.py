"""The command ``tcore``, run as users run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import importlib_metadata
import pytest

import tcore
from tcore.cli import doctor, main, probe
from tcore.cli.output import output_checked


class Folder:
    """Throw-away distributions and a shell to run ``tcore`` in."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()

    def plugin(self, name: str, source: str, more: str = "", api: str = "v1:v1") -> None:
        info = self.path / f"tcore_{name}-1.5.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: tcore-{name}\nVersion: 1.5\n")
        (info / "entry_points.txt").write_text(f"[tcore.plugins]\n{name} = pk_{name}\n[tcore.api]\n{name} = {api}\n{more}")
        (self.path / f"pk_{name}.py").write_text(source)

    def tcore(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        env = {key: value for key, value in os.environ.items() if not key.startswith("TCORE")}
        env.update({"PYTHONPATH": str(self.path), "COLUMNS": "200", "HOME": str(self.path)})
        env.update({key.upper(): value for key, value in environ.items()})
        program = "import sys; from tcore.cli import main; sys.argv[0] = 'tcore'; main()"
        return subprocess.run([sys.executable, "-c", program, *arguments], env=env, capture_output=True, text=True, timeout=200, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "site")


OPENS = """
from tcore.plugins import DeviceSpec, OpSpec, hookimpl

@hookimpl
def tcore_ops():
    return [OpSpec("pk_opens.ops:Median")]

@hookimpl
def tcore_devices():
    return [DeviceSpec("fpga", load="pk_opens:Runtime"), DeviceSpec("absent", load="pk_opens:NoRuntime")]

class Runtime:
    @staticmethod
    def devices():
        from tcore.gpuarray.runtime import DeviceInfo
        yield DeviceInfo("fpga0", "a board", memory=2**31)

class NoRuntime:
    @staticmethod
    def devices():
        raise OSError("no driver")

"""


SPEAKS = """
from tcore.plugins import DeviceSpec, ReportLine, hookimpl

@hookimpl
def tcore_devices():
    return [DeviceSpec("asic", load="pk_speaks:Runtime")]

@hookimpl
def tcore_report():
    return [ReportLine("boards", "missing", "no second board", remedy="buy one")]
"""


def fill(folder: Folder) -> None:
    """One plugin that works, one that raises, one that kills the process, one that writes to stdout, one too new."""
    folder.plugin("opens", OPENS, "[tcore.devices]\nfpga = pk_opens\nabsent = pk_opens\n")
    folder.plugin("speaks", SPEAKS, "[tcore.devices]\nasic = pk_speaks\n")
    folder.plugin("raises", "raise ValueError('boom')\n")
    folder.plugin("crashes", "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    folder.plugin("talks", "print('noise')\n")
    folder.plugin("new", "", api="v7:v8")
    folder.plugin("idle", "")


def test_plugins_json(folder: Folder) -> None:
    """Every plugin has a record: a crash, an error and a wrong API level are told, and the others are not hurt."""
    fill(folder)
    done = folder.tcore("plugins", "--json", tcore_flags="plugins.disabled=idle")
    assert done.returncode == 0, done.stderr
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert rows["opens"]["status"] == "loaded"
    assert (rows["opens"]["distribution"], rows["opens"]["version"]) == ("tcore-opens", "1.5")
    assert rows["opens"]["declares"] == {"ops": ["Median"], "devices": ["fpga", "absent"]}
    assert rows["opens"]["device_found"] is True
    assert rows["raises"]["status"] == "failed"
    assert "ValueError: boom" in rows["raises"]["reason"]
    assert rows["crashes"]["reason"] == "the process that loaded it was killed by SIGSEGV"
    assert rows["talks"]["status"] == "loaded"
    assert rows["new"]["status"] == "incompatible"
    assert rows["idle"]["status"] == "disabled"
    assert rows["tensor"]["status"] == "loaded"


def test_plugins_table(folder: Folder) -> None:
    """The table shows the same, with one line for each plugin that is off."""
    fill(folder)
    done = folder.tcore("plugins")
    assert done.returncode == 0, done.stderr
    assert "tcore-opens" in done.stdout
    assert "loadable, device found" in done.stdout
    assert "crashes: the process that loaded it was killed by SIGSEGV." in done.stdout
    assert "new: needs API level v7, this core has v1." in done.stdout


def test_doctor(folder: Folder) -> None:
    """Compiler, BLAS, store and devices have a line each; what is missing has a remedy; a problem sets the status."""
    fill(folder)
    done = folder.tcore("doctor", "--json")
    assert done.returncode == 1
    lines = json.loads(done.stdout)
    topics = {line["topic"]: line for line in lines}
    assert {"python", "tcore", "compiler", "blas", "store"} <= set(topics)
    assert topics["tcore"]["status"] == "ok"
    assert topics["blas"]["status"] == "ok"
    assert topics["store"]["text"].startswith(str(folder.path))
    assert topics["fpga"]["text"] == "fpga0: a board, 2.0 GiB"
    assert topics["boards"]["remedy"] == "buy one"
    assert "asic" not in topics
    assert (topics["absent"]["status"], topics["absent"]["text"]) == ("missing", "OSError: no driver")
    assert topics["plugin crashes"]["status"] == "problem"
    assert all(line["remedy"] for line in lines if line["status"] in ("missing", "problem"))
    text = folder.tcore("doctor").stdout
    assert "-> buy one" in text


def test_doctor_without_compiler(folder: Folder) -> None:
    """No compiler is something missing, with the line that gets one."""
    lines = json.loads(folder.tcore("doctor", "--json", path=str(folder.path), tcore_flags="cxx=").stdout)
    (line,) = [line for line in lines if line["topic"] == "compiler"]
    assert line["status"] == "missing"
    assert "NumPy linker" in line["text"]
    assert "apt-get install gcc" in line["remedy"]
    assert "pip install ziglang" in line["remedy"]


@pytest.mark.parametrize(
    ("script", "text"),
    [("echo 'no cc1' >&2; exit 1", "does not compile: no cc1"), ("exit 1", "does not compile: no message"), (None, "cannot be run")],
)
def test_doctor_with_a_broken_compiler(folder: Folder, script: str | None, text: str) -> None:
    """A compiler that fails is a problem, with the first thing that it said; so is one that the option names and that is not there."""
    (folder.path / "bin").mkdir()
    if script is not None:
        gcc = folder.path / "bin" / "gcc"
        gcc.write_text(f"#!/bin/sh\n{script}\n")
        gcc.chmod(0o755)
    lines = json.loads(folder.tcore("doctor", "--json", path=str(folder.path / "bin"), tcore_flags="cxx=/nowhere/g++").stdout)
    (line,) = [line for line in lines if line["topic"] == "compiler"]
    assert line["status"] == "problem"
    assert text in line["text"]
    assert "install gcc" in line["remedy"]


def test_doctor_on_libraries_and_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """BLAS by option, a SciPy that cannot be loaded, a store that cannot be written to."""
    with tcore.config.change_flags({"blas.ldflags": ""}):
        (line,) = doctor._blas()
    assert line.text == "option blas.ldflags: (none)"
    monkeypatch.setitem(sys.modules, "scipy.linalg", None)
    (line,) = doctor._blas()
    assert (line.status, line.remedy) == ("problem", "python -m pip install --force-reinstall scipy")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with tcore.config.change_flags({"cpu.store": str(tmp_path / "store")}):
        (line,) = doctor._store()
    assert line.text == f"{tmp_path} is not writable: kernels are compiled in every process"


def test_doctor_on_the_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    """No distribution, or one of another version than what is imported."""
    entry = SimpleNamespace(group="console_scripts", value="tcore.cli:main")
    monkeypatch.setattr(importlib_metadata, "distribution", lambda name: SimpleNamespace(entry_points=[entry], version="0.0"))
    assert doctor.stranger() == f"the installed distribution is tcore 0.0, but tcore {tcore.__version__} is imported"

    def missing(name: str) -> None:
        raise importlib_metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib_metadata, "distribution", missing)
    assert "no distribution tcore is installed" in doctor.stranger()


def test_doctor_on_plugins_that_are_switched_off(folder: Folder) -> None:
    """Are no problem: somebody wanted it."""
    folder.plugin("quiet", "raise ValueError\n")
    (line,) = [
        line
        for line in json.loads(folder.tcore("doctor", "--json", tcore_flags="plugins.disabled=quiet").stdout)
        if line["topic"] == "plugin quiet"
    ]
    assert (line["status"], line["text"].partition(":")[0]) == ("info", "tcore-quiet 1.5")


def test_probes_that_do_not_end(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Are ended, and what a child had told before counts, but for a line that is broken off."""
    answers = []

    class Child:
        def __init__(self, command: list[str], **options: object) -> None:
            answers.append(Path(next(part for part in command if part.startswith("--answers=")).partition("=")[2]))
            self.killed = False

        def communicate(self, timeout: float | None = None) -> tuple[str, str]:
            if not self.killed:
                answers[0].write_text('{"name": "first"}\n{"name": "sec')
                raise subprocess.TimeoutExpired("probe", 1)
            return "", ""

        def kill(self) -> None:
            self.killed = True

    monkeypatch.setattr(probe.subprocess, "Popen", Child)
    found, end = probe._run_child(["first", "second"], False)
    assert found == [{"name": "first"}]
    assert end.startswith("did not end within")
    assert probe._how_it_ended(-250) == "was killed by signal 250"


def test_doctor_store_that_cannot_be_made(folder: Folder) -> None:
    """A store below a file is a problem with a remedy."""
    (folder.path / "file").write_text("")
    done = folder.tcore("doctor", "--json", tcore_flags=f"cpu.store={folder.path}/file/store")
    (line,) = [line for line in json.loads(done.stdout) if line["topic"] == "store"]
    assert line["status"] == "problem"
    assert "TCORE_FLAGS=cpu.store=" in line["remedy"]


def test_doctor_finds_a_stranger(folder: Folder) -> None:
    """A distribution of the same name that is not ours is reported, with what to type."""
    info = folder.path / "tcore-0.2.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tcore\nVersion: 0.2.3\n")
    done = folder.tcore("doctor", "--json")
    (line,) = [line for line in json.loads(done.stdout) if line["topic"] == "tcore"]
    assert line["status"] == "problem"
    assert line["text"] == "the installed distribution tcore 0.2.3 is a stranger's of the same name"
    assert "pip install ./tcore" in line["remedy"]


def test_doctor_reports_options(folder: Folder) -> None:
    """A value that an option does not take, and a name that nobody has."""
    done = folder.tcore("doctor", "--json", tcore_flags="floatX=float31,unknown.name=1")
    texts = [line["text"] for line in json.loads(done.stdout) if line["topic"] == "options"]
    assert texts[0].startswith("option floatX cannot be 'float31' (from TCORE_FLAGS)")
    assert texts[1] == "TCORE_FLAGS sets 'unknown.name', which the core does not have"


def test_config(folder: Folder) -> None:
    """All options, those of a section, those that were changed; plugins' options among them."""
    folder.plugin(
        "opts",
        "from tcore.plugins import Option, hookimpl\n@hookimpl\ndef tcore_config():\n    return [Option(name='opts.level', default=1, doc='A level.')]\n",
    )
    done = folder.tcore("config", "--changed", "--json", tcore_flags="opts.level=4,scan.debug=True")
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert set(rows) == {"opts.level", "scan.debug"}
    assert (rows["opts.level"]["value"], rows["opts.level"]["source"]) == (4, "TCORE_FLAGS")
    done = folder.tcore("config", "scan")
    assert "scan.allow_gc = False    [default]" in done.stdout
    assert "floatX" not in done.stdout
    done = folder.tcore("config", "floatX", "scan.debug", tcore_flags="floatX=float31,unknown.name=1")
    assert "option floatX cannot be 'float31' (from TCORE_FLAGS)" in done.stdout
    assert "[error]" in done.stdout
    assert "unknown.name = 1    [TCORE_FLAGS] is no option of tcore or of a loaded plugin" in done.stdout
    done = folder.tcore("config", "floatx")
    assert done.returncode == 1
    assert "tcore has no option 'floatx': did you mean floatX?" in done.stderr


def test_commands_of_plugins(folder: Folder) -> None:
    """A plugin's command runs; help lists it without loading the plugin; an error is one line."""
    folder.plugin(
        "hello",
        "import click\nfrom tcore.plugins import CommandSpec, hookimpl\n"
        "@click.command()\ndef greet():\n    click.echo('hello')\n"
        "@hookimpl\ndef tcore_commands():\n    return [CommandSpec('greet', load='pk_hello:greet')]\n",
        "[tcore.commands]\ngreet = pk_hello\n",
    )
    folder.plugin("raises", "raise ValueError('boom')\n", "[tcore.commands]\nexplode = pk_raises\n")
    assert folder.tcore("greet").stdout == "hello\n"
    text = folder.tcore("--help").stdout
    assert "from plugin hello" in text
    assert "from plugin raises" in text
    done = folder.tcore("explode")
    assert done.returncode == 1
    assert "ValueError: boom" in done.stderr
    assert "Traceback" not in done.stderr
    assert "No such command 'nothing'" in folder.tcore("nothing").stderr
    folder.plugin(
        "odd",
        "from tcore.plugins import CommandSpec, hookimpl\n"
        "@hookimpl\ndef tcore_commands():\n    return [CommandSpec('odd', load='pk_odd:hookimpl')]\n",
        "[tcore.commands]\nodd = pk_odd\n",
    )
    done = folder.tcore("odd")
    assert (done.returncode, "the command 'odd' is no click command but" in done.stderr) == (1, True)


def test_names_of_commands() -> None:
    """As completion in a shell lists them."""
    assert {"config", "doctor", "ops", "optimizations", "plugins"} <= set(main.list_commands(None))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("arguments", [["optimizations"], ["config"], ["cache"], ["--help"]])
def test_output_that_cannot_be_written(arguments: list[str], tmp_path: Path) -> None:
    """A full disk: one line on stderr and status 1, no traceback; the same for the other programs."""
    programs = [("import sys; from tcore.cli import main; sys.argv[0] = 'tcore'; main()", arguments)]
    if arguments == ["--help"]:
        programs.append(("import sys; from tcore.cli.nose import main; sys.exit(main())", arguments))
    if arguments == ["cache"]:
        programs.append(("from tcore.cli.cache import command; command()", []))
    for program, given in programs:
        with Path("/dev/full").open("w") as full:
            done = subprocess.run([sys.executable, "-c", program, *given], stdout=full, stderr=subprocess.PIPE, text=True, timeout=200, check=False)
        assert done.returncode == 1
        assert done.stderr == "tcore: the output cannot be written: No space left on device\n"


def test_output_errors_with_a_file_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    """They are about something else."""
    with pytest.raises(FileNotFoundError), output_checked():
        Path("/nowhere/at/all").read_text()
    with pytest.raises(SystemExit) as ended, output_checked():
        raise OSError(28, "No space left on device")
    assert ended.value.code == 1
    assert "cannot be written" in capsys.readouterr().err
