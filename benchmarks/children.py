"""Child processes: started, asked, and ended."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from libraries import Library, environment
from row import Row

__all__ = ["Child", "ChildError", "Settings"]

CHILD = Path(__file__).with_name("child.py")


class ChildError(Exception):
    """A library failed on a row; ``kind`` is ``failed`` or ``not built``, the message one line."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Settings:
    """What all processes of a run share.

    Attributes
    ----------
    cores : list of int
        The processors that each process may use; as many threads.
    tiny : bool
    timeout : float
        Seconds until an answer counts as none.
    scratch : Path
        A folder for stores, byte code and NumPy's results, until the run ends.
    """

    def __init__(self, threads: int | None, tiny: bool, timeout: float, scratch: Path) -> None:
        available = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
        self.cores = available[: threads or len(available)]
        self.tiny, self.timeout, self.scratch = tiny, timeout, scratch

    def empty_store(self) -> Path:
        """A new folder."""
        return Path(tempfile.mkdtemp(prefix="empty-", dir=self.scratch))

    def warm_store(self) -> Path:
        """The folder that all processes of a run share."""
        return self.scratch / "warm"


class Child:
    """One library on one row, in a process of its own that ends with the ``with`` block."""

    def __init__(self, row: Row, library: Library, settings: Settings, store: Path) -> None:
        self.settings = settings
        variables = environment(library, len(settings.cores), store)
        if variables.pop("PYTHONDONTWRITEBYTECODE", None):  # compiling sources at each import is no part of any row
            variables["PYTHONPYCACHEPREFIX"] = str(settings.scratch / "bytecode")
        cores = ",".join(map(str, settings.cores)) if hasattr(os, "sched_setaffinity") else ""
        arguments = [row.name, library.name, ",".join(library.modules), cores, "tiny" if settings.tiny else "full"]
        self.errors = tempfile.TemporaryFile(dir=settings.scratch)  # noqa: SIM115  closed with the process
        self.process = subprocess.Popen(
            [sys.executable, "-P", str(CHILD), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env=variables,
            cwd=settings.scratch,
            start_new_session=True,  # so that compilers and workers that it started end with it
        )
        self.lines: queue.Queue[str] = queue.Queue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put("")

    def ask(self, **request: Any) -> dict[str, Any]:
        """The answer to one request; :class:`ChildError` when there is none."""
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.lines.get(timeout=self.settings.timeout)
        except BrokenPipeError:
            line = ""
        except queue.Empty:
            self._kill()
            raise ChildError("failed", f"no answer within {self.settings.timeout:g} s") from None
        if not line:
            raise ChildError("failed", self._last_words())
        answer = json.loads(line)
        if "not_built" in answer:
            raise ChildError("not built", answer["not_built"])
        if "error" in answer:
            raise ChildError("failed", answer["error"])
        return answer

    def _last_words(self) -> str:
        """How the process ended."""
        code = self.process.wait(timeout=30)
        if code < 0:
            return f"the process was ended by {signal.Signals(-code).name}"
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"the process ended with status {code}"

    def close(self) -> None:
        """End it, with what it started; a second time does nothing."""
        if self.errors.closed:
            return
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=5)
        self._kill()
        self.process.wait()
        self.reader.join()
        self.process.stdout.close()
        self.errors.close()

    def _kill(self) -> None:
        """The process and what it started: its group lives on while one of it does."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def __enter__(self) -> Child:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()
