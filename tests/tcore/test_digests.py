"""Names of what is kept on disk."""

from __future__ import annotations

import hashlib

from tcore.digests import SIZE, digest


def test_is_blake2b() -> None:
    """It is hashlib's BLAKE2b, of 32 bytes, whether the data come at once or in pieces."""
    pieces = digest(b"some ")
    pieces.update(b"data")
    assert pieces.digest() == hashlib.blake2b(b"some data", digest_size=32).digest()
    assert len(digest().digest()) == SIZE == 32
