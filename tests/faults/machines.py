"""Machines of a cluster: network namespaces joined to the host by a bridge, whose cables can be pulled.

Where this machine lets nobody make namespaces, the same processes run side by
side on loopback, and a pulled cable is a stopped process.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from grounds import Process
from ports import free_port


@dataclass
class Machine:
    """One machine: its address, and the words that go before a command that runs on it."""

    name: str
    host: str
    wrap: list[str]
    cable: str = ""

    def cut(self, process: Process) -> None:
        """Pull the cable: nothing goes out or comes in, and nobody is told."""
        if self.cable:
            _ip("link", "set", self.cable, "down")
        else:
            os.kill(process.pid, signal.SIGSTOP)

    def join(self, process: Process) -> None:
        if self.cable:
            _ip("link", "set", self.cable, "up")
        else:
            os.kill(process.pid, signal.SIGCONT)


# What still runs in a namespace keeps it, and its end of a cable, for a while after it was deleted.
_numbers = itertools.count()


class Network:
    """A bridge of the host's and machines behind it; ``close`` takes all of it away."""

    def __init__(self, names: list[str], *, separate_hosts: bool = False) -> None:
        self.real = possible()
        self.host = "127.0.0.1"
        self.machines: dict[str, Machine] = {}
        self._number = next(_numbers)
        self._mark = f"sf{os.getpid() % 100_000}x{self._number}"
        self._spaces: list[str] = []
        try:
            self._build(names, separate_hosts)
        except BaseException:
            self.close()
            raise

    def _build(self, names: list[str], separate_hosts: bool) -> None:
        if not self.real:
            self.machines = {name: Machine(name, "127.0.0.1", []) for name in names}
            return
        third = (os.getpid() + self._number) % 250
        self.host = f"10.97.{third}.1"
        _ip("link", "add", self._mark, "type", "bridge")
        _ip("addr", "add", f"{self.host}/24", "dev", self._mark)
        _ip("link", "set", self._mark, "up")
        for number, name in enumerate(names, 2):
            space, cable = f"{self._mark}n{number}", f"{self._mark}v{number}"
            _ip("netns", "add", space)
            self._spaces.append(space)
            _ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", space)
            _ip("link", "set", cable, "master", self._mark, "up")
            _ip("-n", space, "addr", "add", f"10.97.{third}.{number}/24", "dev", "eth0")
            _ip("-n", space, "link", "set", "eth0", "up")
            _ip("-n", space, "link", "set", "lo", "up")
            wrap = ["ip", "netns", "exec", space]
            if separate_hosts:
                # A host of another name: who has died there is not known here.
                wrap += ["unshare", "--uts", "sh", "-c", f'hostname {name} && exec "$0" "$@"']
            self.machines[name] = Machine(name, f"10.97.{third}.{number}", wrap, cable)

    def close(self) -> None:
        for machine in self.machines.values():
            if machine.cable:
                subprocess.run(["ip", "link", "del", machine.cable], check=False)
        for space in self._spaces:
            subprocess.run(["ip", "netns", "del", space], check=False)
        if self.real:
            subprocess.run(["ip", "link", "del", self._mark], check=False)


def possible() -> bool:
    """True where namespaces with cables can be made."""
    if os.geteuid() != 0 or shutil.which("ip") is None or not Path("/proc/self/ns/net").exists():
        return False
    probe = f"sp{os.getpid() % 100_000}"
    made = subprocess.run(["ip", "link", "add", probe, "type", "bridge"], capture_output=True, check=False)
    if made.returncode == 0:
        _ip("link", "del", probe)
    return made.returncode == 0


def port_on(machine: Machine) -> int:
    """A port for a server there."""
    return free_port() if machine.host == "127.0.0.1" else 8000


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
