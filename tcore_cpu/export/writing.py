"""The files of an exported function: tables in C, the filled-in templates, the call of the compiler."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import shutil
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from attrs import field

from tcore.configuration import config
from tcore.records import define
from tcore_cpu.compiling.compiler import SEMANTIC_FLAGS, CompileError, Compiler, find_compiler, in_some_store, libraries_of, storage_faults
from tcore_cpu.compiling.core_object import core_object, run_compiler
from tcore_cpu.compiling.store import Store, configured_store
from tcore_cpu.export.collect import Exported, Value
from tcore_cpu.native import build as runtime_build
from tcore_cpu.native.abi import DTYPES
from tcore_cpu.runtime.blas import DEFAULT, ROUTINES
from tcore_cpu.runtime.lapack import ROUTINES as LAPACK_ROUTINES

__all__ = ["write"]

_FOLDER = Path(__file__).parent
_ALIGNMENT = 64
_PARTS = ("model_arrays.h", "model_steps.h", "model_instances.h", "model_results.h", "model_states.h")
"""What ``model.c`` includes."""


def write(exported: Exported, target: Path, *, march: str | None, blas: str | None) -> list[Path]:
    """Compile and write ``lib<name>.so``, ``<name>.h`` and ``<name>.py``, each under a private name first."""
    compiler = find_compiler()
    if compiler is None:
        raise CompileError("an exported function must be compiled and there is no C compiler: install gcc, or name one in CC")
    if blas is None:
        # the BLAS inside SciPy is none that a program can link
        blas = "" if config.blas.ldflags.strip() == DEFAULT else config.blas.ldflags
    flags = shlex.split(blas) if exported.routines else []
    name = target.name
    with contextlib.ExitStack() as until_written:

        def build(place: Store) -> Path:
            folder: Path = until_written.enter_context(place.workplace())
            with storage_faults(folder):
                (folder / f"{name}.h").write_text(_header(exported, name, flags), encoding="utf-8")
                (folder / f"{name}.py").write_text(_loader(exported, name), encoding="utf-8")
                _write_sources(exported, name, folder)
                shutil.copy(core_object(compiler, place), folder / "core.o")
                _compile(compiler, name, folder, len(exported.units), march, flags)
            return folder

        folder = in_some_store(configured_store(), build)
        target.parent.mkdir(parents=True, exist_ok=True)
        files = [target.with_name(each) for each in (f"lib{name}.so", f"{name}.h", f"{name}.py")]
        for file in files:
            private = file.with_name(f".{folder.name}{file.suffix}")
            try:
                shutil.copy(folder / file.name, private)
                private.replace(file)
            finally:
                private.unlink(missing_ok=True)
    return files


# -- compiling


def _compile(compiler: Compiler, name: str, folder: Path, units: int, march: str | None, blas: Sequence[str]) -> None:
    (folder / "exports.map").write_text(f"{{ global: {name}_*; local: *; }};\n", encoding="utf-8")
    command = [
        *compiler.command, "-O2", "-ftree-vectorize", "-fopenmp-simd", *([f"-march={march}"] if march else []), *SEMANTIC_FLAGS,
        "-std=gnu11", "-fPIC", "-shared", "-fvisibility=hidden", "-w", "-pthread", f"-I{runtime_build.FOLDER}",
        "exported.c", *(f"unit{k}.c" for k in range(units)), "core.o", "-o", f"lib{name}.so",
        f"-Wl,-soname,lib{name}.so", "-Wl,--version-script=exports.map",
        "-Wl,--as-needed", *libraries_of(compiler), "-Wl,--no-as-needed", *blas,
    ]  # fmt: skip
    run_compiler(compiler, command, folder)


# -- sources


@define
class _Tables:
    """Tables of C under construction: bytes that are included as they are, and lengths."""

    data: bytearray = field(factory=bytearray)
    lengths: list[int] = field(factory=list)

    def bytes(self, content: Any) -> int:
        """Where ``content`` is in the data."""
        self.data += bytes(-len(self.data) % _ALIGNMENT)
        offset = len(self.data)
        self.data += content
        return offset

    def stored(self, value: Value) -> str:
        """An entry of type ``stored``."""
        if value.data is None:
            return f"{{{value.number}, -1, 0}}"
        array = np.asarray(value.data, dtype=value.dtype)
        at = len(self.lengths)
        self.lengths += array.shape
        return f"{{{value.number}, {self.bytes(array.tobytes())}, {at}}}"


def _table(declaration: str, entries: Iterable[Any], last: str = "{0}") -> str:
    """An array, with one entry too many: C knows no empty ones."""
    return f"static {declaration}[] = {{{', '.join([*map(str, entries), last])}}};"


def _described(value: Value) -> str:
    ones = sum(1 << k for k, flag in enumerate(value.length_one) if flag)
    return f"{{{_text(value.name)}, {DTYPES[value.dtype]}, {len(value.length_one)}, {ones}u, {int(value.data is not None)}}}"


def _text(text: str) -> str:
    """A string of C; questions marks are escaped for the sake of trigraphs."""
    return json.dumps(text.encode("ascii", "replace").decode()).replace("?", "\\?")


def _write_sources(exported: Exported, name: str, folder: Path) -> None:
    tables = _Tables()
    lines = [*_program_tables(exported, tables), *_value_tables(exported, tables), _table("const int64_t lengths", tables.lengths, "0")]
    (folder / "tables.h").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "data.bin").write_bytes(tables.data)
    for template, file in {"model.c": "exported.c", **{part: part.replace("model", name, 1) for part in _PARTS}}.items():
        (folder / file).write_text(_named((_FOLDER / template).read_text(encoding="utf-8"), name), encoding="utf-8")
    for k, unit in enumerate(exported.units):
        (folder / f"unit{k}.c").write_text(f"#define tc_table tcore_unit{k}\n{unit.source}", encoding="utf-8")


def _program_tables(exported: Exported, tables: _Tables) -> list[str]:
    """The parts, what they have of each table, and the code that they run."""
    firsts = [0, *accumulate(unit.count for unit in exported.units)]

    def place(body: int) -> tuple[int, int]:
        unit = bisect_right(firsts, body) - 1
        return unit, body - firsts[unit]

    steps, bodies, constants, reads, writes, applies, calls = ([] for _ in range(7))  # type: ignore[var-annotated]
    for part in exported.parts:
        draft = part.draft
        code = b"" if draft is None else draft.code
        own = () if draft is None else draft.bodies
        nodes = () if draft is None else draft.applies
        steps.append(
            f"{{{tables.bytes(code)}, {len(code) // 8}, {len(bodies)}, {len(own)}, {len(constants)}, {len(part.constants)}, {len(reads)}, "
            f"{len(part.reads)}, {len(writes)}, {len(part.writes)}, {len(applies)}, {len(nodes)}, {len(calls)}}}"
        )
        bodies += ["{{{}, {}, {}}}".format(position, *place(body)) for position, body in own]
        constants += map(tables.stored, part.constants)
        reads += ["{{{}, {}}}".format(*pair) for pair in part.reads]
        writes += ["{{{}, {}}}".format(*pair) for pair in part.writes]
        applies += [_text(str(node)) for node in nodes]
        calls += [] if draft is None else [_text(str(step.node)) for step in draft.steps]
    routines = [f'{{"{r}", {_NUMBERS[r]}, (void *){r}_, NULL}}' for r in exported.routines]
    units = range(len(exported.units))
    return [
        f"#define NSTEPS {len(steps)}",
        f"#define NROUTINES {len(routines)}",
        *(f'extern void *tcore_unit{k}[] __attribute__((visibility("hidden")));' for k in units),
        *(f'extern void {r}_(void) __attribute__((weak, visibility("default")));' for r in exported.routines),
        _table("void **const units", (f"tcore_unit{k}" for k in units), "NULL"),
        _table("const step steps", steps),
        _table("const struct { int64_t position; int unit, number; } bodies", bodies),
        _table("const stored constants", constants),
        _table("const place reads", reads),
        _table("const place writes", writes),
        _table("const char *const applies", applies, '""'),
        _table("const char *const calls", calls, '""'),
        _table("struct { const char *name; int number; void *linked, *pointer; } routines", routines),
    ]


def _value_tables(exported: Exported, tables: _Tables) -> list[str]:
    """The values between the parts, and those that come from outside or go there."""
    return [
        f"#define NVALUES {len(exported.kinds)}",
        f"#define NCHOSEN {len(exported.constants)}",
        f"#define NUPDATES {len(exported.updates)}",
        _table("const kind kinds", (f"{{{k.ndim}, {DTYPES[k.dtype]}, {k.readers}, {k.maker}}}" for k in exported.kinds)),
        _table("const stored chosen_constants", map(tables.stored, exported.constants)),
        _table("const stored first_states", map(tables.stored, exported.states)),
        _table("const stored defaults", map(tables.stored, exported.inputs)),
        _table("const int result_values", [*(v.number for v in exported.outputs), *(number for number, _ in exported.updates)], "0"),
        _table("const int updates", (number for _, number in exported.updates), "0"),
        _table("const tcore_value input_values", map(_described, exported.inputs)),
        _table("const tcore_value output_values", map(_described, exported.outputs)),
        _table("const tcore_value state_values", (_described(v).replace(", 1}", ", 0}") for v in exported.states)),
    ]


# -- templates


def _named(template: str, name: str) -> str:
    """A template with ``name`` in place of ``model``."""
    template = re.sub(r'\b(lib)?model(?=[_."])', rf"\g<1>{name}", template)
    return re.sub(r"\bMODEL(?=_)", name.upper(), template)


def _symbols(values: Sequence[Value]) -> list[str]:
    """By value: its name, or nothing where that is no identifier, or that of several."""
    lower = [value.name.lower() for value in values]
    fit = [re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value.name) and lower.count(value.name.lower()) == 1 for value in values]
    return [value.name if fits else "" for value, fits in zip(values, fit, strict=True)]


_GROUPS = (("inputs", "input"), ("outputs", "output"), ("states", "state"))


def _header(exported: Exported, name: str, blas: Sequence[str]) -> str:
    """The header: signature, tables, constants and functions with names."""
    tables, enums, upper = [], [], name.upper()
    for plural, singular in _GROUPS:
        values = getattr(exported, plural)
        tables += [f" * {plural.capitalize()}{'' if values else ': none'}", *(_row(k, v, singular) for k, v in enumerate(values))]
        enums.append(f"#define {upper}_{plural.upper()} {len(values)}")
        enums += [f"#define {upper}_{singular.upper()}_{s.upper()} {k}" for k, s in enumerate(_symbols(values)) if s]
    accessors = [
        f"static inline int {name}_{verb}_{s}({name}_instance *instance, {const}tcore_array *value)\n"
        f"{{\n    return {name}_{verb}_state(instance, {k}, value);\n}}"
        for k, s in enumerate(_symbols(exported.states)) if s and s != "state"
        for verb, const in (("get", ""), ("set", "const "))
    ]  # fmt: skip
    text = _named((_FOLDER / "model.h").read_text(encoding="utf-8"), name)
    signature = f"{len(exported.inputs)} inputs, {len(exported.outputs)} outputs, {len(exported.states)} states."
    needs, link = _about_blas(exported, name, blas)
    for mark, filled in (
        ("@signature@", signature), ("@tables@", "\n".join(tables)), ("@link@ ", link), ("@name@", name), ("@blas@", needs),
        ("@enums@", "\n".join(enums)), ("@accessors@", "\n".join(accessors)),
    ):  # fmt: skip
        text = text.replace(mark, filled.replace("*/", "* /") if mark != "@accessors@" else filled)
    return text


def _row(k: int, value: Value, kind: str) -> str:
    axes = ", ".join("1" if one else "n" for one in value.length_one)
    shape = f"shape ({axes}{',' * (len(value.length_one) == 1)})" if value.length_one else "a number"
    note = ", optional" if kind == "input" and value.data is not None else ""
    return f" *     {k}  {value.name or '(no name)'}: {value.dtype}, {shape}{note}"


_NUMBERS = {**{name: k for k, name in enumerate(ROUTINES)}, **LAPACK_ROUTINES}
"""The runtime's number of each routine of BLAS and LAPACK."""


def _about_blas(exported: Exported, name: str, blas: Sequence[str]) -> tuple[str, str]:
    """What the header says about BLAS, and the flags with which programs are linked."""
    if not exported.routines:
        return "It needs no BLAS and nothing else beyond the C library.", ""
    used, libraries = ", ".join(exported.routines), "BLAS and LAPACK" if set(exported.routines) & set(LAPACK_ROUTINES) else "BLAS"
    if blas:
        return f"It uses {used} of {libraries}, and is linked with {shlex.join(blas)}.", ""
    needs = (
        f"It uses {used} of {libraries}, which the program must bring: link it as above (any {libraries} with the Fortran interface\n"
        f" * and 32-bit integers will do in place of OpenBLAS), or give the routines to {name}_set_blas."
    )
    return needs, "-Wl,--no-as-needed -lopenblas "


def _loader(exported: Exported, name: str) -> str:
    text = _named((_FOLDER / "model.py").read_text(encoding="utf-8"), name)
    return text.replace('= "list"\n', f"= {json.dumps(exported.returns)}\n", 1)
