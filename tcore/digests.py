"""Digests that name what is kept on disk."""

from __future__ import annotations

try:
    from _blake2 import blake2b  # what hashlib gives under this name; hashlib itself loads OpenSSL, a tenth of a first result
except ImportError:  # an interpreter that has it elsewhere
    from hashlib import blake2b

__all__ = ["SIZE", "digest"]

SIZE = 32
"""Bytes of a digest."""


def digest(data: bytes = b"") -> blake2b:
    """A hash of ``data``, as of :mod:`hashlib`: ``update``, ``digest`` and ``hexdigest`` are its methods."""
    return blake2b(data, digest_size=SIZE)
