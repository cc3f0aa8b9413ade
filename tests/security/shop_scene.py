"""Two brands with every bundled plugin, after the story of ``tests/e2e`` has been played in them: real rows everywhere.

The story runs once for all tests of this room, in this process, on SQLite; who writes takes a copy of its folder.
What staff and shop systems name in it is hostile: each text that a route takes ends with :data:`HOSTILE`, or with the
milder :data:`MILD` where a route refuses braces. Every call that was made to an API is kept, so that tests have bodies
which the routes accept.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import logging
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "e2e"), str(TESTS / "plugins" / "wechat_login"), str(TESTS / "plugins")]

from doors import InHouse  # noqa: E402
from PIL import Image  # noqa: E402
from story import Story  # noqa: E402
from story_project import BRANDS, PLUGINS, START, Outside, write_brands  # noqa: E402
from wechat_servers import WeChatServer  # noqa: E402

from scrm_core.brands import Brand  # noqa: E402
from scrm_core.clock import ManualClock  # noqa: E402
from scrm_core.db.bulk import execute  # noqa: E402
from scrm_core.installation import Installation  # noqa: E402
from scrm_core.plugin import Plugin  # noqa: E402
from scrm_koc.pictures import redraw  # noqa: E402

BASE = "http://127.0.0.1:18998"
HOSTILE = """<img src=x onerror=alert(1)>"'`{{7*7}}${7*7}</script><svg/onload=alert(2)>"""
MILD = """<img src=x onerror=alert(1)>"'"""
# Members of bodies that are words for people, wherever they stand.
FREE = {
    "title", "name", "rules", "organiser", "text", "welcome", "button", "activity", "brief", "offer", "reason", "terms",
    "goods", "plant", "question", "occasion_name", "choices", "poster", "group", "tag", "despite", "body",
    "summary", "reference", "platform", "store_name",
}  # fmt: skip
API = re.compile(r"/api/v1/(?P<brand>\w+)(?P<path>/[^?]*)")


def bundled() -> dict[str, type[Plugin]]:
    """The plugins that come with the framework, by name."""
    return {entry.name: entry.load() for entry in entry_points(group="scrm.plugins")}


@dataclass(frozen=True)
class Sent:
    """A call that the story made to an API, and how it was answered."""

    method: str
    path: str
    body: Any
    answer: Any


def hostile(value: Any, ending: str, names: set[str], key: str = "") -> Any:
    """A body in which the texts of the members ``names`` end with ``ending``."""
    if isinstance(value, dict):
        return {name: hostile(each, ending, names, name) for name, each in value.items()}
    if isinstance(value, list):
        return [hostile(each, ending, names, key) for each in value]
    return value + ending if isinstance(value, str) and key in names else value


class _Noted(InHouse):
    """Doors that keep what went through them."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.sent: list[Sent] = []

    @property
    def installation(self) -> Installation | None:
        return self._installation

    @staticmethod
    def _tries() -> Iterator[tuple[str, set[str]]]:
        """An ending, and the members that did not take it: they are left out of the next try."""
        for ending in (HOSTILE, MILD):
            refused: set[str] = set()
            for _ in range(4):
                yield ending, refused

    def send(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Any:
        found = API.match(path)
        for ending, but in self._tries() if found and body.startswith(b"{") else ():
            # A segment's name is its id, which a path could not carry.
            names = FREE - but - ({"name"} if path.endswith("/segments") else set())
            changed = json.dumps(hostile(json.loads(body), ending, names)).encode()
            answer = super().send(method, path, headers, changed)
            if answer.status < 300:
                body = changed
                break
            but |= {part for part in answer.json.get("field", "").split(".") if part in FREE}
        else:
            answer = super().send(method, path, headers, body)
        if found and found["brand"] == "acme" and answer.status < 300 and answer.body.startswith(b"{"):
            self.sent.append(Sent(method, found["path"], json.loads(body) if body else None, answer.json))
        return answer


class _Received(logging.Handler):
    """What the sender ``console`` wrote to the log, by the end of the number."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())

    def of(self, phone: str) -> list[str]:
        return [line for line in self.lines if phone[-4:] in line.partition(": ")[0]]


@dataclass
class Shop:
    """The project as the story left it; ``keys`` may do everything in their brand."""

    folder: Path
    now: int
    keys: dict[str, str]
    people: dict[str, Any]
    sent: list[Sent] = field(default_factory=list)

    @contextmanager
    def opened(self, folder: Path | None = None) -> Iterator[Installation]:
        """The installation, with a clock that stands where the story ended."""
        installation = Installation.open(folder or self.folder, clock=ManualClock(self.now))
        try:
            yield installation
        finally:
            installation.close()

    def copied(self, place: Path) -> Path:
        """A copy of the folder, to write in."""
        shutil.copytree(self.folder, place)
        return place


_POINTS = "redeem_minor = 1\n"
GAMES: dict[str, tuple[str, dict[str, Any]]] = {
    "egg": ("egg", {"eggs": 3}),
    "grab": ("grab", {"drops": [{"at": "00:00", "prize": "p", "stock": 500, "minutes": 1_440}]}),
    "tree": ("nurture", {
        "plant": "石榴", "stages": [20, 60], "prize": "p", "idle": {"per_hour": 10, "cap": 80}, "sources": [
            {"kind": "daily", "code": "daily", "title": "每日", "amount": 10},
            {"kind": "browse", "code": "read", "title": "读", "amount": 20, "seconds": 5, "text": "水温"},
            {"kind": "answer", "code": "quiz", "title": "问", "amount": 30, "question": "多热？", "choices": ["28", "38"],
             "right": 2},
        ],
    }),
    "bargain": ("bargain", {
        "sku": "BIKE", "goods": "车", "list_minor": 29_900, "floor_minor": 9_900, "helpers": 2,
        "shop_url": "https://shop.example/pay?ticket={ticket}",
    }),
    "team": ("groupbuy", {"sku": "WIPES", "goods": "湿巾", "price_minor": 3_990, "single_minor": 5_990, "size": 2}),
    "gift": ("joingift", {"prize": "p", "automatic": False}),
    "friends": ("invite", {
        "gates": ["member", "first_order"], "poster": "分享", "rungs": [{"invites": 1, "prize": "p"}],
    }),
}  # fmt: skip


def more_rows(story: Story) -> None:
    """A row of each kind that the story has none of, at Acme alone."""
    anna, bei = story.anna.uid, story.bei.uid
    tell = story.plugin
    story.api().tell("/segments", {"name": "buyers-only", "expression": "orders > 0"})
    prize = {"code": "p", "title": "积分", "kind": "points", "quantity": 5, "value_minor": 5}
    for code, (game, settings) in GAMES.items():
        about = {
            "code": code, "game": game, "title": code, "surface": "offline_code", "ends_at": story.iso(days=30),
            "rules": "每天一次。", "organiser": "茶铺", "organiser_contact": "400-000-0000", "settings": settings,
            "prizes": [{**prize, "weight": 1 if game == "egg" else 0}] if game not in ("bargain", "groupbuy") else [],
            "total_weight": 1 if game == "egg" else 0,
        }  # fmt: skip
        tell("interaction-games", "/campaigns", about)
        tell("interaction-games", f"/campaigns/{code}/publish", {"confirm": True})
    act = "/campaigns/{}/acts/{}"
    tell("interaction-games", act.format("bargain", "open"), {"contact": anna, "key": "b1"})
    tell("interaction-games", act.format("friends", "start"), {"contact": anna, "key": "f1"})
    seat = tell("interaction-games", act.format("team", "lead"), {"contact": anna, "key": "t1"})["ticket"]
    paid = {"source": "mini", "number": "TEAM-1", "amount_minor": 3_990}
    tell("interaction-games", f"/tickets/{seat}/pay", paid)
    award = {"contact": anna, "key": "aw-1", "what": "other", "kind": "points", "reason": "好评"}
    tell("interaction-games", "/awards", award)
    gift = {
        "code": "spring-gift", "title": "春礼", "occasion": "season", "occasion_name": "春", "kind": "points", "quantity": 7,
        "unit_cost_minor": 10, "cap_minor": 100_000, "starts_at": story.iso(days=-1), "ends_at": story.iso(days=9),
        "claim": True,
    }  # fmt: skip
    tell("interaction-games", "/welfare", gift)
    tell("interaction-games", "/welfare/spring-gift/open", {"reason": "春"})
    task = {
        "code": "serum", "kind": "review", "title": "试用", "brief": "两周", "due_on": "2099-12-31", "fee_minor": 500,
        "keep_days": 7,
    }  # fmt: skip
    tell("koc", "/tasks", task)
    tell("koc", "/tasks/serum/invite", {"members": ["ANNA", "BEI"]})
    tell("points", "/holds", {"contact": bei, "points": 1, "key": "hold-at-acme", "minutes": 30})
    tell("red-packet", "/packets", {"code": "party", "title": "红包", "total_minor": 1_000, "people": 5})
    tell("sms", "/packs", {"code": "PACK-1"})
    tell("coupon-threshold", "/batches", {
        "code": "SPRING", "title": "春券", "terms": "一单一张", "rule": {"kind": "threshold", "min_minor": 300, "off_minor": 30},
        "validity": {"kind": "natural", "days": 7},
    })  # fmt: skip
    tell("coupon-threshold", "/batches/SPRING/state", {"state": "open"})
    tell("live-code", "/staff/mia", {"name": "Mia", "address": "https://work.example.com/mia"}, method="PUT")
    tell("live-code", "/codes", {"channel": "counter-3", "title": "柜台"})
    tell("live-code", "/codes/counter-3/staff/mia", {}, method="PUT")
    days = {"first_day": story.iso(days=-1)[:10], "last_day": story.iso(days=30)[:10]}
    tell("live-code", "/codes/counter-3/activity", {"title": "开业", **days}, method="PUT")
    tell("live-code", "/codes/counter-3/publish")
    tell("live-code", "/personas/mia-herself", {"name": "米娅"}, method="PUT")
    # A deal that its partner has not heard of yet.
    now = story.doors.now()
    terms = {"deal": "summer", "kind": "traffic", "unit": "first_order", "quota": 10, "imbalance": 5}
    terms |= {"from_at": now - 1_000, "until_at": now + 20 * 86_400_000}
    offer = {"partner": "moonco", "terms": terms, "target": f"{story.doors.base}/healthz", "despite": "小"}
    tell("cross-brand-swap", "/deals", offer)


def _hand_in(brand: Brand) -> None:
    """Anna hands in her work of the task, with a picture."""
    picture = io.BytesIO()
    Image.new("RGB", (60, 40), "#335577").save(picture, "PNG")
    with brand:
        koc = brand.plugins["koc"].koc  # type: ignore[attr-defined]
        (uid,) = execute(
            "SELECT w.uid FROM koc_work w JOIN koc_member m ON m.id = w.member_id WHERE m.code = 'ANNA'"
        ).fetchone()
        work = koc.works.move(uid, "accept", actor="mia")
        koc.pictures.add(work.id, koc.members.get("ANNA").contact_id, redraw(picture.getvalue()))
        told = {"text": f"很好{HOSTILE}", "link": "", "marker": "", "sells": False}
        koc.hand_in(koc.works.get(uid), told, actor="koc")
        koc.works.move(uid, "return", actor="mia", reason=f"再近一点{HOSTILE}")


def _keep_proof(brand: Brand) -> None:
    """The picture of a proof is kept with the cards' campaign."""
    picture = io.BytesIO()
    Image.new("RGB", (60, 40), "#335577").save(picture, "PNG")
    data = base64.b64encode(picture.getvalue()).decode()
    with brand:
        execute(
            "INSERT INTO package_card_step_proof (campaign_id, sha256, content_type, data, at) "
            "SELECT id, ?, 'image/png', ?, ? FROM package_card_campaign WHERE code = 'SPRING'",
            (hashlib.sha256(picture.getvalue()).hexdigest(), data, brand.now()),
        )


@contextmanager
def played(folder: Path) -> Iterator[Shop]:
    """The shop after the story."""
    wechat, received = WeChatServer(), _Received()
    log = logging.getLogger("scrm.plugin.sms")
    before = log.level
    log.setLevel(logging.INFO)
    log.addHandler(received)
    outside = Outside("console", "", received.of, wechat)
    write_brands(folder, BASE, PLUGINS, outside)
    for brand in BRANDS:
        file = folder / "brands" / f"{brand}.toml"
        file.write_text(file.read_text("utf-8").replace("earn_points = 1\n", f"earn_points = 1\n{_POINTS}"), "utf-8")
    house = _Noted(folder, BASE, BRANDS, START)
    try:
        house.scrm("migrate")
        house.start()
        story = Story(house, PLUGINS, outside)
        story.play()
        more_rows(story)
        assert house.installation is not None
        _hand_in(house.installation.brand("acme"))
        _keep_proof(house.installation.brand("acme"))
        house.stop()
    finally:
        log.removeHandler(received)
        log.setLevel(before)
        wechat.close()
    yield Shop(folder, house.now(), house.keys, story.people, house.sent)
