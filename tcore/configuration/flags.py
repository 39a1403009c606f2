"""The options of the core: everything the documentation lists, then tcore's own.

Those of one chapter stand together. A plugin's own options are declared by its ``tcore_config`` hook; documented flags of
GPU and neural-network packages stay here, since programs set them before any package is loaded.
"""

from __future__ import annotations

import re
from typing import Any

from tcore.configuration.defaults import linker, warns_about
from tcore.configuration.flags_cpu import CPU_OPTIONS
from tcore.configuration.flags_debug import DEBUG_OPTIONS
from tcore.configuration.flags_device import DEVICE_OPTIONS
from tcore.configuration.option import Computed, Option, colon_list, parse_bool

__all__ = ["CORE_OPTIONS", "LINKERS", "OPTIMIZERS"]

LINKERS = ("cvm", "c|py", "py", "c", "c|py_nogc", "vm", "vm_nogc", "cvm_nogc")
OPTIMIZERS = (
    "o4",
    "o3",
    "o2",
    "o1",
    "fast_run",
    "fast_compile",
    "fast_run_stable",
    "stabilize",
    "unsafe",
    "merge",
    "None",
)
_MODES = ("Mode", "DebugMode", "FAST_RUN", "NanGuardMode", "FAST_COMPILE", "DEBUG_MODE")
_DEVICE = r"cpu|[a-z][a-z_]*[0-9]*(:[0-9]+)?"


def _device(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(_DEVICE, value):
        raise ValueError("expected cpu, cuda, cuda0, opencl0:0 and so on, in lower case")
    return value


def _device_or_none(value: Any) -> str:
    return "" if value == "" else _device(value)


def _mode(value: Any) -> Any:
    """Names are checked by the choices; what gets here may still be a Mode object."""
    if isinstance(value, str):
        raise ValueError(f"expected a Mode object or one of {', '.join(_MODES)}")  # noqa: TRY004 - documented class
    return value


def _backend(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[a-z][a-z0-9_-]*", value):
        raise ValueError("expected auto, numpy or the name of a backend: tcore plugins lists them")
    return value


def _positive_number(value: Any) -> float:
    number = float(value)
    if not number > 0:
        raise ValueError("expected a number above 0")
    return number


def _count(value: Any) -> int:
    number = int(value)
    if number < 0:
        raise ValueError("expected a number of at least 0")
    return number


_PRECISION = [
    Option(
        name="floatX",
        default="float64",
        choices=("float64", "float32", "float16"),
        doc="Floating dtype of constructors without a dtype, and of Python floats where they have a choice.",
    ),
    Option(
        name="warn_float64",
        default="ignore",
        choices=("ignore", "warn", "raise", "pdb"),
        doc="What to do when a variable of dtype float64 is made: finds unwanted upcasts.",
    ),
    Option(
        name="deterministic",
        default="default",
        choices=("default", "more"),
        doc="more prefers implementations that give the same bits in every run, where they are slower.",
    ),
    Option(name="cast_policy", default="custom", choices=("custom", "numpy+floatX"), doc="How the dtypes of constants and of arithmetic are found."),
    Option(
        name="int_division", default="int", choices=("int", "raise", "floatX"), doc="What x / y means for two integers where true division is not asked for."
    ),
]

_COMPILATION = [
    Option(name="mode", default="Mode", choices=_MODES, parse=_mode, doc="Default compilation mode; Mode is made of the options linker and optimizer."),
    Option(name="linker", default=Computed(linker, "cvm, or vm without a compiler"), choices=LINKERS, doc="Linker of the default mode."),
    Option(name="optimizer", default="o4", choices=OPTIMIZERS, doc="Optimizer of the default mode."),
    Option(name="optimizer_excluding", default="", frozen=True, doc="Tags that the default mode leaves out, separated by colons."),
    Option(name="optimizer_including", default="", frozen=True, doc="Tags that the default mode takes in, separated by colons."),
    Option(name="optimizer_requiring", default="", frozen=True, doc="Tags that rewrites of the default mode must have, separated by colons."),
    Option(name="optimizer_verbose", default=False, doc="Print each rewrite that is applied, on stdout."),
    Option(
        name="on_opt_error",
        default="warn",
        choices=("warn", "raise", "pdb", "ignore"),
        doc="What to do when a rewrite fails: warn and go on without it, raise, debug, or say nothing.",
    ),
    Option(name="on_shape_error", default="warn", choices=("warn", "raise"), doc="What to do when the shape inference of an op fails."),
    Option(
        name="on_unused_input", default="raise", choices=("raise", "warn", "ignore"), doc="What to do when an input of a function is not used by its outputs."
    ),
    Option(
        name="assert_no_cpu_op",
        default="ignore",
        choices=("ignore", "warn", "raise", "pdb"),
        doc="What to do when a graph compiled for a GPU holds an op that runs on the CPU.",
    ),
    Option(name="allow_gc", default=True, doc="Free intermediate results as soon as nothing needs them; False keeps their memory for the next call."),
    Option(
        name="cycle_detection",
        default="regular",
        choices=("regular", "fast"),
        doc="How in-place rewrites are checked: regular allows most, fast compiles faster.",
    ),
    Option(
        name="check_stack_trace",
        default="off",
        choices=("off", "log", "warn", "raise"),
        doc="Check that rewrites carry over where the user's program made a variable.",
    ),
    Option(name="check_input", default=True, doc="Check types and dtypes of the inputs of C code."),
    Option(
        name="compilation_cache",
        default=True,
        doc="Keep functions for later processes, which then neither optimize nor compile the same graph again.",
    ),
    Option(name="reoptimize_unpickled_function", default=False, doc="Optimize a function again when it is unpickled; False uses the stored optimized graph."),
    Option(name="unpickle_function", default=True, doc="False unpickles every compiled function as None."),
    Option(name="pickle_test_value", default=True, doc="Keep test values when a variable is pickled."),
    Option(
        name="pickle_aliased_memory_strategy",
        default="warn",
        choices=("warn", "raise", "ignore"),
        doc="What to do when a function is pickled whose inputs share memory, which pickles do not keep.",
    ),
    Option(
        name="updates_transactional",
        default=False,
        doc="Apply the updates of a call only after all of its results were computed, also where in-place work is possible.",
    ),
    Option(
        name="experimental.local_alloc_elemwise_assert",
        default=True,
        doc="Keep shape errors of the user visible when alloc is dropped below an elementwise op.",
    ),
    Option(
        name="metaopt.verbose",
        default=0,
        choices=(0, 1, 2),
        doc="What the meta-optimizer prints: nothing, ops that it cannot optimize, timings of every candidate.",
    ),
    Option(name="metaopt.optimizer_excluding", default="", doc="Tags kept out of the meta-optimizer, separated by colons."),
    Option(name="metaopt.optimizer_including", default="", doc="Tags brought into the meta-optimizer, separated by colons."),
    Option(name="optdb.max_use_ratio", default=8.0, parse=_positive_number, doc="A rewrite may be applied this many times the number of nodes before an equilibrium stops."),
    Option(name="optdb.position_cutoff", default=float("inf"), doc="Rewrites at later positions are not applied."),
    Option(name="scan.allow_output_prealloc", default=True, doc="Let scan allocate its outputs before the loop."),
    Option(name="scan.allow_gc", default=False, doc="Free the memory of a scan's inner function after every step."),
    Option(name="scan.debug", default=False, doc="Print more about scans."),
]

_WARNINGS = [
    Option(
        name="warn.ignore_bug_before",
        default="0.9",
        frozen=True,
        choices=("0.9", "None", "all", "0.3", "0.4", "0.4.1", "0.5", "0.6", "0.7", "0.8", "0.8.1", "0.8.2", "0.10", "1.0", "1.0.1"),
        doc="Say nothing of bugs that were fixed before this version of the documented interface.",
    ),
    Option(
        name="warn.subtensor_merge_bug",
        default=Computed(warns_about("0.5"), "by warn.ignore_bug_before"),
        parse=parse_bool,
        doc="Warn where old versions merged two subtensors wrongly.",
    ),
]

_PLUGINS = [
    Option(name="plugins.disabled", default=(), parse=colon_list, doc="Plugins that are never loaded, names separated by colons."),
    Option(name="plugins.only", default=(), parse=colon_list, doc="If not empty: the only plugins that may be loaded, names separated by colons."),
    Option(
        name="plugins.autoload", default=True, doc="Load plugins when a graph or a value needs them; False loads those that are asked for by name, no others."
    ),
    Option(name="plugins.strict", default=False, doc="Raise when a plugin cannot be loaded, instead of warning."),
]

_BACKEND = [
    Option(
        name="backend",
        default="auto",
        parse=_backend,
        doc="What runs compiled functions: numpy, cpu, opencl, cuda, another plugin's, or auto (cpu where it works).",
    ),
    Option(name="device", default="cpu", parse=_device, frozen=True, doc="Default device: cpu, cuda, cuda0, opencl0:0 and so on."),
    Option(name="init_gpu_device", default="", parse=_device_or_none, frozen=True, doc="Start this GPU without making it the default."),
    Option(name="force_device", default=False, frozen=True, doc="Raise if the device cannot be used, instead of going on with the CPU."),
    Option(name="print_active_device", default=True, doc="Print the device when a GPU is started."),
    Option(name="contexts", default="", doc="Names for several devices: dev0->cuda0;dev1->cuda1."),
    Option(name="threads", default=0, parse=_count, doc="Threads of the CPU backend; 0 takes one per available core."),
]

CORE_OPTIONS: tuple[Option, ...] = (
    *_PRECISION,
    *_BACKEND,
    *_COMPILATION,
    *_WARNINGS,
    *_PLUGINS,
    *DEBUG_OPTIONS,
    *CPU_OPTIONS,
    *DEVICE_OPTIONS,
)
