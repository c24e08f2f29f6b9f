"""Processes of our own beside the service: how one is started, and how it settles in. Without torch."""

import faulthandler
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

OOM_SCORE = "500"  # of 1000: the kernel ends such a process long before the service


def start(module: str, given: Sequence[int], output: int, *arguments: str) -> "subprocess.Popen[bytes]":
    """A fresh interpreter that runs one of our modules; its first arguments are the file descriptors it is given.

    It imports from where we do, has a process group of its own (Ctrl-C is ours), and knows none of our settings.
    output: what becomes of what it prints, as subprocess has it. Raises OSError.
    """
    environment = {name: value for name, value in os.environ.items() if not name.upper().startswith("GARDEFOU_")}
    environment["PYTHONPATH"] = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    return subprocess.Popen(  # noqa: S603 (our own interpreter and module)
        [sys.executable, "-P", "-W", "ignore", "-m", module, *map(str, given), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=environment,
        pass_fds=given,
        process_group=0,
    )


def settle() -> None:
    """In the process itself: leave stopping to the service, go first when memory is short, dump no core."""
    faulthandler.enable(all_threads=False)
    for ignored in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)
