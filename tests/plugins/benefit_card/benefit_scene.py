"""A brand with benefit cards: people, pools with codes that can be told apart, rewards, and messages to recipients."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from scrm_benefit_card.service import BenefitCards
from scrm_core.api import Gateway, MessageBatch, OutMessage, Plugin, Rendered, Sender, SendResult
from scrm_core.brands import Brand
from scrm_core.db.bulk import execute
from scrm_core.services.contacts import IdentityIn, LeadIn


def seal_key(name: str = "acme") -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(name.encode()).digest()).decode()


def table(*keys: str, more: str = "") -> str:
    """``[plugins.benefit-card]`` with the keys of these names."""
    names = ", ".join(f'"{seal_key(name)}"' for name in keys or ("acme",))
    return f"\n[plugins.benefit-card]\nseal_keys = [{names}]\nleast_days = 0\n{more}\n"


LETTERS = "[plugins.letters]\n"
"""Behind a brand's table: it sends messages."""


class _Taken:
    batch = 10

    def send(self, messages: list[OutMessage]) -> list[SendResult]:
        return [SendResult.refused("dead") if m.address.endswith("99") else SendResult.accepted() for m in messages]


class Letters(Plugin):
    """Opens runs and sends them: whoever's number ends with 99 gets nothing."""

    name, version, summary, requires_core = "letters", "1.0", "sends texts", ">=0.1.0.dev0,<1"
    senders = {"letters": Sender("sms", "Letters", "gateway")}

    def gateway(self) -> Gateway:
        return _Taken()

    def render_messages(self, batch: MessageBatch) -> list[Rendered]:
        return [Rendered("Your gift: https://example.com/l/abc") for _ in batch.recipients]


class Scene:
    """Acts on one brand; its methods enter the brand themselves."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    @property
    def cards(self) -> BenefitCards:
        return self.brand.plugins["benefit-card"].cards

    def person(self, name: str, phone: str = "") -> int:
        """The contact of a person known by a shop's buyer id, made if there is none."""
        with self.brand:
            known = (IdentityIn.of("buyer", name, "shop"), *((IdentityIn.of("phone", phone),) if phone else ()))
            self.brand.contacts.capture_lead(LeadIn("wecom", known, self.brand.now(), reference=f"lead of {name}"))
            return self.brand.contacts.find("buyer", name, "shop").id

    def pool(self, code: str = "video", cards: int = 0, **more: Any) -> None:
        """A pool with so many cards: codes CODE-0001 ... with PINs, worth 25.00 and bought for 18.00."""
        with self.brand:
            self.cards.pools.create(
                code, **{"title": "视频会员月卡", "face_minor": 2_500, "cost_minor": 1_800, "actor": "lin", **more}
            )
        if cards:
            told = self.fill(code, [{"code": f"{code}-{n:04}", "pin": f"pin{n:04}"} for n in range(cards)])
            assert (told.created, told.rejected) == (cards, 0)

    def fill(self, code: str, rows: list[dict[str, Any]]) -> Any:
        with self.brand:
            return self.cards.pools.add(code, rows, actor="lin")

    def give(self, contact_id: int, key: str, pool: str = "video") -> str:
        """A card as a reward; its uid."""
        with self.brand:
            reward = self.brand.rewards.grant("benefit-card", contact_id, grant_key=key, item=pool)
            return str(reward.issued["card"])

    def reverse(self, key: str) -> None:
        with self.brand:
            self.brand.rewards.reverse(key, reason="mistake", actor="boss")

    def reveal(self, uid: str, contact_id: int) -> tuple[str, str]:
        """The owner looks: code and PIN."""
        with self.brand:
            secret = self.cards.cards.secret(self.cards.cards.reveal(uid, contact_id))
            return secret.code, secret.pin

    def state(self, uid: str) -> str:
        with self.brand:
            return self.cards.cards.get(uid).state

    def row(self, pool: str = "video") -> dict[str, Any]:
        """The pool's row of the report; each card is in one place, and the tables agree."""
        with self.brand:
            assert self.cards.differences() == []
            (row,) = [row for row in self.brand.reports.run("benefit-card").rows if row["pool"] == pool]
        places = ("left", "expired", "waiting", "revealed", "lost")
        assert sum(row[place] for place in places) == row["cards"]
        assert sum(row[f"{place}_cost"] for place in places) == row["cost"]
        return dict(row)

    def places(self, pool: str = "video") -> tuple[int, ...]:
        """How many cards are (left, expired, waiting, revealed, lost)."""
        row = self.row(pool)
        return tuple(row[place] for place in ("left", "expired", "waiting", "revealed", "lost"))

    def write_to(self, *parties: tuple[str, int | None], plan: str = "MAY", kind: str = "notice") -> None:
        """Send a plan's message to these numbers."""
        with self.brand as brand:
            run = brand.outreach.open_run(plan, owner="letters", channel="sms", kind=kind, sender="letters")
            brand.outreach.queue_addresses(run.id, parties)
            brand.outreach.release(run.id, 10_000)
            brand.outreach.start(run.id)
            brand.outreach.drain()
            assert execute("SELECT count(*) FROM message WHERE state = 'queued'").fetchone() == (0,)
