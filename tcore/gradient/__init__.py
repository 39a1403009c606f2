"""Automatic differentiation: gradients, products with the Jacobian, and their numeric checks."""

import tcore.compile
import tcore.tensor  # noqa: F401 - floors below load as wholes, before modules of theirs
from tcore.gradient.connection import format_as
from tcore.gradient.errors import DisconnectedInputError, GradientError, GradUndefinedError, NullTypeGradError
from tcore.gradient.forward import Rop
from tcore.gradient.matrices import hessian, jacobian
from tcore.gradient.numeric import numeric_grad, verify_grad
from tcore.gradient.reverse import Lop, grad, graph_gradients, subgraph_grad
from tcore.gradient.shaping import (
    GradClip,
    GradScale,
    consider_constant,
    consider_constant_,
    disconnected_grad,
    disconnected_grad_,
    grad_clip,
    grad_scale,
    undefined_grad,
    undefined_grad_,
    zero_grad,
    zero_grad_,
)
from tcore.graph.null_type import DisconnectedType, NullType, disconnected_type
from tcore.graph.undefined import grad_not_implemented, grad_undefined

__all__ = [
    "DisconnectedInputError",
    "DisconnectedType",
    "GradClip",
    "GradScale",
    "GradUndefinedError",
    "GradientError",
    "Lop",
    "NullType",
    "NullTypeGradError",
    "Rop",
    "consider_constant",
    "consider_constant_",
    "disconnected_grad",
    "disconnected_grad_",
    "disconnected_type",
    "format_as",
    "grad",
    "grad_clip",
    "grad_not_implemented",
    "grad_scale",
    "grad_undefined",
    "graph_gradients",
    "hessian",
    "jacobian",
    "numeric_grad",
    "subgraph_grad",
    "undefined_grad",
    "undefined_grad_",
    "verify_grad",
    "zero_grad",
    "zero_grad_",
]
