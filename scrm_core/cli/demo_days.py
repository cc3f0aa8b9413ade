"""The demo's last four weeks: who became a member, opened a link, brought a friend, played and claimed, and when."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from ..clock import SystemClock, local_instant
from .codes import Failure
from .demo import DEMO_REFERRAL, campaign_steps, past_steps, referral_steps
from .demo_files import DemoFiles
from .session import Session

if TYPE_CHECKING:
    from ..brands import Brand

_CHANNELS = {"newsletter": "Newsletter", "record-fair": "Record fair", "shop-window": "Shop window"}
_OPENED, _SIGNED_UP = "1998-06-03", "1998-06-05"
_ROUNDS = ("1998-06-08", "1998-06-15", "1998-06-22", "1998-06-29")
"""Days of the examples: when campaigns opened, when inviters signed up, when people played."""
_ROLLED_UP = 56
"""Days of plugins' metrics that are counted at once; a worker counts today's and yesterday's."""
_PLAYERS = (-64, -46)
"""Which members play, of those in the order in which they came: all of them were there when it began."""
_ACTS = (
    ("interaction-games/g/wheel", "/play"),
    ("interaction-games/g/checkin", "/sign"),
    ("coupon-threshold/b/TENTH", "/claim"),
)
_SITE, _MINUTE_MS = "https://shop.example/", 60_000
_AGENT = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Safari/604.1"


class DemoClock:
    """The machine's clock, or a day of the demo while one is played."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone, self._at = zone, 0
        self._clock = SystemClock()

    def now(self) -> int:
        return self._at or self._clock.now()

    @contextlib.contextmanager
    def at(self, day: str, hour: int) -> Iterator[None]:
        """Within it, it is this hour of a day (ISO 8601) of the brand."""
        self._at = local_instant(datetime.combine(date.fromisoformat(day), time(hour)), self._zone)
        try:
            yield
        finally:
            self._at = 0


def live(session: Session, files: DemoFiles, clock: DemoClock) -> None:
    """Everything that happens in the demo; what happened already happens no second time."""
    demo = session.brand("demo")
    with demo:
        for code, name in _CHANNELS.items():
            demo.channels.ensure(code, name)
    _give(session, past_steps(files))
    _joined(demo, files)
    _give(session, [["worker", "--once"]])
    with clock.at(files.day(_OPENED), 10):
        _give(session, campaign_steps(files))
        there = {each["code"]: each["state"] for each in _told(session, ["referral", "list", "demo"])}
        _give(session, referral_steps(files, there.get(DEMO_REFERRAL, "")))
    with clock.at(files.day(_SIGNED_UP), 12):
        codes = {
            phone: str(_told(session, ["referral", "sign-up", "demo", DEMO_REFERRAL, f"phone={phone}"])["code"])
            for phone in sorted({row["inviter"] for row in files.rows("friends")})
        }
    _befriended(demo, files, codes)
    _visited(demo, files)
    _give(session, [["import", "orders", "demo", *files.of("store-orders")], ["worker", "--once"]])
    click.secho("The last four weeks are played", dim=True)
    _played(session, files, clock)
    _give(session, [["worker", "--once"]])
    for brand in map(session.brand, ("demo", "quiet")):
        with brand:
            today = brand.day(brand.now())
            brand.metrics.roll_up(today - _ROLLED_UP + 1, today)


def _give(session: Session, steps: Sequence[list[str]]) -> None:
    from .root import root

    for step in steps:
        click.secho(f"$ scrm {' '.join(step)}", dim=True)
        code = root.main(args=list(step), prog_name="scrm", standalone_mode=False, obj=session)
        if code:
            raise Failure(f"the demo stopped at: scrm {' '.join(step)}")


def _told(session: Session, step: list[str]) -> Any:
    """What a command tells as JSON; it is not shown."""
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        _give(session, [[*step, "--json"]])
    return json.loads(told.getvalue().partition("\n")[2])


def _instant(brand: Brand, text: str) -> int:
    return local_instant(datetime.fromisoformat(text), brand.zone)


def _known(brand: Brand, phone: str) -> int:
    found = brand.contacts.find("phone", phone)
    assert found is not None, phone
    return found.id


def _joined(brand: Brand, files: DemoFiles) -> None:
    """Those with a member's number joined when they came."""
    with brand, brand.transaction():
        for row in files.rows("arrivals"):
            if row["member"]:
                at = _instant(brand, row["arrived_at"])
                brand.membership.join(_known(brand, row["phone"]), row["member"], at=at, source="house")


def _befriended(brand: Brand, files: DemoFiles, codes: dict[str, str]) -> None:
    """Friends came by an inviter's code."""
    from ..services.contacts import IdentityIn, LeadIn

    with brand:
        brand.contacts.capture_leads([
            LeadIn(
                "house", (IdentityIn.of("phone", row["phone"]),), _instant(brand, row["arrived_at"]),
                reference=f"friend-{row['phone']}", state=codes[row["inviter"]], name=row["name"],
            )
            for row in files.rows("friends")
        ])  # fmt: skip


def _visited(brand: Brand, files: DemoFiles) -> None:
    """The newsletter's link was opened by whoever came by it, and by eight times as many who then did not come."""
    with brand, brand.transaction():
        if brand.links.recorded_upto("demo"):
            return
        link = brand.links.create("newsletter", _SITE, campaign="demo")
        openings = []
        for row in files.rows("arrivals"):
            if row["channel"] == "newsletter":
                at = _instant(brand, row["arrived_at"])
                for nth in range(9):
                    visitor = hashlib.sha256(f"{row['phone']} {nth}".encode()).hexdigest()[:32]
                    opened = at - (5 + 80 * nth) * _MINUTE_MS
                    openings.append(brand.links.open(link.code, at=opened, visitor=visitor, agent=_AGENT))
        brand.links.record(openings, spool="demo", upto=1)


def _played(session: Session, files: DemoFiles, clock: DemoClock) -> None:
    """Once a week some members open the pages for customers: a wheel, a check-in, a coupon.

    What a form is known by is made of who sent it and when, so that it does nothing a second time.
    """
    from ..testing.clients import Visitor
    from ..web import create_app

    brand = session.brand("demo")
    here: Any = SimpleNamespace(id=brand.id, app=SimpleNamespace(web=create_app(session.installation)))
    members = [row["phone"] for row in files.rows("arrivals") if row["member"]][slice(*_PLAYERS)]
    for nth, day in enumerate(_ROUNDS):
        with clock.at(files.day(day), 19):
            for place, phone in enumerate(members[nth % 2 :: 2]):
                with brand:
                    signed = brand.consumers.sign_in(_known(brand, phone), "phone-code", strong=True).session
                    cookie = brand.consumers.seals.sign("session", signed)
                visitor = Visitor(here, cookie)
                for path, act in _ACTS[: 3 if place % 3 == nth % 3 else 2]:
                    page = visitor.get(path)
                    if f'{act}"' in page.get_data(as_text=True):  # who has the coupon already is offered no other one
                        once = hashlib.sha256(f"{phone} {day} {act}".encode()).hexdigest()[:32]
                        visitor.submit(page, act, once=once)
