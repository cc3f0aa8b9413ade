"""64 clients claim a limited coupon of ours, beside 64 that redeem a voucher of django-oscar.

::

    python benchmarks/peers/oscar_vouchers.py [--small]

Both on one SQLite file in WAL mode that waits for the disk at each commit, four
processes with sixteen threads each, in turns. More people ask than there are
coupons, a tenth of them twice. Ours claims (coupon and event); oscar does what it
does with a voucher when an order is placed: the voucher's row locked, asked
whether it is active and whether this customer used it, the order and the usage
written. Both must end with every coupon gone, none twice.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
from pathlib import Path

from venvs import HERE, python_of

from bar11_claims import PEOPLE, PROCESSES, RUNS, STOCK, THREADS, Crowd, checked, make, new_batch  # isort: skip

OSCAR = "django-oscar==4.2.1"


def main() -> None:
    """Print one row."""
    python = python_of("oscar", OSCAR)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures = [str(each) for each in (folder, PEOPLE, STOCK, RUNS, PROCESSES, THREADS)]
        site = subprocess.Popen(
            [python, str(HERE / "oscar_site.py"), *figures], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert site.stdin is not None and site.stdout is not None
        if site.stdout.readline().strip() != "ready":
            raise SystemExit("the shop of django-oscar did not come up")
        installation, people = make(folder / "shop")
        batches = [f"OURS{n}" for n in range(RUNS)]
        with installation.brand("shop") as brand:
            for batch in batches:
                new_batch(brand, batch)
        asked = [*people, *people[::10]]
        ours = Crowd("ours", folder / "shop", [[(batch, person) for person in asked] for batch in batches])
        mine, theirs, ratios = [], [], []
        for batch in batches:
            took, _, _ = ours.run()
            checked(installation, batch)
            site.stdin.write("go\n")
            site.stdin.flush()
            seconds, done = json.loads(site.stdout.readline())
            if done != STOCK:
                raise SystemExit(f"oscar redeemed {done} of {STOCK}")
            mine.append(len(asked) / took)
            theirs.append(len(asked) / seconds)
            ratios.append(seconds / took)
        ours.end()
        site.stdin.close()
        site.wait(30)
    row = {
        "peer": "django-oscar, 64 clients redeem a limited voucher",
        "ours_per_s": round(statistics.median(mine)),
        "theirs_per_s": round(statistics.median(theirs)),
        "ratio": round(statistics.median(ratios), 2),
    }
    print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
