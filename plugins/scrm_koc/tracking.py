"""Whom an order is put down to (归因): coupon code > own link within the window > what the buyer said.

What is told of an order waits for it, and the order for what is told: until it
is earned, better evidence replaces worse. An order is one row, so it pays one
KOC; an order that another scheme pays is void here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Invalid, NotFound, clean_text, execute, fetch_in, transactional

from .models import NAME
from .situations import SITUATIONS

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .members import Members

MS_PER_DAY = 86_400_000
RANK = {"code": 1, "link": 2, "told": 3}
ALL_GOODS = {
    "code": "all", "category": "", "situation": 3, "window_days": None, "first_only": None, "rate_bp": None
}  # fmt: skip
BATCH = 500
TOO_EARLY, TOO_FAR = "before_enrolment", "outside_window"
UNFIT = (TOO_EARLY, TOO_FAR)
"""Why what was told of an order is no ground to pay for it; a ground that holds takes its place."""
LATE_DAYS = 30
"""So long after payment a buyer who becomes known still brings an order to the KOC whose link they had opened."""


@dataclass(frozen=True, slots=True)
class Programme:
    """Goods that KOCs are paid for; ``rate_bp`` is None where the tier decides."""

    code: str
    category: str
    situation: int
    window_days: int
    first_only: bool
    rate_bp: int | None

    def holds(self, category: str) -> bool:
        """Whether goods of a category belong to it."""
        return not self.category or category == self.category or category.startswith(self.category + "/")


@dataclass(frozen=True, slots=True)
class Attributed:
    """An order and the KOC it is put down to; ``member`` is the code."""

    order_id: int
    source: str
    number: str
    member: str
    via: str
    programme: str
    situation: int
    state: str
    reason: str
    paid_minor: int
    base_minor: int
    rate_bp: int
    earned_minor: int


def programmes(settings: Mapping[str, Any]) -> list[Programme]:
    """The brand's programmes, filled in by their situations; one for all goods where it names none."""
    made = []
    for given in settings["programmes"] or [ALL_GOODS]:
        situation = SITUATIONS[given["situation"]]
        made.append(
            Programme(
                given["code"], given["category"], situation.number,
                situation.window_days if given["window_days"] is None else given["window_days"],
                situation.first_only if given["first_only"] is None else given["first_only"],
                given["rate_bp"],
            )
        )  # fmt: skip
    return made


class Tracking:
    """Puts one brand's orders down to KOCs; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: Mapping[str, Any], members: Members) -> None:
        self.brand = brand
        self.settings = settings
        self.members = members
        self.programmes = programmes(settings)

    # What is told -----------------------------------------------------------------

    @transactional
    def use(
        self, code: str, source: str, number: str, *, via: str = "code", opened_at: int | None = None
    ) -> Attributed | None:
        """Note that an order, here or yet to come, came with a KOC's code; the first telling of each kind stands.

        ``via`` is code (used at the checkout), told (the buyer said so) or link: the
        buyer had opened the KOC's link at the instant ``opened_at``; the link's own
        code names it too. Returns whom the order is put down to now, None while it
        is put down to nobody. An order that was paid before the KOC was enrolled, or
        farther from the telling than the programme's window, is void
        (``before_enrolment``, ``outside_window``). Raises NotFound for an unknown code.
        """
        if via not in RANK:
            raise Invalid("via is code, link or told", field="via")
        if (via == "link") != (opened_at is not None):
            raise Invalid("an opened link, and nothing else, comes with opened_at", field="opened_at")
        member = self.members.by_link(code) if via == "link" else None
        member = member or self.members.get(code)
        self._note(source, number, via, member.id, opened_at=opened_at)
        return self._decide_named(source, number)

    def use_coupon(self, batch: str, source: str, number: str, at: int) -> None:
        """A coupon of a KOC's own batch was used on an order at this instant: that is using their code."""
        row = execute("SELECT id FROM koc_member WHERE coupon_batch = ?", (batch,)).fetchone()
        if row is not None and source and number:
            self._note(source, number, "code", row[0], at=at)
            self._decide_named(source, number)

    def yield_to(self, scheme: str, fields: Mapping[str, str | int]) -> int | None:
        """Another scheme pays an order: see ``other_schemes`` in the README for how its event names it.

        Returns the id of an order that was earned here already and is to be clawed back, or None.
        """
        source, number = fields.get("source"), fields.get("number", fields.get("order"))
        order_id = fields.get("order_id", fields.get("order"))
        friend = fields.get("friend")
        if type(order_id) is not int and not number and type(friend) is int and friend:
            # A referral pays for the friend's first order.
            try:
                person = self.brand.contacts.survivor(friend)
            except NotFound:
                return None  # erased meanwhile
            order_id = first_orders([person]).get(person)
        if type(order_id) is int:
            row = execute("SELECT source, number FROM orders WHERE id = ?", (order_id,)).fetchone()
            if row is None:
                return None
            source, number = row
        if not isinstance(source, str) or not isinstance(number, str) or not source or not number:
            return None
        self._note(source, number, "other", None, scheme)
        named = "AND order_id = (SELECT id FROM orders WHERE source = ? AND number = ?)"
        execute(
            f"UPDATE koc_order SET state = 'void', reason = 'other_scheme' WHERE state = 'open' {named}",
            (source, number),
        )
        earned = execute(
            f"SELECT order_id FROM koc_order WHERE state = 'earned' {named}", (source, number)
        ).fetchone()
        return int(earned[0]) if earned is not None else None

    def _note(
        self, source: str, number: str, via: str, member_id: int | None, scheme: str = "",
        opened_at: int | None = None, at: int | None = None,
    ) -> None:  # fmt: skip
        source = clean_text(source, field="source", max_length=200)
        number = clean_text(number, field="number", max_length=200)
        if not source or not number:
            raise Invalid("name the order by its source and number", field="number" if source else "source")
        execute(
            "INSERT INTO koc_use (source, number, via, member_id, scheme, opened_at, at) VALUES (?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (source, number, via) DO NOTHING",
            (source, number, via, member_id, scheme, opened_at, self.brand.now() if at is None else at),
        )

    @staticmethod
    def has_come(source: str, number: str) -> bool:
        """Whether an order is here and was paid."""
        query = "SELECT 1 FROM orders WHERE source = ? AND number = ? AND paid_at IS NOT NULL"
        return execute(query, (source, number)).fetchone() is not None

    # Deciding ---------------------------------------------------------------------

    def _decide_named(self, source: str, number: str) -> Attributed | None:
        row = execute("SELECT id FROM orders WHERE source = ? AND number = ?", (source, number)).fetchone()
        return self.decide(row[0]) if row is not None else None

    @transactional
    def decide(self, order_id: int) -> Attributed | None:
        """Put a paid order down to a KOC by the best evidence there is, once; better evidence later replaces it.

        Returns what stands, None where nothing speaks for a KOC.
        """
        held = "" if self.brand.handle.engine == "sqlite" else " FOR SHARE"
        row = execute(
            "SELECT source, number, contact_id, paid_at, paid_minor FROM orders WHERE id = ? AND paid_at IS NOT NULL "
            f"AND paid_minor > 0{held}",
            (order_id,),
        ).fetchone()
        if row is None:
            return None
        source, number, contact_id, paid_at, paid = row
        programme, base = self._programme(order_id, paid)
        if programme is None:
            return None
        found = self._evidence(source, number, contact_id, paid_at, programme)
        if found is None:
            return self.get(order_id)
        via, member_id, unfit = found
        member = self.members.standing(member_id)
        if member.state == "left":
            return self.get(order_id)
        # Unfit first: what is void for its buyer is decided again when a merge is undone.
        reason = unfit or self._void(source, number, contact_id, member.contact_id)
        values = (
            member.id, via, programme.code, programme.situation, int(programme.first_only), paid, base,
            self._rate(member, programme), "void" if reason else "open", reason,
        )  # fmt: skip
        made = execute(
            "INSERT INTO koc_order (order_id, member_id, via, programme, situation, first_only, paid_minor, "
            "base_minor, rate_bp, state, reason, earned_minor, entries, at, day) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, ?, ?) "
            "ON CONFLICT (order_id) DO NOTHING RETURNING id",
            (order_id, *values, paid_at, self.brand.day(paid_at)),
        ).fetchone()
        if made is None:
            # A worse ground gives way as long as nothing was earned, and one that does not hold to any that does.
            weaker = [f"reason IN {_UNFIT}"] if not unfit else []
            worse = [each for each, rank in RANK.items() if rank > RANK[via]]
            if worse:
                weaker.append(f"via IN ({', '.join('?' * len(worse))})")
            if weaker:
                made = execute(
                    "UPDATE koc_order SET member_id = ?, via = ?, programme = ?, situation = ?, first_only = ?, "
                    "paid_minor = ?, base_minor = ?, rate_bp = ?, state = ?, reason = ? WHERE order_id = ? "
                    f"AND entries = 0 AND state <> 'earned' AND ({' OR '.join(weaker)}) RETURNING id",
                    (*values, order_id, *worse),
                ).fetchone()
        if made is not None and not reason:
            told: dict[str, str | int] = {"order": order_id, "source": source, "number": number, "member": member.code}
            self.brand.emit(NAME, "attributed", contact_id, {**told, "via": via})
        return self.get(order_id)

    def catch_up(self) -> int:
        """Decide orders whose buyers became known after they paid; returns how many were put down to a KOC.

        Also those of a code told in the last day: the code may have been told in
        the very moment the order came, or the goods' category have come after both.
        """
        now = self.brand.now()
        paid = now - LATE_DAYS * MS_PER_DAY
        opened = paid - max(programme.window_days for programme in self.programmes) * MS_PER_DAY
        found = after = 0
        while True:
            # Some are put down to nobody, now and at every later round: they may not hold up those behind them.
            rows = execute(
                "SELECT id FROM (SELECT o.id AS id FROM koc_member m JOIN visit v ON v.link_id = m.link_id "
                "JOIN orders o ON o.contact_id = v.contact_id AND o.paid_at >= v.at WHERE v.contact_id IS NOT NULL "
                "AND v.bot = 0 AND v.at >= ? AND o.paid_at >= ? AND o.paid_minor > 0 AND o.id > ? "
                "UNION SELECT o.id FROM koc_use u JOIN orders o ON o.source = u.source AND o.number = u.number "
                "WHERE u.member_id IS NOT NULL AND u.at >= ? AND o.paid_at IS NOT NULL AND o.paid_minor > 0 "
                "AND o.id > ?) f WHERE NOT EXISTS (SELECT 1 FROM koc_order k WHERE k.order_id = f.id "
                f"AND k.reason NOT IN {_UNFIT}) ORDER BY id LIMIT ?",
                (opened, paid, after, now - MS_PER_DAY, after, BATCH),
            ).fetchall()
            decided = [self.decide(order_id) for (order_id,) in rows]
            found += sum(each is not None and each.reason not in UNFIT for each in decided)
            if len(rows) < BATCH:
                return found
            after = rows[-1][0]

    def _programme(self, order_id: int, paid: int) -> tuple[Programme | None, int]:
        """The first programme that goods of an order belong to, and what was paid for these goods.

        Where a source tells no money per line, all that was paid counts.
        """
        lines = execute(
            "SELECT l.sku, coalesce(p.category, ''), l.paid_minor FROM order_line l "
            "LEFT JOIN product p ON p.sku = l.sku WHERE l.order_id = ? AND l.gift = 0",
            (order_id,),
        ).fetchall()
        excluded = set(self.settings["excluded_skus"])
        told = any(money for _, _, money in lines)
        counted = [(category, money) for sku, category, money in lines if sku not in excluded]
        for programme in self.programmes:
            own = [money for category, money in counted if programme.holds(category)]
            if own:
                return programme, min(sum(own), paid) if told else paid
            if not lines and not programme.category:
                return programme, paid
        return None, 0

    def _evidence(
        self, source: str, number: str, contact_id: int | None, paid_at: int, programme: Programme
    ) -> tuple[str, int, str] | None:
        """(via, member's id, "") of the best ground; of the best that does not hold, with why, where none does."""
        rows = execute(
            "SELECT u.via, u.member_id, u.at, m.joined_at FROM koc_use u JOIN koc_member m ON m.id = u.member_id "
            "WHERE u.source = ? AND u.number = ? AND u.via <> 'link'",
            (source, number),
        ).fetchall()
        window = programme.window_days * MS_PER_DAY
        grounds = {
            via: (via, member_id, _unfit(paid_at, at, joined_at, window)) for via, member_id, at, joined_at in rows
        }
        link = self._last_link(contact_id, source, number, (paid_at - window, paid_at))
        if link is not None:
            member_id, joined_at = link
            grounds["link"] = ("link", member_id, TOO_EARLY if paid_at < joined_at else "")
        best = sorted(grounds.values(), key=lambda ground: (bool(ground[2]), RANK[ground[0]]))
        return best[0] if best else None

    @staticmethod
    def _last_link(
        contact_id: int | None, source: str, number: str, window: tuple[int, int]
    ) -> tuple[int, int] | None:
        """(id, joined_at) of whose link the buyer last opened, or last came through, in the window before payment."""
        span = (contact_id, *window)
        row = execute(
            "SELECT m.id, m.joined_at FROM (SELECT link_id, at FROM visit "
            "WHERE contact_id = ? AND at >= ? AND at <= ? AND bot = 0 "
            "UNION ALL SELECT link_id, at FROM touch WHERE contact_id = ? AND at >= ? AND at <= ? "
            "AND link_id IS NOT NULL "
            "UNION ALL SELECT told.link_id, u.opened_at FROM koc_use u JOIN koc_member told ON told.id = u.member_id "
            "WHERE u.source = ? AND u.number = ? AND u.via = 'link' AND u.opened_at >= ? AND u.opened_at <= ?) t "
            "JOIN koc_member m ON m.link_id = t.link_id ORDER BY t.at DESC, m.id LIMIT 1",
            (*span, *span, source, number, *window),
        ).fetchone()
        return (row[0], row[1]) if row is not None else None

    @staticmethod
    def _void(source: str, number: str, buyer: int | None, own: int | None) -> str:
        other = execute(
            "SELECT 1 FROM koc_use WHERE source = ? AND number = ? AND via = 'other'", (source, number)
        ).fetchone()
        if other is not None:
            return "other_scheme"
        return "own_order" if buyer is not None and buyer == own else ""

    def _rate(self, member: Any, programme: Programme) -> int:
        if member.rate_bp is not None:
            return int(member.rate_bp)
        if programme.rate_bp is not None:
            return programme.rate_bp
        return int(self.settings[f"rate_{member.tier.lower()}_bp"])

    # Reading ------------------------------------------------------------------

    def get(self, order_id: int) -> Attributed | None:
        """What an order is put down to, or None."""
        found = self.orders("k.order_id = ?", order_id)
        return found[0] if found else None

    def named(self, source: str, number: str) -> Attributed:
        """What an order, named by source and number, is put down to; raises NotFound where nothing is."""
        found = self.orders("o.source = ? AND o.number = ?", source, number)
        if not found:
            raise NotFound(f"order {number!r} is put down to no KOC")
        return found[0]

    @staticmethod
    def orders(where: str, *params: Any) -> list[Attributed]:
        """Attributed orders by a condition on ``k``, ``o`` and ``m``."""
        rows = execute(
            "SELECT k.order_id, o.source, o.number, m.code, k.via, k.programme, k.situation, k.state, k.reason, "
            "k.paid_minor, k.base_minor, k.rate_bp, k.earned_minor FROM koc_order k JOIN orders o ON o.id = k.order_id "
            f"JOIN koc_member m ON m.id = k.member_id WHERE {where}",
            params,
        ).fetchall()
        return [Attributed(*row) for row in rows]


_UNFIT = f"('{TOO_EARLY}', '{TOO_FAR}')"


def _unfit(paid_at: int, told_at: int, joined_at: int, window: int) -> str:
    """Why a code that was told does not speak for an order: the KOC was none yet, or the payment is too far from it."""
    if paid_at < joined_at:
        return TOO_EARLY
    return TOO_FAR if abs(paid_at - told_at) > window else ""


def first_orders(contact_ids: list[int]) -> dict[int, int]:
    """Each contact's first valid order: the earliest payment, the lowest id among equals."""
    rows = fetch_in(
        "SELECT contact_id, id FROM (SELECT contact_id, id, row_number() OVER (PARTITION BY contact_id "
        "ORDER BY paid_at, id) AS place FROM orders WHERE valid = 1 AND contact_id IN ({in})) f WHERE place = 1",
        contact_ids,
    )
    return dict(rows)
