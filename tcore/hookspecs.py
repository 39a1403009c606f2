"""The contract between tcore and its plugins: ten hooks. A plugin author reads this file first.

A plugin is a module (or an object in one) that a distribution names in its metadata::

    [project.entry-points."tcore.plugins"]
    median = "tcore_median.plugin"        # name = the module with the hooks
    [project.entry-points."tcore.api"]
    median = "v1:v1"                      # lowest and highest API level of the core that it works with

Its hooks are functions marked with :func:`tcore.plugins.hookimpl`, named as below, without arguments. Each *returns
declarations*, frozen records of :mod:`tcore.plugins`, and does nothing else: the core checks all of them, then takes all
of them or, if one is wrong, none. A hook may be called more than once, and in any thread.

Rules

- Import in the plugin module what the declarations need, nothing more: ``load="package.module:attribute"`` is followed
  when the thing is used for the first time.
- Names that users may ask for before the plugin is loaded (backends, device families, commands, mounted modules, the
  classes of foreign values) stand in the metadata, too: groups ``tcore.backends``, ``tcore.devices``, ``tcore.commands``,
  ``tcore.modules`` and ``tcore.values``. A name in one place and not in the other is an error when the plugin is loaded.
- A name belongs to one plugin. Two that claim it are an error that names both.
- A plugin takes part in a compilation exactly when the graph holds an Op or Type of its package, or when its backend or
  device was asked for. What else was imported in the process changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcore.plugins.markers import hookspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcore.configuration.option import Option
    from tcore.plugins.declarations import (
        BackendSpec,
        CommandSpec,
        ConverterSpec,
        DeviceSpec,
        LoweringGroup,
        Observer,
        OpSpec,
        ReportLine,
        RewriteGroup,
        SharedSpec,
        TransferSpec,
        TypeSpec,
    )

__all__ = [
    "tcore_backends",
    "tcore_commands",
    "tcore_config",
    "tcore_devices",
    "tcore_lowerings",
    "tcore_observers",
    "tcore_ops",
    "tcore_optimizations",
    "tcore_report",
    "tcore_types",
]


@hookspec
def tcore_config() -> Sequence[Option]:
    """Options of the plugin, in a section of its own.

    They become attributes of ``tcore.config`` when the plugin is loaded; values that the environment or an rc file gave
    for them count from then on.

    Example: ``[Option(name="median.method", default="sort", choices=("sort", "select"), doc="How medians are found.")]``
    """
    raise NotImplementedError


@hookspec
def tcore_types() -> Sequence[TypeSpec | ConverterSpec | SharedSpec | TransferSpec]:
    """Types, converters of foreign values for ``as_variable``, constructors for ``shared``, transfers between Types.

    Each prefix of a converter or constructor stands in the metadata group ``tcore.values`` as well
    (``sparse = "scipy.sparse"``): a value of such a class loads the plugin.
    """
    raise NotImplementedError


@hookspec
def tcore_ops() -> Sequence[OpSpec]:
    """The ops of the plugin, so that they can be listed, and covered by tables and tests. Ops work undeclared, too."""
    raise NotImplementedError


@hookspec
def tcore_optimizations() -> Sequence[RewriteGroup]:
    """Groups of graph optimizations, with tags; each rewrite states its own stage or position.

    A rewrite for ops of another package names them as text (``"tcore_nnet.conv:AbstractConv"``), and its group has
    ``requires=("tcore_nnet",)``: without that package in the graph the group is inactive.
    """
    raise NotImplementedError


@hookspec
def tcore_lowerings() -> Sequence[LoweringGroup]:
    """Groups of lowerings of the plugin's ops to the loop IR: with one, an op runs fused on every backend."""
    raise NotImplementedError


@hookspec
def tcore_backends() -> Sequence[BackendSpec]:
    """Backends: linkers, a code generator, native implementations of ops. Named in the group ``tcore.backends`` as well."""
    raise NotImplementedError


@hookspec
def tcore_devices() -> Sequence[DeviceSpec]:
    """Families of devices (``cuda`` for ``cuda0``, ``cuda1``, …). Named in the group ``tcore.devices`` as well.

    Declaring opens no device; the runtime does when one is asked for.
    """
    raise NotImplementedError


@hookspec
def tcore_commands() -> Sequence[CommandSpec]:
    """Subcommands of ``tcore``. Named in the group ``tcore.commands`` as well."""
    raise NotImplementedError


@hookspec
def tcore_report() -> Sequence[ReportLine]:
    """Lines for ``tcore doctor``: versions, devices, what is missing and the line that gets it.

    Without this hook, a plugin with devices gets one line for each that its runtime's ``devices()`` finds.

    Called in a process of its own, so that it may open libraries and devices: a crash in a driver is reported, too.
    """
    raise NotImplementedError


@hookspec
def tcore_observers() -> Sequence[Observer]:
    """Watchers of compilations and calls.

    An observer may define ``compiled(function)``, ``called(function, seconds)`` and ``failed(function, error)``. Those of
    every loaded plugin watch all functions made from then on; they change none of them.
    """
    raise NotImplementedError
