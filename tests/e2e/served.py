"""Projects that are served for a test: ``scrm run`` on a free port, and the installation beside it."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ports import free_port

from scrm_core.clock import MS_PER_DAY
from scrm_core.installation import Installation
from scrm_core.services.contacts import IdentityIn

SCRM = [sys.executable, "-m", "scrm_core.cli"]



def environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("SCRM_")}


@contextmanager
def serving(folder: Path, base: str, *options: str) -> Iterator[None]:
    """Serve a project at ``base`` until the end; what the server says goes to the file ``log`` beside the folder."""
    log = folder.parent / "log"
    with log.open("w") as errors:
        server = subprocess.Popen(
            [*SCRM, "run", "--port", base.rpartition(":")[2], "--workers", "1", *options],
            cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=errors, text=True,
        )  # fmt: skip
    try:
        assert server.stdout is not None
        # The command says where it serves when it can be asked.
        line = next((line for line in server.stdout if line.startswith("Serving ")), "")
        assert base in line, log.read_text("utf-8")
        yield
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=60)


def make(folder: Path, brands: dict[str, str], more: str = "") -> tuple[str, Installation]:
    """A migrated project with a file for each brand: where it will be served, and its installation.

    ``more`` is text of the project's file.
    """
    (folder / "brands").mkdir(parents=True)
    base = f"http://127.0.0.1:{free_port()}"
    (folder / "scrm.toml").write_text(
        f'database_url = "sqlite:data"\ndatabase_synchronous = "NORMAL"\nbase_url = "{base}"\n{more}'
    )
    for brand, text in brands.items():
        (folder / "brands" / f"{brand}.toml").write_text(text, encoding="utf-8")
    beside = Installation.open(folder)
    beside.migrate()
    return base, beside


def points(code: str, title: str, quantity: int, weight: int = 0, stock: int | None = None) -> dict[str, Any]:
    """A prize of points."""
    return {"code": code, "title": title, "kind": "points", "quantity": quantity, "weight": weight, "stock": stock}


@dataclass
class Premises:
    """A served project whose brand ``acme`` has games, and the brand beside the server."""

    base: str
    installation: Installation
    _people: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def brand(self) -> Any:
        return self.installation.brand("acme")

    @property
    def root(self) -> str:
        return f"{self.base}/p/acme/interaction-games"

    def campaign(self, game: str, prizes: list[dict[str, Any]], settings: dict[str, Any], **more: Any) -> str:
        """Publish a campaign that is open to everybody for sixty days."""
        code = more.pop("code", game)
        with self.installation.brand(more.pop("brand", "acme")) as brand:
            games = brand.plugins["interaction-games"].games
            games.create(
                {
                    "code": code, "game": game, "title": more.pop("title", game), "surface": "h5",
                    "rules": "活动期间每人每天免费参与。\n奖品以积分形式发放到账户。", "organiser": "Acme 母婴",
                    "organiser_contact": "400-000-0000", "ends_at": brand.now() + 60 * MS_PER_DAY,
                    "total_weight": sum(prize.get("weight", 0) for prize in prizes), "prizes": prizes,
                    "settings": settings, **more,
                },
                actor="mia",
            )  # fmt: skip
            games.publish(code, "mia", confirm=True)
        return str(code)

    def person(self, name: str = "") -> tuple[int, str]:
        """A new person and the value of the cookie of their session."""
        with self.brand as brand:
            identity = IdentityIn.of("unionid", f"player-{next(self._people)}")
            contact = brand.contacts.resolve([identity], at=brand.now(), origin="test", name=name).contact_id
            session = brand.consumers.sign_in(contact, "phone-code", strong=True).session
            return int(contact), str(brand.consumers.seals.sign("session", session))

    def told(self, cookie: str, path: str) -> Any:
        """What a page of the games tells the script of a signed-in person."""
        asked = urllib.request.Request(
            f"{self.root}{path}", headers={"Accept": "application/json", "Cookie": f"scrm_session={cookie}"}
        )
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return json.load(answer)
