"""Functions as pickles: the maker, which holds the optimized graph and the program, and the values of inputs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from tcore.compile.errors import AliasedMemoryError
from tcore.configuration import config
from tcore.graph.type import of_type
from tcore.link import Container

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcore.compile.function_module import Function

__all__ = ["load_function", "reduce_function"]


def reduce_function(function: Function, defaults: Sequence[tuple[bool, bool, Any]]) -> tuple[Any, ...]:
    """What pickle writes of a function; the containers of shared variables go along, for all functions of a pickle the same ones.

    Raises
    ------
    AliasedMemoryError
        If values of inputs share memory, and ``config.pickle_aliased_memory_strategy`` is "raise".
    """
    values = [
        None if refeed else container.storage[0]
        for container, (_, refeed, _) in zip(function.input_storage, defaults, strict=True)
    ]
    _check_aliases(function, values)
    containers = [
        container if foreign else None for container, foreign in zip(function.input_storage, function._plan.foreign, strict=True)
    ]
    return load_function, (function.maker, containers, values, [value for _, _, value in defaults], function.trust_input)


def load_function(
    maker: Any, containers: list[Any], values: list[Any], defaults: list[Any], trust_input: bool
) -> Function | None:
    """A function from its pickled parts; None where ``config.unpickle_function`` says so."""
    if not config.unpickle_function:
        return None
    storage = []
    for container, value, default in zip(containers, values, defaults, strict=True):
        if container is not None:
            storage.append(container)
        else:
            storage.append(value if value is not None else default if not isinstance(default, Container) else None)
    function = maker.create(storage, trustme=True)
    function.trust_input = trust_input
    return function  # type: ignore[no-any-return]


def _check_aliases(function: Function, values: Sequence[Any]) -> None:
    """Say where two values share memory: after unpickling, each has its own."""
    strategy = config.pickle_aliased_memory_strategy
    if strategy == "ignore":
        return
    for i, first in enumerate(values):
        kind = function.indices[i].variable.type
        for j in range(i + 1, len(values)):
            second = values[j]
            if first is None or second is None or function.input_storage[i] is function.input_storage[j]:
                continue
            if not of_type(kind, "may_share_memory")(first, second):
                continue
            if strategy == "raise":
                raise AliasedMemoryError(first, second)
            logging.getLogger("tcore.compile.function_module").warning(
                "%s: the values of %s and %s share memory, which the unpickled function will not do",
                function._title(), function._input_name(i), function._input_name(j),
            )  # fmt: skip
