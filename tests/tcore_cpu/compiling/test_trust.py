"""Folders that others could write, that belong to others, or from which nothing may be loaded."""

from __future__ import annotations

import ctypes
import errno
import os
import tempfile
import types
import warnings
from pathlib import Path

import pytest

from tcore.configuration import config
from tcore_cpu.compiling import store as store_module
from tcore_cpu.compiling.compiler import Unit, find_compiler, load_units
from tcore_cpu.compiling.libraries import LoadError
from tcore_cpu.compiling.store import Store, StoreWarning, open_store

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="no C compiler")

SOURCE = """
static void body(long n) { (void)n; }
__attribute__((visibility("default"))) void *tc_table[] = {(void *)body};
"""


@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_store_that_others_can_write(tmp_path, mode) -> None:
    """Such a folder is refused, with what helps; a private folder takes its place."""
    root = tmp_path / "open"
    root.mkdir()
    root.chmod(mode)
    with pytest.warns(StoreWarning, match="can be written by others.*cpu.store"):
        store = open_store(root)
    assert store.root != root
    assert store.root.stat().st_mode & 0o077 == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert open_store(root) is store


@pytest.mark.parametrize(("shared", "above", "fine"), [(0o777, 0o755, False), (0o1777, 0o755, True), (0o755, 0o755, True), (0o777, 0o700, True)])
def test_store_that_others_can_replace(tmp_path, monkeypatch, shared, above, fine) -> None:
    """A private folder within one that anyone can write is refused, unless only owners may rename there, or nobody else comes there."""
    root = tmp_path / "shared" / "own" / "kernels"
    root.mkdir(parents=True, mode=0o700)
    root.parent.chmod(0o755)
    (tmp_path / "shared").chmod(shared)
    tmp_path.chmod(above)
    look = os.stat
    # the folders above those of the test are as those of a system
    monkeypatch.setattr(os, "stat", lambda path, **options: look("/" if Path(path) in tmp_path.parents else path, **options))
    if fine:
        assert open_store(root).root == root
        return
    with pytest.warns(StoreWarning, match=rf"can be replaced by others, who can write {tmp_path / 'shared'}.*cpu\.store"):
        store = open_store(root)
    assert str(root) not in (store.folder, *store.layers)


@pytest.mark.parametrize("what", ["folder", "library"])
def test_layer_that_others_can_write(folder, tmp_path, monkeypatch, what) -> None:
    """Neither such a layer nor such a library is used."""
    (library,) = load_units([Unit(SOURCE, 1)])
    monkeypatch.setattr(store_module, "_opened", {})
    upper = tmp_path / "upper"
    if what == "folder":
        folder.chmod(0o777)
        with pytest.warns(StoreWarning, match=f"kernels in {folder} are not used"):
            store = open_store(upper, [folder])
    else:
        library.path.chmod(0o622)
        store = open_store(upper, [folder])
    assert store.find(Unit(SOURCE, 1).key) is None
    folder.chmod(0o700)
    library.path.chmod(0o600)
    store_module._opened.clear()
    assert open_store(upper, [folder]).find(Unit(SOURCE, 1).key) is not None


def test_library_of_another_user(folder, monkeypatch) -> None:
    """A library in the store that somebody else owns is made again."""
    (library,) = load_units([Unit(SOURCE, 1)])
    if os.getuid() == 0:
        os.chown(library.path, 4711, -1)
    else:
        monkeypatch.setattr(os, "getuid", lambda: library.path.stat().st_uid + 1)
    assert Store(folder).find(Unit(SOURCE, 1).key) is None


@pytest.fixture
def noexec(monkeypatch):
    """Makes a folder look as on a file system that is mounted noexec."""
    folders, load, look = [], ctypes.CDLL, os.statvfs

    def refuse(name, *args):
        if any(Path(name).is_relative_to(folder) for folder in folders):
            raise OSError(f"{name}: failed to map segment from shared object")
        return load(name, *args)

    def flags(path):
        found = look(path)
        bit = os.ST_NOEXEC * any(Path(path).is_relative_to(folder) for folder in folders)
        return types.SimpleNamespace(f_flag=found.f_flag & ~os.ST_NOEXEC | bit)

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    monkeypatch.setattr(os, "statvfs", flags)
    monkeypatch.setattr(store_module, "_opened", {})
    return folders.append


def test_store_on_a_file_system_without_programs(folder, noexec) -> None:
    """Said once; kernels are made where they can be loaded, in the next process as well."""
    load_units([Unit(SOURCE, 1)])
    store_module._opened.clear()
    noexec(folder)
    with pytest.warns(StoreWarning, match=r"mounted noexec.*cpu\.store"):
        (library,) = load_units([Unit(SOURCE, 1)])
    assert library.compiled
    assert library.path.parent != folder


def test_no_place_to_load_from(folder, tmp_path, noexec, monkeypatch) -> None:
    """Where temporary files cannot be loaded either, the error says why and what helps."""
    noexec(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.warns(StoreWarning, match="noexec"), pytest.raises(LoadError, match=r"(?s)cannot be loaded.*mounted noexec.*cpu\.store"):
        load_units([Unit(SOURCE, 1)])


def test_store_of_another_user(tmp_path, monkeypatch) -> None:
    """A folder of somebody else is refused, and so is what is in it."""
    root = tmp_path / "kernels"
    with config.change_flags(cpu__store=str(root)):
        load_units([Unit(SOURCE, 1)])
    if os.getuid() == 0:
        os.chown(root, 4711, -1)
    else:
        monkeypatch.setattr(os, "getuid", lambda: root.stat().st_uid + 1)
    monkeypatch.setattr(store_module, "_opened", {})
    with pytest.warns(StoreWarning, match="belongs to another user"):
        store = open_store(root)
    assert store.root != root
    assert store.find(Unit(SOURCE, 1).key) is None


def test_read_only_store(folder, monkeypatch) -> None:
    """What is in a store that cannot be written is found; new kernels go elsewhere."""
    load_units([Unit(SOURCE, 1)])
    make = os.open

    def refuse(path, *args, **options):
        if Path(path).parent == folder:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return make(path, *args, **options)

    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr(store_module, "_opened", {})
    with pytest.warns(StoreWarning, match="cannot be written .*Read-only file system"):
        (library,) = load_units([Unit(SOURCE, 1)])
    assert not library.compiled
    assert library.path.parent == folder
    (other,) = load_units([Unit(f"{SOURCE}// other", 1)])
    assert other.compiled
    assert other.path.parent != folder
