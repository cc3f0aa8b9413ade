"""Two brands by night, and what makes their quiet hours and runs."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from outreach_scene import RECORDERS, Recorder

from scrm_core.api import Plugin, Rendered, Sender
from scrm_core.brands import Brand
from scrm_core.clock import ManualClock, to_instant
from scrm_core.db.bulk import execute
from scrm_core.installation import Installation
from scrm_core.services.contacts import IdentityIn, LeadIn

NIGHT = "21:00-09:00"
HOME, NEW_YORK = "+8613800000000", "+12125550123"
FREE = (
    f'\n[outreach]\none_to_one_per_week = "none"\nquiet_hours = "{NIGHT}"\n[outreach.channels.sms]\n'
    'per_7_days = "none"\nper_30_days = "none"\n[plugins.mailer]\n[plugins.carrier]\n'
)


class Carrier(Plugin):
    """Sends on a channel without phone numbers, by the recorder of its brand."""

    name = "carrier"
    version = "1"
    summary = "Test plugin that sends to ids"
    requires_core = ">=0.1.0.dev0"
    senders = {"carrier": Sender("wecom", "Carrier", "recorder")}

    def recorder(self) -> Recorder:
        return RECORDERS.setdefault(self.brand.id, Recorder())

    def render_messages(self, batch):
        return [Rendered("hello") for _ in batch.recipients]


def at(text: str, zone: str = "Asia/Shanghai") -> int:
    return to_instant(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)))


def quiet(both: Installation, hours: str, brand: str = "acme") -> Brand:
    """Give a brand other quiet hours; returns it as a worker sees it next."""
    path = Path(both.config.root) / "brands" / f"{brand}.toml"
    fresh = path.with_suffix(".new")
    now = next(line for line in path.read_text("utf-8").splitlines() if line.startswith("quiet_hours"))
    fresh.write_text(path.read_text("utf-8").replace(now, f'quiet_hours = "{hours}"'), "utf-8")
    fresh.replace(path)
    return both.brand(brand)


def sent(brand: Brand) -> list[str]:
    return RECORDERS.setdefault(brand.id, Recorder()).addresses


def start(brand: Brand, code: str = "r1", **more: object):
    given = {"owner": "mailer", "channel": "sms", "kind": "marketing", "sender": "recorder", **more}
    run = brand.outreach.open_run(code, **given)
    brand.outreach.queue_segment(run.id, "lead_at >= 2000-01-01")
    brand.outreach.release(run.id, 10_000)
    return brand.outreach.start(run.id)


def pass_until(brand: Brand, clock: ManualClock, then: int) -> None:
    """A worker looks at the brand every hour until an instant, and at that one: waiting for a morning is no outage."""
    while clock.now() < then:
        brand.outreach.drain()
        clock.set(min(clock.now() + 3_600_000, then))
    brand.outreach.drain()


def friends(brand: Brand, count: int) -> None:
    """People with an id on the channel without phone numbers, who agree to messages."""
    for number in range(count):
        contact = brand.contacts.capture_lead(
            LeadIn(source="test", reference=f"w{number}", identities=(IdentityIn.of("external_userid", f"wm{number:030d}"),),
                   at=brand.now(), state="", fields={})
        ).contact_id  # fmt: skip
        brand.consent.record(contact, "marketing_wecom", granted=True, source="test")


def held(brand: Brand, code: str = "r1", owner: str = "mailer") -> int | None:
    return brand.outreach.held_until(brand.outreach.run(owner, code))


def waits(run_id: int) -> list[tuple[str, int]]:
    return execute("SELECT address, not_before FROM message WHERE run_id = ? ORDER BY address", (run_id,)).fetchall()
