"""Arrays of every shape, layout and value, and how far two of them are apart."""

from __future__ import annotations

import numpy as np
from attrs import frozen
from hypothesis import Phase, settings
from hypothesis import strategies as st

__all__ = ["DTYPES", "INTEGERS", "Layout", "assert_same", "distance", "draws", "factors", "layouts", "make", "numbers", "ordinary", "shapes"]

INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
DTYPES = ("bool", *INTEGERS, "float16", "float32", "float64", "complex64", "complex128")
"""All element types."""


def draws(few: int, **more):
    """Settings, ``more`` among them: ``few`` examples where the chosen profile has 100, and so in proportion; the first of them is the simplest there is. A smaller failing example would cost a compiler run for each try."""
    examples = max(1, few * settings.default.max_examples // 100)
    return settings(max_examples=examples, deadline=None, phases=[Phase.reuse, Phase.generate], **more)


# -------------------------------------------------------------------------------------------------------------- values


def numbers(rng, dtype, shape):
    """Special values and ordinary ones of all magnitudes, in a random mixture."""
    kind = np.dtype(dtype).kind
    if kind == "b":
        return rng.random(shape) < 0.5
    if kind in "iu":
        info = np.iinfo(dtype)
        ends = [info.min, info.max, info.min + 1, info.max - 1, 0, 1, 2, 3, 7, info.bits, info.bits - 1] + ([-1, -2, -7] if info.min else [])
        small, wide = rng.integers(0 if kind == "u" else -20, 20, shape), rng.integers(info.min, info.max, shape, dtype, endpoint=True)
        return _mixed(rng, shape, np.array(ends, dtype), small.astype(dtype), wide)
    if kind == "c":
        part = "float32" if dtype == "complex64" else "float64"
        made = np.empty(shape, dtype)
        made.real, made.imag = numbers(rng, part, shape), numbers(rng, part, shape)
        return made
    info = np.finfo(dtype)
    special = [np.nan, np.inf, 0.0, info.max, info.tiny, info.smallest_subnormal, info.eps, 1.0, 0.5, 2.0, 3.0, 1e-5, 100.0]
    special = np.array([*special, *(-value for value in special)], dtype)
    with np.errstate(all="ignore"):
        wide = (rng.normal(size=shape) * 2.0 ** rng.uniform(info.minexp, info.maxexp, shape)).astype(dtype)
        return _mixed(rng, shape, special, (rng.normal(size=shape) * 3).astype(dtype), wide)


def _mixed(rng, shape, special, *others):
    choice = rng.integers(0, 1 + len(others), shape)
    return np.choose(choice, [rng.choice(special, shape), *others]).astype(special.dtype)


def ordinary(rng, dtype, shape):
    """Numbers of moderate size, NaN and infinities now and then: sums of them do not overflow on the way."""
    kind = np.dtype(dtype).kind
    if kind in "biu":
        return numbers(rng, dtype, shape)
    made = rng.normal(size=shape).astype(dtype)
    if kind == "c":
        made.imag = rng.normal(size=shape)
    if rng.random() < 0.3:
        made[rng.random(shape) < 0.05] = rng.choice([np.nan, np.inf, -np.inf])
    made[rng.random(shape) < 0.2] = 0
    return made


def factors(rng, dtype, shape):
    """Numbers of moderate size, NaN and infinities now and then, but no zeros: BLAS may or may not multiply infinity by them."""
    made = ordinary(rng, dtype, shape)
    return np.where(made == 0, made.dtype.type(0.75), made)


# -------------------------------------------------------------------------------------------------------------- layouts


@frozen
class Layout:
    """How an array lies in memory: the order of its axes there, a kind for each axis, and what lies before it in bytes."""

    order: tuple[int, ...]
    kinds: tuple[str, ...]
    shift: int = 0

    def arrange(self, fill, rng, dtype, shape):
        """An array of ``shape``, of what ``fill`` gives for the memory below it."""
        held = [_HELD[kind](n) for kind, n in zip(self.kinds, shape, strict=True)]
        memory = np.asarray(fill(rng, dtype, tuple(held[axis] for axis in self.order)), dtype)
        if self.shift:
            raw = np.empty(memory.nbytes + 16, "uint8")
            moved = raw[self.shift : self.shift + memory.nbytes].view(dtype).reshape(memory.shape)
            moved[...] = memory
            memory = moved
        array = memory.transpose(np.argsort(self.order)) if self.order else memory
        array = array[tuple(_TAKEN[kind](n) for kind, n in zip(self.kinds, shape, strict=True))]
        return np.broadcast_to(array, shape) if "still" in self.kinds else array


_HELD = {
    "plain": lambda n: n,
    "reversed": lambda n: n,
    "every second": lambda n: 2 * n,
    "every third from the end": lambda n: 3 * n,
    "inside": lambda n: n + 5,
    "still": lambda n: 1,
}
_TAKEN = {
    "plain": lambda n: slice(None),
    "reversed": lambda n: slice(None, None, -1),
    "every second": lambda n: slice(None, None, 2),
    "every third from the end": lambda n: slice(None, None, -3),
    "inside": lambda n: slice(3, 3 + n),
    "still": lambda n: slice(None),
}


def layouts(ndim: int):
    """Layouts of arrays of ``ndim`` axes: those in order of memory first, then any."""
    plain = st.just(Layout(tuple(range(ndim)), ("plain",) * ndim))
    kinds = st.tuples(*[st.sampled_from([*_HELD])] * ndim)
    any_ = st.builds(Layout, st.permutations(range(ndim)).map(tuple), kinds, st.sampled_from([0, 0, 0, 1, 3, 8]))
    return plain | any_


def shapes(ndim: int, largest: int = 700):
    """Lengths: small ones, one long axis, 0 and 1 among them."""
    small = st.sampled_from([3, 2, 1, 0, 4, 5, 7])
    if ndim == 0:
        return st.just(())
    lengths = st.sampled_from([n for n in (70, 8, 9, 16, 17, 33, 64, 65, 511, 512, 513, 700) if n <= largest])
    one_long = st.tuples(st.permutations(range(ndim)), lengths, st.lists(st.sampled_from([2, 1, 3]), min_size=ndim - 1, max_size=ndim - 1))
    return st.lists(small, min_size=ndim, max_size=ndim).map(tuple) | one_long.map(_place)


def _place(drawn):
    order, length, rest = drawn
    found = [length, *rest]
    return tuple(found[axis] for axis in order)


def make(data, rng, dtype, shape, broadcastable=None, fill=numbers):
    """An array of a drawn layout; axes that are marked broadcastable get length 1."""
    if broadcastable is not None:
        shape = tuple(1 if flag else n for flag, n in zip(broadcastable, shape, strict=True))
    return data.draw(layouts(len(shape))).arrange(fill, rng, dtype, shape)


# ------------------------------------------------------------------------------------------------------------- comparing

_SAME_SIZE = {"float16": "int16", "float32": "int32", "float64": "int64"}


def distance(got, wanted):
    """Units in the last place between floats of one dtype, as many as there are floats between them; NaN is at NaN."""
    whole = _SAME_SIZE[wanted.dtype.name]
    lowest = np.iinfo(whole).min

    def ordered(x):
        bits = np.ascontiguousarray(x).view(whole).astype("int64")
        return np.where(bits < 0, lowest - bits, bits)

    a, b = ordered(got), ordered(wanted)
    apart = np.abs(a.astype("float64") - b.astype("float64"))  # the difference of int64 might wrap
    apart = np.where(np.abs(apart) < 2.0**50, np.abs(a - b).astype("float64"), apart)
    nan = np.isnan(got), np.isnan(wanted)
    return np.where(nan[0] & nan[1], 0.0, np.where(nan[0] ^ nan[1], np.inf, apart))


def assert_same(got, wanted, what, *, ulps=0, near=0.0, zero_signs=True):
    """Fail unless dtypes and shapes are equal, integers too, and floats no further apart than ``ulps`` or by ``near``.

    NaN must be where NaN is wanted; zeros must have the wanted signs, where ``zero_signs`` says so.
    """
    assert got.dtype == wanted.dtype, f"{what}: dtype {got.dtype}, wanted {wanted.dtype}"
    assert got.shape == wanted.shape, f"{what}: shape {got.shape}, wanted {wanted.shape}"
    kind = wanted.dtype.kind
    if kind == "c":
        for part in ("real", "imag"):
            assert_same(getattr(got, part), getattr(wanted, part), f"{what}, {part}", ulps=ulps, near=near, zero_signs=zero_signs)
        return
    if kind != "f":
        wrong = got != wanted
    else:
        with np.errstate(all="ignore"):
            apart = distance(got, wanted)
            wrong = apart > ulps
            if np.any(near):
                wrong &= ~(np.abs(got - wanted) <= near)
        if zero_signs:
            wrong |= (got == 0) & (wanted == 0) & (np.signbit(got) != np.signbit(wanted))
    if wrong.any():
        first = int(np.argmax(wrong))
        place = [int(k) for k in np.unravel_index(first, wrong.shape)] if wrong.ndim else []
        far = f", {np.ravel(apart)[first]:g} ulps apart" if kind == "f" else ""
        pair = f"{np.ravel(got)[first]!r}, wanted {np.ravel(wanted)[first]!r}"
        raise AssertionError(f"{what}: at {place} {pair}{far}; {np.sum(wrong)} of {wrong.size} are wrong")
