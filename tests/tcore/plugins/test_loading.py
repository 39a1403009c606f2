"""Plugins are loaded by need: by name, by the Ops and Types of a graph, by values; and by nothing else."""

from __future__ import annotations

import importlib
import textwrap

import pytest

from tcore.configuration import config
from tcore.plugins import api
from tcore.plugins.core import Manager
from tcore.plugins.discovery import Installed
from tcore.plugins.errors import PluginError

PLUGIN = """
    from tcore.plugins import BackendSpec, DeviceSpec, RewriteGroup, hookimpl

    @hookimpl
    def tcore_backends():
        return [BackendSpec("{0}_backend", load="pk_{0}.backend:Backend", linkers=["cvm"])]

    @hookimpl
    def tcore_devices():
        return [DeviceSpec("{0}dev", load="pk_{0}.runtime:Runtime")]

    @hookimpl
    def tcore_optimizations():
        return [RewriteGroup("{0}_rules", load="pk_{0}.rewrites:GROUP", requires={1})]
"""

OPS = """
    class Op: pass
    class Median(Op): pass
"""


def add(site, name: str, requires: tuple[str, ...] = ()) -> None:
    """A plugin with a backend, a device family, a rewrite group and a module of ops."""
    site.plugin(
        name,
        PLUGIN.format(name, requires),
        more=f"[tcore.backends]\n{name}_backend = pk_{name}.backend\n[tcore.devices]\n{name}dev = pk_{name}.runtime\n",
        **{f"pk_{name}__ops": OPS},
    )


def test_scan_imports_nothing(site) -> None:
    """Listing what is installed imports no plugin, and reads names and versions for messages only."""
    add(site, "one")
    assert site.output("""
        print([(c.name, c.package, c.api) for c in m.installed.candidates])
        print(list(m.names("backends")), list(m.names("devices")))
        print([name for name in sys.modules if name.startswith("pk_")], m.state("one").status)
        """) == ["[('one', 'pk_one', 'v1:v1')]", "['one_backend'] ['onedev']", "[] installed"]


def test_by_backend_and_device(site) -> None:
    """A name that is asked for loads its plugin, and no other one."""
    add(site, "one")
    add(site, "two")
    assert site.output("""
        print(m.backend("one_backend").linkers)
        print(m.device("onedev3:1").family)
        print(m.state("one").status, m.state("two").status)
        """) == ["('cvm',)", "onedev", "loaded installed"]


def test_unknown_names(site) -> None:
    """The error says which package supplies the name, or what there is."""
    add(site, "one")
    lines = site.output("""
        from tcore.plugins import UnknownNameError
        for ask in (lambda: m.backend("cuda"), lambda: m.device("cuda1"), lambda: m.backend("fpga"), lambda: m.load("none")):
            try:
                ask()
            except UnknownNameError as error:
                print(error)
        """)
    assert lines[0].startswith("backend 'cuda' is supplied by the package tcore-cuda, which is not installed: install tcore-cuda")
    assert "./tcore_cuda" in lines[0]
    assert lines[1].startswith("device 'cuda' is supplied by the package tcore-cuda")
    assert lines[2].startswith("no installed package has a backend 'fpga'; installed are: one_backend")
    assert lines[3] == "there is no plugin 'none'; installed are: one"


def test_by_graph(site) -> None:
    """The plugins of a graph depend on its classes, never on what was imported or loaded before."""
    for name in ("one", "two", "three"):
        add(site, name)
    lines = site.output("""
        from pk_one.ops import Median
        import pk_two.ops
        class Mine(Median): pass
        print(m.active_for([int]))
        print(m.state("one").status)
        print(m.active_for([Median]), m.active_for([Mine]))
        m.load("three")
        print(m.active_for([Median]), [g.name for _, g in m.rewrite_groups(m.active_for([Median]))])
        print(m.active_for([Median], backends=["two_backend"], devices=["onedev0"]))
        """)
    assert lines == [
        "()",
        "installed",
        "('one',) ('one',)",
        "('one',) ['one_rules']",
        "('one', 'two')",
    ]


def test_order_of_loading_changes_nothing(site) -> None:
    """Groups come in one order, by distribution and name, however the plugins were loaded."""
    for name in ("bb", "aa", "cc"):
        add(site, name)
    program = """
        for name in sys.argv[1:]:
            m.load(name)
        print([g.name for _, g in m.rewrite_groups({"aa", "bb", "cc"})])
        """
    expected = ["['aa_rules', 'bb_rules', 'cc_rules']"]
    assert site.output(program, "aa", "bb", "cc") == expected
    assert site.output(program, "cc", "bb", "aa") == expected


def test_requires(site) -> None:
    """A group that requires a package takes part where that package does; without it, it is listed as inactive."""
    add(site, "one")
    add(site, "two", requires=("pk_one",))
    add(site, "three", requires=("pk_absent",))
    assert site.output("""
        m.load("two"), m.load("three"), m.load("one")
        print([g.name for _, g in m.rewrite_groups(["two"])])
        print([g.name for _, g in m.rewrite_groups(["two", "one"])])
        print([(plugin, group.name, missing) for plugin, group, missing in m.inactive_groups()])
        """) == ["[]", "['one_rules', 'two_rules']", "[('three', 'three_rules', ('pk_absent',))]"]


def test_foreign_reference(site) -> None:
    """A reference to an op of another package is followed when that package is there, and never imports it."""
    add(site, "one")
    assert site.output("""
        from tcore.plugins.references import resolve_foreign
        print(resolve_foreign("pk_one.ops:Median"))
        import pk_one
        print(resolve_foreign("pk_one.ops:Median").__name__)
        """) == ["None", "Median"]


def test_switches(site) -> None:
    """disabled, only and autoload act before anything is loaded; an op of a disabled plugin names the switch."""
    add(site, "one")
    add(site, "two")
    program = """
        from pk_one.ops import Median
        warnings.simplefilter("error")
        print([(s.name, s.status) for s in m.states()])
        try:
            print(m.active_for([Median]))
        except PluginLoadError as error:
            print(error)
        print(m.find_backend("two_backend") is not None)
        """
    assert site.output(program, tcore_flags="plugins.disabled=one") == [
        "[('one', 'disabled'), ('two', 'installed')]",
        ("the graph holds Median of plugin 'one' (tcore-one 1.0), but the option plugins.disabled leaves it out: take it off plugins.disabled to use it"),
        "True",
    ]
    assert site.output(program, tcore_flags="plugins.only=one:three") == [
        "[('one', 'installed'), ('two', 'disabled')]",
        "('one',)",
        "False",
    ]
    assert site.output(program, tcore_flags="plugins.autoload=False")[1:] == ["()", "False"]


def test_values(site) -> None:
    """A value of a listed module loads the plugin, whose converters then take it."""
    site.plugin(
        "units",
        """
        from tcore.plugins import ConverterSpec, SharedSpec, hookimpl
        @hookimpl
        def tcore_types():
            return [ConverterSpec("quantity", load="pk_units.convert:convert"), SharedSpec("quantity", load="pk_units.convert:share")]
        """,
        more="[tcore.values]\nunits = quantity\n",
        pk_units__convert="def convert(value, name): return 'converted'\ndef share(value, **kw): return 'shared'\n",
        quantity="class Metre: pass\nclass Foot(Metre): pass\n",
    )
    assert site.output("""
        import quantity
        print(m.converters_for(3.0), m.state("units").status)
        print([c(None, None) for c in m.converters_for(quantity.Foot())], m.state("units").status)
        print([c(None) for c in m.shared_constructors_for(quantity.Metre())])
        """) == ["() installed", "['converted'] loaded", "['shared']"]


def test_values_of_a_derived_class(site) -> None:
    """Functions for a class come before those for its bases, whatever plugin they belong to; numbers read no metadata."""
    site.plugin(
        "units",
        "from tcore.plugins import ConverterSpec, hookimpl\n@hookimpl\ndef tcore_types():\n"
        "    return [ConverterSpec('quantity', load='pk_units.convert:convert')]\n",
        more="[tcore.values]\nunits = quantity\n",
        pk_units__convert="def convert(value, name): return 'converted'\n",
        quantity="import numpy as np\nclass Array(np.ndarray): pass\n",
    )
    assert site.output("""
        m = Manager(config, scan=lambda: scan([p for p in sys.path if p]))
        print([c.__module__ for c in m.converters_for(3.0)], m._installed)
        import quantity
        print([c.__module__ for c in m.converters_for(quantity.Array(2))])
        print(m.converters_for(quantity.Array(2)) is m.converters_for(quantity.Array(1)))
        """) == ["['tcore.tensor.conversion'] None", "['pk_units.convert', 'tcore.tensor.conversion']", "True"]


def test_fifty_idle_plugins(site) -> None:
    """Plugins that nobody asks for cost a line of metadata each: none is imported, and the scan stays fast."""
    for number in range(50):
        site.plugin(f"idle{number}", "raise AssertionError('imported')\n")
    add(site, "one")
    (line,) = site.output("""
        import time
        import importlib_metadata
        start = time.process_time()
        m.load("one")
        print(len(m.installed.candidates), m.state("idle7").status, time.process_time() - start)
        """)
    count, status, seconds = line.split()
    assert (count, status) == ("51", "installed")
    assert float(seconds) < 1.0


def test_two_threads_at_once(site) -> None:
    """Two threads that ask for one plugin while it is being imported both get it; it is registered once."""
    site.plugin(
        "slow",
        """
        import time
        time.sleep(0.2)
        from tcore.plugins import OpSpec, hookimpl
        @hookimpl
        def tcore_ops():
            time.sleep(0.1)
            return [OpSpec("pk_slow.ops:Median")]
        """,
    )
    assert site.output("""
        import threading
        failures = []
        def ask():
            try:
                m.load("slow")
                m.tables.declared_by("slow").records[0]
            except BaseException as error:
                failures.append(error)
        threads = [threading.Thread(target=ask, daemon=True) for _ in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join(20)
        print(failures, any(thread.is_alive() for thread in threads), len(m.tables.plugins), m.pluggy.list_name_plugin()[0][0])
        """) == ["[] False 1 slow"]


def test_plugins_that_import_each_other_from_two_threads(site) -> None:
    """No lock of ours is held during an import, so two plugins may ask for each other from two threads."""
    for name, other in (("aa", "bb"), ("bb", "aa")):
        site.plugin(name, f"import time\ntime.sleep(0.1)\nimport sys\nsys.modules['shared_manager'].m.load('{other}')\n")
    (line,) = site.output("""
        import threading, types
        holder = types.ModuleType("shared_manager"); holder.m = m; sys.modules["shared_manager"] = holder
        threads = [threading.Thread(target=m.load, args=(name,), daemon=True) for name in ("aa", "bb")]
        for thread in threads: thread.start()
        for thread in threads: thread.join(20)
        print([thread.is_alive() for thread in threads], m.state("aa").status, m.state("bb").status)
        """)
    assert line == "[False, False] loaded loaded"


def test_rescan(site) -> None:
    """What is installed while a session runs is found after a rescan."""
    site.plugin("first", "")
    assert site.output("""
        import pathlib
        m.load("first")
        site = pathlib.Path(sys.path[1] if sys.path[0] == "" else sys.path[0])
        info = site / "late-1.0.dist-info"; info.mkdir()
        (info / "METADATA").write_text("Name: late\\nVersion: 1.0\\n")
        (info / "entry_points.txt").write_text("[tcore.plugins]\\nlate = late_plugin\\n[tcore.api]\\nlate = v1:v1\\n")
        (site / "late_plugin.py").write_text("")
        m.rescan()
        m.load("late")
        print(sorted(s.name for s in m.states() if s.status == "loaded"))
        """) == ["['first', 'late']"]


def test_archives_and_other_finders(site) -> None:
    """Distributions in a zip archive on the path, and those that a finder of another make knows, are found as well."""
    lines = site.output("""
        import pathlib, zipfile
        import tempfile
        folder = pathlib.Path(tempfile.mkdtemp())
        archive = folder / "things.zip"
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("zipped-1.0.dist-info/METADATA", "Name: zipped\\nVersion: 1.0\\n")
            file.writestr("zipped-1.0.dist-info/entry_points.txt", "[tcore.plugins]\\nzipped = zipped_plugin\\n[tcore.api]\\nzipped = v1:v1\\n")
            file.writestr("zipped_plugin.py", "")
        other = folder / "other" / "other-2.0.dist-info"
        other.mkdir(parents=True)
        (other / "METADATA").write_text("Name: other\\nVersion: 2.0\\n")
        (other / "entry_points.txt").write_text("[tcore.plugins]\\nother = other_plugin\\n[tcore.api]\\nother = v1:v1\\n")
        import importlib_metadata
        class Finder:
            @staticmethod
            def find_spec(*args): return None
            @staticmethod
            def find_distributions(context): return [importlib_metadata.Distribution.at(other)]
        sys.meta_path.append(Finder)
        sys.path.append(str(archive))
        everything = Manager(config, builtins=(), scan=scan)
        everything.load("zipped")
        print(everything.state("zipped").status, [str(c.source) for c in everything.installed.named("other")])
        """)
    assert lines == ["loaded ['other 2.0']"]


def test_the_first_of_a_name_on_the_path_counts(site) -> None:
    """A distribution that stands in two folders of the path is the first one, as for imports."""
    site.plugin("one", "")
    (line,) = site.output("""
        import pathlib, tempfile
        second = pathlib.Path(tempfile.mkdtemp())
        info = second / "tcore_one-0.5.dist-info"; info.mkdir()
        (info / "METADATA").write_text("Name: tcore-one\\nVersion: 0.5\\n")
        (info / "entry_points.txt").write_text("[tcore.plugins]\\none = pk_other\\n")
        first = sys.path[1] if sys.path[0] == "" else sys.path[0]
        print([str(c.source) for c in scan([first, str(second), "/nowhere"]).candidates], [str(c.source) for c in scan([str(second), first]).candidates])
        """)
    assert line == "['tcore-one 1.0'] ['tcore-one 0.5']"


def test_several_plugins_of_one_distribution(site) -> None:
    """A claim belongs to its namesake, or to the plugin that shares most of its path; hooks may stand in an object of a module."""
    module = """
        from tcore.plugins import BackendSpec, hookimpl

        class Hooks:
            class inner:
                @staticmethod
                @hookimpl
                def tcore_backends():
                    return [BackendSpec(BACKEND, load="pk_both:Backend", summary="one")]
        """
    site.distribution(
        "tcore-both",
        """
        [tcore.plugins]
        left = pk_both.left:Hooks.inner
        right = pk_both.right:Hooks.inner
        [tcore.api]
        left = v1:v1
        right = v1:v1
        [tcore.backends]
        right = pk_both.left:Hooks
        lefty = pk_both.left.more
        odd = not a module
        """,
        pk_both__left='BACKEND = "lefty"\n' + textwrap.dedent(module),
        pk_both__right='BACKEND = "right"\n' + textwrap.dedent(module),
    )
    assert site.output("""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            print({c.name: sorted(c.names("backends")) for c in m.installed.candidates})
        print(["names no module" in str(w.message) for w in caught])
        print(m.backend("lefty").name, m.state("right").status, m.backend("right").name)
        """) == ["{'left': ['lefty'], 'right': ['right']}", "[True]", "lefty installed right"]


def test_what_plugins_must_not_do(site) -> None:
    """Wrap hooks; have an unknown hook beside known ones; ask for their own backend while they are being loaded."""
    site.plugin("wraps", """
        import pluggy

        @pluggy.HookimplMarker("tcore")(wrapper=True)
        def tcore_backends():
            return (yield)
        """)
    site.plugin("unknown", """
        from tcore.plugins import hookimpl

        @hookimpl
        def tcore_backends():
            return []

        @hookimpl
        def tcore_bakcends():
            return []
        """)
    site.plugin("itself", """
        import __main__
        __main__.m.load("itself")  # nothing happens: it is on its way
        __main__.m.backend("itself")
        """, more="[tcore.backends]\nitself = pk_itself.plugin\n")
    lines = site.output("""
        for name in ("wraps", "unknown", "itself"):
            try:
                m.load(name)
            except PluginLoadError as error:
                print(error)
        """)
    assert "tcore_backends is a wrapper; tcore's hooks return declarations and have none" in lines[0]
    assert "unknown hook tcore_bakcends: did you mean tcore_backends?" in lines[1]
    assert any("is being loaded and does not have backend 'itself' yet" in line for line in lines[2:])


def test_metadata_that_cannot_be_read(site, tmp_path) -> None:
    """A finder that fails, and a distribution that fails when it is asked for its name, are told and stop nothing else."""
    add(site, "one")
    lines = site.output("""
        import importlib_metadata
        class Broken:
            _path = None
            metadata = {"Name": "broken"}
            def read_text(self, name): return "[tcore.plugins]\\nbroken = pk_broken\\n[tcore.api]\\nbroken = v1:v1\\n"
        class Finder:
            @staticmethod
            def find_spec(*args): return None
            @staticmethod
            def find_distributions(context): raise RuntimeError("no idea")
        class Other(Finder):
            @staticmethod
            def find_distributions(context): return [Broken()]
        sys.meta_path += [Finder, Other]
        everything = Manager(config, builtins=(), scan=scan)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            print(everything.state("one").status, everything.state("broken").status)
        print([str(w.message) for w in caught if "no idea" in str(w.message)])
        Broken.metadata = property(lambda self: 1 / 0)
        print([str(c.source) for c in everything.installed.named("broken")])
        """)
    assert lines[0] == "installed installed"
    assert "entry_points.txt cannot be read: no idea" in lines[1]
    assert lines[2] == "['broken ?']"


def test_values_without_autoload(site) -> None:
    """``plugins.autoload=False``: a value of a class that a plugin lists does not load it."""
    site.plugin("frames", "raise ValueError('loaded')\n", more="[tcore.values]\nframes = frames_of_others\n", frames_of_others="class Frame: pass\n")
    assert site.output("""
        import frames_of_others
        config.plugins.autoload = False
        print(m.converters_for(frames_of_others.Frame()), m.state("frames").status)
        """) == ["() installed"]


def test_managers_alone() -> None:
    """Without plugins: hooks are known, groups are checked, unknown names take no part; a fault of the core itself is raised."""
    manager = Manager(config, builtins=(), scan=Installed)
    assert manager.pluggy.hook.tcore_backends() == []
    with pytest.raises(ValueError, match="no such group: 'things'; there are backends, devices, commands, modules, values"):
        manager.names("things")
    assert manager.active_for([], ("nothing",), ("nowhere0",)) == ()
    broken = Manager(config, builtins=[("odd", "tcore.no_such_module")], scan=Installed)
    with pytest.raises(ModuleNotFoundError, match="tcore.no_such_module"):
        broken.active_for([])


def test_one_module_under_two_names() -> None:
    """Its hooks count once: the second plugin is refused, with the name of the first; the pluggy manager has the first alone."""
    manager = Manager(config, builtins=[("one", "tcore.tensor.plugin")], scan=Installed)
    assert manager.pluggy.list_name_plugin() == [("one", importlib.import_module("tcore.tensor.plugin"))]
    assert manager.pluggy is manager.pluggy
    twice = Manager(config, builtins=[("one", "tcore.tensor.plugin"), ("two", "tcore.tensor.plugin")], scan=Installed)
    with pytest.raises(PluginError, match="its hooks are those of plugin 'one': tcore.tensor.plugin is loaded under that name"):
        _ = twice.tables


def test_plugins_of_older_cores(monkeypatch) -> None:
    """A core that gave an API level up says so."""
    monkeypatch.setattr(api, "OLDEST_API_LEVEL", 2)
    monkeypatch.setattr(api, "API_LEVEL", 3)
    assert api.api_problem("median", "v1:v1") == (
        "works up to API level v1, this core has v2 to v3", "install a newer version of the plugin or an older tcore"
    )  # fmt: skip
    assert api.api_problem("median", "v1:v2") is None


def test_reports_of_devices_and_failures(site) -> None:
    """A driver without devices, and a ``tcore_report`` that raises."""
    site.plugin("empty", """
        from tcore.plugins import DeviceSpec, hookimpl

        class Runtime:
            @staticmethod
            def devices():
                return []

        @hookimpl
        def tcore_devices():
            return [DeviceSpec("empty", load="pk_empty.plugin:Runtime")]
        """, more="[tcore.devices]\nempty = pk_empty.plugin\n")
    site.plugin("fails", """
        from tcore.plugins import hookimpl

        @hookimpl
        def tcore_report():
            raise OSError("no driver")
        """)
    lines = site.output("""
        for name in ("empty", "fails"):
            for line in m.report(name):
                print(line.topic, line.status, line.text)
        """)
    assert lines == ["empty missing the driver finds no empty device", "fails problem tcore_report failed: OSError: no driver"]


def test_flags_of_its_section_that_a_plugin_does_not_have(site) -> None:
    """They are pointed out when it is loaded, with those that look like them."""
    site.plugin("level", """
        from tcore.configuration import Option
        from tcore.plugins import hookimpl

        @hookimpl
        def tcore_config():
            return [Option(name="level.strict", default=False, doc="Whether.")]
    """)
    program = """
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            m.load("level")
            print(config.level.strict)
        print(*(w.message for w in caught), sep="; ")
    """
    state, told = site.output(program, tcore_flags="level.strct=1,level.strict=True,level.xyzzy=3,other.thing=4")
    assert state == "True"
    first, second = told.split("; TCORE_FLAGS")
    assert "sets 'level.strct', which is no option of tcore: did you mean level.strict" in first
    assert "sets 'level.xyzzy', which is no option of tcore, so that it has no effect" in second
    assert "other" not in told
