"""Join gift (入会有礼): one gift per member identity, ever, in whichever campaign."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, Forbidden, execute, insert_rows

from .certain import state_of, title_of, unknown_prizes
from .social_models import GiftKey
from .social_schemas import JoinGiftSettings
from .social_words import JOINGIFT

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from ..engine.turns import Desk, Turn


class JoinGift:
    """A gift for becoming a member, fetched on the page or given at once.

    Who had it is kept as keyed hashes of every identity the person has, the
    member number among them: leaving and joining again, another campaign, a
    merge or a fresh contact with the same phone never give a second one.
    """

    kind = "joingift"
    title = {"zh": "入会有礼", "en": "Join gift"}
    mechanics: frozenset[str] = frozenset()
    draws = False
    Settings = JoinGiftSettings
    actions = {"claim": "claim"}
    page = "games_joingift.html"
    refusals = JOINGIFT

    def check(self, campaign: Any) -> Iterable[str]:
        """Problems that refuse publishing: the gift is a prize of the campaign."""
        yield from unknown_prizes(campaign, [campaign.settings["prize"]])

    def view(self, turn: Turn) -> dict[str, Any]:
        """The gift, and whether this person may have it; writes nothing."""
        gift = next((prize for prize in turn.prizes() if prize.code == turn.settings["prize"]), None)
        answer: dict[str, Any] = {
            "gift": gift.title if gift else "",
            "left": gift.stock_left if gift else None,
            "automatic": turn.settings["automatic"],
            "member": False,
            "state": "visitor",
            "award": state_of(turn, "member-gift"),
        }
        if turn.contact_id is None:
            return answer
        answer["member"] = turn.brand.membership.current(turn.contact_id) is not None
        mine = execute(
            "SELECT campaign_id FROM interaction_games_member_gift WHERE contact_id = ?", (turn.contact_id,)
        ).fetchone()
        if mine is not None:
            answer["state"] = "received" if mine[0] == turn.campaign.id else "had"
        elif not answer["member"]:
            answer["state"] = "not_member"
        else:
            answer["state"] = "had" if _had(turn.brand, turn.contact_id) else "open"
        return answer

    def claim(self, turn: Turn) -> dict[str, Any]:
        """Fetch the gift. Raises Forbidden for somebody who is no member, Conflict for a second gift or none left."""
        assert turn.contact_id is not None
        if turn.brand.membership.current(turn.contact_id) is None:
            raise Forbidden("the gift is for members; become one first", code="not_member")
        return self._give(turn)

    def on_member(self, desk: Desk, event: Any) -> None:
        """Somebody became a member: the gift is given at once where the campaign says so."""
        if not desk.settings["automatic"] or desk.campaign.phase(event.at) != "running":
            return
        contact_id = desk.brand.contacts.present(event.contact_id)
        if contact_id is None:
            return  # erased meanwhile
        if _had(desk.brand, contact_id):
            # What is known of the person now counts too, so that a changed phone opens no second door.
            _keep(desk.brand, contact_id)
            return
        try:
            with desk.brand.transaction():
                self._give(desk.turn(contact_id, "member-gift"))
        except Conflict as refused:
            # Sold out, or had in another way: joining itself goes on, and the page says why.
            if refused.code not in ("sold_out", "prize_limit", "had_gift"):
                raise

    def _give(self, turn: Turn) -> dict[str, Any]:
        assert turn.contact_id is not None
        keys = _keys(turn.brand, turn.contact_id)
        made = execute(
            "INSERT INTO interaction_games_member_gift (campaign_id, contact_id, prize, at) VALUES (?, ?, ?, ?) "
            "ON CONFLICT DO NOTHING",
            (turn.campaign.id, turn.contact_id, turn.settings["prize"], turn.now),
        ).rowcount
        # Every key is new, or somebody with one of them had the gift: the table itself decides between two at once.
        if made != 1 or _insert(turn.brand, keys) != len(keys):
            raise Conflict("the join gift is given once per person, and you have had it", code="had_gift")
        award = turn.award(turn.settings["prize"], "member-gift", reason="join gift 入会有礼")
        turn.emit("member-gift", {"campaign": turn.campaign.code, "prize": turn.settings["prize"]})
        return {"prize": turn.settings["prize"], "title": title_of(turn, turn.settings["prize"]), "state": award.state}


def _keys(brand: Brand, contact_id: int) -> list[str]:
    """Keyed hashes of what identifies the person: identities, member numbers of all times, merged contacts."""
    said = {
        ("identity", *row)
        for row in execute("SELECT kind, namespace, value FROM identity WHERE contact_id = ?", (contact_id,)).fetchall()
    }
    said |= {("member", number) for number in _numbers(brand, contact_id)}
    (uid,) = execute("SELECT uid FROM contact WHERE id = ?", (contact_id,)).fetchone()
    said.add(("contact", uid))
    digest = brand.contacts.suppressions.digest
    return sorted(digest("member-gift", *parts) for parts in said)


def _numbers(brand: Brand, contact_id: int) -> Iterator[str]:
    """Member numbers among what the person was a member as; a status that several have ("gold") is none."""
    for each in brand.membership.history(contact_id):
        shared = execute(
            "SELECT 1 FROM membership WHERE identity = ? AND contact_id <> ? AND left_at IS NULL",
            (each.identity, contact_id),
        ).fetchone()
        if shared is None and any(character.isdigit() for character in each.identity):
            yield each.identity


def _had(brand: Brand, contact_id: int) -> bool:
    keys = _keys(brand, contact_id)
    marks = ", ".join("?" * len(keys))
    row = execute(
        "SELECT 1 FROM interaction_games_member_gift WHERE contact_id = ? "
        f"UNION ALL SELECT 1 FROM interaction_games_gift_key WHERE digest IN ({marks}) LIMIT 1",
        (contact_id, *keys),
    ).fetchone()
    return row is not None


def _insert(brand: Brand, keys: list[str]) -> int:
    now = brand.now()
    return insert_rows(
        GiftKey, ("digest", "at"), [(key, now) for key in keys], on_conflict="ON CONFLICT (digest) DO NOTHING"
    )


def _keep(brand: Brand, contact_id: int) -> None:
    _insert(brand, _keys(brand, contact_id))
