"""Short links that a crowd follows at once: each is answered as if it had come alone, each visit is recorded once."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scrm_core.db.bulk import execute
from scrm_core.gateway import Gateway
from scrm_core.services.links import Links
from scrm_core.web import create_app, visitspool
from scrm_core.web.visitspool import VisitSpool

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 MicroMessenger/8.0.50"


class Follower:
    """A GET as granian describes it, and the other end of it."""

    proto, http_version, scheme, query_string = "http", "1.1", "http", ""
    server = "127.0.0.1:8000"

    def __init__(self, path, *, method="GET", client="127.0.0.1:5000", **headers):
        self.path, self.method, self.client = path, method, client
        self.headers = {"user-agent": PHONE, **{name.replace("_", "-"): value for name, value in headers.items()}}
        self.status, self.sent = None, {}

    def response_bytes(self, status, headers, body):
        self.status, self.sent = status, dict(headers)


def follow(gateway, *followers):
    async def all_of_them():
        await asyncio.gather(*(gateway.__rsgi__(each, each) for each in followers))

    asyncio.run(all_of_them())
    return [each.status for each in followers]


@pytest.fixture
def codes(installation):
    """Two short links of each brand."""
    made = {}
    for brand in installation.brands():
        with brand:
            brand.channels.ensure("card", "Card", "card")
            made[brand.id] = [brand.links.create("card", f"https://{brand.id}.example/{n}").code for n in range(2)]
    return made


@pytest.fixture
def spool(installation):
    made = VisitSpool(installation)
    yield made
    made.close()


@pytest.fixture
def gateway(installation, codes, spool, engine):
    """One that has met all codes."""
    found = Gateway(create_app(installation, spool=spool), threads=1 if engine == "sqlite" else 4)
    every = [code for made in codes.values() for code in made]
    assert follow(found, *(Follower(f"/l/{code}") for code in every)) == [302] * 4
    return found


def visits(installation, brand_id="acme"):
    with installation.brand(brand_id):
        (rows,) = execute("SELECT count(*) FROM visit").fetchone()
        (events,) = execute("SELECT count(*) FROM event WHERE type = 'link.visited'").fetchone()
        return rows, events


def test_each_of_a_crowd_is_answered_as_if_it_had_come_alone(installation, codes, gateway, spool, engine, monkeypatch):
    (first, ended), (theirs, _) = codes["acme"], codes["moonco"]
    with installation.brand("acme") as brand:
        brand.links.disable(ended)
    alone, original = [], Links.open
    monkeypatch.setattr(Links, "open", lambda self, code, **how: (alone.append(code), original(self, code, **how))[1])
    asked = [
        *(Follower(f"/l/{first}", cookie=f"scrm_visitor={n:032x}", x_request_id=f"me-{n}") for n in range(5)),
        Follower(f"/l/{theirs}"),
        Follower(f"/l/{ended}"),
        Follower("/l/nobodys"),
        Follower("/l/not a code"),
        Follower(f"/l/{first}", method="HEAD"),
        Follower(f"/l/{first}", user_agent="Googlebot/2.1"),
        Follower(f"/l/{first}", method="POST"),
    ]
    assert follow(gateway, *asked) == [302] * 6 + [410, 404, 404, 302, 302, 405]
    assert {each.sent["Location"] for each in asked[:5]} == {"https://acme.example/0"}
    assert asked[5].sent["Location"] == "https://moonco.example/0"
    for n, each in enumerate(asked[:5]):
        assert each.sent["X-Request-Id"] == f"me-{n}"
        assert each.sent["Set-Cookie"].startswith(f"scrm_visitor={n:032x};")
    assert re.match(r"scrm_visitor=[0-9a-f]{32};", asked[5].sent["Set-Cookie"])
    assert not any("Set-Cookie" in each.sent for each in asked[9:11])
    if engine == "postgresql":  # the others are asked for together
        assert alone == [ended]
    assert spool.flush() is True
    assert (visits(installation), visits(installation, "moonco")) == ((9, 7), (3, 3))


def test_guesses_of_a_crowd_count_and_are_slowed_down(gateway, codes):
    guesses = [Follower(f"/l/guess{n}", client="10.0.0.1:1") for n in range(200)]
    statuses = follow(gateway, *guesses)
    assert set(statuses) == {404, 429}
    assert follow(gateway, Follower(f"/l/{codes['acme'][0]}", client="10.0.0.1:1")) == [429]
    assert follow(gateway, Follower(f"/l/{codes['acme'][0]}", client="10.0.0.2:1")) == [302]


def test_a_full_disk_refuses_a_crowd_and_leaves_no_half_line(installation, gateway, codes, spool, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(visitspool.os, "write", lambda fd, data, write=os.write: write(fd, data[: len(data) // 2]))
        assert follow(gateway, *(Follower(f"/l/{codes['acme'][0]}") for _ in range(5))) == [507] * 5
    assert follow(gateway, *(Follower(f"/l/{codes['acme'][0]}") for _ in range(3))) == [302] * 3
    (file,) = Path(installation.config.data_dir / "visits").glob("*.jsonl")
    assert len(list(visitspool._read(file.read_bytes()))) == 4 + 3
    assert spool.flush() is True
    assert visits(installation) == (5, 5)


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_links_together import Follower, follow
from scrm_core.gateway import Gateway
from scrm_core.installation import Installation
from scrm_core.web import create_app
from scrm_core.web.visitspool import VisitSpool

installation = Installation.open(Path(sys.argv[2]))
spool = VisitSpool(installation)
gateway = Gateway(create_app(installation, spool=spool), threads=4)
assert follow(gateway, Follower("/l/" + sys.argv[3])) == [302]
spool.flush()
assert follow(gateway, *(Follower("/l/" + sys.argv[3]) for _ in range(30))) == [302] * 30
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_visits_of_a_crowd_that_was_answered_survive_a_kill_and_are_recorded_once(installation, codes, spool):
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", KILLED, here, str(installation.config.root), codes["acme"][0]]
    assert subprocess.run(command, timeout=60, check=False).returncode == -signal.SIGKILL
    assert visits(installation) == (1, 1)
    assert spool.recover() == 30
    assert spool.recover() == 0
    assert visits(installation) == (31, 31)
