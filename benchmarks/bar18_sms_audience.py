"""Bar 18: an audience of 1M contacts becomes queued messages, beside a raw INSERT ... SELECT of the same rows.

Ours reads the segment, takes one number per person, leaves out who did not
agree or asked not to be written to, draws the lot and keeps every reason. The
yardstick copies the rows that came out, already decided, into the same table.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from brand_scene import open_brands
from engines import Engine, engines
from measure import report, seconds, size

from scrm_core.api import Plugin, Sender
from scrm_core.brands import Brand
from scrm_core.db.bulk import execute

CONTACTS = size(1_000_000, 5_000)
COUNTING = "WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < ?) "
SCENE = (
    "INSERT INTO contact (id, uid, name, state, origin, created_at, updated_at, lead_at) "
    "SELECT n + 1, 'u' || n, '', 'active', '', 1, 1, 1767225600000 FROM n",
    "INSERT INTO identity (contact_id, kind, namespace, value, verified, origin, created_at) "
    "SELECT n + 1, 'phone', '', '+86138' || substr(CAST(100000000 + n AS text), 2), 0, '', 1 FROM n",
    # Four in five agreed; one in fifty of all asked not to be written to.
    "INSERT INTO consent (contact_id, purpose, channel, granted, at, recorded_at, source, text_version, actor) "
    "SELECT n + 1, 'marketing_sms', '', CASE WHEN n % 5 > 0 THEN 1 ELSE 0 END, 1, 1, 'bench', '', '' FROM n",
    "INSERT INTO do_not_contact (channel, address, scope, reason, actor, evidence, at, lifted_by) "
    "SELECT 'sms', '+86138' || substr(CAST(100000000 + n AS text), 2), 'commercial', 'opt_out', '', '', 1, '' FROM n "
    "WHERE n % 50 = 0",
)
COPY = (
    "INSERT INTO message (run_id, contact_id, address, bucket, state, reason, not_before, updated_at) "
    "SELECT ?, contact_id, address, bucket, state, reason, not_before, updated_at FROM decided"
)


class Quiet(Plugin):
    """Declares a sender, so that runs can be opened; nothing is sent here."""

    name = "quiet"
    version = "1"
    summary = "Opens runs for the benchmark"
    requires_core = ">=0.1.0.dev0"
    senders = {"none": Sender("sms", "None", "none")}

    def none(self) -> None:
        """Never called: the bar stops at the queue."""


class Runs:
    """Fresh runs, the rows of earlier ones deleted."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand
        self.count = 0

    def next(self) -> int:
        """The id of a new draft."""
        execute("DELETE FROM message")
        self.count += 1
        run = self.brand.outreach.open_run(
            f"r{self.count}", owner="quiet", channel="sms", kind="marketing", sender="none"
        )
        return run.id


def main() -> None:
    """A row for each database."""
    for engine in engines():
        measure(engine)


def measure(engine: Engine) -> None:
    """Build the scene, check what came out once, then measure."""
    with tempfile.TemporaryDirectory() as folder:
        brand = open_brands(Path(folder) / "shop", ["bench"], (Quiet,), url=engine.url).brand("bench")
        with brand:
            with brand.transaction():
                for statement in SCENE:
                    insert, select = statement.split("SELECT", 1)
                    statement = f"{insert}{COUNTING}SELECT{select}"
                    if not engine.sqlite:
                        statement = statement.replace("%", "%%").replace("?", "%s")
                    brand.handle.database.execute_sql(statement, (CONTACTS - 1,))
            if not engine.sqlite:
                with engine.raw(Path(folder), "bench") as plain:
                    plain.execute("VACUUM ANALYZE")
            runs = Runs(brand)
            outcome = brand.outreach.queue_segment(runs.next(), "lead_at >= 2000-01-01")
            if outcome.queued != CONTACTS - CONTACTS // 5 or sum(outcome.blocked.values()) != CONTACTS // 5:
                raise SystemExit(f"wrong audience: {outcome}")
            execute("CREATE TABLE decided AS SELECT * FROM message")

            waiting: list[int] = []

            def ours() -> None:
                brand.outreach.queue_segment(waiting.pop(), "lead_at >= 2000-01-01")

            def yardstick() -> None:
                with brand.transaction():
                    execute(COPY, (waiting.pop(),))

            speeds = []
            for _ in range(size(5, 2)):
                waiting.append(runs.next())
                mine = seconds(ours)
                waiting.append(runs.next())
                theirs = seconds(yardstick)
                print(f"ours {CONTACTS / mine:,.0f}/s, copying {CONTACTS / theirs:,.0f}/s", file=sys.stderr)
                speeds.append(theirs / mine)
            speeds.sort()
            middle = speeds[len(speeds) // 2]
            report(f"18 SMS audience queued, INSERT SELECT beside, {engine.name}", middle, at_least=0.3)


if __name__ == "__main__":
    main()
