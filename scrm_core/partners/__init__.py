"""Messages between brands that name each other as partners: the one way from a brand to another.

A message is a row written in the caller's transaction and sent by the worker
after the commit. To a brand of the same installation it is handed over, to one
elsewhere it goes as a signed webhook; both end in :meth:`Partners._take`.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .. import eventlog
from ..db import transactional
from ..db.base import compact_json
from ..db.bulk import execute
from ..errors import Conflict, Invalid, Malformed, NotFound
from ..limits import LIMITS
from ..partner_config import Partner
from ..services import audit
from ..values import strictjson
from ..values.text import clean_text
from ..values.uids import new_uid
from . import posting, signing
from .types import OutgoingView, Refused

if TYPE_CHECKING:
    from ..brands import Brand

log = logging.getLogger("scrm.partners")

__all__ = ["OutgoingView", "Partners", "Refused"]

_KIND = re.compile(r"[a-z][a-z0-9-]*(\.[a-z0-9-]+)*\Z")
_NOBODY = b"the secret of no partner, so that a stranger's wait tells nothing"


class Partners:
    """A brand's partners; use it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    def names(self) -> list[str]:
        """The partners that the brand's file names, in its order."""
        return list(self.brand.config.partners)

    @transactional
    def send(self, partner: str, kind: str, body: Mapping[str, Any], *, key: str) -> str:
        """Queue a message in the open transaction, once per partner and ``key``; returns the message's id.

        ``kind`` is lower case words with dashes and dots, ``body`` a JSON object
        without personal data: nobody asked the person. It is sent after the commit.
        The same message again answers the first id. Raises NotFound for a partner
        that the file does not name, Conflict when the key was used for another
        message, and Invalid (TooLarge) for what the partner would refuse.
        """
        if partner not in self.brand.config.partners:
            raise NotFound(f"the brand's file names no partner {partner!r}")
        key = clean_text(key, field="key", max_length=LIMITS.name)
        if not key:
            raise Invalid("a message needs a key", field="key")
        if len(kind) > LIMITS.name or not _KIND.match(kind):
            raise Invalid("a kind is lower case words with dashes, joined by dots", field="kind")
        if not isinstance(body, dict):
            raise Invalid("the body is a JSON object", field="body")
        try:
            text = compact_json({"type": kind, "data": body})
        except (TypeError, ValueError) as exc:
            raise Invalid(f"the body is not JSON: {exc}", field="body") from None
        strictjson.loads(text.encode("utf-8", "surrogatepass"))
        digest = hashlib.sha256(text.encode()).hexdigest()
        now = self.brand.now()
        made = execute(
            "INSERT INTO partner_out (uid, partner, kind, key, digest, text, state, attempts, next_at, error, "
            "created_at) VALUES (?, ?, ?, ?, ?, ?, 'waiting', 0, ?, '', ?) "
            "ON CONFLICT (partner, key) DO NOTHING RETURNING uid",
            (new_uid(now), partner, kind, key, digest, text, now, now),
        ).fetchone()
        if made is not None:
            return str(made[0])
        uid, before = execute(
            "SELECT uid, digest FROM partner_out WHERE partner = ? AND key = ?", (partner, key)
        ).fetchone()
        if before != digest:
            raise Conflict(f"the key {key!r} was used for another message", code="message_key_used")
        return str(uid)

    def post(self) -> bool:
        """Send what is due, one message of each partner; True when there was any. The worker calls it."""
        return posting.post_due(self.brand)

    def take_webhook(self, key: str, headers: Mapping[str, str], body: bytes) -> None:
        """Take a signed message that came over HTTP; a repetition is taken again and has no effect.

        ``headers`` have lower case names. Raises Refused for an unknown key, a
        wrong signature, an altered body and a time outside the window; Malformed or
        TooLarge for a signed body that is no message; Conflict for a known id with
        another body.
        """
        partner = next((p for p in self.brand.config.partners.values() if p.url and p.key == key), None)
        signed = signing.read(headers)
        if signed is None:
            raise Refused("headers are missing")
        right = signing.fits(partner.secret if partner is not None else _NOBODY, signed, body)
        if partner is None or not right:
            raise Refused("unknown key" if partner is None else f"partner {partner.name}: the signature does not fit")
        if abs(self.brand.now() - signed.timestamp * 1_000) > LIMITS.partner_window_ms:
            raise Refused(f"partner {partner.name}: signed at another time than now; are both clocks right?")
        # Both sides sign with one secret: what this brand sent must not come back as the partner's.
        if execute("SELECT 1 FROM partner_out WHERE uid = ?", (signed.id,)).fetchone() is not None:
            raise Refused(f"partner {partner.name}: a message of this brand came back")
        self._take(partner, signed.id, body)

    def take_from_brand(self, sender: str, uid: str, body: bytes) -> None:
        """Take a message of a brand of this installation; raises Refused unless this brand's file names it too."""
        partner = next((p for p in self.brand.config.partners.values() if not p.url and p.brand == sender), None)
        if partner is None:
            raise Refused("the sender is no partner")
        self._take(partner, uid, body)

    @transactional
    def _take(self, partner: Partner, uid: str, body: bytes) -> None:
        value = strictjson.loads(body)
        if not isinstance(value, dict) or set(value) != {"type", "data"}:
            raise Malformed("a message is an object with `type` and `data`", code="message_shape")
        kind, data = value["type"], value["data"]
        if not isinstance(kind, str) or len(kind) > LIMITS.name or not _KIND.match(kind) or not isinstance(data, dict):
            raise Malformed("`type` is lower case words and `data` an object", code="message_shape")
        now, digest = self.brand.now(), hashlib.sha256(body).hexdigest()
        made = execute(
            "INSERT INTO partner_in (partner, uid, kind, digest, received_at) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (partner, uid) DO NOTHING",
            (partner.name, uid, kind, digest, now),
        )
        if made.rowcount == 1:
            told = {"partner": partner.name, "kind": kind, "id": uid, "body": data}
            eventlog.append([eventlog.NewEvent("partner.message", None, now, told)], recorded_at=now)
            return
        (before,) = execute(
            "SELECT digest FROM partner_in WHERE partner = ? AND uid = ?", (partner.name, uid)
        ).fetchone()
        if before != digest:
            log.warning("brand %s: partner %s: message %s came with another body", self.brand.id, partner.name, uid)
            raise Conflict("the id was used for another message", code="message_id_used")

    def counts(self) -> dict[tuple[str, str], int]:
        """Messages by (partner, state), also of partners that the file names no more."""
        rows = execute("SELECT partner, state, count(*) FROM partner_out GROUP BY partner, state").fetchall()
        return {(partner, state): int(count) for partner, state, count in rows}

    def last_errors(self) -> dict[str, str]:
        """What became of the last try of the message that is next in line, by partner, where it failed."""
        rows = execute(
            "SELECT partner, error FROM partner_out WHERE id IN (SELECT min(id) FROM partner_out "
            "WHERE state IN ('waiting', 'sending') GROUP BY partner) AND error <> ''"
        ).fetchall()
        return dict(rows)

    def undelivered(self, *, state: str | None = None, limit: int = LIMITS.page_rows) -> list[OutgoingView]:
        """Messages that are not delivered, the oldest first; ``state`` picks waiting, sending or dead ones."""
        rows = execute(
            "SELECT uid, partner, kind, key, state, attempts, next_at, error, created_at FROM partner_out "
            f"WHERE state <> 'delivered' {'AND state = ? ' if state else ''}ORDER BY id LIMIT ?",
            (state, limit) if state else (limit,),
        ).fetchall()
        return [OutgoingView(*row) for row in rows]

    @transactional
    def replay(self, uids: Sequence[str] | None, *, actor: str) -> int:
        """Send dead messages again from their first attempt, all of them for None; returns how many.

        Raises NotFound when a message named is not dead; then none is sent.
        """
        if uids is None:
            uids = [view.uid for view in self.undelivered(state="dead", limit=1_000_000)]
        now = self.brand.now()
        for uid in uids:
            done = execute(
                "UPDATE partner_out SET state = 'waiting', attempts = 0, next_at = ?, settled_at = NULL "
                "WHERE uid = ? AND state = 'dead'",
                (now, uid),
            )
            if done.rowcount != 1:
                raise NotFound(f"no dead message {uid!r}")
            audit.record(self.brand, actor, "partner.replay", f"partner-message:{uid}")
        return len(uids)
