"""A served brand with a coupon, a counter and every game, all of whose own words are English.

So every Chinese word on a page in English is one that the page itself forgot.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from served import Premises, make, points, serving

from scrm_core.clock import MS_PER_DAY, from_instant
from scrm_coupon_threshold.service import coupons_of
from scrm_interaction_games.awards.service import Awards
from scrm_interaction_games.awards.terms import WelfareIn
from scrm_koc.schemas import SubmissionBody, TaskBody

BRANDS = {
    "acme": """[brand]
id = "acme"
name = "Acme Baby"
timezone = "Asia/Shanghai"
currency = "CNY"
[consumer]
code_sender = "console"
membership = true
[plugins.sms]
[plugins.points]
[plugins.coupon-threshold]
[plugins.interaction-games]
[plugins.koc]
""",
    # Another brand with the same campaign, where nobody plays.
    "moonco": """[brand]
id = "moonco"
name = "Moon Co"
timezone = "America/New_York"
currency = "USD"
[plugins.points]
[plugins.interaction-games]
""",
}
PRIZES = [("p50", "50 points", 50, 100), ("p20", "20 points", 20, 300), ("p5", "5 points", 5, 600)]
TEXT = {"rules": "Once a day, for everybody.", "organiser": "Acme Baby"}
CODE = "offline_code"
QUIZ = {
    "code": "quiz", "kind": "answer", "title": "Question of the day", "amount": 30, "question": "How warm is a bath?",
    "choices": ["28 degrees", "38 degrees"], "right": 2,
}  # fmt: skip
READ = {
    "code": "read", "kind": "browse", "title": "A word on bathing", "amount": 20, "seconds": 5,
    "text": "Water of about 38 degrees is right.",
}  # fmt: skip
TASK = {
    "kind": "review", "title": "Try the serum", "brief": "Use it for two weeks, then write what you found.",
    "due_on": "2099-12-31", "fee_minor": 5_000, "keep_days": 7,
}  # fmt: skip
DAILY = {"code": "daily", "kind": "daily", "title": "Daily visit", "amount": 10}


@dataclass
class Mall(Premises):
    """The brand ``acme``: ``path`` gives addresses below its pages."""

    _given: set[str] = field(default_factory=set)

    @staticmethod
    def path(rest: str) -> str:
        return f"/p/acme/{rest}"

    def game(self, code: str) -> str:
        return self.path(f"interaction-games/g/{code}")

    def act(self, code: str, action: str, contact: int, **data: str) -> dict[str, Any]:
        """An act in a game by the service that its page uses."""
        with self.brand as brand:
            games = brand.plugins["interaction-games"].games
            return dict(games.act(code, action, contact, key=f"{action}-{contact}", data=data))

    def prizes(self, cookie: str, code: str) -> list[str]:
        """The titles of what somebody has drawn or won in a campaign, as their own page of prizes tells them."""
        told = self.told(cookie, "/prizes")["prizes"]
        return [each["prize"]["title"] for each in told if each["campaign"] == code and each["prize"]]

    def view(self, cookie: str, code: str, query: str = "") -> dict[str, Any]:
        """What the page of a game tells somebody's script."""
        return dict(self.told(cookie, f"/g/{code}{query}")["view"])

    def coupons(self, contact: int) -> list[Any]:
        with self.brand as brand:
            return list(coupons_of(brand).claims.of(contact))

    def coupon(self, contact: int, key: str = "ready") -> Any:
        """A coupon that somebody has claimed already."""
        with self.brand as brand:
            return coupons_of(brand).claims.claim("SPRING", contact, key=f"{key}-{contact}")

    def code(self) -> str:
        """A printed code that nobody has been given."""
        with self.brand as brand:
            codes = list(coupons_of(brand).pools.printed("PARCEL"))
        fresh = next(code for code in codes if code not in self._given)
        self._given.add(fresh)
        return str(fresh)

    def rewards(self, contact: int) -> int:
        with self.brand as brand:
            return len(brand.rewards.page(contact_id=contact))

    @property
    def koc(self) -> Any:
        """The KOC programme; use it inside ``with mall.brand``."""
        return self.installation.brand("acme").plugins["koc"].koc

    def task(self, contact: int, *steps: str, text: str = "") -> str:
        """Somebody becomes a KOC and gets a task of their own, taken so far; with ``text`` it is handed in."""
        with self.brand:
            member = self.koc.members.enrol(contact, "https://shop.example/serum", actor="mia")
            body = TaskBody().load({**TASK, "code": f"task-{contact}-{next(self._people)}"})
            task = self.koc.tasks.create(body, actor="mia")
            (uid,) = self.koc.tasks.invite(task.code, [member.code], actor="mia")
            for step in steps:
                if step == "approve":
                    self.koc.works.submit(uid, SubmissionBody().load({"text": text}), actor="mia")
                self.koc.works.move(uid, step, actor="mia", quality=4 if step == "approve" else None)
        return str(uid)

    def steps(self, uid: str, state: str) -> list[str]:
        """The steps in which a piece of work came to a state."""
        with self.brand:
            return [step.state for step in self.koc.works.steps(self.koc.works.get(uid).id) if step.state == state]

    def member(self, contact: int) -> None:
        with self.brand as brand:
            brand.membership.join(contact, f"M-{contact}", at=brand.now(), source="test")


@contextmanager
def opened(folder: Path) -> Iterator[Mall]:
    """The mall, made and served."""
    house = Mall(*make(folder, BRANDS))
    _games(house)
    _coupons(house)
    with serving(folder, house.base, "--no-worker"):
        yield house
    with house.installation.brand("moonco") as other:
        assert other.rewards.page() == []
    house.installation.close()


def _coupons(house: Mall) -> None:
    with house.brand as brand:
        here = coupons_of(brand)
        # Three for each person: a claim that was made twice would be seen.
        common = {"rule": {"kind": "threshold", "min_minor": 30_000, "off_minor": 3_000}, "terms": "One per order."}
        validity = {"validity": {"kind": "natural", "days": 7}, "limits": {"per_person": 3}}
        gate = {"gate": {"tasks": [{"task": "joined"}, {"task": "checked-in", "times": 3}]}}
        cash = {"rule": {"kind": "cash", "off_minor": 1_000}, "validity": {"kind": "natural", "days": 30}}
        here.batches.create({"code": "SPRING", "title": "Spring coupon", **common, **validity})
        here.batches.create({"code": "TASK", "title": "Coupon for regulars", **common, **validity, **gate})
        here.batches.create({"code": "PARCEL", "title": "Coupon from a parcel", "codes": "handed-out", **cash})
        here.pools.draw("PARCEL", 50)
        for code in ("SPRING", "TASK", "PARCEL"):
            here.batches.open(code)
        here.carts.stores.add_store("sh01", "Shop One")
        here.carts.stores.add_clerk("li", "271828", name="Lee", store="sh01", role="manager")
        welfare = Awards.of(brand).welfare
        welfare.create(
            WelfareIn(
                "spring", "Spring gift", "season", "Spring", "points", 10, 100_000, brand.now() - MS_PER_DAY,
                brand.now() + 9 * MS_PER_DAY, quantity=7, claim=True,
            ),
            actor="mia",
        )  # fmt: skip
        welfare.open("spring", actor="mia")


def _games(house: Mall) -> None:
    wins = [points(code, title, n, weight) for code, title, n, weight in PRIZES]
    for brand in ("acme", "moonco"):
        house.campaign("wheel", wins, {}, title="Lucky wheel", chances={"daily": 5}, brand=brand, **TEXT)
    house.campaign("egg", wins, {"eggs": 3}, title="Golden eggs", chances={"daily": 3}, **TEXT)
    gift = [points("p20", "20 points", 20)]
    drops = {"drops": [{"at": "00:00", "prize": "p20", "stock": 500, "minutes": 1_440}]}
    house.campaign("grab", gift, drops, title="Daily grab", **TEXT)
    with house.brand as brand:
        later = from_instant(brand.now(), brand.zone) + timedelta(hours=2)
    soon = {"drops": [{"at": f"{later:%H:%M}", "prize": "p20", "stock": 9, "minutes": 1}]}
    house.campaign("grab", gift, soon, code="later", title="Grab at the hour", **TEXT)
    daily = [points("d1", "1 point", 1), points("d5", "5 points", 5)]
    cycle = {"daily": ["d1"] * 6 + ["d5"], "milestones": [{"days": 3, "prize": "d5"}]}
    house.campaign("checkin", daily, cycle, title="Daily check-in", **TEXT)
    grown = {"plant": "Pomegranate", "stages": [20, 60, 120], "prize": "p20", "idle": {"per_hour": 10, "cap": 80}}
    house.campaign("nurture", gift, {**grown, "sources": [DAILY, READ, QUIZ]}, title="Grow a tree", **TEXT)
    bike = {"sku": "BIKE", "goods": "Balance bike", "list_minor": 29_900, "floor_minor": 9_900, "helpers": 2}
    bike["shop_url"] = "https://shop.example/pay?ticket={ticket}"
    house.campaign("bargain", [], bike, title="Bring it down", surface=CODE, **TEXT)
    wipes = {"sku": "WIPES", "goods": "Wet wipes", "price_minor": 3_990, "single_minor": 5_990, "size": 2}
    house.campaign("groupbuy", [], wipes, title="Two together", surface=CODE, code="team", **TEXT)
    hand = {"prize": "p20", "automatic": False}
    house.campaign("joingift", gift, hand, title="A gift for members", surface=CODE, code="gift", **TEXT)
    rungs = [{"invites": 1, "prize": "p20"}, {"invites": 5, "prize": "p50"}]
    ladder = {"gates": ["member", "first_order"], "poster": "Music is better shared", "rungs": rungs}
    house.campaign("invite", wins, ladder, title="Bring friends", surface=CODE, code="friends", **TEXT)
