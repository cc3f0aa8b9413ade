"""Codes to a phone (验证码): six digits, good for five minutes and five tries, in the browser that asked.

Phone and code are kept as keyed hashes. Whoever asks learns nothing about
whether the shop knows the number. Codes go out as notices of the core, through
the same outreach as every message: do-not-contact holds, caps and quiet hours
do not.
"""

from __future__ import annotations

import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from ..db import transactional
from ..db.bulk import execute
from ..errors import Conflict, Gone, Invalid
from ..services.resolving import IdentityIn
from ..services.survivors import begin_writing
from ..values.identities import is_mobile
from . import counting
from .sealing import same
from .signature import signature_of

if TYPE_CHECKING:
    from ..brands import Brand

OWNER = "core"
DIGITS, TRIES, GOOD_MS = 6, 5, 300_000
_CODE = re.compile(rf"\d{{{DIGITS}}}\Z", re.ASCII)
_ASKED = re.compile(r"[0-9a-f]{32}\Z")
_WORDS = {
    "zh": "【{sign}】您的验证码是 {code}，5 分钟内有效。请勿告诉他人。",
    "en": "【{sign}】Your code is {code}. It is good for 5 minutes. Tell it to nobody.",
}


@dataclass(frozen=True, slots=True)
class Challenge:
    """A code that was sent: ``uid`` names it, ``phone`` is the number in E.164."""

    uid: str
    phone: str


def possible(brand: Brand) -> bool:
    """Whether codes can be sent: the file names a sender, and a plugin that is switched on brings it."""
    config = brand.config.consumer
    sender = brand.outreach.senders().get(config.code_sender)
    return sender is not None and sender.channel == config.code_channel


@transactional
def ask(brand: Brand, phone: str, *, uid: str, device: str, network: str, language: str) -> Challenge:
    """Send a code; the same ``uid`` (32 hexadecimal digits of the form) again sends nothing more.

    Raises Invalid for what is no mobile number, Conflict when the brand sends
    no codes, and TooMany at a limit of the phone or the network.
    """
    if not _ASKED.match(uid):
        raise Invalid("the form is incomplete; open the page again", field="ask")
    if not possible(brand):
        raise Conflict("this shop sends no codes", code="no_codes")
    number = _mobile(brand, phone)
    digest, now = _hash(brand, "phone", number), brand.now()
    code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
    begin_writing()
    made = execute(
        "INSERT INTO consumer_code (uid, phone, code, device, state, tries, created_at, expires_at) "
        "VALUES (?, ?, ?, ?, 'open', 0, ?, ?) ON CONFLICT (uid) DO NOTHING",
        (uid, digest, _hash(brand, uid, code), _hash(brand, "device", device), now, now + GOOD_MS),
    )
    if not made.rowcount:
        return Challenge(uid, number)
    _limit(brand, digest, network)
    execute(
        "UPDATE consumer_code SET state = 'dead' WHERE phone = ? AND device = ? AND state = 'open' AND uid <> ?",
        (digest, _hash(brand, "device", device), uid),
    )
    _send(brand, number, code, language)
    return Challenge(uid, number)


@transactional
def check(brand: Brand, challenge: Challenge, code: str, *, device: str) -> bool:
    """Whether this is the code, which is then used up; a wrong one counts as a try.

    Raises Gone when the code is used, expired, of another browser or tried too often.
    """
    begin_writing()
    where = "WHERE uid = ? AND phone = ? AND device = ? AND state = 'open' AND expires_at > ?"
    params = (challenge.uid, _hash(brand, "phone", challenge.phone), _hash(brand, "device", device), brand.now())
    row = execute(
        "UPDATE consumer_code SET tries = tries + 1, state = CASE WHEN tries + 1 >= ? THEN 'dead' ELSE state END "
        f"{where} RETURNING code",
        (TRIES, *params),
    ).fetchone()
    if row is None:
        raise Gone("this code is not good any more; ask for a new one", code="code_gone")
    given = code.strip()
    if not _CODE.match(given) or not same(row[0], _hash(brand, challenge.uid, given)):
        return False
    execute("UPDATE consumer_code SET state = 'used' WHERE uid = ?", (challenge.uid,))
    return True


def tries_left(brand: Brand, challenge: Challenge) -> int:
    """How many tries are left."""
    row = execute(
        "SELECT tries FROM consumer_code WHERE uid = ? AND state = 'open' AND expires_at > ?",
        (challenge.uid, brand.now()),
    ).fetchone()
    return 0 if row is None else TRIES - int(row[0])


def _mobile(brand: Brand, raw: str) -> str:
    number = IdentityIn.of("phone", raw, region=brand.config.phone_region).value
    if not is_mobile(number):
        raise Invalid("not a mobile number; write it with its country code", field="phone", code="phone")
    return number


def _limit(brand: Brand, phone: str, network: str) -> None:
    config = brand.config.consumer
    counting.count(brand, f"phone:{phone}", counting.MINUTE, 1)
    counting.count(brand, f"phone:{phone}", counting.HOUR, config.codes_per_hour)
    counting.count(brand, f"phone:{phone}", counting.DAY, config.codes_per_day)
    if network:
        counting.count(brand, f"network:{network}", counting.HOUR, config.network_codes_per_hour)
        counting.count(brand, f"network:{network}", counting.DAY, config.network_codes_per_day)


def _send(brand: Brand, number: str, code: str, language: str) -> None:
    """Queue the message in a run of today: one run has one message per person, so a second code takes the next."""
    config = brand.config.consumer
    today = date.fromordinal(brand.day(brand.now())).isoformat()
    body = _WORDS[language].format(sign=signature_of(config.title, brand.name, brand.id), code=code)
    for nth in range(1, 2 * config.codes_per_day + 2):
        run = brand.outreach.open_run(
            f"codes-{today}-{config.code_sender}-{nth}",
            owner=OWNER,
            channel=config.code_channel,
            kind="notice",
            sender=config.code_sender,
            standing=True,
        )
        if run.state == "draft":
            brand.outreach.release(run.id, 10_000)
            brand.outreach.start(run.id)
            _close_former(brand, f"codes-{date.fromordinal(brand.day(brand.now()) - 1).isoformat()}")
        elif run.state == "paused":
            # Halted: the sender was away, or the gateway refused. No person looks after these runs: whoever asks tries.
            with suppress(Conflict):  # somebody else did at this moment
                brand.outreach.resume(run.id)
        if run.state in ("draft", "running", "paused") and not _has(run.id, number):
            queued = brand.outreach.queue_body(
                run.id,
                number,
                body,
                template=config.code_template,
                params={"code": code},
                expires_at=brand.now() + GOOD_MS,
            )
            if queued is not None:
                return
    raise Conflict("no code can be sent to this number now; try again later", code="no_codes")


def _has(run_id: int, number: str) -> bool:
    """Whether the run wrote to this number, or to its person under another one."""
    row = execute(
        "SELECT 1 FROM message WHERE run_id = ? AND (address = ? OR contact_id = (SELECT contact_id FROM identity "
        "WHERE kind = 'phone' AND namespace = '' AND value = ?)) LIMIT 1",
        (run_id, number, number),
    ).fetchone()
    return row is not None


def _close_former(brand: Brand, yesterday: str) -> None:
    """End the runs of days before yesterday: nothing waits in them, and every running one is looked at all the time."""
    rows = execute(
        "SELECT id FROM outreach_run WHERE owner = ? AND code >= 'codes-' AND code < ? AND state = 'running'",
        (OWNER, yesterday),
    ).fetchall()
    for (run_id,) in rows:
        brand.outreach.cancel(run_id, "the day is over")


def _hash(brand: Brand, *parts: str) -> str:
    return brand.consumers.seals.mac("code", *parts)
