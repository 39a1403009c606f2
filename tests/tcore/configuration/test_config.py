"""The object ``config``: sources and their order, sections, checks, errors that name the nearest option."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import numpy as np
import pytest

import tcore
from tcore.configuration import (
    Computed,
    Config,
    ConfigFrozenError,
    ConfigValueError,
    DuplicateOptionError,
    Option,
    UnknownOptionError,
    config,
    defaults,
)
from tcore.configuration.option import colon_list
from tcore.configuration.sources import parse_flags, rc_paths, read_sources


def run(program: str, **environ: str) -> str:
    """What a fresh Python prints, without the surroundings' options."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("TCORE")}
    env.update({"TCORERC": "", **{key.upper(): value for key, value in environ.items()}})
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.strip() if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


def show(*names: str) -> str:
    """A program that prints some options."""
    return f"import tcore; print(*({', '.join(f'tcore.config.{name}' for name in names)},))"


@pytest.fixture
def fresh() -> Config:
    """A configuration of its own, without surroundings."""
    return Config(
        [
            Option(name="level", default=3, doc="A level."),
            Option(name="colour", default="red", choices=("red", "blue"), doc="A colour."),
            Option(name="deep.inside.flag", default=False, doc="A flag."),
            Option(name="deep.names", default=(), parse=colon_list, doc="Names."),
            Option(name="fixed", default="a", frozen=True, doc="Fixed."),
            Option(name="twice", default=Computed(lambda c: c.level * 2, "2 * level"), doc="Computed."),
        ]
    )


def test_book_example_L13283() -> None:
    """The documented example sets three flags, one of them in a section."""
    flags = "floatX=float32,device=cuda0,gpuarray.preallocate=1"
    assert run(show("floatX", "device", "gpuarray.preallocate"), tcore_flags=flags) == "float32 cuda0 1.0"


def test_right_most_wins_L13290() -> None:
    """Of a flag given twice, the last one counts."""
    assert run(show("device"), tcore_flags="device=cpu,device=cuda0") == "cuda0"


def test_book_rc_file_L13296_L13307(tmp_path: Path) -> None:
    """[global] holds direct options; a section, or a dotted section, holds its own."""
    rc = tmp_path / "rc"
    rc.write_text("[global]\nfloatX = float32\ndevice = cuda0\n[gpuarray]\npreallocate = 1\n[dnn.conv]\nalgo_fwd = large\n")
    assert run(show("floatX", "device", "gpuarray.preallocate", "dnn.conv.algo_fwd"), tcorerc=str(rc)) == "float32 cuda0 1.0 large"


def test_precedence_L4449_L13263_L13309(tmp_path: Path) -> None:
    """Assignment beats TCORE_FLAGS, which beats the later rc file, which beats the earlier one."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("[global]\nmode = FAST_COMPILE\nfloatX = float16\nexception_verbosity = high\n")
    second.write_text("[global]\nmode = DebugMode\nfloatX = float32\n")
    rc = os.pathsep.join([str(first), str(tmp_path / "absent"), str(second)])
    program = show("exception_verbosity", "mode", "floatX")
    assert run(program, tcorerc=rc) == "high DebugMode float32"
    assert run(program, tcorerc=rc, tcore_flags="floatX=float64") == "high DebugMode float64"
    assigned = "import tcore; tcore.config.floatX = 'float16'; print(tcore.config.floatX, tcore.config.source('floatX'))"
    assert run(assigned, tcorerc=rc, tcore_flags="floatX=float64") == "float16 code"


def test_personal_rc_file_L4447_L13292(tmp_path: Path) -> None:
    """Without TCORERC, ~/.tcorerc is read: over the built-in defaults, below TCORE_FLAGS."""
    (tmp_path / ".tcorerc").write_text("[scan]\ndebug = yes\n")
    env = dict(os.environ, HOME=str(tmp_path))
    env.pop("TCORERC", None)
    done = subprocess.run([sys.executable, "-c", show("scan.debug")], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
    env["TCORE_FLAGS"] = "scan.debug=no"
    done = subprocess.run([sys.executable, "-c", show("scan.debug")], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_defaults_and_read_only_flags_L4443_L4445(tmp_path: Path) -> None:
    """Every attribute has a value without anybody's word; those that start-up looks at cannot be changed."""
    names = [name for name in config.options if name.partition(".")[0] not in {"opencl", "example"}]
    program = f"import functools, tcore\nfor name in {names!r}: functools.reduce(getattr, name.split('.'), tcore.config)\nprint('all')"
    assert run(program, tcorerc=str(tmp_path / "none")) == "all"
    with pytest.raises(ConfigFrozenError):
        config.device = "cuda0"


def test_another_rc_file_L4453(tmp_path: Path) -> None:
    """TCORERC names the file that is read in the place of the personal one."""
    (tmp_path / ".tcorerc").write_text("[global]\nfloatX = float16\n")
    (tmp_path / "other").write_text("[global]\nmode = FAST_COMPILE\n")
    env = dict(os.environ, HOME=str(tmp_path), TCORERC=str(tmp_path / "other"))
    done = subprocess.run([sys.executable, "-c", show("floatX", "mode")], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "float64 FAST_COMPILE"


def test_several_flags_L5327() -> None:
    """Separated by commas; a list within one by colons."""
    assert run(show("optimizer_excluding", "profile"), tcore_flags="optimizer_excluding=fusion:inplace,profile=True") == "fusion:inplace True"


def test_rc_paths_L13309() -> None:
    """``~`` is the home folder; several files are separated as in PATH."""
    assert rc_paths({"TCORERC": os.pathsep.join(["/a", " ", "b"])}) == ["/a", "b"]
    assert rc_paths({}) == [str(Path("~/.tcorerc").expanduser())]


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", {}),
        ("a=1, b.c = x:y ,", {"a": "1", "b.c": "x:y"}),
        ('gcc.cxxflags="-O2 -Wl,-z",a=b=c', {"gcc.cxxflags": "-O2 -Wl,-z", "a": "b=c"}),
    ],
)
def test_parse_flags(text: str, pairs: dict[str, str]) -> None:
    """Items are separated by commas; quotes protect one, and a value may hold an equals sign."""
    assert parse_flags(text) == pairs


def test_malformed_flags() -> None:
    """An item without equals sign is an error that shows the item."""
    with pytest.raises(ConfigValueError, match="'floatX' is not of the form name=value"):
        parse_flags("mode=Mode,floatX")
    with pytest.raises(ConfigValueError, match="TCORE_FLAGS=.*: no closing quotation"):
        parse_flags("gcc.cxxflags='-O2,floatX=float32")
    assert "TCORE_FLAGS: 'x' is not of the form" in run("import tcore; tcore.config", tcore_flags="x")


def test_malformed_rc_file(tmp_path: Path) -> None:
    """An rc file that cannot be read is an error that names the file."""
    (tmp_path / "rc").write_text("floatX = float32\n")
    with pytest.raises(ConfigValueError, match=r"cannot read the rc file .*rc: File contains no section headers"):
        read_sources({"TCORERC": str(tmp_path / "rc")})


def test_bad_value_names_option_value_and_source() -> None:
    """A value that an option does not take is a ValueError that says where it came from and what is taken."""
    line = run(show("floatX"), tcore_flags="floatX=float31")
    assert line.endswith("option floatX cannot be 'float31' (from TCORE_FLAGS): expected one of float64, float32, float16")
    with pytest.raises(ValueError, match=r"option allow_gc cannot be 'maybe' \(from code\): expected True or False"):
        config.allow_gc = "maybe"


def test_misspelt_flag_warns() -> None:
    """A flag that no option has is pointed out, with those that look like it; one that may be a plugin's is not."""
    program = "import warnings; warnings.simplefilter('error'); import tcore; tcore.config; print('quiet')"
    assert "sets 'nosuch', which is no option of tcore, so that it has no effect" in run(program, tcore_flags="nosuch=1")
    assert "sets 'scan.xyzzy', which is no option of tcore, so that it has no effect" in run(program, tcore_flags="scan.xyzzy=1")
    assert "sets 'optimizer_include', which is no option of tcore: did you mean optimizer_including" in run(program, tcore_flags="optimizer_include=fusion")
    assert "sets 'floatx', which is no option of tcore: did you mean floatX?" in run(program, tcore_flags="floatx=float32")
    assert run(program, tcore_flags="someplugin.level=3") == "quiet"


@pytest.mark.parametrize("flag", ["openmp_elemwise_minsize=-1", "cmodule.age_thresh_use=-1", "compile.wait=-1", "DebugMode.patience=-1", "optdb.max_use_ratio=0", "optdb.max_use_ratio=nan"])
def test_numbers_out_of_range(flag: str) -> None:
    """They are refused when they are read, by name and source."""
    name, _, value = flag.partition("=")
    assert f"option {name} cannot be '{value}' (from TCORE_FLAGS): expected" in run(show(name), tcore_flags=flag)


@pytest.mark.parametrize("text", ["True", "true", "1", "yes", "on"])
def test_bool_texts(fresh: Config, text: str) -> None:
    """Texts that mean True, and their opposites."""
    fresh.deep.inside.flag = text
    assert fresh.deep.inside.flag is True
    fresh.deep.inside.flag = {"True": "False", "true": "false", "1": "0", "yes": "no", "on": "off"}[text]
    assert fresh.deep.inside.flag is False


def test_unknown_names(fresh: Config) -> None:
    """Reading and writing an unknown option are AttributeErrors that name the nearest one."""
    for action in (lambda: fresh.leval, lambda: setattr(fresh, "leval", 1)):
        with pytest.raises(AttributeError, match="no option 'leval': did you mean level"):
            action()
    with pytest.raises(UnknownOptionError, match=r"no option 'deep.inside.flog': did you mean deep.inside.flag"):
        fresh.deep.inside.flog = True
    assert not hasattr(fresh, "nothing_at_all")
    with pytest.raises(AttributeError, match="cannot be deleted"):
        del fresh.level


def test_frozen_L13327(fresh: Config) -> None:
    """A frozen option keeps its value; the error says how to set it. Assigning what it is already is no change."""
    fresh.fixed = "a"
    with pytest.raises(ConfigFrozenError, match="start Python with TCORE_FLAGS=fixed=b"):
        fresh.fixed = "b"
    assert fresh.fixed == "a"
    assert not issubclass(ConfigFrozenError, ValueError | AttributeError)


def test_documented_frozen_flags_L13327() -> None:
    """The flags that the documentation fixes for the whole run."""
    documented = (
        "device force_device init_gpu_device warn.ignore_bug_before base_compiledir compiledir_format compiledir "
        "optimizer_excluding optimizer_including optimizer_requiring numpy.seterr_all numpy.seterr_divide "
        "numpy.seterr_over numpy.seterr_under numpy.seterr_invalid"
    )
    assert {name for name, option in config.options.items() if option.frozen} == set(documented.split())


def test_computed_default(fresh: Config) -> None:
    """A computed default is worked out from the others when it is first read, once."""
    fresh.level = 5
    assert fresh.twice == 10
    fresh.level = 6
    assert fresh.twice == 10


def test_sections_L13259(fresh: Config) -> None:
    """Sections are objects whose text lists what is in them."""
    assert str(fresh.deep.inside) == "deep.inside.flag (bool)\n    Doc:  A flag.\n    Value:  False\n"
    assert dir(fresh.deep).count("inside") == 1
    assert "names" in dir(fresh.deep)


def test_change_flags(fresh: Config) -> None:
    """Values for a block or a function; restored afterwards, also after an error, with their source."""
    with fresh.change_flags({"deep.inside.flag": True}, level=7, deep__names="a:b"):
        assert (fresh.level, fresh.deep.inside.flag, fresh.deep.names) == (7, True, ("a", "b"))
    assert (fresh.level, fresh.deep.inside.flag, fresh.deep.names, fresh.source("level")) == (3, False, (), "default")

    @fresh.change_flags(colour="blue")
    def colour() -> str:
        return fresh.colour

    assert [colour(), colour(), fresh.colour] == ["blue", "blue", "red"]
    with pytest.raises(ZeroDivisionError), fresh.change_flags(level=1):
        _ = 1 / 0
    assert fresh.level == 3


def test_change_flags_is_all_or_nothing(fresh: Config) -> None:
    """If one change is refused, those before it are taken back."""
    with pytest.raises(ConfigValueError), fresh.change_flags(level=1, colour="green"):
        pass
    assert fresh.level == 3
    with pytest.raises(UnknownOptionError), fresh.change_flags(level=1, colur="blue"):
        pass
    assert fresh.level == 3


def test_top_level_change_flags() -> None:
    """``tcore.change_flags`` changes ``tcore.config``."""
    with tcore.change_flags(compute_test_value="raise", scan__debug=True):
        assert (config.compute_test_value, config.scan.debug) == ("raise", True)
    assert config.compute_test_value == "off"


def test_register(fresh: Config) -> None:
    """Registering is all or nothing; an equal declaration may come twice; names given earlier count from then on."""
    new = Option(name="new.option", default=1, doc="New.")
    with pytest.raises(DuplicateOptionError, match=r"option 'level' is declared already: 'A level\.'"):
        fresh.register(new, Option(name="level", default=4, doc="Another."))
    assert "new.option" not in fresh.options
    fresh.register(new, new)
    assert fresh.new.option == 1
    with pytest.raises(DuplicateOptionError, match="'deep' and the section of that name"):
        fresh.register(Option(name="deep", default=1, doc="Also a section."))


def test_given_before_registered() -> None:
    """A plugin's option takes the value that the environment gave before the plugin was loaded."""
    later = Config([], read_sources({"TCORE_FLAGS": "median.level=4", "TCORERC": ""}))
    assert [given.name for given in later.unclaimed()] == ["median.level"]
    later.register(Option(name="median.level", default=1, doc="A level."))
    assert later.median.level == 4
    assert later.source("median.level") == "TCORE_FLAGS"
    assert later.unclaimed() == []


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("floatX", "float64"), ("device", "cpu"), ("init_gpu_device", ""), ("force_device", False), ("mode", "Mode"),
        ("optimizer", "o4"), ("on_opt_error", "warn"), ("on_unused_input", "raise"), ("exception_verbosity", "low"),
        ("compute_test_value", "off"), ("openmp", False), ("openmp_elemwise_minsize", 200000), ("traceback.limit", 8),
        ("traceback.compile_limit", 0), ("cast_policy", "custom"), ("int_division", "int"), ("scan.allow_gc", False),
        ("warn.ignore_bug_before", "0.9"), ("unittests.rseed", "666"), ("optdb.max_use_ratio", 8.0),
        ("numpy.seterr_all", "ignore"), ("compile.wait", 5), ("compile.timeout", 120), ("cycle_detection", "regular"),
        ("DebugMode.patience", 10), ("DebugMode.check_strides", 0), ("DebugMode.check_preallocated_output_ndim", 4),
        ("profiling.n_apply", 20), ("profiling.min_memory_size", 1024), ("profiling.destination", "stderr"),
        ("check_input", True), ("allow_gc", True), ("unpickle_function", True), ("reoptimize_unpickled_function", False),
        ("pickle_aliased_memory_strategy", "warn"), ("cmodule.age_thresh_use", 2073600), ("gpuarray.preallocate", 0.0),
        ("dnn.enabled", "auto"), ("magma.enabled", "False"), ("NanGuardMode.action", "raise"), ("backend", "auto"),
    ],
)  # fmt: skip
def test_documented_default(name: str, default: object) -> None:
    """Defaults as documented, with nothing set."""
    value = Config(config.options.values(), {}).value(name)
    assert value == default
    assert type(value) is type(default)


def test_defaults_that_depend_on_the_machine(tmp_path: Path) -> None:
    """Folders and compiler: from HOME, the format's keys, and PATH; without a compiler the linker is vm."""
    program = show("base_compiledir", "compiledir", "cpu.store", "gpuarray.cache_path")
    base, compiledir, store, cache = run(program, home=str(tmp_path), tcore_flags="compiledir_format=x_%(python_bitwidth)s").split()
    assert base == str(tmp_path / ".tcore")
    assert compiledir.startswith(f"{base}/x_")
    assert (store, cache) == (f"{base}/kernels", f"{compiledir}/gpuarray_kernels")
    assert run("import tcore; print([tcore.config.cxx, tcore.config.linker])", path="") == "['', 'vm']"
    assert "it may name hostname," in run(show("compiledir"), tcore_flags="compiledir_format=%(nothing)s")
    assert "'%(hostname)d', cannot be filled in: %d format" in run(show("compiledir"), tcore_flags="compiledir_format=%(hostname)d")
    versions = run(show("compiledir"), home=str(tmp_path), tcore_flags="compiledir_format=%(numpy_version)s_%(tcore_version)s")
    assert versions == f"{base}/{np.__version__}_{tcore.__version__}"


def test_folders_of_windows_and_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """``Tcore`` below LOCALAPPDATA and a second rc file; a folder of the user's number where there is no home."""
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as it does without a home
    assert defaults.base_compiledir(config) == str(Path(tempfile.gettempdir(), f"tcore-{os.getuid()}"))
    monkeypatch.setenv("LOCALAPPDATA", "/local")
    monkeypatch.setattr(sys, "platform", "win32")
    folder, listed = defaults.base_compiledir(config), rc_paths({})
    monkeypatch.undo()
    assert folder == str(Path("/local", "Tcore"))
    assert [Path(path).name for path in listed] == [".tcorerc", ".tcorerc.txt"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("device", "GPU"), ("mode", "FAST"), ("linker", "jit"), ("optimizer", "o9"), ("profiling.n_ops", 0), ("threads", -1),
     ("DebugMode.check_preallocated_output", "all"), ("gpuarray.preallocate", "much"), ("backend", "c++"),
     ("gpuarray.preallocate", "nan"), ("openmp_elemwise_minsize", -1), ("openmp_elemwise_minsize", 1.5), ("init_gpu_device", "GPU")],
)  # fmt: skip
def test_refused_values(name: str, value: object) -> None:
    """What the core's options do not take."""
    with pytest.raises(ConfigValueError, match=f"option {name} cannot be"):
        Config(config.options.values(), {}).assign(name, value)


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [("threads", "3", 3), ("openmp_elemwise_minsize", 10.0, 10), ("gpuarray.preallocate", "inf", float("inf"))],
)
def test_taken_values(name: str, value: object, kept: object) -> None:
    """And what they are kept as."""
    fresh = Config(config.options.values(), {})
    fresh.assign(name, value)
    assert fresh.value(name) == kept


@pytest.mark.parametrize("value", ["", "cuda0"])
def test_device_beside_the_default_one(value: str) -> None:
    """None, or one by its name."""
    assert run("import tcore; print(repr(tcore.config.init_gpu_device))", tcore_flags=f"init_gpu_device={value}") == repr(value)


def test_sections_say_what_they_are(fresh: Config) -> None:
    """In a debugger."""
    assert repr(fresh) == "<tcore configuration root>"
    assert repr(fresh.deep.inside) == "<tcore configuration deep.inside>"


def test_mode_may_be_an_object() -> None:
    """A Mode object is a value of config.mode; None stands for the text."""
    mine = Config(config.options.values(), {})
    mode = object()
    mine.mode = mode
    assert mine.mode is mode
    mine.optimizer = None
    assert mine.optimizer == "None"
    mine.dnn.enabled = True
    assert mine.dnn.enabled == "True"


def test_warn_flags_follow_ignore_bug_before_L13666() -> None:
    """Flags for old bugs are on for bugs fixed after the version that is trusted."""
    assert run(show("warn.subtensor_merge_bug")) == "False"
    for before, expected in (("None", "True"), ("0.4.1", "True"), ("0.5", "False"), ("0.10", "False"), ("all", "False")):
        assert run(show("warn.subtensor_merge_bug"), tcore_flags=f"warn.ignore_bug_before={before}") == expected


def test_print_config_is_complete_L4455_L4458_L13271() -> None:
    """The printed configuration shows every option with documentation and value, and the keys of the format."""
    text = run("import tcore; print(tcore.config)", tcore_flags="floatX=float32")
    plugins = {"opencl", "example"}  # loaded in this process, perhaps, not in that one
    for name in config.options:
        if name.partition(".")[0] in plugins:
            continue
        assert f"\n{name} (" in f"\n{text}"
    assert "floatX (float64, float32, float16)\n    Doc:  " in text
    assert "Value:  float32" in text
    assert "%(python_bitwidth)s" in text


def test_option_validation() -> None:
    """A declaration checks its name, and describes itself."""
    with pytest.raises(ValueError, match="identifiers separated by dots, got 'a-b'"):
        Option(name="a-b", default=1, doc="")
    assert Option(name="a", default=Computed(lambda c: 1, "one"), doc="").shown_default == "one"


def test_reading_is_an_attribute_read() -> None:
    """After the first read a value stands in the section's own dictionary: no method runs."""
    _ = config.traceback.limit
    assert "limit" in config.traceback.__dict__


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere Python is asked")
def test_folders_start_no_process() -> None:
    """The names of folders are worked out, and a first function runs, without another program; the platform's name is Python's."""
    program = """
        import sys
        started = []
        sys.addaudithook(lambda event, args: started.append(args[0]) if event in ("subprocess.Popen", "os.posix_spawn", "os.fork", "os.system") else None)
        import tcore
        x = tcore.tensor.dvector("x")
        tcore.function([x], x + 1, mode=tcore.Mode(linker="py"))([1.0])
        assert not started, started
        folder = tcore.config.compiledir
        assert tcore.config.cpu.store
        assert not started, started
        import platform
        print(platform.platform() in folder, "%(short_platform)s" % tcore.configuration.defaults._Keys() == platform.platform(terse=True))
    """
    assert run(textwrap.dedent(program)) == "True True"


def test_changed_options() -> None:
    """What somebody gave, as text or by assignment, with its present value; nothing else."""
    program = "import tcore; tcore.config.allow_gc = False; tcore.config.optimizer\n"
    program += "with tcore.config.change_flags(floatX='float32'): print(tcore.config.changed())\n"
    program += "print(tcore.config.changed())"
    inside, after = run(program, tcore_flags="floatX=float16,optimizer=o2").splitlines()
    assert inside == "(('allow_gc', 'False'), ('floatX', \"'float32'\"), ('optimizer', 'o2'))"
    assert after == "(('allow_gc', 'False'), ('floatX', 'float16'), ('optimizer', 'o2'))"
