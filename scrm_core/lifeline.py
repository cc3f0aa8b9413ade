"""Child processes end with the process that started them, also when that one is killed with -9.

On Linux the kernel does it (``PR_SET_PDEATHSIG``); elsewhere a thread looks
once a second whether the parent is still there. A child that ends so is killed
at an arbitrary instant, which is what every write here is built for.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import threading

log = logging.getLogger("scrm.worker")

PARENT = "SCRM_PARENT_PID"
"""Environment variable that names the process a child belongs to."""

_PR_SET_PDEATHSIG = 1
_LOOK_SECONDS = 1.0


def end_with_parent(parent: int | None = None) -> None:
    """Tie this process to ``parent``, by default the process that ``SCRM_PARENT_PID`` names.

    Does nothing when neither names one. Call it from the main thread, early.
    """
    if parent is None:
        named = os.environ.pop(PARENT, "")
        if not named.isdigit():
            return
        parent = int(named)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    else:
        threading.Thread(target=_watch, args=(parent,), name="lifeline", daemon=True).start()
    if os.getppid() != parent:  # it ended before the tie was made
        os._exit(1)


def leave(code: int) -> None:
    """End this process with ``code``, also when threads that a plugin started run on: Python would wait for them."""
    left = [each.name for each in threading.enumerate() if not each.daemon and each is not threading.main_thread()]
    if not left:
        raise SystemExit(code)
    log.warning("threads of plugins run on and end with this process: %s", ", ".join(left[:10]))
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _watch(parent: int) -> None:
    never = threading.Event()
    while os.getppid() == parent:
        never.wait(_LOOK_SECONDS)
    os._exit(1)
