"""KOCs of the programme: their code and link, and who pays whom once people turn out to be one."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, Invalid, NotFound, clean_text, execute, page_size, safe_target, transactional

from .models import NAME
from .scoring import TIERS

if TYPE_CHECKING:
    from scrm_core.api import Brand

CHANNEL = "koc"
COUPON = "coupon"
MOST_ROWS = 500
_CODE = re.compile(r"[A-Z0-9][A-Z0-9-]{1,29}\Z")
# Without 0, O, 1, I and L: codes are read aloud and typed.
_ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"


@dataclass(frozen=True, slots=True)
class Member:
    """A KOC: ``contact_id`` and ``contact`` (uid) are None once the person was erased.

    ``link`` is the short link's code, ``merged_into`` the code that pays for this
    one; ``rate_bp`` is None where the tier decides.
    """

    id: int
    code: str
    state: str
    contact_id: int | None
    contact: str | None
    link: str | None
    coupon_batch: str | None
    followers: int
    rate_bp: int | None
    tier: str
    carry_minor: int
    merged_into: str | None
    joined_at: int


@dataclass(frozen=True, slots=True)
class Change:
    """Who changed ``what`` of a KOC, from which value to which; empty texts for none."""

    what: str
    before: str
    after: str
    actor: str
    at: int


class Members:
    """One brand's KOCs; use it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    @transactional
    def enrol(
        self,
        contact_id: int,
        target: str,
        *,
        code: str = "",
        coupon_batch: str | None = None,
        followers: int = 0,
        rate_bp: int | None = None,
        actor: str,
    ) -> Member:
        """Make a person a KOC with a code and a link of their own; the same again answers the first.

        ``target`` is where the link leads, with ``{code}`` in it as the link's
        code; a KOC's code is drawn where none is given.
        Raises Invalid for a bad code or target and a batch that is unknown or has ended, Conflict when the code
        or coupon batch is taken, and (``enrolled``) for somebody who is a KOC already with another code, target,
        batch, followers or rate.
        """
        code = code.upper()
        contact_id = self.brand.contacts.survivor(contact_id)
        known = self.check_enrol(contact_id, target, code, coupon_batch, followers, rate_bp)
        if known is not None:
            return known
        self.brand.channels.ensure(CHANNEL, "KOC 关键意见消费者", "koc")
        code = code or "".join(secrets.choice(_ALPHABET) for _ in range(8))
        link = self.brand.links.create(CHANNEL, target, owner=NAME, campaign=code)
        made = execute(
            "INSERT INTO koc_member (code, link_id, coupon_batch, followers, rate_bp, state, carry_minor, joined_at, "
            "actor) VALUES (?, ?, ?, ?, ?, 'active', 0, ?, ?) ON CONFLICT DO NOTHING RETURNING id",
            (code, link.id, coupon_batch, followers, rate_bp, self.brand.now(), clean_text(actor, field="actor")),
        ).fetchone()
        if made is None:
            raise Conflict(f"the code {code!r} or the coupon batch {coupon_batch!r} is another KOC's", code="taken")
        self.brand.audit.note(actor, "koc.enrol", _target(code))
        owned = execute(
            "INSERT INTO koc_person (member_id, contact_id) VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING id",
            (made[0], contact_id),
        ).fetchone()
        if owned is None:
            raise Conflict("somebody has just enrolled this person", code="enrolled")
        return self.by_id(made[0])

    def check_enrol(
        self, contact_id: int, target: str, code: str, coupon_batch: str | None, followers: int, rate_bp: int | None
    ) -> Member | None:
        """The KOC that a person is already, None where one may be made; raises what :meth:`enrol` does."""
        code = code.upper()
        if code and not _CODE.match(code):
            raise Invalid("a code has 2 to 30 letters, digits and dashes, a letter or digit first", field="code")
        known = self.find(self.brand.contacts.survivor(contact_id))
        if known is not None:
            self._check_same(known, code, target, coupon_batch, followers, rate_bp)
            return known
        safe_target(target.replace("{code}", "CODE"))
        self._check_batch(coupon_batch)
        field = self.taken(code, coupon_batch)
        if field:
            told = f"the code {code!r}" if field == "code" else f"the coupon batch {coupon_batch!r}"
            raise Conflict(f"{told} is another KOC's", code="taken")
        return None

    @staticmethod
    def taken(code: str, coupon_batch: str | None, but: int = 0) -> str:
        """Which of the two another KOC than this one has: ``code``, ``coupon_batch``, or nothing."""
        for column, value in (("code", code), ("coupon_batch", coupon_batch)):
            if value and execute(f"SELECT 1 FROM koc_member WHERE {column} = ? AND id <> ?", (value, but)).fetchone():
                return column
        return ""

    def _check_same(
        self, known: Member, code: str, target: str, coupon_batch: str | None, followers: int, rate_bp: int | None
    ) -> None:
        """Refuse what a KOC who is enrolled already would not get by enrolling again; what is not said stays."""
        leads_to = self.brand.links.get(known.link).target if known.link is not None else None
        wanted = {
            "code": (code or known.code, known.code),
            "target": (target.replace("{code}", known.link or ""), leads_to),
            "coupon_batch": (coupon_batch, known.coupon_batch) if coupon_batch is not None else (),
            "followers": (followers, known.followers) if followers else (),
            "rate_bp": (rate_bp, known.rate_bp) if rate_bp is not None else (),
        }
        other = [name for name, pair in wanted.items() if pair and pair[0] != pair[1]]
        if other:
            raise Conflict(
                f"this person is the KOC {known.code} already, with another {', '.join(other)}: followers, rate_bp and "
                "coupon_batch are changed by `scrm koc change` or PATCH; code and target stay",
                code="enrolled",
            )  # fmt: skip

    def _check_batch(self, batch: str | None) -> None:
        """Where a plugin here has coupon batches, a KOC's is one of them, and open or yet to be; raises Invalid."""
        if batch is None or COUPON not in self.brand.rewards.kinds():
            return
        known = self.brand.rewards.item(COUPON, batch)
        if known is None or known.ended:
            why = "no coupon batch is called that; make it first" if known is None else known.ended
            raise Invalid(f"coupon_batch: {batch[:60]!r}: {why}", field="coupon_batch")

    def hold(self, code: str) -> Member:
        """The KOC with this code, whom no other transaction changes until this one ends; raises NotFound."""
        execute("UPDATE koc_member SET state = state WHERE code = ?", (code.upper(),))
        return self.get(code)

    @transactional
    def change(self, code: str, *, actor: str, **columns: Any) -> Member:
        """Change followers, rate_bp, coupon_batch or state; who changed what is kept.

        Raises Invalid without an actor and for a batch that is unknown or has ended, NotFound, Conflict for a
        batch that is another's (``taken``) and for a KOC who was erased (``erased``).
        """
        actor = clean_text(actor, field="actor", max_length=200)
        if not actor:
            raise Invalid("a change needs an actor: who makes it", field="actor")
        member = self.get(code)
        if member.contact_id is None:
            raise Conflict(f"the person behind {member.code} was erased; enrol somebody anew", code="erased")
        now, changed = self.brand.now(), []
        for column, value in columns.items():
            if column not in ("followers", "rate_bp", "coupon_batch", "state"):
                raise Invalid(f"{column} of a KOC cannot be changed", field=column)
            if column == "coupon_batch" and self.taken("", value, member.id):
                raise Conflict(f"the coupon batch {value!r} is another KOC's", code="taken")
            before = getattr(member, column)
            if value == before:
                continue
            if column == "coupon_batch":
                self._check_batch(value)
            execute(f"UPDATE koc_member SET {column} = ? WHERE id = ?", (value, member.id))
            execute(
                "INSERT INTO koc_change (member_id, what, before, after, actor, at) VALUES (?, ?, ?, ?, ?, ?)",
                (member.id, column, *("" if each is None else str(each) for each in (before, value)), actor, now),
            )
            changed.append(column)
        if changed:
            self.brand.audit.note(actor, "koc.change", _target(member.code), {"changed": sorted(changed)})
        return self.by_id(member.id)

    @staticmethod
    def changes(member_id: int) -> list[Change]:
        """What was changed of a KOC, oldest first."""
        rows = execute(
            "SELECT what, before, after, actor, at FROM koc_change WHERE member_id = ? ORDER BY id", (member_id,)
        ).fetchall()
        return [Change(*row) for row in rows]

    # Reading ------------------------------------------------------------------

    def find(self, contact_id: int) -> Member | None:
        """The KOC that a contact is, or None."""
        return self._one("p.contact_id = ?", contact_id)

    @staticmethod
    def any() -> bool:
        """Whether there is any KOC at all: a brand without one pays nothing for its orders passing by."""
        return execute("SELECT 1 FROM koc_member LIMIT 1").fetchone() is not None

    def get(self, code: str) -> Member:
        """The KOC with this code, in any case of letters; raises NotFound."""
        found = self._one("m.code = ?", code.upper())
        if found is None:
            raise NotFound(f"no KOC has the code {code!r}")
        return found

    def by_link(self, link: str) -> Member | None:
        """The KOC whose short link has this code, or None."""
        return self._one("l.code = ?", link)

    def by_id(self, member_id: int) -> Member:
        """The KOC with this id; raises NotFound."""
        found = self._one("m.id = ?", member_id)
        if found is None:
            raise NotFound("no such KOC")
        return found

    def standing(self, member_id: int) -> Member:
        """The KOC who is paid for a membership: itself, or the one that it was merged into."""
        (into,) = execute("SELECT coalesce(merged_into_id, id) FROM koc_member WHERE id = ?", (member_id,)).fetchone()
        return self.by_id(into)

    def page(self, *, after: int = 0, limit: int = 50) -> list[Member]:
        """KOCs with ids above ``after``, at most ``limit``."""
        page_size(limit, MOST_ROWS)
        rows = execute(f"{_VIEW} WHERE m.id > ? ORDER BY m.id LIMIT ?", (after, limit)).fetchall()
        return [_member(row) for row in rows]

    @staticmethod
    def _one(where: str, value: Any) -> Member | None:
        row = execute(f"{_VIEW} WHERE {where}", (value,)).fetchone()
        return _member(row) if row is not None else None

    # People who turn out to be one ----------------------------------------------

    def settle_merge(self, winner_id: int, loser_id: int) -> None:
        """Say anew which membership pays for which, after a merge of two contacts or its undoing.

        Whose row could not move (the winner is a KOC too) still names the merged
        contact; the survivor's membership pays for it, with its code and link alive.
        Looked at are the memberships of the two, and those that these pay for.
        """
        rows = execute(
            f"SELECT p.member_id, p.contact_id, m.merged_into_id FROM {_OF_TWO} t JOIN koc_member m ON m.id = t.id "
            "JOIN koc_person p ON p.member_id = m.id UNION SELECT p.member_id, p.contact_id, m.merged_into_id "
            f"FROM {_OF_TWO} t JOIN koc_member m ON m.merged_into_id = t.id JOIN koc_person p ON p.member_id = m.id "
            "ORDER BY 1",
            (winner_id, loser_id, winner_id, loser_id),
        ).fetchall()
        for member_id, contact_id, before in rows:
            try:
                survivor = self.find(self.brand.contacts.survivor(contact_id))
            except NotFound:
                continue  # erased since then
            into = survivor.id if survivor is not None and survivor.id != member_id else None
            if into != before:
                self._join(member_id, into)

    @staticmethod
    def _join(member_id: int, into: int | None) -> None:
        execute("UPDATE koc_member SET merged_into_id = ? WHERE id = ?", (into, member_id))
        if into is not None:
            # What one still owes the brand, the other one's next statement deducts.
            (carry,) = execute("SELECT carry_minor FROM koc_member WHERE id = ?", (member_id,)).fetchone()
            if carry:
                execute("UPDATE koc_member SET carry_minor = carry_minor + ? WHERE id = ?", (carry, into))
                execute("UPDATE koc_member SET carry_minor = 0 WHERE id = ?", (member_id,))


def _target(code: str) -> str:
    """A KOC as the audit log names them."""
    return f"koc:{code}"


_OF_TWO = "(SELECT member_id AS id FROM koc_person WHERE contact_id IN (?, ?))"
_VIEW = (
    "SELECT m.id, m.code, m.state, p.contact_id, c.uid, l.code, m.coupon_batch, m.followers, m.rate_bp, s.tier, "
    "m.carry_minor, o.code, m.joined_at FROM koc_member m LEFT JOIN koc_person p ON p.member_id = m.id "
    "LEFT JOIN contact c ON c.id = p.contact_id LEFT JOIN link l ON l.id = m.link_id "
    "LEFT JOIN koc_score s ON s.contact_id = p.contact_id LEFT JOIN koc_member o ON o.id = m.merged_into_id"
)


def _member(row: tuple[Any, ...]) -> Member:
    values = list(row)
    values[9] = TIERS[row[9] or 0]
    return Member(*values)
