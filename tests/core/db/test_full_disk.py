"""A disk that is really full: refused by name, reading goes on, freed space heals, nothing acked is lost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

CHILD = """
import json, os, sys
from pathlib import Path

from scrm_core.installation import Installation
from scrm_core.db.bulk import execute
from scrm_core.errors import StorageFull

root = Path(sys.argv[1]) / "shop"
(root / "brands").mkdir(parents=True)
(root / "scrm.toml").write_text('database_url = "sqlite:data"\\n')
for name in ("acme", "moonco"):
    (root / "brands" / f"{name}.toml").write_text(
        f'[brand]\\nid = "{name}"\\nname = "X"\\ntimezone = "Asia/Shanghai"\\ncurrency = "CNY"\\n'
    )
installation = Installation.open(root)
installation.migrate()
ballast = Path(sys.argv[1]) / "ballast"
ballast.write_bytes(b"x" * 6_000_000)

from scrm_core.services.contacts import IdentityIn, LeadIn

def lead(n):
    identity = IdentityIn.of("openid", f"person-{n}", "shop")
    fields = {"note": "x" * 1_000}
    return LeadIn(source="form", reference=str(n), identities=(identity,), at=n, fields=fields)

brand = installation.brand("acme")
acked, refused, status = 0, 0, None
with brand:
    for n in range(20_000):
        try:
            with brand:
                brand.contacts.capture_lead(lead(n))
            acked += 1
        except StorageFull as exc:
            refused, status = refused + 1, exc.status
            break
    present = execute("SELECT count(*) FROM contact").fetchone()[0]
    events = execute("SELECT count(*) FROM event").fetchone()[0]
    ballast.unlink()
    for n in range(acked, acked + 20):
        brand.contacts.capture_lead(lead(n))
    after = execute("SELECT count(*) FROM contact").fetchone()[0]
    sound = execute("PRAGMA integrity_check").fetchone()[0]
print(json.dumps([acked, refused, status, present, events, after, sound]))
"""


def in_small_disk(script: str, *, megabytes: int) -> subprocess.CompletedProcess[str]:
    """Run a script with a tmpfs of its own as argument, in a mount namespace that goes away with it."""
    if shutil.which("unshare") is None:
        pytest.fail("unshare (util-linux) is needed to give a test a disk of its own")
    options = ["-m"] if os.geteuid() == 0 else ["-r", "-m"]
    mount = f'mount -t tmpfs -o size={megabytes}m tmpfs /mnt && exec "$0" -c "$1" /mnt'
    return subprocess.run(
        ["unshare", *options, "sh", "-c", mount, sys.executable, script],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_a_full_disk_refuses_by_name_keeps_what_was_acked_and_heals_when_space_is_freed():
    done = in_small_disk(CHILD, megabytes=16)
    assert done.returncode == 0, done.stderr
    acked, refused, status, present, events, after, sound = json.loads(done.stdout)
    assert acked > 0 and refused == 1 and status == 507
    assert present == events == acked
    assert after == acked + 20
    assert sound == "ok"
