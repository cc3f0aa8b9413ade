"""Awards by hand (人工奖励): questions answered 问答, orders shown 晒单, and what else staff reward in a chat.

An award names its reason and who gives it, is given once per key through the
core's rewards, and counts against what its actor may give on one day of the
brand. Awards found by a rule wait until a person approves or refuses them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import (
    Conflict,
    Invalid,
    NotFound,
    ScrmError,
    clean_text,
    execute,
    new_uid,
    page_size,
    transactional,
)

from .modes import NAME, checked_mode, took_part

if TYPE_CHECKING:
    from scrm_core.api import Brand

WHAT = {"question": "Question answered 问答", "order-show": "Order shown 晒单", "other": "Other 其他"}
CHAT = "chat"
STATES = ("pending", "issued", "refused")
MOST_ROWS = 200
MOST_QUANTITY = 1_000_000
MOST_MINOR = 2**53

_COLUMNS = (
    "a.id, a.uid, a.key, a.contact_id, a.what, a.mode, a.kind, a.item, a.quantity, a.cost_minor, a.reason, a.actor, "
    "a.state, a.reward, a.rule, a.message_in_id, a.decided_by, a.decided_at, a.decision, a.at"
)
_AWARD = f"SELECT {_COLUMNS} FROM interaction_games_award a "


@dataclass(frozen=True, slots=True)
class AwardIn:
    """An award to give. ``cost_minor`` is what all of ``quantity`` costs, in minor units."""

    contact_id: int
    key: str
    what: str
    kind: str
    reason: str
    item: str = ""
    quantity: int = 1
    cost_minor: int = 0
    mode: str = "native"


@dataclass(frozen=True, slots=True)
class AwardView:
    """An award; ``state`` pending, issued or refused, ``reward`` the uid of the core's reward once issued."""

    id: int
    uid: str
    key: str
    contact_id: int
    what: str
    mode: str
    kind: str
    item: str
    quantity: int
    cost_minor: int
    reason: str
    actor: str
    state: str
    reward: str
    rule: str
    message_in_id: int | None
    decided_by: str
    decided_at: int | None
    decision: str
    at: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one row of a list: created, unchanged, or refused with code and reason."""

    index: int
    outcome: str
    uid: str = ""
    code: str = ""
    reason: str = ""


class Hands:
    """The awards of one brand; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: dict[str, Any]) -> None:
        self.brand = brand
        self.settings = settings

    # Giving -------------------------------------------------------------------

    @transactional
    def give(self, wanted: AwardIn, *, actor: str) -> AwardView:
        """Give an award, once per key; the same one again answers the first.

        Raises Invalid naming the field, Conflict ``actor_limit`` when the actor has
        given enough today, ``key_used`` when the key was another award's, and what
        the issuing plugin says.
        """
        return self._give(wanted, actor)[0]

    def give_many(self, rows: Iterable[AwardIn | ScrmError], *, actor: str) -> list[Outcome]:
        """Give awards one by one, each in a transaction of its own; a refused row does not stop the others.

        A row that could not even be read may be given as its error, so that lines keep their index.
        """
        outcomes = []
        for index, row in enumerate(rows):
            try:
                if isinstance(row, ScrmError):
                    raise row
                with self.brand.transaction():
                    award, created = self._give(row, actor)
            except ScrmError as exc:
                if exc.status >= 500:
                    raise
                outcomes.append(Outcome(index, "refused", code=exc.code, reason=exc.message))
            else:
                outcomes.append(Outcome(index, "created" if created else "unchanged", award.uid))
        return outcomes

    def _give(self, wanted: AwardIn, actor: str) -> tuple[AwardView, bool]:
        wanted, actor = checked(wanted), checked_actor(actor)
        contact_id = self.brand.contacts.survivor(wanted.contact_id)
        found = self._insert(wanted, contact_id, actor, state="issued")
        award = self._by_key(wanted.key)
        if not found:
            return _same(award, wanted, contact_id), False
        self._count(actor, wanted.cost_minor)
        self._issue(award, actor)
        return self.get(award.uid), True

    def propose(self, wanted: AwardIn, *, rule: str, message_in_id: int, per_person: int) -> bool:
        """Note an award that a message earned and a person has to approve; False when it is known or enough.

        ``per_person`` bounds what one rule proposes for one person, refused ones included.
        """
        now = self.brand.now()
        return bool(
            execute(
                "INSERT INTO interaction_games_award (uid, key, contact_id, what, mode, kind, item, quantity, "
                "cost_minor, reason, actor, state, reward, rule, message_in_id, decided_by, decision, at, day) "
                "SELECT ?, ?, id, ?, ?, ?, ?, CAST(? AS BIGINT), CAST(? AS BIGINT), ?, ?, 'pending', '', ?, "
                "CAST(? AS BIGINT), '', '', CAST(? AS BIGINT), CAST(? AS BIGINT) FROM contact WHERE id = ? AND "
                "(SELECT count(*) FROM interaction_games_award p WHERE p.rule = ? AND p.contact_id = contact.id) < ? "
                "ON CONFLICT (key) DO NOTHING",
                (
                    new_uid(now), wanted.key, CHAT, wanted.mode, wanted.kind, wanted.item, wanted.quantity,
                    wanted.cost_minor, wanted.reason, f"rule:{rule}", rule, message_in_id, now, self.brand.day(now),
                    wanted.contact_id, rule, per_person,
                ),
            ).rowcount
        )  # fmt: skip

    # Deciding -----------------------------------------------------------------

    @transactional
    def approve(self, uid: str, *, actor: str, reason: str = "") -> AwardView:
        """Approve a proposed award: it is issued, once. An issued one stays as it is.

        Raises NotFound, Conflict for a refused one or when the actor has given enough today.
        """
        actor = checked_actor(actor)
        if self._decide(uid, "issued", actor, reason):
            award = self.get(uid)
            self._count(actor, award.cost_minor)
            self._issue(award, actor)
        award = self.get(uid)
        if award.state != "issued":
            raise Conflict(f"the award was refused by {award.decided_by}; give a new one", code="refused")
        return award

    @transactional
    def refuse(self, uid: str, *, actor: str, reason: str) -> AwardView:
        """Refuse a proposed award, with a reason; raises NotFound, Conflict for an issued one."""
        actor = checked_actor(actor)
        if not clean_text(reason, field="reason"):
            raise Invalid("a refusal needs a reason", field="reason")
        self._decide(uid, "refused", actor, reason)
        award = self.get(uid)
        if award.state != "refused":
            raise Conflict("the award is issued already; reverse its reward instead", code="issued")
        return award

    def _decide(self, uid: str, state: str, actor: str, reason: str) -> bool:
        changed = execute(
            "UPDATE interaction_games_award SET state = ?, decided_by = ?, decided_at = ?, decision = ? "
            "WHERE uid = ? AND state = 'pending'",
            (state, actor, self.brand.now(), clean_text(reason, field="reason"), uid),
        ).rowcount
        return bool(changed)

    # Parts --------------------------------------------------------------------

    def _insert(self, wanted: AwardIn, contact_id: int, actor: str, *, state: str) -> bool:
        now = self.brand.now()
        return bool(
            execute(
                "INSERT INTO interaction_games_award (uid, key, contact_id, what, mode, kind, item, quantity, "
                "cost_minor, reason, actor, state, reward, rule, decided_by, decision, at, day) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', '', '', '', ?, ?) ON CONFLICT (key) DO NOTHING",
                (
                    new_uid(now), wanted.key, contact_id, wanted.what, wanted.mode, wanted.kind, wanted.item,
                    wanted.quantity, wanted.cost_minor, wanted.reason, actor, state, now, self.brand.day(now),
                ),
            ).rowcount
        )  # fmt: skip

    def _count(self, actor: str, cost_minor: int) -> None:
        """Count an award against its actor's day; raises Conflict when the day is full."""
        most, money = self.settings["awards_per_actor_day"], self.settings["award_minor_per_actor_day"]
        day = self.brand.day(self.brand.now())
        execute(
            "INSERT INTO interaction_games_award_day (actor, day, given, cost_minor) VALUES (?, ?, 0, 0) "
            "ON CONFLICT (actor, day) DO NOTHING",
            (actor, day),
        )
        changed = execute(
            "UPDATE interaction_games_award_day SET given = given + 1, cost_minor = cost_minor + ? "
            "WHERE actor = ? AND day = ? AND given < ? AND cost_minor <= ?",
            (
                cost_minor, actor, day, MOST_MINOR if most is None else most,
                (2 * MOST_MINOR if money is None else money) - cost_minor,
            ),
        ).rowcount  # fmt: skip
        if not changed:
            limits = [f"{most} awards" if most is not None else "", f"{money} minor units" if money is not None else ""]
            raise Conflict(
                f"{actor} may give {' and '.join(filter(None, limits))} a day, and this would be more; "
                "another person can give it, or tomorrow",
                code="actor_limit",
            )

    def _issue(self, award: AwardView, actor: str) -> None:
        reward = self.brand.rewards.grant(
            award.kind,
            award.contact_id,
            grant_key=f"award:{award.uid}",
            item=award.item,
            quantity=award.quantity,
            cost_minor=award.cost_minor,
            reason=award.reason,
            actor=actor,
        )
        execute("UPDATE interaction_games_award SET reward = ? WHERE uid = ?", (reward.uid, award.uid))
        took_part(self.brand, award.contact_id, award.mode, award.at)
        if award.what == "question":
            self.brand.emit(NAME, "answered", award.contact_id, {"award": award.uid, "mode": award.mode})

    # Reading ------------------------------------------------------------------

    def get(self, uid: str) -> AwardView:
        """The award with this uid; raises NotFound."""
        row = execute(_AWARD + "WHERE a.uid = ?", (uid,)).fetchone()
        if row is None:
            raise NotFound(f"no award {uid!r}")
        return AwardView(*row)

    def _by_key(self, key: str) -> AwardView:
        return AwardView(*execute(_AWARD + "WHERE a.key = ?", (key,)).fetchone())

    def log(
        self, *, state: str | None = None, contact_id: int | None = None, after: int = 0, limit: int = 50
    ) -> list[AwardView]:
        """Awards with ids above ``after``, oldest first, at most ``limit``; of one state or person when given."""
        page_size(limit, MOST_ROWS)
        where, params = ["a.id > ?"], [after]
        if state is not None:
            if state not in STATES:
                raise Invalid(f"state is one of {', '.join(STATES)}", field="state")
            where.append("a.state = ?")
            params.append(state)  # type: ignore[arg-type]
        if contact_id is not None:
            where.append("a.contact_id = ?")
            params.append(contact_id)
        rows = execute(f"{_AWARD}WHERE {' AND '.join(where)} ORDER BY a.id LIMIT ?", (*params, limit)).fetchall()
        return [AwardView(*row) for row in rows]

    def said(self, award: AwardView) -> str:
        """The message that proposed an award, for whoever decides; empty when there is none or it was erased."""
        if award.message_in_id is None:
            return ""
        row = execute("SELECT text FROM message_in WHERE id = ?", (award.message_in_id,)).fetchone()
        return str(row[0]) if row is not None else ""


def checked_actor(actor: str) -> str:
    """Who acts; raises Invalid for nobody."""
    actor = clean_text(actor, field="actor", max_length=200)
    if not actor:
        raise Invalid("say who gives the award", field="actor")
    return actor


def checked(wanted: AwardIn) -> AwardIn:
    """The award with its texts cleaned; raises Invalid naming the field at fault."""
    key = clean_text(wanted.key, field="key", max_length=150)
    if not key:
        raise Invalid("give a key: it says what the award is for, and works once", field="key")
    if wanted.what not in WHAT:
        raise Invalid(f"what is one of {', '.join(WHAT)}, not {wanted.what!r}", field="what")
    reason = clean_text(wanted.reason, field="reason")
    if not reason:
        raise Invalid("an award by hand needs a reason", field="reason")
    if type(wanted.quantity) is not int or not 1 <= wanted.quantity <= MOST_QUANTITY:
        raise Invalid(f"quantity is a whole number from 1 to {MOST_QUANTITY}", field="quantity")
    if type(wanted.cost_minor) is not int or not 0 <= wanted.cost_minor <= MOST_MINOR:
        raise Invalid("cost_minor is a whole number of minor units, not below 0", field="cost_minor")
    kind = clean_text(wanted.kind, field="kind", max_length=100)
    item = clean_text(wanted.item, field="item", max_length=200)
    mode = checked_mode(wanted.mode)
    return AwardIn(wanted.contact_id, key, wanted.what, kind, reason, item, wanted.quantity, wanted.cost_minor, mode)


def _same(award: AwardView, wanted: AwardIn, contact_id: int) -> AwardView:
    given = (contact_id, wanted.what, wanted.kind, wanted.item, wanted.quantity, wanted.cost_minor)
    stored = (award.contact_id, award.what, award.kind, award.item, award.quantity, award.cost_minor)
    if given != stored:
        raise Conflict(f"the key {wanted.key!r} was used for another award; give a new key", code="key_used")
    return award
