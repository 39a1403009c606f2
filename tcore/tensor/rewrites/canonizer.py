"""Sums and products in one form: a sum or quotient of two n-ary ones, with what cancels gone and constants in front."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tcore import scalar
from tcore.graph.trace import note_origins
from tcore.graph.variable import Constant, Variable
from tcore.optimizer.base import LocalOptimizer
from tcore.optimizer.rewrite import ASSUME_FINITE, Rewrite, Stage, rewrite
from tcore.scalar.dtypes import float_dtypes, upcast
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.dimshuffle import DimShuffle
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.math import add, cast, inv, mul, neg, sgn, sub, true_div
from tcore.tensor.rewrites.common import constant_like, elemwise_node, fitted, is_discrete, only_client, uniform_value, widened

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tcore.graph.apply import Apply

__all__ = ["REWRITES", "Canonizer", "check_for_x_over_absX", "local_add_canonizer", "local_greedy_distributor", "local_mul_canonizer"]

# an n-ary op with more inputs than this is split: no kernel takes them all
_WIDEST = 30


class Canonizer(LocalOptimizer):
    """``main`` and ``inverse`` of many terms -> ``inverse(main(terms), main(other terms))``.

    Parameters
    ----------
    main : Elemwise
        Commutative, associative, of any number of inputs: ``add`` or ``mul``.
    inverse : Elemwise
        ``inverse(main(x, y), y) == x``: ``sub`` or ``true_div``.
    reciprocal : callable
        ``main(x, reciprocal(y)) == inverse(x, y)``: ``neg`` or ``inv``.
    calculate : callable
        ``calculate(num, denum, aslist=False, out_type=None)``: the same for numbers; with ``aslist`` a list, empty where the
        result is neutral.
    discrete_only : bool
        Leaves floats and complex numbers alone: with these, what cancels may have been NaN, and another order may overflow.
    """

    def __init__(
        self,
        main: Elemwise,
        inverse: Elemwise,
        reciprocal: Any,
        calculate: Callable[..., Any],
        use_reciprocal: bool = True,
        name: str | None = None,
        discrete_only: bool = False,
    ) -> None:
        self.main = main
        self.inverse = inverse
        self.reciprocal = reciprocal
        self.calculate = calculate
        self.use_reciprocal = use_reciprocal
        self.external_simplifiers: list[tuple[Any, Any]] = []
        self.name = name
        self.discrete_only = discrete_only
        self._neutral = calculate([], [])
        self._kinds = tuple(type(op.scalar_op) for op in (main, inverse, reciprocal))
        self.__doc__ = type(self).__doc__

    def add_simplifier(self, simplifier: Callable[..., Any], reason: Any) -> None:
        """Let ``simplifier(num, denum) -> (num, denum)`` look at the terms, too."""
        self.external_simplifiers.append((simplifier, reason))

    def tracks(self) -> list[Any]:
        """The three ops."""
        return [self.main, self.inverse, self.reciprocal]

    # ------------------------------------------------------------ terms

    @staticmethod
    def get_constant(v: Any) -> Any:
        """The number that ``v`` is, or None for what is no uniform constant."""
        if isinstance(v, Variable):
            plain = v.owner is None or isinstance(v.owner.op, DimShuffle)
            value = uniform_value(v) if plain else None
            return None if value is None else value[()]
        return v

    def get_num_denum(self, input: Any, expand: Callable[[Any], bool] | None = None) -> tuple[list[Any], list[Any]]:
        """Lists with ``input == inverse(main(*num), main(*denum))``.

        ``expand(variable)`` says whether an inner term may be taken apart; by default it is.
        """
        num: list[Any] = []
        denum: list[Any] = []
        stack: list[tuple[Any, bool]] = [(input, True)]
        while stack:
            variable, upper = stack.pop()
            node = None if variable.owner is None else elemwise_node(variable, *self._kinds)
            if (
                node is None
                or variable.type.dtype != input.type.dtype
                or (variable is not input and expand is not None and not expand(variable))
                or len(num) + len(denum) + len(stack) > _WIDEST
            ):
                (num if upper else denum).append(variable)
                continue
            inputs = node.inputs
            kind = type(node.op.scalar_op)  # type: ignore[attr-defined]
            if kind is self._kinds[0]:
                stack.extend((v, upper) for v in reversed(inputs))
            elif kind is self._kinds[1]:
                stack.append((inputs[1], not upper))
                stack.append((inputs[0], upper))
            else:
                stack.append((inputs[0], not upper))
        return num, denum

    def merge_num_denum(self, num: Sequence[Any], denum: Sequence[Any]) -> Any:
        """``inverse(main(*num), main(*denum))`` with as few nodes as possible."""
        n, d = len(num), len(denum)
        if not n and not d:
            return as_tensor_variable(self.calculate([], []))
        if not n:
            below = denum[0] if d == 1 else self.main(*denum)
            return self.reciprocal(below)
        above = (num[0] if isinstance(num[0], Variable) else as_tensor_variable(num[0])) if n == 1 else self.main(*num)
        if not d:
            return above
        return self.inverse(above, denum[0] if d == 1 else self.main(*denum))

    def simplify(self, num: list[Any], denum: list[Any], out_type: Any) -> tuple[list[Any], list[Any]]:
        """What cancels goes, then constants come together."""
        num, denum = self.simplify_constants(*self.simplify_factors(num, denum), out_type=out_type)
        for simplifier, _ in self.external_simplifiers:
            num, denum = simplifier(num, denum)
        return num, denum

    def simplify_factors(self, num: list[Any], denum: list[Any]) -> tuple[list[Any], list[Any]]:
        """Cancel what stands on both sides; the lists themselves change."""
        counts: dict[Any, int] = {}
        for variable in denum:
            counts[variable] = counts.get(variable, 0) + 1
        kept = []
        gone: dict[Any, int] = {}
        for variable in num:
            if counts.get(variable, 0) > gone.get(variable, 0):
                gone[variable] = gone.get(variable, 0) + 1
            else:
                kept.append(variable)
        if gone:
            num[:] = kept
            rest = []
            for variable in denum:
                if gone.get(variable, 0):
                    gone[variable] -= 1
                else:
                    rest.append(variable)
            denum[:] = rest
        return num, denum

    def simplify_constants(
        self, orig_num: Sequence[Any], orig_denum: Sequence[Any], out_type: Any = None
    ) -> tuple[list[Any], list[Any]]:
        """All constants as one, the first in ``num``; none where it is neutral."""
        num: list[Any] = []
        denum: list[Any] = []
        above: list[Any] = []
        below: list[Any] = []
        for variables, rest, values in ((orig_num, num, above), (orig_denum, denum, below)):
            for variable in variables:
                value = self.get_constant(variable)
                if value is None:
                    rest.append(variable)
                else:
                    values.append(value)
                    constant = variable
        if not above and not below:
            return num, denum
        if len(above) == 1 and not below:
            # the usual case: the constant that is there stays the object that it is, in front
            value = above[0]
            if value == self._neutral:
                return num, denum
            if not np.isfinite(value):
                return list(orig_num), list(orig_denum)
            return [constant, *num], denum
        with np.errstate(all="ignore"):
            folded = self.calculate(above, below, aslist=True, out_type=out_type)
        if folded and self._out_of_range(folded[0], above):
            return list(orig_num), list(orig_denum)
        return [*folded, *num], denum

    def _out_of_range(self, folded: Any, above: Sequence[Any]) -> bool:
        """Whether the dtype cannot hold constants as one number: an infinity, or a product that is nearly or wholly rounded to 0."""
        if not np.isfinite(folded):
            return True
        dtype = np.asarray(folded).dtype
        if self._neutral == 0 or dtype.kind not in "fc" or any(value == 0 for value in above):
            return False
        return bool(abs(folded) < np.finfo(dtype).tiny)

    # ------------------------------------------------------------ the rule

    def transform(self, node: Apply) -> Any:
        """As the class says."""
        op: Any = node.op
        if op.inplace_pattern or len(node.outputs) != 1 or type(op.scalar_op) not in self._kinds or self._is_settled(node):
            return False
        if self.discrete_only and not is_discrete(node):
            return False
        out: Any = node.outputs[0]
        if out.type.dtype == "bool" or self._belongs_to_a_larger_one(out):
            return False
        terms = self.get_num_denum(out, only_client)
        new = self._simplified(terms, out)
        if new is None and any(elemwise_node(v, *self._kinds) is not None for v in (*terms[0], *terms[1])):
            # terms that others need, too, are taken apart only where something cancels
            wide = self.get_num_denum(out)
            if len(wide[0]) + len(wide[1]) > len(terms[0]) + len(terms[1]):
                num, denum = self.simplify_factors(list(wide[0]), list(wide[1]))
                if len(num) + len(denum) < len(wide[0]) + len(wide[1]):
                    new = self._simplified(wide, out)
        if new is None:
            return False
        result = fitted(new, out)
        note_origins(self._taken_apart(out), result)
        return [result]

    def _taken_apart(self, out: Any) -> list[Any]:
        """``out`` and the terms below it that an op of the same kinds makes for it alone, deepest first."""
        found = [out]
        for variable in found:
            found += [v for v in dict.fromkeys(variable.owner.inputs) if elemwise_node(v, *self._kinds) is not None and only_client(v)]
        return found[::-1]

    def _is_settled(self, node: Apply) -> bool:
        """Whether a look at the inputs shows the normal form: ``main`` of terms that are no such ops, at most the first a constant.

        Most visits find it so. False decides nothing.
        """
        if len(node.inputs) < 2 or self.external_simplifiers or (node.op is not self.main and node.op != self.main):
            return False
        for position, variable in enumerate(node.inputs):
            if variable.owner is None:
                if isinstance(variable, Constant) and (position or self.get_constant(variable) in (None, self._neutral)):
                    return False
                continue
            op: Any = variable.owner.op
            if isinstance(op, DimShuffle) or (isinstance(op, Elemwise) and isinstance(op.scalar_op, self._kinds)):
                return False
        return True

    def _belongs_to_a_larger_one(self, out: Any) -> bool:
        """Whether the only user is an op of the same kind, which takes this one apart when its turn comes."""
        if out.fgraph is None or out.fgraph.client_count(out) != 1:
            return False
        clients = out.fgraph.clients(out)
        if clients[0][0] == "output":
            return False
        user = clients[0][0]
        return (
            isinstance(user.op, Elemwise)
            and not user.op.inplace_pattern
            and type(user.op.scalar_op) in self._kinds
            and user.outputs[0].type.dtype == out.type.dtype
            and len(user.inputs) < _WIDEST
        )

    def _simplified(self, terms: tuple[list[Any], list[Any]], out: Any) -> Any:
        num, denum = self.simplify(list(terms[0]), list(terms[1]), out.type)
        if self._keeps_constants(num, denum) or self._is_made_of(out, num, denum):
            return None
        num = [v if isinstance(v, Variable) else constant_like(v, out) for v in num]
        if not num and not denum:
            return constant_like(self.calculate([], []), out)
        return self.merge_num_denum(*_widened(num, denum, out.type.dtype))

    def _keeps_constants(self, num: Sequence[Any], denum: Sequence[Any]) -> bool:
        """Whether finite constants stay several because none holds them: in another order x may meet them as 0 or infinity."""
        constants = [value for value in map(self.get_constant, (*num, *denum)) if value is not None]
        return len(constants) > 1 and bool(np.isfinite(constants).all())

    def _is_made_of(self, out: Any, num: Sequence[Any], denum: Sequence[Any]) -> bool:
        """Whether :meth:`merge_num_denum` of these terms would make ``out`` again: most visits find it so, and build nothing."""
        above = out
        if denum:
            node = elemwise_node(out, self._kinds[1 if num else 2])
            if node is None or node.op != (self.inverse if num else self.reciprocal):
                return False
            above, below = node.inputs[0], node.inputs[-1]
            if not self._is_main_of(below, denum):
                return False
        return self._is_main_of(above, num) if num else bool(denum)

    def _is_main_of(self, variable: Any, terms: Sequence[Any]) -> bool:
        if len(terms) == 1:
            return _same(terms[0], variable)
        node = elemwise_node(variable, self._kinds[0])
        return (
            node is not None
            and len(node.inputs) == len(terms)
            and (node.op is self.main or node.op == self.main)
            and all(map(_same, terms, node.inputs))
        )


def _widened(num: list[Any], denum: list[Any], dtype: str) -> tuple[list[Any], list[Any]]:
    """The terms with casts to the dtype of the result, where something that is computed of some of them might not fit into theirs."""
    above, below = widened(num, dtype), widened(denum, dtype)
    if below and not above and upcast(*[v.type.dtype for v in below]) != dtype:
        below[0] = cast(below[0], dtype)
    elif above and below and upcast(*[v.type.dtype for v in (*above, *below)]) != dtype:
        above[0] = cast(above[0], dtype)
    return above, below


def _same(term: Any, variable: Any) -> bool:
    """Whether a term is ``variable``, or the number that ``variable`` is a constant of."""
    if term is variable:
        return True
    if not isinstance(variable, Constant) or (isinstance(term, Variable) and not isinstance(term, Constant)):
        return False
    value = uniform_value(variable)
    number = uniform_value(term) if isinstance(term, Constant) else term
    return value is not None and number is not None and bool(value == number)


def _sum_of(num: Sequence[Any], denum: Sequence[Any], aslist: bool = False, out_type: Any = None) -> Any:
    zero: Any = 0 if out_type is None else np.asarray(0, out_type.dtype)[()]
    value = zero
    for number in num:
        value = value + (number if out_type is None else np.asarray(number).astype(out_type.dtype)[()])
    for number in denum:
        value = value - (number if out_type is None else np.asarray(number).astype(out_type.dtype)[()])
    if not aslist:
        return value
    return [] if np.all(value == 0) else [value]


def _product_of(num: Sequence[Any], denum: Sequence[Any], aslist: bool = False, out_type: Any = None) -> Any:
    def typed(number: Any) -> Any:
        return number if out_type is None else np.asarray(number).astype(out_type.dtype)[()]

    value: Any = typed(1)
    for number in num:
        value = value * typed(number)
    below: Any = typed(1)
    for number in denum:
        below = below * typed(number)
    if denum:
        value = value / below
    if not aslist:
        return value
    return [] if np.all(value == 1) else [value]


def check_for_x_over_absX(numerators: list[Any], denominators: list[Any]) -> tuple[list[Any], list[Any]]:
    """x / abs(x) -> sgn(x), among the terms of a quotient; the lists themselves change."""
    for below in list(denominators):
        absolute = elemwise_node(below, scalar.Abs) if isinstance(below, Variable) else None
        if absolute is None or absolute.inputs[0] not in numerators:
            continue
        x: Any = absolute.inputs[0]
        if x.type.dtype.startswith("complex"):
            continue
        denominators.remove(below)
        numerators.remove(x)
        numerators.append(sgn(x))
    return numerators, denominators


# the kinds of node in a product that hold a sum, or factors among which one may be
_DISTRIBUTED = (scalar.Add, scalar.Sub, scalar.Mul, scalar.TrueDiv, scalar.Inv)
_WITH_DENOMINATOR = (scalar.Mul, scalar.TrueDiv, scalar.Inv)


def _greedy_distributor(node: Apply) -> Any:
    """(a / x + b) * x -> a + b * x: a product is distributed over a sum where that saves divisions

    Besides the cost, this keeps 0 / 0 out of gradients of logarithms.
    """
    out: Any = node.outputs[0]
    if out.type.dtype not in float_dtypes or elemwise_node(out, scalar.Mul, scalar.TrueDiv) is None:
        return False
    if not any(elemwise_node(v, *_DISTRIBUTED) is not None for v in node.inputs):
        return False
    num, denum = local_mul_canonizer.get_num_denum(out, only_client)
    for position, candidate in enumerate(num):
        total = elemwise_node(candidate, scalar.Add, scalar.Sub)
        if total is None or not only_client(candidate) or candidate.type != out.type:
            continue
        if not any(elemwise_node(term, *_WITH_DENOMINATOR) is not None for term in total.inputs):
            continue
        others = num[:position] + num[position + 1 :]
        # a product of integers wraps around in its own dtype: it stays one factor
        terms = [local_mul_canonizer.get_num_denum(t) if t.type.dtype == out.type.dtype else ([t], []) for t in total.inputs]
        if not any(below for _, below in terms):
            continue
        distributed = False
        for factor in list(others):
            cancels = sum(factor in below for _, below in terms)
            if cancels and len(terms) - cancels <= 1 + cancels:
                terms = [local_mul_canonizer.simplify_factors([*above, factor], list(below)) for above, below in terms]
                others.remove(factor)
                distributed = True
        if distributed:
            dtype = out.type.dtype
            new_terms = [local_mul_canonizer.merge_num_denum(*_widened(*_with_one(term, out), dtype)) for term in terms]
            new = total.op(*new_terms)
            return [fitted(local_mul_canonizer.merge_num_denum(*_widened([*others, new], denum, dtype)), out)]
    return False


def _with_one(term: tuple[list[Any], list[Any]], out: Any) -> tuple[list[Any], list[Any]]:
    return term if term[0] or term[1] else ([constant_like(1, out)], [])


local_greedy_distributor = rewrite(
    Stage.CANONICALIZE, Stage.STABILIZE, Stage.SPECIALIZE, tracks=[mul, true_div], tags=(ASSUME_FINITE,), name="local_greedy_distributor"
)(_greedy_distributor)

local_add_canonizer = Canonizer(add, sub, neg, _sum_of, name="local_add_canonizer")
local_mul_canonizer = Canonizer(mul, true_div, inv, _product_of, name="local_mul_canonizer")
local_add_canonizer.__doc__ = "a + b - c + d - (e - f) -> (a + b + d + f) - (c + e), without terms that cancel, with one constant"
local_mul_canonizer.__doc__ = "a * b / c * d / (e / f) -> (a * b * d * f) / (c * e), without factors that cancel, with one constant"
local_mul_canonizer.add_simplifier(check_for_x_over_absX, "x_over_absx")

_exact_add_canonizer = Canonizer(add, sub, neg, _sum_of, name="local_add_canonizer", discrete_only=True)
_exact_mul_canonizer = Canonizer(mul, true_div, inv, _product_of, name="local_mul_canonizer", discrete_only=True)

REWRITES: list[Rewrite] = [
    Rewrite(local_add_canonizer, (Stage.CANONICALIZE,), (ASSUME_FINITE,), exact=_exact_add_canonizer),
    Rewrite(local_mul_canonizer, (Stage.CANONICALIZE,), (ASSUME_FINITE,), exact=_exact_mul_canonizer),
    local_greedy_distributor,
]
