"""What a FunctionGraph does for its features: attaching them, and telling them what happens."""

from __future__ import annotations

from functools import wraps
from time import perf_counter
from typing import TYPE_CHECKING, Any

from tcore.graph.features import AlreadyThere, Feature

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FeatureHost"]


class FeatureHost:
    """Holds features, and calls their methods in the order in which they were attached.

    Attributes
    ----------
    time_callbacks : bool
        True measures the time spent in the callbacks of events.
    execute_callbacks_time : float
        Seconds, in all.
    execute_callbacks_times : dict from feature to seconds
    """

    def __init__(self) -> None:
        self._features: list[Any] = []
        self._callbacks: dict[str, list[Callable[..., Any]]] = {}
        self._heard = 0
        self._time_callbacks = False
        self.execute_callbacks_time = 0.0
        self.execute_callbacks_times: dict[Any, float] = {}

    @property
    def features(self) -> list[Any]:
        """The attached features, in order."""
        return list(self._features)

    def attach_feature(self, feature: Any) -> None:
        """Add a feature and call its ``on_attach``; nothing happens if an equal one is there."""
        if feature in self._features:
            return
        attach = getattr(feature, "on_attach", None)
        if attach is not None:
            try:
                attach(self)
            except AlreadyThere:
                return
        self._features.append(feature)
        self._forget_methods(feature)

    def remove_feature(self, feature: Any) -> None:
        """Take a feature out and call its ``on_detach``; nothing happens if it is not there."""
        if feature not in self._features:
            return
        self._features.remove(feature)
        self._forget_methods(feature)
        detach = getattr(feature, "on_detach", None)
        if detach is not None:
            detach(self)

    def _forget_methods(self, feature: Any) -> None:
        self._callbacks.clear()
        if _defines(feature, "orderings"):
            self._orderings_changed()

    def _orderings_changed(self) -> None:
        """A feature that asks for orderings came or went."""

    def _methods(self, name: str) -> list[Callable[..., Any]]:
        # methods that only inherit the empty default of Feature are left out: callbacks are the hot path of optimization
        methods = self._callbacks.get(name)
        if methods is None:
            methods = [getattr(feature, name) for feature in self._features if _defines(feature, name)]
            if self._time_callbacks and name.startswith("on_"):
                methods = [self._timed(method) for method in methods]
            self._callbacks[name] = methods
        return methods

    @property
    def time_callbacks(self) -> bool:
        """Whether the time spent in callbacks is measured."""
        return self._time_callbacks

    @time_callbacks.setter
    def time_callbacks(self, wanted: bool) -> None:
        self._time_callbacks = wanted
        self._callbacks.clear()

    def _timed(self, method: Callable[..., Any]) -> Callable[..., Any]:
        feature = getattr(method, "__self__", method)
        times = self.execute_callbacks_times

        @wraps(method)
        def timed(*args: Any, **kwargs: Any) -> None:
            start = perf_counter()
            try:
                method(*args, **kwargs)
            finally:
                seconds = perf_counter() - start
                self.execute_callbacks_time += seconds
                times[feature] = times.get(feature, 0.0) + seconds

        return timed

    def execute_callbacks(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Call the method ``name`` of every feature that has one, with this graph and ``args``."""
        heard = 0
        try:
            for method in self._methods(name):
                method(self, *args, **kwargs)
                heard += 1
        except BaseException:
            self._heard = heard  # how many listened to the end: they are told when what happened is taken back
            raise

    def collect_callbacks(self, name: str, *args: Any) -> dict[Any, Any]:
        """Feature -> ``feature.name(*args)``, for every feature that has such a method; the graph is not added to ``args``."""
        return {feature: getattr(feature, name)(*args) for feature in self._features if hasattr(feature, name)}

    def _take_back(self, told: str, name: str, *args: Any, **kwargs: Any) -> None:
        """Call ``name`` of the features that had heard ``told`` to the end when another feature objected."""
        listeners = [feature for feature in self._features if _defines(feature, told)][: self._heard]
        for feature in reversed(listeners):
            if _defines(feature, name):
                getattr(feature, name)(self, *args, **kwargs)


def _defines(feature: Any, name: str) -> bool:
    """Whether a feature has a method of its own, be it of its class or set on the object."""
    method = getattr(feature, name, None)
    return method is not None and getattr(method, "__func__", method) is not getattr(Feature, name, None)
