"""Visits of short links in batches: each recorded once, also when a process is killed or the database is away."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from scrm_core.db.bulk import execute
from scrm_core.errors import Busy
from scrm_core.services.links import Links
from scrm_core.web import create_app
from scrm_core.web.visitspool import VisitSpool

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 MicroMessenger/8.0.50"


@pytest.fixture
def codes(installation):
    """A short link of each brand."""
    made = {}
    for brand in installation.brands():
        with brand:
            brand.channels.ensure("card", "Card", "card")
            made[brand.id] = brand.links.create("card", "https://shop.example/").code
    return made


@pytest.fixture
def new_spool(installation):
    made = []

    def make():
        made.append(VisitSpool(installation))
        return made[-1]

    yield make
    for spool in made:
        spool.close()


@pytest.fixture
def spool(new_spool):
    return new_spool()


def visits(installation, brand_id="acme"):
    with installation.brand(brand_id):
        (rows,) = execute("SELECT count(*) FROM visit").fetchone()
        (events,) = execute("SELECT count(*) FROM event WHERE type = 'link.visited'").fetchone()
        return rows, events


def left(installation):
    return sorted((installation.config.data_dir / "visits").glob("*.jsonl"))


def test_visits_of_both_brands_are_recorded_and_the_file_goes(installation, codes, spool):
    client = create_app(installation, spool=spool).test_client()
    for _ in range(3):
        assert client.get(f"/l/{codes['acme']}", headers={"User-Agent": PHONE}).status_code == 302
    client.get(f"/l/{codes['moonco']}", headers={"User-Agent": PHONE})
    client.get(f"/l/{codes['acme']}", headers={"User-Agent": "Googlebot/2.1"})
    assert visits(installation) == (0, 0)
    assert spool.flush() is True
    assert visits(installation) == (4, 3)
    assert visits(installation, "moonco") == (1, 1)
    spool.close()
    assert left(installation) == []
    with installation.brand("acme"):
        assert execute("SELECT count(*) FROM meta WHERE key >= 'visit-spool:' AND key < 'visit-spool;'").fetchone() == (0,)
        rows = execute("SELECT data FROM event WHERE type = 'link.visited' ORDER BY id").fetchall()
    ids = [json.loads(text)["visit_id"] for (text,) in rows]
    assert len(set(ids)) == 3


def test_a_link_that_has_ended_is_refused_at_once(installation, codes, spool):
    client = create_app(installation, spool=spool).test_client()
    with installation.brand("acme") as brand:
        brand.links.disable(codes["acme"])
    assert client.get(f"/l/{codes['acme']}").status_code == 410
    assert spool.flush() is True
    assert visits(installation) == (0, 0)


def test_visits_wait_for_a_database_that_is_busy(installation, codes, spool, monkeypatch):
    client = create_app(installation, spool=spool).test_client()
    client.get(f"/l/{codes['acme']}", headers={"User-Agent": PHONE})

    def busy(*args, **kwargs):
        raise Busy("locked")

    with monkeypatch.context() as patched:
        patched.setattr(Links, "record", busy)
        assert spool.flush() is False
    client.get(f"/l/{codes['acme']}", headers={"User-Agent": PHONE})
    assert spool.flush() is True
    assert visits(installation) == (2, 2)


KILLED = """
import os, signal, sys
from pathlib import Path
from scrm_core.installation import Installation
from scrm_core.web import create_app
from scrm_core.web.visitspool import VisitSpool

installation = Installation.open(Path(sys.argv[1]))
spool = VisitSpool(installation)
client = create_app(installation, spool=spool).test_client()
agent = {"User-Agent": sys.argv[3]}
for _ in range(5):
    assert client.get(f"/l/{sys.argv[2]}", headers=agent).status_code == 302
spool.flush()
for _ in range(7):
    assert client.get(f"/l/{sys.argv[2]}", headers=agent).status_code == 302
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_is_recorded_once_by_the_next(installation, codes, spool, new_spool):
    command = [sys.executable, "-c", KILLED, str(installation.config.root), codes["acme"], PHONE]
    child = subprocess.run(command, timeout=60, check=False)
    assert child.returncode == -signal.SIGKILL
    (mine, theirs) = sorted(left(installation), key=lambda path: path.stat().st_size)
    with theirs.open("ab") as file:
        file.write(b'["acme", 1, 17')  # cut off in the middle of a line
    assert visits(installation) == (5, 5)
    assert new_spool().recover() == 7
    assert spool.recover() == 0
    assert visits(installation) == (12, 12)
    assert mine in left(installation) and theirs not in left(installation)


def test_a_file_of_a_living_process_is_left_alone(installation, codes, spool, new_spool):
    client = create_app(installation, spool=spool).test_client()
    client.get(f"/l/{codes['acme']}", headers={"User-Agent": PHONE})
    assert new_spool().recover() == 0
    assert visits(installation) == (0, 0)
    assert os.path.getsize(left(installation)[0]) + os.path.getsize(left(installation)[1]) > 0
