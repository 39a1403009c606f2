"""What a plugin does wrong stays with it: the core works, and says so in one line."""

from __future__ import annotations

import pytest

GOOD = """
    from tcore.plugins import OpSpec, Option, hookimpl

    @hookimpl
    def tcore_config():
        return [Option(name="good.level", default=3, doc="A level.")]

    @hookimpl
    def tcore_ops():
        return [OpSpec("pk_good.ops:Median")]
"""

LOAD_ALL = """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        m.load_all()
    print(len(caught))
    for w in caught:
        assert w.category is PluginWarning, w
        print(w.message)
    print(sorted(s.name for s in m.states() if s.status == "loaded"))
    print(config.good.level, [r.label for _, r in m.tables.of(object)])
"""


def check(site, line: str) -> str:
    """Load everything beside a good plugin: one warning that holds ``line``, and the good plugin works."""
    site.plugin("good", GOOD)
    output = site.output(LOAD_ALL)
    assert len(output) == 4, output
    count, message, loaded, tables = output
    assert count == "1"
    assert line in message
    assert "\n" not in message
    assert "'good'" in loaded
    assert tables.startswith("3 ['Median'")
    return message


def test_raises_on_import(site) -> None:
    """Name, distribution, version, error, root cause, place and the switch stand in the message."""
    site.plugin("bad", "try:\n    import nothing_like_this\nexcept ImportError as e:\n    raise RuntimeError('no driver') from e\n")
    message = check(site, "plugin 'bad' (tcore-bad 1.0) is off: RuntimeError: no driver, caused by ModuleNotFoundError")
    assert "plugin.py, line 2" in message
    assert "TCORE_FLAGS=plugins.disabled=bad" in message


@pytest.mark.parametrize("source", ["import sys\nsys.exit(3)\n", "raise SystemExit(3)\n"])
def test_exits(site, source: str) -> None:
    """A plugin that ends the program is a failed plugin."""
    site.plugin("bad", source)
    check(site, "plugin 'bad' (tcore-bad 1.0) is off: it tried to end the program (SystemExit: 3)")


def test_keyboard_interrupt_passes(site) -> None:
    """Control-C while a plugin is imported ends the program, as everywhere."""
    site.plugin("bad", "raise KeyboardInterrupt\n")
    done = site.run("m.load_all()")
    assert done.returncode != 0
    assert "KeyboardInterrupt" in done.stderr


@pytest.mark.parametrize(
    ("api", "line"),
    [
        (None, 'declares no API level. Its author adds to pyproject.toml: [project.entry-points."tcore.api"] bad = "v1:v1"'),
        ("v2:v3", "needs API level v2, this core has v1"),
        ("one:two", "declares the API range 'one:two', which is none"),
        ("v3:v1", "declares the API range 'v3:v1', which is none"),
    ],
)
def test_api_range(site, api: str | None, line: str) -> None:
    """Without a range that holds this core's level, a plugin is not even imported."""
    site.plugin("bad", "raise AssertionError('imported')\n", api=api)
    check(site, line)


def test_half_registering(site) -> None:
    """A plugin whose last hook fails leaves nothing behind: no option, no op."""
    site.plugin(
        "bad",
        """
        from tcore.plugins import OpSpec, Option, hookimpl

        @hookimpl
        def tcore_config():
            return [Option(name="bad.flag", default=1, doc="Never seen.")]

        @hookimpl
        def tcore_ops():
            return [OpSpec("pk_bad.ops:Half")]

        @hookimpl
        def tcore_optimizations():
            raise ValueError("half way")
        """,
    )
    check(site, "ValueError: half way")
    assert site.output("""
        warnings.simplefilter("ignore")
        m.load_all()
        print(hasattr(config, "bad"), "bad.flag" in config.options, m.pluggy.list_name_plugin()[0][0])
        """) == ["False False good"]


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (
            "from tcore.plugins import hookimpl\n@hookimpl\ndef tcore_opss():\n    return []\n",
            "unknown hook tcore_opss: did you mean tcore_ops?",
        ),
        ("def tcore_ops():\n    return []\n", "tcore_ops is not marked with @hookimpl of tcore.plugins"),
        (
            "from tcore.plugins import hookimpl\n@hookimpl\ndef tcore_ops(registry):\n    return []\n",
            "definition: tcore_ops(registry)",
        ),
        (
            "from tcore.plugins import hookimpl\n@hookimpl\ndef tcore_ops():\n    return 'ops'\n",
            "tcore_ops must return a list of OpSpec, got 'ops'",
        ),
        (
            "from tcore.plugins import hookimpl\n@hookimpl\ndef tcore_ops():\n    return [1]\n",
            "tcore_ops must return a list of OpSpec, got one that holds 1",
        ),
        (
            "from tcore.plugins import OpSpec, hookimpl\n@hookimpl\ndef tcore_ops():\n    return [OpSpec('Median')]\n",
            "OpSpec.load must read 'package.module:attribute', got 'Median'",
        ),
        (
            ("from tcore.plugins import Option, hookimpl\n@hookimpl\ndef tcore_config():\n    return [Option(name='floatX', default='x', doc='Mine now.')]\n"),
            "option 'floatX' is declared already",
        ),
    ],
)
def test_wrong_hooks(site, source: str, line: str) -> None:
    """A wrong hook refuses the plugin at the door and is named."""
    site.plugin("bad", source)
    check(site, line)


def test_optional_hook_of_a_later_core(site) -> None:
    """A hook marked as optional may be unknown."""
    site.plugin("new", "from tcore.plugins import hookimpl\n@hookimpl(optionalhook=True)\ndef tcore_later():\n    return []\n")
    assert site.output("m.load('new'); print(m.state('new').status)") == ["loaded"]


def test_one_name_in_two_distributions(site) -> None:
    """Neither is loaded, whatever the order on the path, and both owners are named."""
    site.plugin("twin", GOOD.replace("good", "twin"))
    site.distribution("tcore-other", "[tcore.plugins]\ntwin = other_twin\n[tcore.api]\ntwin = v1:v1\n", other_twin="")
    message = check(site, "the name 'twin' is claimed by")
    assert "tcore-other 1.0 and tcore-twin 1.0" in message


def test_one_backend_in_two_plugins(site) -> None:
    """Two claims on one backend switch both off until one is disabled."""
    backend = """
        from tcore.plugins import BackendSpec, hookimpl
        @hookimpl
        def tcore_backends():
            return [BackendSpec("fpga", load="pk_{0}.backend:Backend")]
    """
    for name in ("one", "two"):
        site.plugin(name, backend.format(name), more="[tcore.backends]\nfpga = pk_x.backend\n")
    lines = site.output("""
        from tcore.plugins import DuplicateNameError
        try:
            m.backend("fpga")
        except DuplicateNameError as error:
            print(error)
        print(m.state("one").reason)
        config.plugins.disabled = "two"
        print(m.backend("fpga").load)
        """)
    both = "backend 'fpga' is claimed by plugin 'one' (tcore-one 1.0) and by plugin 'two' (tcore-two 1.0)"
    assert lines == [
        f"{both}; disable one with plugins.disabled",
        both,
        "pk_one.backend:Backend",
    ]


def test_one_declared_name_in_two_plugins(site) -> None:
    """A name that only declarations show: the second plugin to load is refused, and both are named."""
    for name in ("one", "two"):
        site.plugin(
            name,
            f"""
            from tcore.plugins import RewriteGroup, hookimpl
            @hookimpl
            def tcore_optimizations():
                return [RewriteGroup("fold", load="pk_{name}.rewrites:GROUP")]
            """,
        )
    check(site, "rewrite group 'fold' is declared by plugin 'one' (tcore-one 1.0) and by plugin 'two' (tcore-two 1.0)")


@pytest.mark.parametrize(
    ("points", "line"),
    [
        ("[tcore.plugins]\nbad\n", "line 2 of entry_points.txt reads 'bad', not name = value"),
        ("[tcore.plugins]\nbad = not a module!\n", "entry point bad = 'not a module!' names no module"),
        ("[tcore.backends]\nx = y\n", "tcore.backends claims 'x', but the distribution has no plugin for it"),
        ("[tcore.plugins]\nbad = a\nbad = b\n[tcore.api]\nbad = v1:v1\n", "is declared twice: a and b"),
    ],
)
def test_malformed_entry_points(site, points: str, line: str) -> None:
    """A line that cannot be read spoils its own distribution only."""
    site.distribution("tcore-bad", points, a="")
    check(site, line)


def test_unreadable_entry_points(site) -> None:
    """Bytes that are no text are a broken distribution, not a broken tcore."""
    site.distribution("tcore-bad", "")
    (site.folder / "tcore_bad-1.0.dist-info" / "entry_points.txt").write_bytes(b"[tcore.plugins]\nbad = \xff\xfe\n")
    check(site, "entry_points.txt cannot be read")


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ("", "tcore_backends declares 'fpga', which the metadata (group tcore.backends) lacks"),
        (
            "[tcore.backends]\nfpga = pk_bad\nasic = pk_bad\n",
            "the metadata (group tcore.backends) claims 'asic', which tcore_backends does not declare",
        ),
    ],
)
def test_metadata_and_declarations_disagree(site, more: str, line: str) -> None:
    """What can be asked for stands in both places."""
    site.plugin(
        "bad",
        """
        from tcore.plugins import BackendSpec, hookimpl
        @hookimpl
        def tcore_backends():
            return [BackendSpec("fpga", load="pk_bad.backend:Backend")]
        """,
        more=more,
    )
    check(site, line)


def test_strict_raises(site) -> None:
    """plugins.strict turns the warning into an error with the plugin's own as its cause."""
    site.plugin("bad", "raise ValueError('boom')\n")
    lines = site.output(
        """
        try:
            m.load_all()
        except PluginLoadError as error:
            print(error)
            print(repr(error.__cause__))
        """,
        tcore_flags="plugins.strict=True",
    )
    assert lines[0].startswith("plugin 'bad' (tcore-bad 1.0) is off: ValueError: boom")
    assert lines[1] == "ValueError('boom')"


def test_state_is_kept_when_warnings_are_errors(site) -> None:
    """With -W error the state is there all the same, and the second request is quiet."""
    site.plugin("bad", "raise ValueError('boom')\n")
    lines = site.output("""
        warnings.simplefilter("error")
        try:
            m.load_all()
        except PluginWarning as warning:
            print("raised")
        print(m.state("bad").status)
        m.load_all()
        """)
    assert lines == ["raised", "failed"]


def test_asked_for_by_name(site) -> None:
    """Who asks for a plugin by name gets an error each time, and no warning."""
    site.plugin("bad", "raise ValueError('boom')\n")
    lines = site.output("""
        warnings.simplefilter("error")
        for _ in range(2):
            try:
                m.load("bad")
            except PluginLoadError as error:
                print(error)
        """)
    assert len(lines) == 2
    assert "ValueError: boom" in lines[1]
