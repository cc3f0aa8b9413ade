"""The demo's files: those of the examples with every date moved forward by the same whole number of weeks."""

from __future__ import annotations

import os
import re
import shutil
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from ..clock import Clock, SystemClock, from_instant

LAST_DAY = date(1998, 6, 30)
"""The day of the newest of the real orders."""

_NAMES = (
    "cdnow_sample_orders", "card-scans", "card-scans-later", "live-code-adds", "arrivals", "friends", "store-orders",
)  # fmt: skip
_DATE = re.compile(r"(?:(?<=,)|^)199[78]-\d\d-\d\d", re.MULTILINE)
_MADE_ON = "made-on.txt"


class DemoFiles:
    """Example files as the demo reads them: below ``folder``, moved so that the newest order is of the last seven days.

    The day that they are moved to stands beside them: who goes on with a demo another week reads the same files.
    """

    def __init__(self, examples: Path, folder: Path, clock: Clock | None = None) -> None:
        self.examples, self.folder = examples, folder
        self.zone = ZoneInfo("America/New_York")
        try:
            self.today = date.fromisoformat((folder / _MADE_ON).read_text("ascii").strip())
        except FileNotFoundError:
            self.today = from_instant((clock or SystemClock()).now(), self.zone).date()
        self.weeks = (self.today - LAST_DAY).days // 7

    def day(self, text: str) -> str:
        """A day of the examples (ISO 8601) as it is in the demo."""
        return (date.fromisoformat(text) + timedelta(weeks=self.weeks)).isoformat()

    def of(self, name: str, mapping: str = "") -> list[str]:
        """What ``scrm import`` is given to read a file: its path, and its mapping of the same or another name."""
        return [str(self.folder / f"{name}.csv"), "--map", str(self.examples / f"{mapping or name}.toml")]

    def rows(self, name: str) -> list[dict[str, str]]:
        """The rows of a file."""
        import csv

        with (self.folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def write(self) -> None:
        """Write the moved files, all of them or none; those that are there stay."""
        if self.folder.exists():
            return
        making = self.folder.with_name(".examples-new")
        shutil.rmtree(making, ignore_errors=True)  # of a run that was killed
        making.mkdir(parents=True)
        moved: dict[str, str] = {}
        for name in _NAMES:
            text = (self.examples / f"{name}.csv").read_text("utf-8")
            for day in set(_DATE.findall(text)) - moved.keys():
                moved[day] = self.day(day)
            (making / f"{name}.csv").write_text(_DATE.sub(lambda found: moved[found[0]], text), "utf-8")
        (making / _MADE_ON).write_text(f"{self.today}\n", "ascii")
        os.replace(making, self.folder)
