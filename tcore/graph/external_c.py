"""Ops whose C code is in files of its own, cut into sections by lines ``#section <tag>``."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tcore.configuration import config
from tcore.graph.c_interface import ask
from tcore.graph.op import Op

if TYPE_CHECKING:
    from tcore.graph.apply import Apply

__all__ = ["COp"]

_SECTION = re.compile(r"^[ \t]*#[ \t]*section[ \t]+(?P<tag>\w+)[ \t]*$", re.MULTILINE)
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)


class COp(Op):
    """An op whose C code is in files.

    A file is cut into sections by lines ``#section <tag>``; the text of a section is what the method ``c_<tag>`` returns, and
    sections of one tag are joined in the order in which they appear. All sections but ``support_code`` and ``init_code``
    may use macros: ``APPLY_SPECIFIC(name)``, which makes a name unique to the node; ``DTYPE_INPUT_0``, ``TYPENUM_INPUT_0``,
    ``ITEMSIZE_INPUT_0`` (unless ``check_input`` is False) and their ``OUTPUT`` forms; ``PARAMS_TYPE``. ``init_code_struct``,
    ``code`` and ``code_cleanup`` also have ``FAIL`` and ``PARAMS``; the last two have ``INPUT_0`` and ``OUTPUT_0``, the
    names of the variables.

    Parameters
    ----------
    func_files : path or list of paths
        Relative ones start at the folder of the file that defines the class, or one of its bases.
    func_name : str, optional
        The function that computes: ``int f(inputs…, pointers to outputs…, params)``, where 0 means success and anything else
        that it has set a Python exception. May be ``APPLY_SPECIFIC(f)``. Without it, there is a section ``code``.

    Raises
    ------
    FileNotFoundError
        If a file is not there; the text lists where it was looked for.
    ValueError
        If a file has an unknown tag or code outside of sections, or if there is a function and a section ``code``.
    """

    #: the tags of sections
    section_tags: ClassVar[frozenset[str]] = frozenset(
        [
            "init_code", "init_code_apply", "init_code_struct", "support_code", "support_code_apply", "support_code_struct",
            "cleanup_code_struct", "code", "code_cleanup",
        ]
    )  # fmt: skip

    func_files: tuple[str, ...]
    func_name: str | None
    #: tag -> text
    code_sections: Mapping[str, str]

    def __init__(self, func_files: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], func_name: str | None = None) -> None:
        files = [func_files] if isinstance(func_files, (str, os.PathLike)) else list(func_files)
        if not files:
            raise ValueError(f"{type(self).__name__} names no file with C code")
        self.func_name = func_name
        self.load_c_code([_located(type(self), os.fspath(file)) for file in files])

    def load_c_code(self, files: Sequence[Path]) -> None:
        """Read the sections of ``files``."""
        sections: dict[str, list[str]] = {}
        for file in files:
            for tag, text in _sections(file, _text(file), self.section_tags):
                sections.setdefault(tag, []).append(text)
        if self.func_name is not None and "code" in sections:
            raise ValueError(f"{type(self).__name__} has the function {self.func_name} and a section 'code' in {_listed(files)}: one of them computes")
        self.func_files = tuple(map(str, files))
        self.code_sections = {tag: "\n".join(texts) for tag, texts in sections.items()}

    def c_code_cache_version(self) -> tuple[Any, ...]:
        """Follows from the text of the files and the name of the function."""
        import hashlib  # loads OpenSSL, which only generated C code needs

        text = "\0".join((self.func_name or "", *(f"{tag}\0{text}" for tag, text in sorted(self.code_sections.items()))))
        return (1, hashlib.sha256(text.encode()).hexdigest())

    # ------------------------------------------------------------ macros

    def _macros(self, node: Apply, name: str) -> dict[str, str]:
        """What every section with macros has."""
        checks = config.check_input if self.check_input is None else self.check_input
        macros = {"APPLY_SPECIFIC(str)": f"str##_{name}"}
        for word, variables in (("INPUT", node.inputs if checks else ()), ("OUTPUT", node.outputs)):
            for k, variable in enumerate(variables):
                dtype = getattr(variable.type, "dtype", None)
                if dtype is not None:
                    macros[f"DTYPE_{word}_{k}"] = f"npy_{dtype}"
                    macros[f"TYPENUM_{word}_{k}"] = str(np.dtype(dtype).num)
                    macros[f"ITEMSIZE_{word}_{k}"] = str(np.dtype(dtype).itemsize)
        element = ask(self.params_type, "c_element_type") if self.params_type is not None else None
        return macros if element is None else {**macros, "PARAMS_TYPE": str(element)}

    def _names(self, inputs: Sequence[str], outputs: Sequence[str], sub: Mapping[str, str]) -> dict[str, str]:
        """What sections have that run."""
        macros = {f"INPUT_{k}": text for k, text in enumerate(inputs)} | {f"OUTPUT_{k}": text for k, text in enumerate(outputs)}
        return macros | {macro: sub[key] for macro, key in (("FAIL", "fail"), ("PARAMS", "params")) if key in sub}

    def _section(self, tag: str, macros: Callable[[], Mapping[str, str]] | None = None) -> str:
        """The text of a section between its macros' definitions and their end; MethodNotDefined where there is none."""
        text = self.code_sections.get(tag)
        if text is None:
            self._undefined(f"c_{tag}")
        return text if macros is None else _defined(macros(), text)

    # ------------------------------------------------------------ what the methods return

    def c_support_code(self) -> str:
        """Section ``support_code``."""
        return self._section("support_code")

    def c_init_code(self) -> list[str]:
        """Section ``init_code``."""
        return [self._section("init_code")]

    def c_support_code_apply(self, node: Apply, name: str) -> str:
        """Section ``support_code_apply``."""
        return self._section("support_code_apply", lambda: self._macros(node, name))

    def c_init_code_apply(self, node: Apply, name: str) -> str:
        """Section ``init_code_apply``."""
        return self._section("init_code_apply", lambda: self._macros(node, name))

    def c_support_code_struct(self, node: Apply, name: str) -> str:
        """Section ``support_code_struct``."""
        return self._section("support_code_struct", lambda: self._macros(node, name))

    def c_cleanup_code_struct(self, node: Apply, name: str) -> str:
        """Section ``cleanup_code_struct``."""
        return self._section("cleanup_code_struct", lambda: self._macros(node, name))

    def c_init_code_struct(self, node: Apply, name: str, sub: Mapping[str, str]) -> str:
        """Section ``init_code_struct``."""
        return self._section("init_code_struct", lambda: self._macros(node, name) | self._names((), (), sub))

    def c_code(self, node: Apply, name: str, inputs: Sequence[str], outputs: Sequence[str], sub: Mapping[str, str]) -> str:
        """A call of the function, or section ``code``."""
        if self.func_name is None:
            return self._section("code", lambda: self._macros(node, name) | self._names(inputs, outputs, sub))
        arguments = [
            *_padded(inputs, getattr(self, "_cop_num_inputs", None), f"{self} takes", "inputs"),
            *(text if text == "NULL" else f"&{text}" for text in _padded(outputs, getattr(self, "_cop_num_outputs", None), f"{self} gives", "outputs")),
            *([sub["params"]] if "params" in sub else []),
        ]
        call = f"if ({self.func_name}({', '.join(arguments)}) != 0) {{\n{sub['fail']}\n}}\n"
        return f"{{\n{_defined(self._macros(node, name), call)}}}\n"

    def c_code_cleanup(self, node: Apply, name: str, inputs: Sequence[str], outputs: Sequence[str], sub: Mapping[str, str]) -> str:
        """Section ``code_cleanup``."""
        return self._section("code_cleanup", lambda: self._macros(node, name) | self._names(inputs, outputs, sub))


def _located(cls: type, file: str) -> Path:
    """Where a file is: beside the class, or beside the nearest of its bases that has it."""
    if Path(file).is_absolute():
        places = [Path(file)]
    else:
        bases = [base for base in cls.__mro__ if issubclass(base, COp) and base is not COp]
        places = list(dict.fromkeys(_folder(base) / file for base in bases or [cls]))
    for place in places:
        if place.is_file():
            return place.resolve()
    raise FileNotFoundError(f"the C code of {cls.__name__} is not in {_listed(places)}")


def _folder(cls: type) -> Path:
    """The folder of the file that defines a class; the working folder for classes of a console."""
    try:
        return Path(inspect.getfile(cls)).resolve().parent
    except (TypeError, OSError):
        return Path.cwd()


def _text(file: Path) -> str:
    """What is in a file of C code, without the mark that some editors put first."""
    data = file.read_bytes()
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{file} must be UTF-8, and has the byte {data[error.start]:#04x} in line {line}: save it with that encoding") from error


def _sections(file: Path, text: str, tags: frozenset[str]) -> list[tuple[str, str]]:
    """(tag, text) of the sections of a file, in order; each starts with a line that tells compilers where it is from."""
    found = list(_SECTION.finditer(text))
    before = text[: found[0].start()] if found else text
    if not found or _COMMENT.sub("", before).strip():
        raise ValueError(f"{file} has code before its first '#section <tag>'; there are {', '.join(sorted(tags))}")
    unknown = sorted({match["tag"] for match in found} - tags)
    if unknown:
        raise ValueError(f"{file} has the unknown section{'s' * (len(unknown) > 1)} {', '.join(unknown)}; there are {', '.join(sorted(tags))}")
    ends = [*(match.start() for match in found[1:]), len(text)]
    return [(match["tag"], text[match.end() : end].strip("\n") + "\n") for match, end in zip(found, ends, strict=True)]


def _defined(macros: Mapping[str, str], text: str) -> str:
    defines = "".join(f"#define {name} {_one_line(value)}\n" for name, value in macros.items())
    return defines + text + "".join(f"#undef {name.partition('(')[0]}\n" for name in macros)


def _one_line(text: str) -> str:
    return text.strip().replace("\n", " \\\n")


def _padded(names: Sequence[str], count: int | None, who: str, what: str) -> list[str]:
    """As many names as the function has arguments for; NULL at the end for those that are missing."""
    if count is None:
        return list(names)
    if len(names) > count:
        raise ValueError(f"{who} at most {count} {what}, as its _cop_num_{what} says, got {len(names)}")
    return [*names, *["NULL"] * (count - len(names))]


def _listed(places: Iterable[Path]) -> str:
    return ", ".join(map(str, places))
