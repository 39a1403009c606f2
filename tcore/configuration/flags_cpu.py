"""Options for generated C code, its compiler, its store and BLAS."""

from __future__ import annotations

from tcore.configuration.defaults import COMPILEDIR_KEYS, base_compiledir, compiledir, cxx, kernel_store
from tcore.configuration.option import Computed, Option, colon_list, not_negative

__all__ = ["CPU_OPTIONS"]


CPU_OPTIONS: tuple[Option, ...] = (
    Option(
        name="cxx",
        default=Computed(cxx, "full path of g++, else the compiler of the package ziglang, empty where there is none"),
        doc="C++ compiler, g++ or one with its interface; an empty text means that nothing is compiled.",
    ),
    Option(name="gcc.cxxflags", default="", doc="More arguments for the compiler."),
    Option(name="lib.amdlibm", default=False, doc="Use amdlibm in place of libm."),
    Option(name="blas.ldflags", default="-lblas", doc="Link arguments of a BLAS library. While this option has its default, the BLAS inside SciPy is used."),
    Option(name="openmp", default=False, doc="Let ops that were written for it run in parallel, and loops of many elements, however short they are."),
    Option(name="openmp_elemwise_minsize", default=200000, parse=not_negative, doc="Elements from which loops run in parallel with openmp; without it, and below, the work that they are decides."),
    Option(
        name="base_compiledir",
        frozen=True,
        default=Computed(base_compiledir, "~/.tcore, on Windows %LOCALAPPDATA%\\Tcore"),
        doc="Folder for everything that is compiled.",
    ),
    Option(
        name="compiledir_format",
        frozen=True,
        default="compiledir_%(platform)s-%(processor)s-%(python_version)s-%(python_bitwidth)s",
        doc=f"Name of the folder of one platform; it may use {', '.join(f'%({key})s' for key in COMPILEDIR_KEYS)}.",
    ),
    Option(
        name="compiledir",
        frozen=True,
        default=Computed(compiledir, "base_compiledir/compiledir_format"),
        doc="Folder for modules compiled on this platform.",
    ),
    Option(name="cpu.store", default=Computed(kernel_store, "base_compiledir/kernels; below compiledir where that is set"), doc="Folder of the kernel store, which is keyed by content."),
    Option(
        name="cpu.store_layers",
        default=(),
        parse=colon_list,
        doc="Folders of kernel stores that others made, such as those of an image, separated by colons: what is in them is used, best first, and nothing is written to them.",
    ),
    Option(name="cpu.cache_bytes", default=1 << 28, parse=not_negative, doc="Bytes of freed buffers that the CPU backend keeps for the next call."),
    Option(name="nocleanup", default=False, doc="Keep sources and folders of compilations that failed."),
    Option(name="compile.wait", default=5, parse=not_negative, doc="Seconds between two tries to get the compilation lock."),
    Option(
        name="compile.timeout",
        parse=not_negative,
        default=Computed(lambda config: config.compile.wait * 24, "24 times compile.wait"),
        doc="Seconds after which a lock that nobody refreshes is broken; 0 never breaks it.",
    ),
    Option(name="cmodule.warn_no_version", default=False, doc="Warn when an op's C code cannot be cached because it has no c_code_cache_version."),
    Option(name="cmodule.remove_gxx_opt", default=False, doc="Compile without -O, for the debugger."),
    Option(name="cmodule.compilation_warning", default=False, doc="Show the warnings of the compiler."),
    Option(name="cmodule.preload_cache", default=False, doc="Read the whole module cache at the start."),
    Option(
        name="cmodule.age_thresh_use",
        default=60 * 60 * 24 * 24,
        parse=not_negative,
        doc="Seconds after which a compiled module is not used any more; it is deleted 7 days later.",
    ),
    Option(name="cmodule.debug", default=False, doc="Define the macro DEBUG in compiled C code."),
)
