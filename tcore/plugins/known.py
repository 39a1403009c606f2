"""Which of our own packages supplies what: for messages about a package that is not installed, and so has no metadata."""

from __future__ import annotations

__all__ = ["SUPPLIERS", "install_hint", "supplier"]

#: (group, name) -> distribution
SUPPLIERS: dict[tuple[str, str], str] = {
    ("backends", "cpu"): "tcore-cpu",
    ("backends", "cuda"): "tcore-cuda",
    ("backends", "opencl"): "tcore-opencl",
    ("devices", "cuda"): "tcore-cuda",
    ("devices", "opencl"): "tcore-opencl",
    ("modules", "sparse"): "tcore-sparse",
    ("modules", "tensor.nnet"): "tcore-nnet",
    ("modules", "tensor.signal"): "tcore-nnet",
    ("values", "scipy.sparse"): "tcore-sparse",
}


def supplier(group: str, name: str) -> str | None:
    """The distribution of ours that has ``name``, or None. For modules, also what lies below a name."""
    while name:
        found = SUPPLIERS.get((group, name))
        if found is not None:
            return found
        name = name.rpartition(".")[0] if group == "modules" else ""
    return None


def install_hint(distribution: str) -> str:
    """What to type to get ``distribution``: by path, since package indexes hold strangers under such names."""
    folder = distribution.replace("-", "_")
    return f"install {distribution}: in a checkout of tcore, python -m pip install ./tcore ./{folder}"
