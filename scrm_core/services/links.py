"""Short links (短链): unguessable codes that lead to a stored target, and the visits to them.

A target is checked when it is stored and again when somebody is sent there. It
is never taken from the request, so a link cannot be bent to another place.
"""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import eventlog
from ..clock import MS_PER_DAY
from ..db import transactional
from ..db.bulk import allocate_ids, execute, fetch_in, insert_returning, insert_rows
from ..errors import Gone, Invalid, NotFound
from ..limits import LIMITS
from ..models import Link
from ..models import Visit as VisitRow
from ..values.paging import page_size
from ..values.targets import is_safe, safe_target
from ..values.text import clean_text
from . import audit
from .survivors import begin_writing, survivor
from .visitors import is_bot

if TYPE_CHECKING:
    from ..brands import Brand

# Stands for a link's own code while a target of many links is checked once; no address has it by chance.
_CODE_MARK = "-own-code-of-the-link-"
_SPOOL = "visit-spool:"
_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_COLUMNS = ("code", "channel_id", "target", "variant", "owner", "campaign", "created_at", "expires_at")
_VIEW = (
    "SELECT l.id, l.code, c.code, l.target, l.variant, l.owner, l.campaign, l.created_at, l.expires_at, "
    "l.disabled_at FROM link l JOIN channel c ON c.id = l.channel_id "
)



@dataclass(frozen=True, slots=True)
class LinkView:
    """A short link. ``path`` is where it answers below the installation's base URL.

    ``owner`` is the plugin that made it, or empty; ``campaign`` is the owner's.
    ``expires_at`` and ``disabled_at`` are instants or None.
    """

    id: int
    code: str
    channel: str
    target: str
    variant: str
    owner: str
    campaign: str
    created_at: int
    expires_at: int | None
    disabled_at: int | None

    @property
    def path(self) -> str:
        return f"/l/{self.code}"


@dataclass(frozen=True, slots=True)
class LinkFigures:
    """What a link brought, programs left out: ``visits``, ``visitors`` (browsers) and ``people`` who came as leads.

    ``capped``: only its newest visits were looked at, and there are more.
    """

    visits: int = 0
    visitors: int = 0
    people: int = 0
    capped: bool = False


@dataclass(frozen=True, slots=True)
class Visit:
    """A link was opened: where to send the visitor, and whether it is a program."""

    target: str
    visit_id: int
    bot: bool


@dataclass(frozen=True, slots=True)
class Opening:
    """A link that is being opened: where to send the visitor, and what there is to record of the visit."""

    target: str
    link_id: int
    at: int
    visitor: str
    bot: bool
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asker:
    """Who opens a link: its code, the value of the visitor's cookie, the User-Agent."""

    code: str
    visitor: str
    agent: str


@dataclass(frozen=True, slots=True)
class Attribution:
    """The visit that a person's coming is put down to (归因)."""

    visit_id: int
    link_id: int
    link: str
    channel_id: int
    channel: str
    at: int


_LINK_BY_CODE = (
    "SELECT l.code, l.id, l.target, l.expires_at, l.disabled_at, c.code, l.variant, l.owner, l.campaign "
    "FROM link l JOIN channel c ON c.id = l.channel_id WHERE "
)


def _opening(row: tuple[Any, ...], asker: Asker, at: int) -> Opening:
    """A link's row of ``_LINK_BY_CODE`` as it is opened; raises Gone for one that has ended."""
    code, link_id, target, expires_at, disabled_at, channel, variant, owner, campaign = row
    if disabled_at is not None or (expires_at is not None and expires_at <= at):
        raise Gone("this link has ended")
    if not is_safe(target):
        raise Gone("this link leads nowhere safe")
    visitor = clean_text(asker.visitor, field="visitor", max_length=LIMITS.name)
    data = {
        "link_id": link_id,
        "code": code,
        "channel": channel,
        "variant": variant,
        "owner": owner,
        "campaign": campaign,
        "visitor": visitor,
    }
    return Opening(target, link_id, at, visitor, is_bot(asker.agent), data)


class Links:
    """A brand's short links; use it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    # Links -------------------------------------------------------------------

    @transactional
    def create(
        self,
        channel_code: str,
        target: str,
        *,
        variant: str = "",
        owner: str = "",
        campaign: str = "",
        expires_at: int | None = None,
        actor: str = "",
    ) -> LinkView:
        """Create a link of a channel with a fresh code; with ``actor`` the audit log names who did.

        Raises NotFound for an unknown channel, and Invalid for a target that is
        not an absolute http(s) address or that hides where it leads.
        """
        (made,) = self.create_many(
            channel_code, target, 1, owner=owner, campaign=campaign, variants=[variant], expires_at=expires_at
        )
        if actor:
            audit.record(self.brand, actor, "link.create", f"link:{made.code}", {"channel": made.channel})
        return made

    @transactional
    def create_many(
        self,
        channel_code: str,
        target: str,
        count: int,
        *,
        owner: str = "",
        campaign: str = "",
        variants: Sequence[str] = (),
        expires_at: int | None = None,
    ) -> list[LinkView]:
        """Create ``count`` links alike at once, each with a code of its own: one per recipient or card.

        ``{code}`` in the target becomes the link's own code, so that the page
        behind it knows which one was opened. ``variants``, one per link, may
        differ. Raises what :meth:`create` raises.
        """
        if count < 1 or (variants and len(variants) != count):
            raise Invalid("one variant per link, and at least one link", field="count" if count < 1 else "variants")
        safe = safe_target(target.replace("{code}", _CODE_MARK) if isinstance(target, str) else target)
        variants = [clean_text(each, field="variant", max_length=LIMITS.name) for each in variants] or [""] * count
        owner = clean_text(owner, field="owner", max_length=LIMITS.name)
        campaign = clean_text(campaign, field="campaign", max_length=LIMITS.name)
        if expires_at is not None and (type(expires_at) is not int or not 0 < expires_at <= LIMITS.integer):
            raise Invalid("expires_at is an instant in epoch milliseconds", field="expires_at")
        begin_writing()
        channel, now = self.brand.channels.get(channel_code), self.brand.now()
        made: list[LinkView] = []
        while len(made) < count:
            # A code that happens to be taken is simply drawn again.
            missing = Counter(variants) - Counter(link.variant for link in made)
            rows = {
                (code := new_code()): (
                    code, channel.id, safe.replace(_CODE_MARK, code), variant, owner, campaign, now, expires_at
                )
                for variant in missing.elements()
            }  # fmt: skip
            ids = insert_returning(
                Link, _COLUMNS, list(rows.values()), returning=("code", "id"),
                on_conflict="ON CONFLICT (code) DO NOTHING",
            )  # fmt: skip
            made += [
                LinkView(link_id, code, channel.code, *rows[code][2:], None) for code, link_id in dict(ids).items()
            ]
        return _in_order(made, variants)

    @transactional
    def disable(self, code: str, *, actor: str = "") -> LinkView:
        """Switch a link off for good: it then answers 410. Disabling it again changes nothing.

        With ``actor`` the audit log names who did.
        """
        begin_writing()
        ended = execute(
            "UPDATE link SET disabled_at = ? WHERE code = ? AND disabled_at IS NULL", (self.brand.now(), code)
        )
        if actor and ended.rowcount:
            audit.record(self.brand, actor, "link.disable", f"link:{code}")
        return self.get(code)

    def get(self, code: str) -> LinkView:
        """The link with this code; raises NotFound."""
        row = execute(_VIEW + "WHERE l.code = ?", (code,)).fetchone()
        if row is None:
            raise NotFound("no such link")
        return LinkView(*row)

    def page(
        self, *, channel: str | None = None, after: int | None = None, limit: int = 50
    ) -> list[LinkView]:
        """Links with ids above ``after``, ascending, at most ``limit``; of one channel when given."""
        if not 1 <= limit <= LIMITS.page_rows:
            raise Invalid(f"limit must lie between 1 and {LIMITS.page_rows}", field="limit")
        where, params = ["l.id > ?"], [after or 0]
        if channel is not None:
            where.append("l.channel_id = ?")
            params.append(self.brand.channels.get(channel).id)
        rows = execute(f"{_VIEW}WHERE {' AND '.join(where)} ORDER BY l.id LIMIT ?", [*params, limit]).fetchall()
        return [LinkView(*row) for row in rows]

    def newest(self, *, channel: str | None = None, before: int | None = None, limit: int = 50) -> list[LinkView]:
        """Links, the newest first, of one channel when given; ``before`` is a link's id to page on from."""
        page_size(limit, LIMITS.page_rows)
        where, params = ["l.id < ?"], [before or 2**62]
        if channel is not None:
            where.append("l.channel_id = ?")
            params.append(self.brand.channels.get(channel).id)
        rows = execute(f"{_VIEW}WHERE {' AND '.join(where)} ORDER BY l.id DESC LIMIT ?", [*params, limit]).fetchall()
        return [LinkView(*row) for row in rows]

    def figures(self, link_ids: Sequence[int], *, most: int = 2_000) -> dict[int, LinkFigures]:
        """What each link brought; of each the newest ``most`` rows of visits and of people are looked at."""
        newest = "FROM visit v WHERE v.link_id = l.id AND v.bot = 0 ORDER BY v.at DESC LIMIT"
        rows = fetch_in(
            f"SELECT l.id, (SELECT count(*) FROM (SELECT 1 {newest} {most + 1}) x), "
            f"(SELECT coalesce(sum(x.times), 0) FROM (SELECT v.times {newest} {most}) x), "
            f"(SELECT count(DISTINCT x.visitor) FROM (SELECT v.visitor {newest} {most}) x WHERE x.visitor <> ''), "
            "(SELECT count(DISTINCT x.contact_id) FROM (SELECT t.contact_id FROM touch t WHERE t.link_id = l.id "
            f"AND t.kind = 'lead' LIMIT {most}) x) FROM link l WHERE l.id IN ({{in}})",
            list(link_ids),
        )
        return {row[0]: LinkFigures(int(row[2]), row[3], row[4], max(row[1], row[4]) > most) for row in rows}

    # Visits ------------------------------------------------------------------

    def visit(self, code: str, *, at: int, visitor: str, agent: str) -> Visit:
        """Record that the link was opened at instant ``at``; the answer says where to send the visitor.

        ``visitor`` is the random value of the visitor's cookie, ``agent`` the
        User-Agent. Visits of programs (bots, link previews) are kept but flagged
        and append no ``link.visited``. Raises NotFound for an unknown code and
        Gone for a link that has expired or was disabled.
        """
        # Only a known code comes further: guessing never takes the write lock.
        opening = self.open(code, at=at, visitor=visitor, agent=agent)
        return Visit(opening.target, self.record([opening])[0], opening.bot)

    def open(self, code: str, *, at: int, visitor: str, agent: str) -> Opening:
        """Like :meth:`visit`, but the visit is still to be recorded; nothing is written."""
        row = execute(_LINK_BY_CODE + "l.code = ?", (code,)).fetchone()
        if row is None:
            raise NotFound("no such link")
        return _opening(row, Asker(code, visitor, agent), at)

    def open_many(self, askers: Sequence[Asker], *, at: int) -> list[Opening | None]:
        """Like :meth:`open` for links that are opened at once; None for one that leads nowhere."""
        rows = fetch_in(_LINK_BY_CODE + "l.code IN ({in})", list({asker.code for asker in askers}))
        found = {row[0]: row for row in rows}
        openings: list[Opening | None] = []
        for asker in askers:
            try:
                row = found.get(asker.code)
                openings.append(None if row is None else _opening(row, asker, at))
            except (Gone, Invalid):
                openings.append(None)
        return openings

    @transactional
    def record(self, openings: Sequence[Opening], *, spool: str = "", upto: int = 0) -> list[int]:
        """Record visits in one transaction, and how far a spool of visits has been recorded; returns their ids."""
        begin_writing()
        ids = allocate_ids(VisitRow, len(openings))
        insert_rows(
            VisitRow,
            ("id", "link_id", "at", "visitor", "bot"),
            [(key, v.link_id, v.at, v.visitor, int(v.bot)) for key, v in zip(ids, openings, strict=True)],
        )
        events = [
            ("link.visited", None, each.at, 0, _ENCODE({"visit_id": key, **each.data}))
            for key, each in zip(ids, openings, strict=True)
            if not each.bot
        ]
        eventlog.append_encoded(events, recorded_at=self.brand.now())
        if spool:
            execute(
                "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (_SPOOL + spool, str(upto)),
            )
        return ids

    def recorded_upto(self, spool: str) -> int:
        """How far a spool of visits has been recorded for this brand."""
        row = execute("SELECT value FROM meta WHERE key = ?", (_SPOOL + spool,)).fetchone()
        return 0 if row is None else int(row[0])

    @transactional
    def forget_spool(self, spool: str) -> None:
        """Forget about a spool that is no more."""
        execute("DELETE FROM meta WHERE key = ?", (_SPOOL + spool,))

    @transactional
    def attribute(self, visitor: str, contact_id: int, at: int) -> Attribution | None:
        """Put a contact's coming at instant ``at`` down to the visitor's latest visit before it.

        Only visits of people within the brand's attribution window
        (``[attribution] window_days``, days of 24 hours) count; None when there is
        none. Those of them that belong to nobody yet become the contact's.
        Raises NotFound for an unknown contact.
        """
        if not visitor:
            return None
        begin_writing()
        contact_id = survivor(contact_id)
        window = (visitor, at - self.brand.config.attribution_days * MS_PER_DAY, at)
        row: tuple[Any, ...] | None = execute(
            "SELECT v.id, l.id, l.code, c.id, c.code, v.at FROM visit v JOIN link l ON l.id = v.link_id "
            "JOIN channel c ON c.id = l.channel_id "
            "WHERE v.visitor = ? AND v.visitor <> '' AND v.at >= ? AND v.at <= ? AND v.bot = 0 "
            "ORDER BY v.at DESC, v.id DESC LIMIT 1",
            window,
        ).fetchone()
        if row is None:
            return None
        execute(
            "UPDATE visit SET contact_id = ? "
            "WHERE visitor = ? AND visitor <> '' AND at >= ? AND at <= ? AND bot = 0 AND contact_id IS NULL",
            (contact_id, *window),
        )
        return Attribution(*row)


def _in_order(made: Sequence[LinkView], variants: Sequence[str]) -> list[LinkView]:
    """The links in the order of the variants asked for: rows come back in any order."""
    of_variant: dict[str, list[LinkView]] = {}
    for link in sorted(made, key=lambda each: each.id, reverse=True):
        of_variant.setdefault(link.variant, []).append(link)
    return [of_variant[variant].pop() for variant in variants]


def new_code() -> str:
    """An unguessable code: five random bits a character."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(LIMITS.link_code_chars))
