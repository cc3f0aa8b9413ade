"""A real Kannel on loopback: bearerbox, smsbox and the fake message centre, in a folder of their own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from ports import free_port

BEARERBOX = "/usr/sbin/bearerbox"
SMSBOX = "/usr/sbin/smsbox"
FAKESMSC = "/usr/lib/kannel/test/fakesmsc"
REMEDY = "on Debian, apt install kannel kannel-extras"

CONFIGURATION = """\
group = core
admin-port = {admin}
admin-interface = 127.0.0.1
admin-password = {password}
box-deny-ip = "*.*.*.*"
box-allow-ip = "127.0.0.1"
smsbox-port = {box}
smsbox-interface = 127.0.0.1
log-file = "{folder}/bearerbox.log"
log-level = 1
store-type = spool
store-location = "{folder}/store"
dlr-storage = spool
dlr-spool = "{folder}/dlr"

group = smsc
smsc = fake
smsc-id = FAKE
port = {centre}
connect-allow-ip = 127.0.0.1

group = smsbox
bearerbox-host = 127.0.0.1
bearerbox-port = {box}
sendsms-port = {sendsms}
sendsms-interface = 127.0.0.1
global-sender = 10690000
log-file = "{folder}/smsbox.log"
log-level = 1
sendsms-chars = "0123456789+ "
http-request-retry = 20
http-queue-delay = 1

group = sendsms-user
username = scrm
password = {password}
concatenation = true
max-messages = 10

group = sms-service
keyword = default
get-url = "{replies}?from=%p&to=%P&text=%b&ts=%T&smsc=%i&coding=%c&charset=%C"
accepted-smsc = FAKE
max-messages = 0
catch-all = true
omit-empty = true
"""

_GOT = re.compile(rb"Got message \d+: <(\S+) (\S+) (.*)>$")


def missing_part() -> str | None:
    """The part of Kannel that is not installed, or None."""
    parts = (BEARERBOX, SMSBOX, FAKESMSC)
    return next((part for part in parts if not (Path(part).is_file() and os.access(part, os.X_OK))), None)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, all different."""
    ports: set[int] = set()
    while len(ports) < count:
        ports.add(free_port())
    return sorted(ports)


def until(condition: Callable[[], Any], what: str, seconds: float = 60.0) -> Any:
    """Wait until the condition is true and return its value."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.05)):
        value = condition()
        if value:
            return value
        pause.wait(0.05)
    raise AssertionError(f"{what} within {seconds} s")


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass(frozen=True)
class Part:
    """A message part as it reached the message centre: text, and its place among the parts of a split one."""

    sender: str
    recipient: str
    text: str
    number: int
    of: int


class Kannel:
    """Starts and stops the three programs; ``replies`` is where messages that come in are told."""

    def __init__(self, folder: Path, *, password: str, replies: str) -> None:
        admin, box, self.centre_port, self.sendsms_port = free_ports(4)
        self.folder = folder
        self.box_port = box
        self.url = f"http://127.0.0.1:{self.sendsms_port}/cgi-bin/sendsms"
        for name in ("store", "dlr"):
            (folder / name).mkdir(parents=True)
        self._file = folder / "kannel.conf"
        self._file.write_text(
            CONFIGURATION.format(
                admin=admin,
                box=box,
                centre=self.centre_port,
                sendsms=self.sendsms_port,
                folder=folder,
                password=password,
                replies=replies,
            ),
            encoding="utf-8",
        )
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._centres: list[Path] = []

    def start(self) -> None:
        """Start all three and wait until messages can go through."""
        self._start("bearerbox", [BEARERBOX, str(self._file)])
        until(lambda: listens(self.box_port) and listens(self.centre_port), "bearerbox listens")
        self._start("smsbox", [SMSBOX, str(self._file)])
        until(lambda: listens(self.sendsms_port), "smsbox listens")
        self.connect_centre()

    def connect_centre(self, says: str = "") -> None:
        """Connect a message centre, in place of the one before; ``says`` is a message in its notation, sent once.

        Kannel's fake connection listens to one centre at a time.
        """
        before = self._running.pop("centre", None)
        if before is not None:
            before.terminate()
            before.wait(timeout=60)
        log = self.folder / f"centre-{len(self._centres)}.log"
        self._centres.append(log)
        sending = ["-m", "1" if says else "0", "-i", "0.1"]
        command = [FAKESMSC, "-H", "127.0.0.1", "-r", str(self.centre_port), *sending, says or "1 2 text none"]
        self._start("centre", command, log)

    def stop_bearerbox(self) -> None:
        """Stop bearerbox as an operator does. The smsbox and the centres end with it."""
        self._running["bearerbox"].send_signal(signal.SIGTERM)

    def wait_for_the_end(self) -> None:
        """Wait until every program that was asked to stop is gone."""
        for name, process in list(self._running.items()):
            process.wait(timeout=60)
            del self._running[name]

    def close(self) -> None:
        """End everything that still runs, with the processes that it started."""
        for process in self._running.values():
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            finally:
                process.wait(timeout=60)
        self._running.clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    def parts(self) -> list[Part]:
        """Every part that reached a message centre, in its order, from the centres' own logs."""
        return [part for log in self._centres if log.is_file() for part in _parts(log.read_bytes())]

    def words(self) -> str:
        """The logs, for a failed test."""
        logs = [*self._centres, self.folder / "bearerbox.log", self.folder / "smsbox.log"]
        return "\n".join(log.read_text("utf-8", "replace")[-3_000:] for log in logs if log.is_file())

    def _start(self, name: str, command: list[str], log: Path | None = None) -> None:
        with (log or self.folder / f"{name}.out").open("ab") as output:
            self._running[name] = subprocess.Popen(
                command, cwd=self.folder, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )


def _parts(log: bytes) -> list[Part]:
    found = []
    for line in log.splitlines():
        match = _GOT.search(line)
        if match:
            sender, recipient, rest = match.groups()
            found.append(_part(sender.decode(), recipient.decode(), rest))
    return found


def _part(sender: str, recipient: str, rest: bytes) -> Part:
    kind, _, data = rest.partition(b" ")
    number, of = 1, 1
    if kind == b"udh":
        header, _, data = data.partition(b" data ")
        # User data header of a split message: 05 00 03 reference total number.
        octets = unquote_to_bytes(header.replace(b"+", b"%20"))
        assert octets[:3] == b"\x05\x00\x03", octets
        of, number = octets[4], octets[5]
    elif kind == b"text":
        return Part(sender, recipient, data.decode("utf-8", "replace"), 1, 1)
    octets = unquote_to_bytes(data.replace(b"+", b"%20"))
    return Part(sender, recipient, octets.decode("utf-16-be"), number, of)
