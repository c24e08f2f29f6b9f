"""An audit of dalle-nano that is killed in the middle and goes on, beside one that is not: time, and the same figures.

`python -m bench.audit_resume FOLDER`: 3028 pictures each; `--per-cell 3 --explicit-per-cell 1` for a try of 580.
`--killed-only` leaves out the second audit. Ends with 1 when the figures differ though every picture had the same fate,
or when the killed audit took longer than 25 minutes in all.
"""

import argparse
import os
import pty
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from safety.bias_audit.finished import FIGURES
from safety.bias_audit.probes import Sizes, asks_of, load_probe
from safety.bias_audit.runs import OUTCOMES, Run

PROBE, GENERATOR = "occupations", "dalle-nano"
MOST_S = 25 * 60
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass
class Program:
    """`gardefou audit run` with its bar on a terminal of its own. bar: its last line."""

    process: subprocess.Popen[bytes]
    reader: threading.Thread
    bar: str = ""


def main() -> int:
    """Run, kill, go on, compare and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--per-cell", type=int, default=31)
    parser.add_argument("--explicit-per-cell", type=int, default=5)
    parser.add_argument("--killed-only", action="store_true")
    told = parser.parse_args()
    total = _total(told.per_cell, told.explicit_per_cell)
    killed, whole = told.folder / "killed", told.folder / "whole"
    first, _ = _timed(killed, told, kill_at=total // 2)  # of what is killed the processor's time is not told
    second, computing = _timed(killed, told)
    drawn = _drawn(killed)[0]
    print(f"{total} pictures, killed at {drawn}: {first + second:.0f} s in all; after it "
          f"{computing / (total - drawn):.3f} s of processor a picture")  # fmt: skip
    failed = first + second > MOST_S
    if not told.killed_only:
        seconds, computing = _timed(whole, told)
        same, apart = (killed / FIGURES).read_bytes() == (whole / FIGURES).read_bytes(), _apart(killed, whole)
        print(f"not killed: {seconds:.0f} s, {computing / total:.3f} s of processor a picture; "
              f"figures {'the same' if same else 'DIFFER'}; at a threshold of the gate: {apart or 'none'}")  # fmt: skip
        failed |= not same and not apart
    return int(failed)


def _total(per_cell: int, explicit_per_cell: int) -> int:
    loaded = load_probe(PROBE)
    sizes = Sizes(per_cell, explicit_per_cell, len(loaded.weak.contexts.en))
    return len(asks_of(loaded, loaded.probe.fillers_for(GENERATOR), sizes, "en", "1"))


def _apart(one: Path, other: Path) -> list[str]:
    """Pictures released in one run and stopped in the other: the gate judges them with a mark that differs."""
    first, second = Run.open(one).outcomes(), Run.open(other).outcomes()
    return [key for key, told in first.items() if told.fate != second[key].fate]


def _timed(run: Path, told: argparse.Namespace, kill_at: int | None = None) -> tuple[float, float]:
    """Seconds by the clock and of processor, with all children, until the end or the kill."""
    started, before = time.monotonic(), _computed()
    program = _started(run, told)
    while program.process.poll() is None:
        time.sleep(0.5)
        if kill_at and _drawn(run)[1] >= kill_at:
            (run.parent / "drawn").write_text(str(_drawn(run)[1]))
            os.killpg(program.process.pid, signal.SIGKILL)
            program.process.wait()
            kill_at = None
    program.reader.join()
    print(f"the bar said last: {program.bar}")
    return time.monotonic() - started, _computed() - before


def _started(run: Path, told: argparse.Namespace) -> Program:
    command = [sys.executable, "-m", "gateway.cli", "audit", "run", "--probe", PROBE, "--generator", GENERATOR,
               "--per-cell", str(told.per_cell), "--explicit-per-cell", str(told.explicit_per_cell),
               "--run", str(run), "--data", str(run.parent / f"{run.name}-data")]  # fmt: skip
    own, theirs = pty.openpty()
    process = subprocess.Popen(command, stderr=theirs, stdout=subprocess.DEVNULL, start_new_session=True)
    os.close(theirs)
    program = Program(process, threading.Thread(target=lambda: None))
    program.reader = threading.Thread(target=_read, args=(own, program), daemon=True)
    program.reader.start()
    return program


def _read(terminal: int, program: Program) -> None:
    try:
        while said := os.read(terminal, 1 << 16):
            lines = [line.strip() for line in re.split(r"[\r\n]", ESCAPES.sub("", said.decode(errors="replace")))]
            program.bar = next((line for line in reversed(lines) if "drawing" in line), program.bar)
    except OSError:  # the other end was closed
        os.close(terminal)


def _drawn(run: Path) -> tuple[int, int]:
    """How many had an outcome when it was killed, and how many have one now."""
    path, noted = run / OUTCOMES, run.parent / "drawn"
    now = path.read_bytes().count(b"\n") if path.exists() else 0
    return (int(noted.read_text()) if noted.exists() else 0), now


def _computed() -> float:
    told = resource.getrusage(resource.RUSAGE_CHILDREN)
    return told.ru_utime + told.ru_stime


if __name__ == "__main__":
    raise SystemExit(main())
