"""``--profile``: for rows that miss their goal, files that show why, beside the results."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path

from children import Child, ChildError, Settings
from libraries import LIBRARIES
from row import Row

__all__ = ["profile_row"]

TCORE = next(library for library in LIBRARIES if library.name == "tcore")


def profile_row(row: Row, settings: Settings, folder: Path, seconds: float = 3.0) -> list[Path]:
    """Write what a process of tcore says of a row (:mod:`inspecting`), and samples of where its time goes; returns the files.

    Samples are taken by ``perf``, else by ``py-spy``, where one is installed. Rows of the first result have the profile of Python functions alone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with Child(row, TCORE, settings, settings.warm_store() if row.store == "warm" else settings.empty_store()) as child:
        try:
            if row.kind == "call":
                child.ask(do="first", reference=str(folder / "none.npz"))
                sampled(child, folder, seconds)
            texts = child.ask(do="inspect", seconds=seconds)["texts"]
        except ChildError as error:
            texts = {"failed.txt": str(error)}
    for name, text in texts.items():
        (folder / name).write_text(text + "\n", encoding="utf-8")
    return sorted(path for path in folder.iterdir() if path.suffix != ".data")


def sampled(child: Child, folder: Path, seconds: float) -> None:
    """Samples of the process while it works."""
    pid, data = str(child.process.pid), folder / "perf.data"
    if shutil.which("perf"):
        # the clock, not a counter of the processor: virtual machines have none
        watcher = subprocess.Popen(["perf", "record", "-q", "-e", "cpu-clock", "-F", "1999", "-g", "-o", str(data), "-p", pid], stderr=subprocess.DEVNULL)
    elif shutil.which("py-spy"):
        watcher = subprocess.Popen(["py-spy", "record", "--native", "-f", "raw", "-o", str(folder / "py-spy.txt"), "-p", pid], stderr=subprocess.DEVNULL)
    else:
        return
    child.ask(do="sample", seconds=seconds)
    watcher.send_signal(signal.SIGINT)
    watcher.wait(timeout=60)
    if data.exists():
        for name, command in (("perf.txt", ["report", "--no-children", "-g", "none"]), ("assembly.txt", ["annotate"])):
            done = subprocess.run(["perf", *command, "--stdio", "-i", str(data)], capture_output=True, text=True, check=False, timeout=120)
            (folder / name).write_text(done.stdout[:200_000], encoding="utf-8")
        data.unlink()
