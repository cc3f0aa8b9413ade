"""One-person links (专属链接): they say whose they are, and hand that over once, to whoever knows the person.

The link in a message may be forwarded, and programs look at it before anybody
does. So opening it changes nothing. It shows whose it is, masked, and asks for
the last four digits of the phone on file; five wrong answers end it. A person
without a phone presses a button, and the first browser that does so has it. A
link that was used tells any other browser that it is a visitor.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..db import transactional
from ..db.bulk import execute
from ..errors import Gone, Invalid, NotFound
from ..services.survivors import begin_writing, survivor
from ..values.masking import mask
from .places import safe_place
from .sessions import open_session
from .types import Consumer

if TYPE_CHECKING:
    from ..brands import Brand

TRIES = 5
HOUR_MS = 3_600_000
MAX_HOURS = 8_760


@dataclass(frozen=True, slots=True)
class LinkView:
    """A link as whoever opens it may see it. ``state``: open, used, dead or expired; ``left`` are tries left.

    ``owner`` is the masked name or phone and may be empty; ``asks_digits`` says
    that the person has a phone on file.
    """

    state: str
    contact_id: int
    owner: str
    asks_digits: bool
    left: int
    path: str


def make(brand: Brand, contact_id: int, path: str, *, hours: int) -> str:
    """A new link, in the open transaction; see :meth:`scrm_core.consumers.Consumers.link`."""
    if type(hours) is not int or not 1 <= hours <= MAX_HOURS:
        raise Invalid(f"hours lie between 1 and {MAX_HOURS}", field="hours")
    root = brand.consumers.root
    whole = path if path.startswith(root) else root + path.removeprefix(f"/p/{brand.id}/").lstrip("/")
    place = safe_place(brand, whole)
    if place is None:
        raise Invalid(f"a one-person link leads to a page below {root}", field="path")
    begin_writing()
    token, now = secrets.token_urlsafe(18), brand.now()
    execute(
        "INSERT INTO consumer_link (digest, contact_id, path, state, tries, created_at, expires_at) "
        "VALUES (?, ?, ?, 'open', 0, ?, ?)",
        (_digest(brand, token), survivor(contact_id), place, now, now + hours * HOUR_MS),
    )
    return f"{brand.installation.config.base_url}/p/{brand.id}/-/i/{token}"


def look(brand: Brand, token: str) -> LinkView:
    """What a link shows; nothing is written. Raises NotFound for an unknown one and for an erased person's."""
    row = execute(
        "SELECT contact_id, path, state, tries, expires_at FROM consumer_link WHERE digest = ?",
        (_digest(brand, token),),
    ).fetchone()
    if row is None:
        raise NotFound("there is nothing at this address")
    contact_id, path, state, tries, expires_at = row
    contact_id = survivor(contact_id, hold=False)
    if state == "open" and expires_at <= brand.now():
        state = "expired"
    phones = _phones(contact_id)
    return LinkView(state, contact_id, _owner(brand, contact_id, phones), bool(phones), max(0, TRIES - tries), path)


@transactional
def use(brand: Brand, token: str, digits: str, *, device: str) -> tuple[LinkView, Consumer | None]:
    """Answer a link's question; the session that begins, or None for a wrong answer, which counts.

    Raises NotFound like :func:`look`, and Gone when the link is used, dead or expired.
    """
    begin_writing()
    found, digest = look(brand, token), _digest(brand, token)
    if found.state != "open":
        raise Gone("this link has been used or has expired; ask for a new one", code=f"link_{found.state}")
    if found.asks_digits:
        counted = execute(
            "UPDATE consumer_link SET tries = tries + 1, state = CASE WHEN tries + 1 >= ? THEN 'dead' ELSE state END "
            "WHERE digest = ? AND state = 'open' AND expires_at > ?",
            (TRIES, digest, brand.now()),
        )
        if not counted.rowcount:
            raise Gone("this link has been used or has expired; ask for a new one", code="link_used")
        if digits not in {phone[-4:] for phone in _phones(found.contact_id)}:
            return look(brand, token), None
    states = ("open", "dead") if found.asks_digits else ("open", "open")
    # The last try may be the right one: it has just ended the link for everybody else.
    taken = execute(
        "UPDATE consumer_link SET state = 'used', used_at = ? WHERE digest = ? AND state IN (?, ?)",
        (brand.now(), digest, *states),
    )
    if not taken.rowcount:
        raise Gone("this link has been used or has expired; ask for a new one", code="link_used")
    return look(brand, token), open_session(brand, found.contact_id, "link", strong=False, device=device)


def _digest(brand: Brand, token: str) -> str:
    return brand.consumers.seals.mac("link", token)


def _phones(contact_id: int) -> list[str]:
    rows = execute(
        "SELECT value FROM identity WHERE contact_id = ? AND kind = 'phone' ORDER BY verified DESC, id", (contact_id,)
    ).fetchall()
    return [row[0] for row in rows]


def _owner(brand: Brand, contact_id: int, phones: list[str]) -> str:
    """Name and phone as far as they may be shown: the last four digits are the question."""
    name = mask("name", brand.contacts.get_by_id(contact_id).name) or ""
    phone = "" if not phones else f"{phones[0].removeprefix('+86')[:3]}********"
    return f"{name} {phone}".strip()
