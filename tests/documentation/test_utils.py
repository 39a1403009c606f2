"""The small helpers of `gof.utils`; its lines in the names."""

from __future__ import annotations

import hashlib
import inspect
import sys
import traceback

import pytest

import tcore
from tcore.gof import utils
from tcore.tensor import dvector


def test_method_not_defined_L15980():
    """An interface method that nobody wrote."""
    assert issubclass(utils.MethodNotDefined, Exception)
    for ask in (lambda: tcore.gof.Type().filter(1), lambda: tcore.gof.Op().c_code(None, "n", [], [], {}), lambda: tcore.gof.Op().grad([], [])):
        with pytest.raises(utils.MethodNotDefined):
            ask()


def deep(count, thing, user_line=None):
    return utils.add_tag_trace(thing, user_line) if count == 0 else deep(count - 1, thing, user_line)


def test_add_tag_trace_L15986_L15995_L15999_L14082():
    """Where the program is, in tag.trace; the same object comes back. Two bounds on the number of lines."""
    x = tcore.gof.Variable(dvector)
    assert deep(20, x) is x
    assert x.tag.trace[0].filename == __file__
    assert x.tag.trace[0].name == "deep"
    assert len(x.tag.trace) == tcore.config.traceback.limit == 8
    assert len(deep(20, x, user_line=3).tag.trace) == 3
    with tcore.config.change_flags(**{"traceback.limit": 5}):
        assert len(deep(20, x, user_line=6).tag.trace) == 5
    with tcore.config.change_flags(**{"traceback.limit": 0}):
        assert not hasattr(deep(20, tcore.gof.Variable(dvector)).tag, "trace")
    node = (dvector() + 1).owner
    assert utils.add_tag_trace(node).tag.trace[0].filename == __file__


def test_simple_extract_stack_L16048_L16057():
    """As traceback.extract_stack, outermost call first, with a limit on the inner side."""
    ours, theirs = utils.simple_extract_stack(), traceback.extract_stack()
    assert [(f.filename, f.name) for f in ours] == [(f.filename, f.name) for f in theirs]
    filename, _lineno, name, line = ours[-1]
    assert (filename, name) == (__file__, "test_simple_extract_stack_L16048_L16057")
    assert line == "ours, theirs = utils.simple_extract_stack(), traceback.extract_stack()"
    assert next(tuple(f) for f in utils.simple_extract_stack(limit=2))[2] == theirs[-2].name
    assert utils.simple_extract_stack(limit=0) == []
    caller = inspect.currentframe().f_back
    assert utils.simple_extract_stack(caller)[-1].name == caller.f_code.co_name


def test_skips_end_at_the_first_other_file_L16059_L16053():
    """Inner levels are skipped and not counted; the same file further out is kept."""
    names = [f.name for f in utils.simple_extract_stack(limit=3, skips=["test_utils.py"])]
    assert "test_skips_end_at_the_first_other_file_L16059_L16053" not in names
    assert len(names) == 3

    def inner():
        return utils.simple_extract_stack(skips=["test_utils.py"])

    through = [None for _ in [0]]  # a call of our own that leads through another file
    assert through == [None]
    sources = [f.filename for f in sorted([2, 1], key=lambda _: inner()) and inner()]
    assert not sources[-1].endswith("test_utils.py")

    namespace = {}
    exec(compile("def outside(function):\n    return function()\n", "elsewhere.py", "exec"), namespace)
    kept = [f.filename for f in namespace["outside"](inner)]
    assert kept[-1] == "elsewhere.py"
    assert kept[-2] == __file__


def test_no_stat_of_files_L16052(monkeypatch):
    """The line cache is not refreshed."""
    import linecache

    monkeypatch.setattr(linecache, "checkcache", lambda *args: pytest.fail("the line cache is refreshed"))
    assert utils.simple_extract_stack()[-1].line


def test_deprecated_L16003(capsys):
    """One line at the first call."""

    @utils.deprecated("myfile", "do something different...")
    def fn_name(a, b=1):
        """Doc."""
        return a + b

    assert capsys.readouterr().out == ""
    assert fn_name(1) == 2
    assert fn_name(1, b=4) == 5
    assert capsys.readouterr().out == "WARNING myfile.fn_name deprecated. do something different...\n"
    assert fn_name.__doc__ == "Doc."


def test_difference_L16019():
    assert utils.difference([3, 1, 2, 1], [1]) == [3, 2]
    assert utils.difference([[1], [2]], [[2]]) == [[1]]


def test_flatten_L16025():
    assert utils.flatten([1, (2, [3, {4}])]) == [1, 2, 3, 4]
    assert utils.flatten("ab") == ["ab"]
    nested = [1]
    for _ in range(2 * sys.getrecursionlimit()):
        nested = [nested]
    assert utils.flatten(nested) == [1]


def test_hash_from_file_L16027(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"content\0")
    assert utils.hash_from_file(file) == utils.hash_from_file(str(file)) == hashlib.sha256(b"content\0").hexdigest()


def test_memoize_L16031():
    calls = []

    @utils.memoize
    def add(a, b):
        calls.append((a, b))
        return a + b

    assert [add(1, 2), add(1, 2), add(2, 1)] == [3, 3, 3]
    assert calls == [(1, 2), (2, 1)]
    with pytest.raises(TypeError, match="unhashable"):
        add([1], [2])


def test_remove_L16042():
    """What the name and the example say: even numbers go."""
    assert utils.remove(lambda v: v % 2 == 0, [1, 2, 3, 4]) == [1, 3]


def test_toposort_L16061():
    """What stands before an element comes before it; keys only."""
    order = utils.toposort({"socks": [], "shoes": ["socks", "trousers"], "trousers": ["pants"], "pants": []})
    assert sorted(order) == ["pants", "shoes", "socks", "trousers"]
    assert order.index("pants") < order.index("trousers") < order.index("shoes")
    assert order.index("socks") < order.index("shoes")
    assert utils.toposort({"a": ["elsewhere"]}) == ["a"]
    with pytest.raises(ValueError, match="cycle"):
        utils.toposort({1: [2], 2: [1]})


def test_uniq_L16067_L16069():
    """The same pattern of repeats keeps the same positions, whatever the elements are."""
    assert utils.uniq([3, 1, 3, 2, 1]) == [3, 1, 2]
    assert utils.uniq(["c", "a", "c", "b", "a"]) == ["c", "a", "b"]
    assert utils.uniq([[3], [1], [3]]) == [[3], [1]]
