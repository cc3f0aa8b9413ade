"""``scrm`` for pages with forty commands: a process that has imported everything forks once per command.

A command costs a second of imports and a few milliseconds of work. The forked process gets the caller's words,
folder, environment, input and outputs, and runs what the installed script runs. ``scrm run`` and ``scrm worker``,
which are ended by signals, and whatever the server does not answer are the installed script itself.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

CLIENT = '''#!{python} -IS
import json, os, socket, sys
if sys.argv[1:2] in (["run"], ["worker"]):
    os.execv({script!r}, [{script!r}, *sys.argv[1:]])
line = socket.socket(socket.AF_UNIX)
line.connect({address!r})
asked = json.dumps({{"words": sys.argv[1:], "folder": os.getcwd(), "environment": dict(os.environ)}}).encode()
socket.send_fds(line, [len(asked).to_bytes(4, "big")], [0, 1, 2])
line.sendall(asked)
sys.exit(line.recv(1)[0])
'''


class QuickScrm:
    """The server and, in ``folder``, a ``scrm`` that asks it; ``environment`` is that of the readers."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        script = folder / "scrm"
        address = str(folder / "socket")
        installed = str(Path(sys.executable).parent / "scrm")
        script.write_text(CLIENT.format(python=sys.executable, script=installed, address=address), "utf-8")
        script.chmod(0o755)
        self.process = subprocess.Popen([sys.executable, __file__, address], env=environment, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n"

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(30)


def answer(line: socket.socket) -> None:
    """In the forked process: become what was asked for, run it and tell its exit code."""
    size, outputs, _, _ = socket.recv_fds(line, 4, 3)
    body = b""
    while len(body) < int.from_bytes(size, "big"):
        body += line.recv(65_536)
    asked = json.loads(body)
    for place, each in enumerate(outputs):
        os.dup2(each, place)
        os.close(each)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv = ["scrm", *asked["words"]]
    for stream, mode, place in (("stdin", "r", 0), ("stdout", "w", 1), ("stderr", "w", 2)):
        setattr(sys, stream, open(place, mode, encoding="utf-8", closefd=False))
    from scrm_core.cli import main

    code = 1
    try:
        sys.exit(main())
    except SystemExit as exc:
        code = exc.code if isinstance(exc.code, int) else int(exc.code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        line.sendall(bytes([code]))


def serve(address: str) -> None:
    """Fork one process per connection until SIGTERM."""
    from importlib import import_module
    from importlib.metadata import entry_points

    from scrm_core.loader import GROUP

    for each in ("scrm_core.cli", "scrm_core.installation", "scrm_core.web.app"):
        import_module(each)
    for each in entry_points(group=GROUP):
        each.load()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forked ones
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    print("ready", flush=True)
    while True:
        line, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            try:
                answer(line)
            finally:
                os._exit(0)
        line.close()


if __name__ == "__main__":
    serve(sys.argv[1])
