"""The demo is made by commands that may be killed at any moment and given again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import date, timedelta

import pytest

SCRM = [sys.executable, "-m", "scrm_core.cli"]


def environment():
    return {k: v for k, v in os.environ.items() if not k.startswith("SCRM_")}


def answer(folder, *arguments):
    done = subprocess.run(
        [*SCRM, *arguments, "--json"], cwd=folder, env=environment(), capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


# A worker that is killed is met in tests/core/delivery and tests/plugins/package_card with many moments.
@pytest.mark.parametrize(
    "moment",
    [
        pytest.param("$ scrm import orders quiet", marks=pytest.mark.wide),
        *(
            pytest.param(words, marks=pytest.mark.soak)
            for words in ("$ scrm worker --once", "$ scrm referral publish", "The last four weeks are played")
        ),
    ],
)
def test_killed_while_it_is_made_and_made_again_it_has_the_same_figures(tmp_path, moment):
    folder = tmp_path / "demo-project"
    command = [*SCRM, "init", str(folder), "--demo"]
    first = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    assert any(line.startswith(moment) for line in first.stdout)
    first.send_signal(signal.SIGKILL)
    first.wait()
    second = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=240, check=True)
    assert "is complete" in second.stdout
    row, again = answer(folder, "report", "demo", "package-card")["rows"]
    assert (row["shipped"], row["new"], row["orders"], row["contribution_minor"]) == (3267, 235, 156, 613130)
    assert (again["shipped"], again["new"]) == (513, 58)
    made_on = date.fromisoformat((folder / "data" / "examples" / "made-on.txt").read_text().strip())
    last = made_on - timedelta(days=(made_on.weekday() - 1) % 7)  # the newest real order is of a Tuesday
    # 1997-09-30 of the published figures is 39 weeks before that order.
    rfm = answer(folder, "rfm", "quiet", "--as-of", str(last - timedelta(weeks=39)))
    assert (rfm["customers"], rfm["repeats"], rfm["without_repeat"]) == (2357, 2457, 1411)
    for brand, buyers in (("demo", 2615), ("quiet", 2357)):  # 258 of the invented people bought in the store
        assert answer(folder, "segment", "count", brand, "money >= 0 and orders >= 1") == {"count": buyers}
        assert answer(folder, "events", brand, "parked") == []
    assert len(answer(folder, "referral", "invitees", "demo", "bring-a-friend")) == 14
    findings = answer(folder, "doctor")
    assert {finding["state"] for finding in findings} <= {"ok", "warning"}
    third = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60, check=True)
    assert "nothing was changed" in third.stdout
