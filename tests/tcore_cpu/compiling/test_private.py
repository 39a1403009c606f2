"""Private files and folders of a store."""

from __future__ import annotations

import stat

import pytest

from tcore_cpu.compiling.private import make_folder, remove_folder, write_whole


def test_a_file_is_there_whole_and_for_its_owner(tmp_path) -> None:
    """It replaces what was there, and nothing else remains in the folder."""
    path = tmp_path / "file"
    for content in (b"first", b"second"):
        write_whole(path, content)
        assert path.read_bytes() == content
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path) -> None:
    """Its place is taken by a folder: the error is that of the system, and the private file is gone."""
    (tmp_path / "file").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_whole(tmp_path / "file", b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "missing" / "file", b"content")


def test_folders_are_their_owners_and_removed_whole(tmp_path) -> None:
    """With files, links, which are not followed, and folders in them; one that is gone already is no error."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("content")
    flat, deep = make_folder(tmp_path), make_folder(tmp_path)
    assert stat.S_IMODE(flat.stat().st_mode) == 0o700
    for folder in (flat, deep):
        (folder / "file").write_text("content")
        (folder / "link").symlink_to(outside)
    (deep / "inner").mkdir()
    (deep / "inner" / "file").write_text("content")
    for folder in (flat, deep, flat):
        remove_folder(folder)
    assert list(tmp_path.iterdir()) == [outside]
    assert (outside / "kept").exists()
