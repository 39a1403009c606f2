"""Files of C code for ops: how they are read."""

from __future__ import annotations

import pytest

from tcore.graph.external_c import COp

CODE = b"#section support_code\n/* M\xc3\xa4rz */\n#section code\n%(z)s = %(x)s;\n"


def test_file_that_is_not_utf8(tmp_path) -> None:
    """The error names the file, the byte and its line."""
    (tmp_path / "op.c").write_bytes(CODE.replace(b"\xc3\xa4", b"\xe4"))
    with pytest.raises(ValueError, match=r"op\.c must be UTF-8, and has the byte 0xe4 in line 2"):
        COp(tmp_path / "op.c")


@pytest.mark.parametrize("change", [lambda code: b"\xef\xbb\xbf" + code, lambda code: code.replace(b"\n", b"\r\n")], ids=["mark", "line ends"])
def test_file_of_another_editor(tmp_path, change) -> None:
    """A byte order mark and other line ends change nothing."""
    (tmp_path / "plain.c").write_bytes(CODE)
    (tmp_path / "other.c").write_bytes(change(CODE))
    sections = COp(tmp_path / "plain.c").code_sections
    assert sections["support_code"] == "/* M\u00e4rz */\n"
    assert COp(tmp_path / "other.c").code_sections == sections
