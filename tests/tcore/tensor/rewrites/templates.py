"""For each registered rewrite: graphs on which it fires, and graphs that only look alike.

A template draws its operands from a ``Drawing`` d (``drawing.py``), so that one line stands for many shapes, dtypes and values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from attrs import field, frozen

import tcore.tensor as T
from tcore import scalar
from tcore.tensor.alloc import Alloc, AllocEmpty
from tcore.tensor.assertion import Assert
from tcore.tensor.blas import dot22, gemm_no_inplace, gemv_no_inplace
from tcore.tensor.careduce import CAReduce
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.rebroadcast import Rebroadcast
from tcore.tensor.scalars import ScalarFromTensor, TensorFromScalar

alloc = Alloc()
scalar_from_tensor, tensor_from_scalar = ScalarFromTensor(), TensorFromScalar()


@frozen
class Template:
    """A way to make a rule fire, and a near miss.

    Attributes
    ----------
    fires, misses : functions of a Drawing that give an expression or a list of them
    loose : bool
        It sums: the order is free, so that values cancel and overflow differently.
    gradient : bool
        Whether the results have gradients, in the sense of their ops; not where they choose between equal values.
    max_ndim, min_ndim : int
        Numbers of axes of the common shape that make sense.
    tame_only : bool
        Values are never special: what the order of NumPy's own loops decides.
    check : whether values are compared at all: not for uninitialized memory
    """

    fires: Callable[[Any], Any]
    misses: Callable[[Any], Any] | None = None
    loose: bool = field(default=False, kw_only=True)
    gradient: bool = field(default=True, kw_only=True)
    min_ndim: int = field(default=0, kw_only=True)
    max_ndim: int = field(default=3, kw_only=True)
    tame_only: bool = field(default=False, kw_only=True)
    check: bool = field(default=True, kw_only=True)


def op_of(scalar_op):
    return Elemwise(scalar_op)


def uneven(d, kind="inexact"):
    """A matrix and another whose product is defined."""
    n, k, m = (int(i) for i in d.rng.integers(0, 4, size=3))
    dtype = d.dtype(kind)
    return d.matrix(dtype, n, k), d.matrix(dtype, k, m)


def sum_of_products(d):
    x, y = uneven(d, "float")
    z = d.matrix(x.dtype, *(len(d.data[0]), d.data[1].shape[1]))
    return z, dot22(x, y), d.scalar(x.dtype)


def switch_of_zero(d, kind):
    like = d.full(kind)
    zero = T.zeros_like(like) if d.rng.random() < 0.3 else d.const(0, like)
    return T.switch(d.x("bool"), like, zero) if d.rng.random() < 0.5 else T.switch(d.x("bool"), zero, like)


def indexed(d, kind="any"):
    """An input whose first axis has length 3."""
    d.shape = (3, *d.shape[1:])
    d.flags = (False, *d.flags[1:])
    return d.full(kind)


def random_slice(d):
    part = (None, -2, -1, 0, 1, 2, 3)
    return slice(d.choice(part), d.choice(part), d.choice((None, 1, 1, 2, -1)))


def joined(d, kind):
    """Two or three parts of length 1 along a random axis, joined there, and that axis."""
    parts = [d.full(kind) for _ in range(int(d.rng.integers(1, 4)))]
    axis = int(d.rng.integers(0, len(d.shape) + 1))
    order = list(range(len(d.shape)))
    order.insert(axis, "x")
    return T.join(axis, *[p.dimshuffle(*order) for p in parts]), axis


def softmax_input(d):
    return d.matrix("float", int(d.rng.integers(1, 4)), int(d.rng.integers(1, 4)))


def one_plus_exp(d, x):
    return d.const(1, x) + T.exp(x) if d.rng.random() < 0.5 else T.exp(x) + d.const(1, x)


def known_shape(d, x):
    return [T.shape_i(x, axis) for axis in range(x.ndim)]


def spread(d, kind):
    """A value and lengths that it is repeated to."""
    value = d.x(kind)
    return value, known(d)


def known(d):
    """The common shape with lengths that nobody knows before the call."""
    return [1 if flag else d.length(n) for n, flag in zip(d.shape, d.flags, strict=True)]


def alloc_scalar(d, kind="number"):
    value = d.scalar(kind)
    return alloc(value, *[d.length(n) if d.rng.random() < 0.5 else n for n in d.shape])


def greedy(d):
    x = d.full("float64")
    y = d.full("float64")
    return (x / y + d.full("float64")) * y


def _double_neg(d):
    x = d.full("number")
    return T.neg(T.neg(x))


def integers(d, n, low, high):
    values = d.rng.integers(low, high, size=n)
    return d.add("int64", (False,), values)


def log_softmax_gradient(d):
    x = softmax_input(d)
    sm = T.softmax(x)
    g = d.matrix(x.dtype, *d.data[0].shape)
    return T.SoftmaxGrad()(g / sm, sm)


def picked(d, made):
    """Elements of a matrix, by one of three kinds of index."""
    rows, columns = d.data[0].shape
    kind = d.choice(("pairs", "rows", "row"))
    if kind == "pairs":
        return made[integers(d, rows, 0, rows), integers(d, rows, 0, columns)]
    return made[integers(d, 2, 0, rows)] if kind == "rows" else made[0]


def picked_log_softmax_gradient(d):
    sm = T.softmax(softmax_input(d))
    chosen = picked(d, sm)
    quotient = d.choice((lambda: 2.0 / chosen, lambda: T.inv(chosen), lambda: T.true_div(np.float32(2), chosen * np.float32(3))))()
    return T.SoftmaxGrad()(T.inc_subtensor(chosen.owner.op(T.zeros_like(sm), *chosen.owner.inputs[1:]), quotient.astype(sm.dtype)), sm)


def crossentropy_with_bias(d, vector=True):
    import tcore_nnet

    x = softmax_input(d)
    y = integers(d, len(d.data[0]), 0, d.data[0].shape[1])
    return tcore_nnet.crossentropy_categorical_1hot(T.softmax(x + (T.sqr(x[0]) if vector else T.sqr(x))), y)


def crossentropy(d, softmax=True):
    import tcore_nnet

    x = softmax_input(d)
    y = integers(d, len(d.data[0]), 0, d.data[0].shape[1])
    return tcore_nnet.crossentropy_categorical_1hot(T.softmax(x) if softmax else T.exp(x), y)


def correlation(d, dtype):
    from tcore_nnet.correlation import Correlate

    images, filters = d.matrix(dtype, 4, 5), d.matrix(dtype, 2, 3)
    return Correlate()(images.dimshuffle("x", "x", 0, 1), filters.dimshuffle("x", "x", 0, 1))


def crossentropy_gradient(d, same=True):
    from tcore_nnet.crossentropy import crossentropy_categorical_1hot_grad

    x = softmax_input(d)
    sm = T.softmax(x)
    g = d.vector(x.dtype, len(d.data[0]))
    y = integers(d, len(d.data[0]), 0, d.data[0].shape[1])
    return T.SoftmaxGrad()(crossentropy_categorical_1hot_grad(g, sm if same else T.exp(x), y), sm)


def _view(d):
    from tcore.gradient import disconnected_grad, zero_grad

    x = d.full("float")
    return (zero_grad(x) if d.rng.random() < 0.5 else disconnected_grad(x)) * 1.5


# ------------------------------------------------------------ the table: rule -> templates

E = Template
def _alloc_of_own_shape(x):
    return alloc(x, *[T.shape_i(x, axis) for axis in range(x.ndim)])


TEMPLATES: dict[str, list[Template]] = {
    # useless
    "local_useless_elemwise": [
        E(lambda d: T.add(d.full("any")), lambda d: T.add(d.full("number"), d.full("number"))),
        E(lambda d: op_of(scalar.identity)(d.full("any"))),
        E(lambda d: d.choice((T.eq, T.neq, T.lt, T.le, T.gt, T.ge))(*[d.full("int")] * 2), lambda d: T.eq(*[d.full("float")] * 2)),
        E(lambda d: d.choice((T.and_, T.or_))(*[d.full("discrete")] * 2), lambda d: T.xor(*[d.full("discrete")] * 2)),
        E(lambda d: d.choice((T.maximum, T.minimum))(*[d.full("real")] * 2), gradient=False),
    ],
    "local_useless_fill": [
        E(lambda d: T.fill(d.full("any"), d.full("any")), lambda d: T.fill(d.vector("any"), d.scalar("any")), min_ndim=1),
    ],
    "local_cast_cast": [
        E(lambda d: op_of(scalar.cast_op("float64"))(d.full("float64")), lambda d: T.cast(d.full("float64"), "float32")),
        E(lambda d: T.cast(T.cast(d.full(d.choice(("int8", "uint8", "bool"))), d.choice(("int64", "float64", "float32"))), d.choice(("float32", "int64", "bool")))),
        E(lambda d: T.cast(T.cast(d.full("float32"), "float64"), "float32"), lambda d: T.cast(T.cast(d.full("int64"), "float64"), "int64")),
        E(lambda d: T.cast(T.cast(d.full("int8"), "int64"), "int8"), lambda d: T.cast(T.cast(d.full("uint8"), "float32"), "int8")),
    ],
    "local_useless_alloc": [
        E(lambda d: _alloc_of_own_shape(d.full("any")), lambda d: alloc(d.scalar("any"), *[d.length(n) for n in d.shape]), min_ndim=1),
        E(lambda d: _alloc_of_own_shape(d.full("any")), lambda d: alloc(d.full("any"), *[d.length(n) for n in d.shape]), min_ndim=1),
    ],
    "local_remove_switch_const_cond": [
        E(lambda d: T.switch(np.bool_(d.rng.random() < 0.5), d.x("any"), d.x("any")), lambda d: T.switch(d.x("bool"), d.x("any"), d.x("any"))),
        E(lambda d: T.switch(d.x("bool"), *[d.x("any")] * 2)),
    ],
    "local_useless_rebroadcast": [
        E(lambda d: Rebroadcast((0, False))(Rebroadcast((0, True))(d.matrix("any", 1, 3))), lambda d: Rebroadcast((0, True))(d.matrix("any", 1, 3))),
    ],
    "local_rebroadcast_lift": [
        E(lambda d: Rebroadcast((0, True))(T.sqr(d.matrix("number", 1, 3))), lambda d: Rebroadcast((0, True))(T.dot(*[d.matrix("float", 1, 1)] * 2))),
    ],
    "local_reshape_chain": [
        E(lambda d: T.reshape(d.full("any").flatten(), d.shape[::-1], ndim=len(d.shape)), lambda d: d.full("any").flatten()),
    ],
    "local_useless_reshape": [
        E(lambda d: T.reshape(x := d.full("any"), T.stack(known_shape(d, x)), ndim=x.ndim), lambda d: d.full("any").flatten(), min_ndim=1),
    ],
    "local_reshape_lift": [
        E(lambda d: T.sqr(d.full("number")).flatten(), lambda d: T.add(d.full("number"), d.full("number")).flatten()),
    ],
    "local_upcast_elemwise_constant_inputs": [
        E(lambda d: d.choice((T.add, T.mul, T.sub, T.true_div))(T.constant(np.int8(3)), d.full("inexact")), lambda d: T.constant(np.int8(3)) + d.full("int64")),
    ],
    "local_func_inv": [
        E(_double_neg, lambda d: T.neg(T.abs_(d.full("real")))),
        E(lambda d: T.conj(T.conj(d.full("complex")))),
        E(lambda d: T.inv(T.inv(d.full("float")))),
        E(lambda d: T.sinh(T.arcsinh(d.full("float"))) if d.rng.random() < 0.5 else T.arcsinh(T.sinh(d.full("float"))), lambda d: T.sinh(T.arccosh(d.full("float")))),
        E(lambda d: T.deg2rad(T.rad2deg(d.full("float")))),
    ],
    # assertions
    "local_remove_useless_assert": [
        E(lambda d: Assert("m")(d.full("any"), T.constant(np.bool_(True))), lambda d: Assert("m")(d.full("any"), T.ge(d.length(3), 1))),
        E(lambda d: Assert("m")(d.full("any"), c := T.ge(d.length(3), 1), c)),
    ],
    "local_remove_all_assert": [E(lambda d: Assert("m")(d.full("any"), T.ge(d.length(3), 1)), lambda d: d.full("any") + 1)],
    # shapes
    "local_shape_to_shape_i": [E(lambda d: T.shape(d.full("any")), lambda d: d.full("number") + 1, gradient=False)],
    "local_track_shape_i": [E(lambda d: T.shape_i(T.exp(d.full("float")), 0), lambda d: T.shape_i(d.vector("float"), 0), min_ndim=1, gradient=False)],
    # fills
    "local_fill_sink": [
        E(lambda d: T.add(T.fill(d.full("any"), d.x("number")), d.x("number")), lambda d: T.add(d.x("number"), d.x("number"))),
        E(lambda d: T.mul(T.fill(d.full("any"), d.scalar("number")), T.fill(d.full("any"), d.scalar("number")), d.x("number"))),
        E(lambda d: T.exp(T.fill(d.full("any"), d.scalar("float")))),
    ],
    "local_dimshuffle_fill": [
        E(lambda d: T.fill(d.full("any"), d.x("any")).dimshuffle(*range(len(d.shape))[::-1], "x"), lambda d: d.full("any").dimshuffle("x", *range(len(d.shape)))),
    ],
    "local_fill_to_alloc": [E(lambda d: T.fill(d.full("any"), d.x("any")), lambda d: d.full("number") + 1, min_ndim=1)],
    "local_elemwise_alloc": [
        E(lambda d: T.add(x := d.full("number"), alloc(d.scalar("number"), *known_shape(d, x))), lambda d: T.add(alloc(d.scalar("number"), 2, 3), d.scalar("number")), min_ndim=1),
        E(lambda d: T.mul(x := d.full("number"), alloc(d.x("number"), *known_shape(d, x)), d.x("number")), min_ndim=1),
    ],
    "local_alloc_unary": [
        E(lambda d: d.choice((T.exp, T.sqr, T.neg))(alloc_scalar(d, "inexact")), lambda d: T.add(alloc_scalar(d), alloc_scalar(d)), min_ndim=1),
        E(lambda d: T.exp(alloc(*(s := spread(d, "float"))[:1], *s[1])), min_ndim=1),
    ],
    "local_dimshuffle_alloc": [
        E(lambda d: alloc_scalar(d, "any").dimshuffle("x", *range(len(d.shape))[::-1]), lambda d: alloc(d.vector("any", 2), 3, 2).dimshuffle(1, 0), min_ndim=1),
    ],
    "local_merge_alloc": [E(lambda d: alloc(alloc(d.scalar("any"), *known(d)), d.length(2), *known(d)), lambda d: alloc(alloc(d.vector("any", 2), 3, 2), 2, 3, 2), min_ndim=1)],
    "local_alloc_empty_to_zeros": [E(lambda d: AllocEmpty("float64")(*d.shape), lambda d: alloc_scalar(d), check=False, gradient=False)],
    # dimshuffles
    "local_dimshuffle_lift": [
        E(lambda d: d.full("any").dimshuffle(*range(len(d.shape))[::-1], "x").dimshuffle(*range(len(d.shape) + 1)[::-1]), lambda d: d.full("any").dimshuffle("x", *range(len(d.shape)))),
        E(lambda d: T.add(d.full("number"), d.x("number")).dimshuffle("x", *range(len(d.shape))[::-1])),
    ],
    "local_lift_transpose_through_dot": [
        E(lambda d: T.dot(*uneven(d, "number")).T, lambda d: T.exp(d.matrix()).T, loose=True),
    ],
    # subtensors
    "local_useless_subtensor": [E(lambda d: indexed(d)[:, ...] if len(d.shape) > 1 else indexed(d)[0:], lambda d: indexed(d)[::-1], min_ndim=1)],
    "local_useless_slice": [E(lambda d: indexed(d)[0:2:1] if len(d.shape) < 2 else indexed(d)[d.length(1), :], lambda d: indexed(d)[1:], min_ndim=1)],
    "local_subtensor_merge": [
        E(lambda d: indexed(d)[random_slice(d)][random_slice(d)], lambda d: indexed(d)[d.length(1) :][1:], min_ndim=1),
        E(lambda d: indexed(d)[d.choice((1, 0)) :][d.choice((0, 1))], min_ndim=1),
    ],
    "local_subtensor_lift": [
        E(lambda d: T.sqr(indexed(d, "number"))[d.length(1)], lambda d: T.dot(*uneven(d, "float"))[:1], min_ndim=1),
        E(lambda d: (indexed(d, "number") * d.scalar("number"))[random_slice(d)], min_ndim=1),
    ],
    "local_subtensor_make_vector": [
        E(lambda d: T.stack([d.scalar("float64"), d.scalar("float64"), d.scalar("float64")])[d.choice((0, -1, 2))], lambda d: T.stack([d.scalar("float64"), d.scalar("float64")])[d.length(1)]),
        E(lambda d: T.stack([d.scalar("int64"), d.scalar("int64"), d.scalar("int64")])[random_slice(d)]),
    ],
    "local_subtensor_of_alloc": [
        E(lambda d: alloc(d.scalar("any"), 3, *d.shape)[random_slice(d)], lambda d: alloc(d.scalar("any"), d.length(3), *d.shape)[1]),
        E(lambda d: alloc((s := spread(d, "any"))[0], 3, *s[1])[d.choice((0, 2, -1))]),
    ],
    "local_subtensor_of_dot": [
        E(lambda d: T.dot(d.matrix("float64", 3, 2), d.matrix("float64", 2, 3))[d.length(1), random_slice(d)], lambda d: T.exp(d.matrix("float64", 3, 3))[1], loose=True),
        E(lambda d: T.dot(d.matrix("float64", 3, 2), d.vector("float64", 2))[random_slice(d)], loose=True),
    ],
    "local_subtensor_inc_subtensor": [
        E(lambda d: T.set_subtensor((v := d.vector("any", 3))[i := d.length(1)], d.scalar(v.dtype))[i], lambda d: T.set_subtensor((v := d.vector("any", 3))[d.length(1)], d.scalar(v.dtype))[d.length(2)]),
    ],
    "local_useless_inc_subtensor": [
        E(lambda d: T.set_subtensor((x := d.full("any"))[:], T.cast(op_of(scalar.identity)(x), x.dtype)), lambda d: T.set_subtensor(indexed(d)[1:], np.bool_(1)), min_ndim=1),
        E(lambda d: T.inc_subtensor(T.zeros_like(x := d.full("number"))[:], op_of(scalar.identity)(x)), lambda d: T.inc_subtensor((x := d.full("number"))[:], x), min_ndim=1),
    ],
    "local_incsubtensor_of_zeros_to_setsubtensor": [
        E(lambda d: T.inc_subtensor(T.zeros_like(x := indexed(d, "number"))[1:], d.scalar(x.dtype)), lambda d: T.inc_subtensor((x := indexed(d, "number"))[1:], d.scalar(x.dtype)), min_ndim=1),
    ],
    "local_tensor_scalar_tensor": [E(lambda d: tensor_from_scalar(scalar_from_tensor(d.scalar("any"))), lambda d: d.scalar("number") + 1)],
    "local_scalar_tensor_scalar": [
        E(lambda d: tensor_from_scalar(scalar_from_tensor(tensor_from_scalar(scalar_from_tensor(d.scalar("any"))))), lambda d: tensor_from_scalar(scalar_from_tensor(d.scalar("any")))),
    ],
    "pre_local_IncSubtensor_serialize": [
        E(
            lambda d: (x := d.vector("float64", 3)) + T.inc_subtensor(d.vector("float64", 3)[1:], d.scalar("float64")) + T.inc_subtensor(x[integers(d, 2, 0, 3)], d.vector("float64", 2)),
            lambda d: d.vector("float64", 3) + T.set_subtensor(d.vector("float64", 3)[1:], d.scalar("float64")),
            loose=True,
        ),
        E(lambda d: d.vector("int8", 3) + T.inc_subtensor(d.vector("int8", 3)[1:], d.scalar("int8"))),
    ],
    # canonical forms
    "local_add_canonizer": [
        E(lambda d: (x := d.full("number")) + d.x("number") - x, lambda d: d.x("number") + d.x("number"), loose=True),
        E(lambda d: (d.const(3, x := d.full("number")) + x) + d.const(2, x), loose=True),
        E(lambda d: ((x := d.full("real")) - d.x(x.dtype)) - (d.x(x.dtype) - x), loose=True),
    ],
    "local_mul_canonizer": [
        E(lambda d: (d.full("inexact") * (y := d.full("inexact"))) / y, lambda d: d.full("number") * d.x("number")),
        E(lambda d: d.const(3, x := d.full("number")) * (x * d.const(2, x))),
        E(lambda d: ((x := d.full("float")) / d.x(x.dtype)) / (d.x(x.dtype) / x)),
        E(lambda d: (x := d.full("float")) / T.abs_(x)),
    ],
    "local_greedy_distributor": [E(greedy, lambda d: (d.full("float64") + d.full("float64")) * d.full("float64"), loose=True)],
    # arithmetic
    "local_neg_to_mul": [E(lambda d: T.neg(d.full(d.choice(("float", "int64", "int8")))), lambda d: T.neg(d.full(d.choice(("uint8", "complex")))))],
    "local_mul_zero": [E(lambda d: d.const(0, x := d.full("number")) * x, lambda d: d.const(2, x := d.full("number")) * x)],
    "local_pow_canonicalize": [
        E(lambda d: (x := d.full("number")) ** d.const(d.choice((0, 1)), x), lambda d: (x := d.full("number")) ** d.const(3, x)),
        E(lambda d: d.const(1, x := d.full("inexact")) ** x),
    ],
    "local_pow_specialize": [
        E(lambda d: (x := d.full("real")) ** d.const(2, x), lambda d: (x := d.full("real")) ** d.const(3, x)),
        E(lambda d: (x := d.full("float")) ** d.const(d.choice((0.5, -0.5, -1, -2)), x)),
    ],
    "local_pow_specialize_device": [
        E(lambda d: (x := d.full("float")) ** d.const(d.choice((3, 5, 8, 17)), x), lambda d: (x := d.full("float")) ** d.const(2.5, x)),
        E(lambda d: (x := d.full("float")) ** d.const(-3, x)),
    ],
    "local_mul_to_sqr": [E(lambda d: (x := d.full("number")) * x, lambda d: d.full("number") * d.full("number"))],
    "local_mul_specialize": [
        E(lambda d: d.const(d.choice((0, 1, -1)), x := d.full(d.choice(("float", "int64", "int8", "complex")))) * x, lambda d: d.const(2, x := d.full("number")) * x),
        E(lambda d: T.neg(d.full("number")) * d.x("number")),
        E(lambda d: d.const(1, x := d.full("uint8")) * x),
    ],
    "local_add_specialize": [E(lambda d: d.const(0, x := d.full("number")) + x, lambda d: d.const(1, x := d.full("number")) + x)],
    "local_sub_specialize": [
        E(lambda d: (x := d.full("number")) - d.const(0, x), lambda d: (x := d.full("number")) - d.const(1, x)),
        E(lambda d: d.const(0, x := d.full("number")) - x),
        E(lambda d: (x := d.full("float")) - d.const(-0.0, x)),
    ],
    "local_add_neg_to_sub": [
        E(lambda d: d.choice((T.add, T.sub))(d.x("number"), T.neg(d.x("number"))), lambda d: d.x("number") + d.x("number")),
        E(lambda d: T.neg(d.x("number")) + d.x("number")),
    ],
    "local_elemwise_sub_zeros": [E(lambda d: (x := d.full("number")) - x, lambda d: d.full("number") - d.full("number"))],
    "local_div_to_inv": [E(lambda d: d.const(1, x := d.full("float")) / x, lambda d: d.const(2, x := d.full("float")) / x)],
    "local_neg_neg": [E(_double_neg, lambda d: T.neg(d.full("number")))],
    "local_neg_div_neg": [
        E(lambda d: T.neg(d.full("inexact")) / T.neg(d.x("inexact")), lambda d: T.neg(d.full("int")) / T.neg(d.x("int"))),
        E(lambda d: T.neg(x := d.full("float")) / d.const(3, x), lambda d: T.neg(d.full("uint8")) / d.const(2.0, d.full("float64"))),
    ],
    "local_abs_lift": [
        E(lambda d: T.abs_(T.abs_(d.full("number"))), lambda d: T.abs_(T.neg(d.full("uint8")))),
        E(lambda d: T.abs_(T.neg(d.full(d.choice(("float", "int64", "int8", "complex")))))),
    ],
    "local_abs_merge": [
        E(lambda d: d.choice((T.mul, T.true_div))(T.abs_(d.x("float")), T.abs_(d.x("float"))), lambda d: T.abs_(d.full("float")) * T.abs_(d.full("int"))),
        E(lambda d: T.mul(T.abs_(d.x("float")), d.x("float"), T.abs_(d.x("float")))),
    ],
    "local_mul_switch_sink": [
        E(lambda d: switch_of_zero(d, "number") * d.x("number"), lambda d: T.switch(d.x("bool"), x := d.full("float"), d.const(1, x)) * d.x("float")),
    ],
    "local_div_switch_sink": [
        E(lambda d: switch_of_zero(d, "float") / d.x("float"), lambda d: d.x("float") / T.switch(d.x("bool"), x := d.full("float"), d.const(0, x))),
    ],
    # reductions
    "local_sum_all_to_none": [
        E(lambda d: d.choice((T.sum, T.prod))(d.full("number"), axis=tuple(range(len(d.shape)))), lambda d: T.sum(d.matrix("number"), axis=0), min_ndim=1, loose=True),
    ],
    "local_sum_sum": [
        E(lambda d: T.sum(T.sum(d.full("number"), axis=0)), lambda d: T.sum(T.prod(d.full("number"), axis=0)), min_ndim=2, loose=True),
        E(lambda d: T.prod(T.prod(d.full("number"), axis=1), axis=0), min_ndim=2, loose=True),
    ],
    "local_cut_useless_reduce": [E(lambda d: d.choice((T.sum, T.prod))(d.full("number"), axis=()), lambda d: T.sum(d.full("number")), min_ndim=1)],
    "local_reduce_broadcastable": [
        E(
            lambda d: T.sum(d.full("number").dimshuffle("x", *range(len(d.shape))), axis=(0, *range(1, len(d.shape)))),
            lambda d: T.sum(d.matrix("number"), axis=0),
            loose=True,
        ),
        E(lambda d: T.prod(d.full("number").dimshuffle("x", *range(len(d.shape))), axis=0)),
        E(lambda d: CAReduce(scalar.maximum, (0,))(d.full("float").dimshuffle("x", *range(len(d.shape)))), gradient=False),
    ],
    "local_sum_mul_by_scalar": [
        E(lambda d: T.sum(d.scalar("float") * d.full("float"), axis=d.axes()), lambda d: T.sum(d.full("float") * d.full("float")), min_ndim=1, loose=True),
        E(lambda d: T.sum(T.neg(d.full("number")), axis=d.axes()), loose=True),
        E(lambda d: T.prod(d.scalar("float64") * d.full("float64")), min_ndim=1, loose=True, gradient=False),
    ],
    "local_sum_div_dimshuffle": [
        E(lambda d: T.sum(d.matrix("float64", 2, 3) / d.vector("float64", 3), axis=0), lambda d: T.sum(d.matrix("float64", 2, 3) / d.vector("float64", 3), axis=1), loose=True),
    ],
    "local_sum_alloc": [
        E(lambda d: d.choice((T.sum, T.prod))(alloc_scalar(d, "number"), axis=d.axes()), lambda d: T.sum(alloc(d.vector("number", 2), 2, 2)), min_ndim=1, loose=True, gradient=False),
    ],
    "local_reduce_join": [
        E(lambda d: d.choice((T.sum, T.prod))((j := joined(d, "number"))[0], axis=j[1]), lambda d: T.sum(joined(d, "number")[0]), min_ndim=1, loose=True),
        E(lambda d: d.choice((T.max, T.all))((j := joined(d, "bool"))[0], axis=j[1]), gradient=False),
        E(lambda d: T.sum((j := joined(d, "bool"))[0], axis=j[1])),
    ],
    "local_max_and_argmax": [
        E(lambda d: d.choice((T.max, T.argmax))(d.matrix("real", 2, 3), axis=d.choice((None, 0, 1))), lambda d: T.max_and_argmax(d.matrix("real", 2, 3), axis=1), gradient=False),
    ],
    # stable forms
    "local_log1p": [E(lambda d: T.log(d.const(1, x := d.full("float")) + x) if d.rng.random() < 0.5 else T.log(d.const(1, x := d.full("float")) - x), lambda d: T.log(2 + d.full("float")))],
    "local_expm1": [E(lambda d: T.exp(x := d.full("float")) - d.const(1, x), lambda d: T.exp(d.full("float")) - 2.0)],
    "local_log_add": [E(lambda d: T.log(T.exp(d.x("float")) + T.exp(d.x("float"))), lambda d: T.log(T.exp(d.x("float")) + T.abs_(d.x("float"))), loose=True, gradient=False)],
    "local_inv_1_plus_exp": [E(lambda d: 1 / one_plus_exp(d, d.full("float")), lambda d: 1 / (2 + T.exp(d.full("float"))))],
    "local_exp_over_1_plus_exp": [
        E(lambda d: T.exp(x := d.full("float")) / one_plus_exp(d, x), lambda d: T.exp(x := d.full("float")) / (2 + T.exp(x))),
        E(lambda d: d.full("float") / one_plus_exp(d, d.full("float"))),
    ],
    "local_sigm_times_exp": [
        E(lambda d: T.sigmoid(x := d.full("float")) * T.exp(-x), lambda d: T.sigmoid(x := d.full("float")) * T.exp(x)),
        E(lambda d: T.sigmoid(x := d.full("float")) / T.exp(x)),
    ],
    "local_1msigmoid": [E(lambda d: d.const(1, x := d.full("float")) - T.sigmoid(x), lambda d: 2 - T.sigmoid(d.full("float")))],
    "local_logsigm_to_softplus": [E(lambda d: T.log(T.sigmoid(d.full("float"))), lambda d: T.log(T.exp(d.full("float"))))],
    "local_log1msigm_to_softplus": [
        E(lambda d: T.log1p(T.exp(d.full("float"))), lambda d: T.log1p(d.full("float"))),
        E(lambda d: T.log1p(-T.sigmoid(d.full("float")))),
    ],
    "local_log_softmax": [E(lambda d: T.log(T.softmax(softmax_input(d))), lambda d: T.exp(T.softmax(softmax_input(d))), loose=True)],
    "local_advanced_indexing_crossentropy_onehot": [
        E(lambda d: T.log(picked(d, T.softmax(softmax_input(d)))), lambda d: T.log(picked(d, T.exp(softmax_input(d)))), loose=True)
    ],
    "local_advanced_indexing_crossentropy_onehot_grad": [
        E(picked_log_softmax_gradient, lambda d: T.SoftmaxGrad()(x := softmax_input(d), T.softmax(x)), loose=True, gradient=False)
    ],
    "local_logsoftmax_grad": [E(log_softmax_gradient, lambda d: T.SoftmaxGrad()(x := softmax_input(d), T.softmax(x)), loose=True, gradient=False)],
    "local_log_sum_exp": [
        E(lambda d: T.log(T.sum(T.exp(d.matrix("float64", 2, 3)), axis=d.choice((None, 0, 1)))), lambda d: T.log(T.sum(T.sqr(d.matrix("float64", 2, 3)))), loose=True, gradient=False),
        E(lambda d: T.log(T.sum(T.exp(d.matrix("float64", 2, 3)), axis=d.choice((None, 0, 1)), keepdims=True)), loose=True, gradient=False),
    ],
    "local_exp_over_sum_exp": [
        E(lambda d: (e := T.exp(d.matrix("float64", 2, 3))) / T.sum(e, axis=d.choice((None, 0, 1)), keepdims=True), lambda d: (e := T.exp(d.matrix("float64", 3, 3))) / T.sum(e, axis=1), loose=True, gradient=False),
        E(lambda d: d.matrix("float64", 2, 3) * (e := T.exp(d.matrix("float64", 2, 3))) / (T.sum(e, axis=d.choice((None, 0, 1)), keepdims=True) * 3), loose=True, gradient=False),
    ],
    "local_one_minus_erf": [
        E(lambda d: d.const(1, x := d.full("float")) - T.erf(x), lambda d: 2 - T.erf(d.full("float")), loose=True),
        E(lambda d: d.const(1, x := d.full("float")) + d.const(-1, x) * T.erf(x), loose=True),
    ],
    "local_log_erfc": [E(lambda d: T.log(T.erfc(d.full("float"))), lambda d: T.log(T.erf(d.full("float"))))],
    "local_grad_log_erfc_neg": [E(lambda d: d.scalar("float") * T.exp(-T.sqr(x := d.full("float"))) / T.erfc(x), lambda d: T.exp(-T.sqr(d.full("float"))) / T.erfc(d.full("float")))],
    # products
    "local_0_dot_x": [E(lambda d: T.dot(T.zeros_like((xy := uneven(d, "number"))[0]), xy[1]), lambda d: T.dot(*uneven(d, "number")), loose=True)],
    "local_dot_of_one_dtype": [
        E(lambda d: T.dot((xy := uneven(d, "int"))[0], T.cast(xy[1], "float64")), lambda d: T.dot(*uneven(d, "int")), loose=True),
        E(lambda d: T.batched_dot((x := d.matrix("float64", 3, 4)), T.cast(x, "float32")), loose=True, gradient=False),
    ],
    "local_dot_to_dot22": [E(lambda d: T.dot(*uneven(d, "inexact")), lambda d: T.dot(*uneven(d, "int")), loose=True)],
    "gemm_optimizer": [
        E(lambda d: (s := sum_of_products(d))[0] + s[1], lambda d: d.matrix("float64", 3, 3) + T.exp(d.matrix("float64", 3, 3)), loose=True),
        E(lambda d: T.sub(*sum_of_products(d)[:2][:: d.choice((1, -1))]), loose=True),
        E(lambda d: -((s := sum_of_products(d))[0] * s[2] - 2 * s[1]), loose=True),
        E(lambda d: d.vector("float64", 3) + T.dot(d.matrix("float64", 3, 2), d.vector("float64", 2)), loose=True),
    ],
    "local_dot22_to_dot22scalar": [E(lambda d: dot22(*(xy := uneven(d, "float"))) * d.scalar(xy[0].dtype), lambda d: dot22(d.matrix("float64", 2, 3), d.matrix("float64", 3, 2)) * d.matrix("float64", 2, 2), loose=True)],
    "local_gemm_to_gemv": [
        E(lambda d: gemm_no_inplace(d.matrix("float64", 1, 3, (True, False)), 1.0, d.matrix("float64", 1, 2, (True, False)), d.matrix("float64", 2, 3), d.scalar("float64")), lambda d: gemm_no_inplace(d.matrix("float64", 2, 3), 1.0, d.matrix("float64", 2, 2), d.matrix("float64", 2, 3), 1.0), loose=True, gradient=False),
        E(lambda d: gemm_no_inplace(d.matrix("float64", 2, 3), 1.0, d.matrix("float64", 2, 1, (False, True)), d.matrix("float64", 1, 3, (True, False)), 1.0), loose=True, gradient=False),
        E(lambda d: T.dot(d.matrix("float64", 2, 3), d.vector("float64", 3)), lambda d: T.dot(d.vector("float64", 3), d.vector("float64", 3)), loose=True, gradient=False),
    ],
    "InplaceBlasOpt": [
        E(lambda d: gemv_no_inplace(T.exp(d.vector("float64", 2)), 1.0, d.matrix("float64", 2, 3), d.vector("float64", 3), 1.0), lambda d: gemv_no_inplace(d.vector("float64", 2), 1.0, d.matrix("float64", 2, 3), d.vector("float64", 3), 1.0), loose=True, gradient=False),
    ],
    # fusion and places
    "local_add_mul_fusion": [E(lambda d: d.x("number") + (d.full("number") + d.x("number")), lambda d: d.x("number") * (d.full("number") + d.x("number")), loose=True), E(lambda d: d.x("int") * (d.full("int") * d.x("int")))],
    "composite_elemwise_fusion": [E(lambda d: T.sqr(x := d.full("number")) * d.full(x.dtype) - x, lambda d: T.sqr(d.full("number")), gradient=False)],
    "local_inplace_setsubtensor": [E(lambda d: d.choice((T.set_subtensor, T.inc_subtensor))(T.sqr(v := d.vector("number", 3))[1:], d.scalar(v.dtype)), lambda d: T.set_subtensor((v := d.vector("number", 3))[1:], d.scalar(v.dtype)), gradient=False)],
    "local_inplace_incsubtensor1": [E(lambda d: T.inc_subtensor(T.sqr(v := d.vector("number", 3))[integers(d, 2, 0, 3)], d.scalar(v.dtype)), lambda d: T.inc_subtensor((v := d.vector("number", 3))[integers(d, 2, 0, 3)], d.scalar(v.dtype)), gradient=False)],
    "local_inplace_AdvancedIncSubtensor": [
        E(lambda d: T.inc_subtensor(T.sqr(m := d.matrix("number", 3, 3))[integers(d, 2, 0, 3), integers(d, 2, 0, 3)], d.scalar(m.dtype)), lambda d: T.inc_subtensor((m := d.matrix("number", 3, 3))[integers(d, 2, 0, 3), integers(d, 2, 0, 3)], d.scalar(m.dtype)), gradient=False),
    ],
    "inplace_elemwise_opt": [E(lambda d: T.add(T.sqr(x := d.full("number")), d.x(x.dtype)), lambda d: T.sqr(d.full("number")), gradient=False)],
    # the compile floor
    "local_view_op": [E(lambda d: _view(d), lambda d: d.full("float") * 1.5, gradient=False)],
    # what the database itself has
    "merge1": [E(lambda d: ((x := d.full("number")) + 1) * (x + 1), lambda d: d.full("number") + 1)],
    "merge_commutative1": [E(lambda d: ((x := d.full("number")) + (y := d.full("number"))) * (y + x), lambda d: ((x := d.full("number")) - (y := d.full("number"))) * (y - x))],
    "check_fill_lengths": [E(lambda d: T.fill(d.full("any"), d.x("any")), lambda d: T.fill(d.vector("any"), d.scalar("any")))],
    "check_alloc_lengths": [E(lambda d: d.vector("number", 3) + alloc(d.scalar("number"), d.length(3)), lambda d: d.vector("number", 3) + d.scalar("number"))],
    "constant_folding": [E(lambda d: T.add(T.constant(np.array([1.5, np.nan, -0.0])), T.constant(np.float64(2))) * d.scalar("float64"), lambda d: d.scalar("number") + 1)],
}  # fmt: skip

#: optimizers that change no graph by themselves, or hold others that have templates of their own
WITHOUT = {
    "CheckStackTrace", "ShapeOpt", "UnShapeOpt", "add_destroy_handler", "merge1.1", "merge1.2", "merge2", "merge3", "merge_commutative2",
    "random_make_inplace",  # test_function.py of tensor/random
    # matrices that have inverses: test_hints.py of tensor/linalg, test_linalg.py
    "HintsOptimizer", "local_inverse_to_solve", "local_remove_hint", "local_solve_psd", "local_solve_triangular", "local_solve_diagonal", "local_solve_symmetric",
    "local_inverse_of_inverse", "local_det_triangular", "local_log_det", "local_gradient_formula", "local_tensorinv_to_inverse", "local_tensorsolve_to_solve",
    # loops: test_scan_rewrites.py of scan_module
    "remove_constants_and_unused_inputs_scan", "remove_unused_scan", "scanOp_make_inplace", "scanOp_pushout_nonseqs_ops", "scanOp_pushout_output",
    "scanOp_pushout_seqs_ops", "scanOp_save_mem", "scan_eqopt1", "scan_eqopt2", "scan_merge", "scan_merge_inouts", "scan_mode_of_function",
    "scan_pushout_dot1", "scan_to_recurrence",
    # conditions and graphs as ops: test_ifelse.py of tensor, test_op_from_graph.py of gradient
    "local_ifelse_equal_branches", "local_ifelse_known_condition", "inline_ofg_expansion",
    "useless", "canonicalize", "stabilize", "specialize", "uncanonicalize", "specialize_device", "BlasOpt", "elemwise_fusion",
}  # fmt: skip

#: rules of tcore_nnet, where it is installed
NNET: dict[str, list[Template]] = {
    "crossentropy_to_crossentropy_with_softmax_with_bias": [
        E(crossentropy_with_bias, lambda d: crossentropy_with_bias(d, vector=False), loose=True, gradient=False)
    ],
    "crossentropy_to_crossentropy_with_softmax": [E(crossentropy, lambda d: crossentropy(d, softmax=False), loose=True, gradient=False)],
    "local_correlate_in_float32": [E(lambda d: correlation(d, "float16"), lambda d: correlation(d, "float32"), loose=True, gradient=False, tame_only=True)],
    "local_softmax_grad_to_crossentropy_with_softmax_grad": [E(crossentropy_gradient, lambda d: crossentropy_gradient(d, same=False), loose=True, gradient=False)],
}  # fmt: skip
