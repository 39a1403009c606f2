"""Scalar ops: what an elementwise operation does to one element."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tcore.above import from_above
from tcore.graph.apply import Apply
from tcore.graph.c_interface import derived, is_derived
from tcore.graph.errors import MethodNotDefined
from tcore.graph.floating import floating_point_errors
from tcore.graph.op import Op
from tcore.scalar.conversion import as_scalar, constant
from tcore.scalar.dtypes import complex_dtypes, discrete_dtypes
from tcore.scalar.preferences import float_out, upcast_out

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tcore.graph.variable import Variable
    from tcore.scalar.type import Scalar

__all__ = ["BinaryScalarOp", "MathOp", "ScalarOp", "UnaryScalarOp", "float_like", "number"]


class ScalarOp(Op):
    """An operation on numbers, which :class:`~tcore.tensor.elemwise.Elemwise` applies to arrays.

    Subclasses give ``impl`` (Python numbers in, Python number out) and, as they can: ``output_types_preference``,
    ``grad`` or ``L_op``, ``c_code``, or a lowering for all backends.

    Parameters
    ----------
    output_types_preference : callable, optional
        From the input types (:class:`~tcore.scalar.type.Scalar`) to a sequence of output types; see
        :mod:`tcore.scalar.preferences`. The class may have it as an attribute.
    name : str, optional
        How the op prints; the class name otherwise. Not compared.
    """

    #: number of inputs; -1 for any
    nin: int = -1
    nout: int = 1
    #: whether the order of the inputs does not matter
    commutative: ClassVar[bool] = False
    #: whether nested applications may be merged into one with more inputs
    associative: ClassVar[bool] = False
    #: neutral element of a reduction, where there is one
    identity: Any = None
    #: name in loop code of the function that it computes, for a class that says so itself: its subclasses may compute another
    loop_name: str = ""
    #: (numpy function name, nin, nout), the documented way to name a ufunc
    nfunc_spec: ClassVar[tuple[str, int, int] | None] = None

    output_types_preference: Any = None

    def __init__(self, output_types_preference: Callable[..., Sequence[Scalar]] | None = None, name: str | None = None) -> None:
        self.name = name
        if output_types_preference is not None:
            if not callable(output_types_preference):
                raise TypeError(f"output_types_preference of {type(self).__name__} must be callable, got {output_types_preference!r}")
            self.output_types_preference = output_types_preference

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "loop_name" not in cls.__dict__:
            cls.loop_name = ""

    # ------------------------------------------------------------ building

    def output_types(self, types: Sequence[Scalar]) -> Sequence[Scalar]:
        """The output types for input types."""
        if self.output_types_preference is None:
            raise NotImplementedError(f"{type(self).__name__} has neither output_types_preference nor output_types")
        # a plain function kept in a class is bound on access; the preference does not take self
        preference = self.__dict__.get("output_types_preference") or _unbound(type(self), "output_types_preference")
        found = preference(*types)
        return list(found) if isinstance(found, (tuple, list)) else [found]

    def make_node(self, *inputs: Any) -> Apply:
        """Apply to numbers and scalar variables."""
        if self.nin >= 0 and len(inputs) != self.nin:
            raise TypeError(f"{self} takes {self.nin} inputs, got {len(inputs)}: {', '.join(map(str, inputs))}")
        scalars = [as_scalar(value) for value in inputs]
        return Apply(self, scalars, [t() for t in self.output_types([s.type for s in scalars])])

    # ------------------------------------------------------------ computing

    def impl(self, *inputs: Any) -> Any:
        """The value for NumPy scalars or Python numbers."""
        raise MethodNotDefined(f"{type(self).__name__} defines no impl", type(self), "impl")

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        """Apply :meth:`impl` and give the results the output types."""
        with floating_point_errors():
            results = self.impl(*inputs)
        if self.nout == 1:
            results = (results,)
        for cell, result, output in zip(output_storage, results, node.outputs, strict=True):
            cell[0] = np.asarray(result).astype(output.type.dtype)[()]

    def on_arrays(self, inputs: Sequence[np.ndarray], dtypes: Sequence[str], out: Sequence[np.ndarray | None]) -> list[np.ndarray]:
        """Apply to whole arrays, which broadcast as in NumPy.

        ``dtypes`` are those of the outputs; output ``i`` is written into ``out[i]`` where that is an array, which may
        be one of ``inputs``. Here by a Python loop over :meth:`impl`; ops that NumPy knows do better.
        """
        found = np.frompyfunc(self.impl, len(inputs), self.nout)(*inputs)
        results = []
        for value, dtype, target in zip(found if self.nout > 1 else (found,), dtypes, out, strict=True):
            if target is None:
                results.append(np.asarray(value).astype(dtype))
            else:
                target[...] = value
                results.append(target)
        return results

    # ------------------------------------------------------------ differentiating

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Any]:
        """Derivative along ``eval_points``, by :meth:`L_op`, which is linear in the output gradient."""
        if None in eval_points:
            return [None] * self.nout
        outputs = self.make_node(*inputs).outputs
        if len(outputs) > 1:
            raise MethodNotDefined(f"{self} has several outputs and defines no R_op", type(self), "R_op")
        total: Any = None
        for position, point in enumerate(eval_points):
            term = self.L_op(inputs, outputs, [point])[position]  # type: ignore[list-item]
            total = term if total is None else total + term
        return [total]

    # ------------------------------------------------------------ identity and text

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.output_types_preference_key() == other.output_types_preference_key()

    def __hash__(self) -> int:
        return hash((type(self), self.__dict__.get("output_types_preference")))  # an optimization asks for many

    def output_types_preference_key(self) -> Any:
        """What of the preference takes part in comparisons: None where the class has it."""
        return self.__dict__.get("output_types_preference")

    def __str__(self) -> str:
        return self.name or type(self).__name__

    def inplace_text(self) -> str:
        """How the op prints in an Elemwise that works in place: the class name."""
        return type(self).__name__

    def infix(self) -> str | None:
        """The operator between operands in the text of a Composite, where that is how it prints."""
        return None

    # ------------------------------------------------------------ C code

    @derived
    def c_code(self, node: Apply, name: str, inputs: Sequence[str], outputs: Sequence[str], sub: Mapping[str, str]) -> str:
        """Of an op with a form as a loop, that form; others state their own. It may call what :meth:`c_support_code` has."""
        loop_name = self._loop_name_for_c()
        if not loop_name:
            self._undefined("c_code")
        dtypes = [[v.type.dtype for v in variables] for variables in (node.inputs, node.outputs)]  # type: ignore[attr-defined]
        statements = from_above("scalar_statements")
        try:
            return statements(self, loop_name, *dtypes, inputs, outputs)  # type: ignore[no-any-return]
        except (NotImplementedError, KeyError) as error:
            raise MethodNotDefined(f"{self} defines no c_code for {', '.join(dtypes[0])}: {error}", type(self), "c_code") from error

    def _loop_name_for_c(self) -> str:
        """The name in loop code of the class that says what this op computes; empty where a subclass computes otherwise."""
        own_code = False
        for cls in type(self).__mro__:
            if cls.__dict__.get("loop_name"):
                return str(cls.__dict__["loop_name"])
            own_code |= "c_code" in cls.__dict__ and cls is not ScalarOp
            if "impl" in cls.__dict__ and not own_code:
                return ""
        return ""

    def c_support_code(self) -> list[str]:
        """The functions that the text of :meth:`c_code` calls, one text each."""
        loop_name = self._loop_name_for_c()
        if not loop_name:
            self._undefined("c_support_code")
        return from_above("scalar_helpers")(self, loop_name)  # type: ignore[no-any-return]

    def c_code_cache_version(self) -> tuple[Any, ...]:
        """Version of the text above; none for ops with text of their own, which have a version of their own."""
        return (1,) if is_derived(self) else ()

    def supports_c_code(self, inputs: Sequence[Variable], outputs: Sequence[Variable]) -> bool:
        """Whether :meth:`c_code` works for these types: tried out on placeholders."""
        try:
            self.c_code(
                self.make_node(*[variable.type() for variable in inputs]),
                "test_c_code",
                [f"i{i}" for i in range(len(inputs))],
                [f"o{i}" for i in range(len(outputs))],
                {"fail": "return 1;"},
            )
        except (MethodNotDefined, NotImplementedError):
            return False
        return True

    def c_code_contiguous(self, *args: Any) -> str:
        """Code for whole contiguous arrays, where an op has some."""
        self._undefined("c_code_contiguous")


def snake_case(name: str) -> str:
    """``RoundHalfToEven`` -> ``round_half_to_even``; names in capitals are lowered as a whole."""
    if name.isupper():
        return name.lower()
    return "".join(f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name))


def _unbound(cls: type, name: str) -> Any:
    for base in cls.__mro__:
        if name in base.__dict__:
            found = base.__dict__[name]
            return found.__func__ if isinstance(found, staticmethod) else found
    raise AttributeError(name)


class UnaryScalarOp(ScalarOp):
    """A scalar op of one input."""

    nin = 1


class BinaryScalarOp(ScalarOp):
    """A scalar op of two inputs."""

    nin = 2


def float_like(variable: Variable, fill: Any = 0) -> Variable:
    """A constant in the float dtype that gradients of ``variable`` have, which prints and merges as ``second``."""
    dtype = variable.type.dtype
    maker = variable.zeros_like if fill == 0 else variable.ones_like
    return maker(dtype=float_out()[0].dtype if dtype in discrete_dtypes else dtype)


def number(value: float, like: Variable) -> Variable:
    """The constant ``value`` in the dtype of ``like``, so that it changes no dtype in a formula."""
    return constant(value, dtype=like.type.dtype)


class MathOp(ScalarOp):
    """A scalar op that states its gradient as one formula, and mostly is a NumPy ufunc.

    ``pullback(g, out, *inputs)`` gives the gradient with respect to each input (None for zero), for the gradient
    ``g`` with respect to the output ``out``; it may speak as if all values were real or complex floats.
    """

    numpy: ClassVar[Any] = None
    #: how the ufunc's loop is chosen: "output" computes in the output dtype, "natural" in what the inputs promote to
    loop_dtype: ClassVar[str] = "output"

    output_types_preference: Any = staticmethod(upcast_out)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "impl" in cls.__dict__ and "numpy" not in cls.__dict__:
            cls.numpy = None  # that of the base class is another function

    def impl(self, *inputs: Any) -> Any:
        """By the ufunc."""
        function = self.numpy
        if function is None:
            raise MethodNotDefined(f"{type(self).__name__} defines no impl", type(self), "impl")
        result = function(*inputs[: function.nin]) if hasattr(function, "nin") else function(*inputs)
        for value in inputs[getattr(function, "nin", len(inputs)) :]:
            result = function(result, value)
        return result

    def on_arrays(self, inputs: Sequence[np.ndarray], dtypes: Sequence[str], out: Sequence[np.ndarray | None]) -> list[np.ndarray]:
        """By the ufunc, pairwise where there are more inputs than it takes."""
        function = self.numpy
        if not isinstance(function, np.ufunc):
            return super().on_arrays(inputs, dtypes, out)
        (dtype,) = dtypes
        (target,) = out
        options: dict[str, Any] = {"casting": "unsafe"}
        if self.loop_dtype == "output":
            options["dtype"] = dtype
        if function.nin == 2:
            if len(inputs) == 1:
                # what is added alone stays itself: 0.0 + -0.0 would be 0.0
                if target is None:
                    return [inputs[0].astype(dtype)]
                target[...] = inputs[0]
                return [target]
            # the target may be one of the later inputs, so only the last step writes into it
            for value in inputs[1:-1]:
                inputs = [function(inputs[0], value, **options), *inputs[2:]]
        result = function(*inputs, out=target, **options) if target is not None else function(*inputs, **options)
        if target is None and result.dtype != dtype:
            result = result.astype(dtype)
        return [np.asarray(result)]

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        """As on arrays: in the output's precision, where NumPy would compute with small integers in half precision."""
        with np.errstate(all="ignore"):
            (result,) = self.on_arrays([np.asarray(value) for value in inputs], [node.outputs[0].type.dtype], [None])
        output_storage[0][0] = result[()]

    def pullback(self, g: Any, out: Any, *inputs: Any) -> Any:
        """Gradients with respect to the inputs: one value, or a tuple of them."""
        raise MethodNotDefined(f"{type(self).__name__} defines no gradient", type(self), "grad")

    def L_op(self, inputs: Sequence[Any], outputs: Sequence[Any], output_grads: Sequence[Any]) -> list[Any]:
        """Gradients by :meth:`pullback`: zero where the output is an integer, real where the input is."""
        (out,) = outputs
        (g,) = output_grads
        if out.type.dtype in discrete_dtypes:
            return [float_like(x) for x in inputs]
        found = self.pullback(g, out, *inputs)
        if not isinstance(found, (tuple, list)):
            found = (found,)
        return [self._fit(gradient, x) for gradient, x in zip(found, inputs, strict=True)]

    @staticmethod
    def _fit(gradient: Any, x: Any) -> Any:
        if gradient is None:
            return float_like(x)
        if gradient.type.dtype in complex_dtypes and x.type.dtype not in complex_dtypes:
            return gradient.real
        return gradient
