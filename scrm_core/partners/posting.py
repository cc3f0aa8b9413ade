"""Messages on their way: claimed with a lease, sent outside any transaction, settled; tried again with growing pauses.

One message of a partner is under way at a time, the oldest first: what follows
waits until it is delivered or dead, so a partner hears things in their order.
A worker that dies leaves the claim to the next one; the message is sent again
under its id, and the partner that had it answers as the first time.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, NamedTuple

from ..db.bulk import execute
from ..errors import Busy, ScrmError
from ..limits import LIMITS
from ..partner_config import Partner
from . import calling, signing
from .calling import Outcome

if TYPE_CHECKING:
    from ..brands import Brand

log = logging.getLogger("scrm.partners")

LEASE_MS = 4 * LIMITS.partner_ms
FIRST_PAUSE_MS = 10_000
LONGEST_PAUSE_MS = 6 * 3_600_000


class _Claimed(NamedTuple):
    id: int
    uid: str
    text: str
    attempts: int


def post_due(brand: Brand) -> bool:
    """Send the oldest message of every partner that is due; True when one was sent.

    Where many partners do not answer it ends before the watchdog would; who was
    not reached is first in line while these wait.
    """
    sent = False
    end = time.monotonic() + 2 * LIMITS.partner_ms / 1000
    for partner in brand.config.partners.values():
        if time.monotonic() > end:
            break
        claimed = _claim(brand, partner)
        if claimed is not None:
            _settle(brand, partner, claimed, _send(brand, partner, claimed))
            sent = True
    return sent


def pause_ms(attempts: int) -> int:
    """How long a message waits after its ``attempts``-th failure: 10 s, doubled each time, 6 hours at most."""
    return min(FIRST_PAUSE_MS << (attempts - 1), LONGEST_PAUSE_MS)


def _claim(brand: Brand, partner: Partner) -> _Claimed | None:
    now = brand.now()
    oldest = execute(
        "SELECT id, next_at FROM partner_out WHERE partner = ? AND state IN ('waiting', 'sending') "
        "ORDER BY id LIMIT 1",
        (partner.name,),
    ).fetchone()
    if oldest is None or oldest[1] > now:
        return None
    # One conditional update: of two workers one has it.
    row = execute(
        "UPDATE partner_out SET state = 'sending', attempts = attempts + 1, next_at = ? "
        "WHERE id = ? AND state IN ('waiting', 'sending') AND next_at <= ? RETURNING id, uid, text, attempts",
        (now + LEASE_MS, oldest[0], now),
    ).fetchone()
    return None if row is None else _Claimed(*row)


def _send(brand: Brand, partner: Partner, message: _Claimed) -> Outcome:
    body = message.text.encode()
    if partner.url:
        headers = signing.headers(partner.secret, message.uid, brand.now() // 1_000, body)
        networks = brand.installation.config.partner_networks
        return calling.call(partner.url, partner.brand, partner.key, headers, body, networks=networks)
    try:
        other = brand.installation.brand(partner.brand)
        with other:
            other.partners.take_from_brand(brand.id, message.uid, body)
    except Busy as exc:
        return Outcome(f"the partner is busy: {exc.code}")
    except ScrmError as exc:
        return Outcome(f"the partner answered {exc.status}", exc.status in calling.FOR_GOOD)
    except Exception as exc:  # the other brand's database, whatever is wrong with it: no fault of this one's partners
        log.exception("brand %s: partner %s failed", brand.id, partner.name)
        return Outcome(f"the partner failed: {type(exc).__name__}")
    return Outcome()


def _settle(brand: Brand, partner: Partner, message: _Claimed, outcome: Outcome) -> None:
    now = brand.now()
    if not outcome.error:
        execute(
            "UPDATE partner_out SET state = 'delivered', text = NULL, error = '', settled_at = ? WHERE id = ?",
            (now, message.id),
        )
        return
    dead = outcome.final or message.attempts >= LIMITS.partner_attempts
    log.log(
        logging.ERROR if dead else logging.WARNING,
        "brand %s: message %s to partner %s: %s", brand.id, message.uid, partner.name, outcome.error,
    )  # fmt: skip
    # Only this attempt's own claim is settled: its lease may have run out meanwhile.
    execute(
        "UPDATE partner_out SET state = ?, next_at = ?, error = ?, settled_at = ? "
        "WHERE id = ? AND state = 'sending' AND attempts = ?",
        (
            "dead" if dead else "waiting",
            now + pause_ms(message.attempts),
            outcome.error,
            now if dead else None,
            message.id,
            message.attempts,
        ),
    )
