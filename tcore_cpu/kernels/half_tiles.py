"""Elements of half precision, converted a block at a time by the processor's own instruction, which compilers use in no loop.

Where a body widens what it loads and narrows what it stores, a block of each such operand stands beside its memory in float32: the
loop over it has no conversions but those between its operations.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from attrs import field

from tcore.codegen.expr import Cast, Expr, Load
from tcore.codegen.half import HALF, WIDE
from tcore.codegen.printer import Source
from tcore.records import define
from tcore_cpu.native.abi import TILE

__all__ = ["HalfTiles"]

_ELEMENT = re.compile(r"(a\d+)\[i\]")

# the rest of a block goes the same way, so that the bits of a NaN do not depend on its place
_CONVERSIONS = """\
#ifdef __F16C__
typedef short tc_i16x8 __attribute__((vector_size(16)));
typedef float tc_f32x8 __attribute__((vector_size(32)));
#ifdef __clang__  /* its later versions have no builtin of gcc's name */
typedef __fp16 tc_f16x8 __attribute__((vector_size(16)));
#define TC_WIDE(x) __builtin_convertvector((tc_f16x8)(x), tc_f32x8)
#else
#define TC_WIDE(x) __builtin_ia32_vcvtph2ps256(x)
#endif
#define TC_EIGHT_OF_HALF 1
#endif
TC_INLINE void tc_widen(tc_f32 *to, const tc_f16 *x, tc_i64 n) {
#ifdef TC_EIGHT_OF_HALF
    for (tc_i64 i = 0; i < n; i += 8) {
        const tc_u64 size = n - i < 8 ? (tc_u64)(n - i) : 8;
        tc_i16x8 from = {0};
        if (size == 8) __builtin_memcpy(&from, x + i, 16);
        else __builtin_memcpy(&from, x + i, 2 * size);
        const tc_f32x8 wide = TC_WIDE(from);
        if (size == 8) __builtin_memcpy(to + i, &wide, 32);
        else __builtin_memcpy(to + i, &wide, 4 * size);
    }
#else
    for (tc_i64 i = 0; i < n; i++) to[i] = tc_to_f32_f16(x[i]);
#endif
}
TC_INLINE void tc_narrow(tc_f16 *to, const tc_f32 *x, tc_i64 n) {
#ifdef TC_EIGHT_OF_HALF
    for (tc_i64 i = 0; i < n; i += 8) {
        const tc_u64 size = n - i < 8 ? (tc_u64)(n - i) : 8;
        tc_f32x8 from = {0};
        if (size == 8) __builtin_memcpy(&from, x + i, 32);
        else __builtin_memcpy(&from, x + i, 4 * size);
        const tc_i16x8 narrow = __builtin_ia32_vcvtps2ph256(from, 0);
        if (size == 8) __builtin_memcpy(to + i, &narrow, 16);
        else __builtin_memcpy(to + i, &narrow, 2 * size);
    }
#else
    for (tc_i64 i = 0; i < n; i++) to[i] = tc_to_f16_f32(x[i]);
#endif
}
"""


@define(eq=False)
class HalfTiles:
    """The operands of one body that are converted by blocks: pointer -> the array that stands beside it, of loads and of stores."""

    read: dict[str, str] = field(factory=dict)
    written: dict[str, str] = field(factory=dict)
    #: what is widened and nothing else: (pointer to store to, pointer)
    copied: list[tuple[str, str]] = field(factory=list)

    @property
    def some(self) -> bool:
        """Whether there are any."""
        return bool(self.read or self.written or self.copied)

    def copy(self, target: str, text: str) -> bool:
        """Whether the element ``text``, widened, goes to the element ``target`` as one of a block."""
        to, found = _ELEMENT.fullmatch(target), _ELEMENT.fullmatch(text)
        if to and found:
            self.copied.append((to[1], found[1]))
        return bool(to and found)

    def taken(self, flat: Sequence[Expr], stores: Sequence[tuple[str, Expr]]) -> tuple[list[Expr], list[tuple[str, Expr]]]:
        """Expressions and stores of a body, without the loads and the roundings that the conversion of blocks does."""
        uses: dict[Expr, int] = {}
        for user in [*(arg for expr in flat if not isinstance(expr, Load) for arg in expr.args), *(value for _, value in stores)]:
            uses[user] = uses.get(user, 0) + 1
        new: list[tuple[str, Expr]] = []
        dropped: set[Expr] = set()
        for text, value in stores:
            found = _ELEMENT.fullmatch(text)
            if found and isinstance(value, Cast) and value.dtype == HALF and value.operand.dtype == WIDE and uses[value] == 1:
                array = self.written.setdefault(found[1], f"narrow_{found[1]}")
                new.append((f"{array}[k]", value.operand))
                dropped.add(value)
            else:
                new.append((text, value))
        for expr in flat:
            if isinstance(expr, Load) and expr.dtype == HALF:
                widened = sum(isinstance(e, Cast) and e.operand is expr and e not in dropped for e in flat)
                if widened == uses.get(expr, 0) > 0:
                    dropped.add(expr)
        return [expr for expr in flat if expr not in dropped], new

    def element(self, text: str) -> str | None:
        """An element in the block that stands beside the memory of the element ``text``; None where it has no block."""
        found = _ELEMENT.fullmatch(text)
        return f"{self.read.setdefault(found[1], f'wide_{found[1]}')}[k]" if found else None

    def loop(self, lines: Sequence[str], source: Source, *, simd: bool) -> list[str]:
        """The loop around ``lines``, block by block."""
        source.helper("to_f32", HALF)
        source.helper("to_f16", WIDE)
        source.helpers.setdefault("tiles of half precision", _CONVERSIONS)
        inner = ["for (tc_i64 k = 0; k < size; k++) {", "const tc_i64 i = from + k;", "(void)i;", *lines, "}"]
        if simd:
            inner.insert(0, '_Pragma("omp simd")')
        return [
            f"for (tc_i64 from = 0; from < n; from += {TILE}) {{",
            f"const tc_i64 size = n - from < {TILE} ? n - from : {TILE};",
            *(f"tc_f32 {array}[{TILE}];" for array in (*self.read.values(), *self.written.values())),
            *(f"tc_widen({array}, {pointer} + from, size);" for pointer, array in self.read.items()),
            *(f"tc_widen({target} + from, {pointer} + from, size);" for target, pointer in self.copied),
            *(inner if lines else []),
            *(f"tc_narrow({pointer} + from, {array}, size);" for pointer, array in self.written.items()),
            "}",
        ]
