"""The full sync holds a page at a time: what it takes of memory does not grow with the customers."""

from __future__ import annotations

from pathlib import Path

import pytest

from scrm_wecom import WecomPlugin
from scrm_wecom.simulator import AppAccount, CorpAccount, Simulator, serve

SMALL, LARGE = "wwsmall0000000000", "wwlarge0000000000"
SOURCE = """
from pathlib import Path

from scrm_core.db.bulk import execute

def run(brand, worker):
    execute("PRAGMA cache_size = -1000")  # else the database's own cache fills meanwhile
    full = brand.plugins["wecom"].wecom.full_sync
    full.begin()
    view = full.run(600)
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return [view.state, view.relations, int(status["VmHWM"].split()[0])]
"""


@pytest.mark.wide
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process cannot be told here")
@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_ten_times_the_customers_take_no_more_memory(new_installation, together):
    corps = [
        CorpAccount(SMALL, (AppAccount(1, "small-secret"),), staff=4, customers=2_000),
        CorpAccount(LARGE, (AppAccount(1, "large-secret"),), staff=4, customers=20_000),
    ]
    with serve(Simulator(corps)) as api:
        tables = {
            name: f'\n[plugins.wecom]\ncorp_id = "{corp.corpid}"\nsecret = "{corp.apps[0].secret}"\napi = "{api.url}"\n'
            for name, corp in zip(("acme", "moonco"), corps, strict=True)
        }
        installation = new_installation(plugins=(WecomPlugin,), **tables)
        ((small, few, before),) = together(installation, SOURCE, 1)
        ((large, many, after),) = together(installation, SOURCE, 1, brand="moonco")
    # In every tenth round of the members a second one has the customer too.
    assert (small, few, large, many) == ("done", 2_200, "done", 22_000)
    assert after - before < 3_000, f"{before} kB, {after} kB"
