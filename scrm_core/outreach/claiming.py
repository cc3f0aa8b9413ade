"""The claim (领取) that precedes each send: policy, pace and lease in one transaction.

A message leaves the queue only here. The run's row is locked, so that pace,
failures and the order of a run are counted by one worker at a time; the
contacts are locked, so that two runs cannot spend one person's last message
twice. Consent, do-not-contact and caps are read under these locks.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ..db import brand_db, current_handle, transactional
from ..db.bulk import execute, fetch_in, update_rows
from ..db.faults import is_fault
from ..errors import PluginError, ScrmError, Veto
from ..facts import MessageDraft
from ..limits import LIMITS
from ..services.survivors import survivors
from . import runs
from .judging import Judge, hold_contacts
from .nights import AT_HOME, Night, overdue, put_off, rest, wake
from .reporting import tell
from .types import MessageBatch, OutMessage, Recipient, Rendered, RunView, Skipped

if TYPE_CHECKING:
    from ..brands import Brand

log = logging.getLogger("scrm.outreach")

LEASE_MS = 60_000
"""A send that has not ended after this is unknown: its worker died."""

CORE = "core"
"""Owner of the runs that no plugin owns, such as those of sign-in codes."""

HEARTBEAT_MS = 10_000
PUT_OFF = 1_000
SILENT = 1_000
"""Messages without receipt that are given up in one transaction."""


@dataclass(slots=True)
class Claim:
    """What a claim took: messages to hand to the gateway now, and what it decided on the way."""

    messages: list[OutMessage] = field(default_factory=list)
    blocked: int = 0
    expired: int = 0
    busy: bool = False


@dataclass(frozen=True, slots=True)
class _Queued:
    id: int
    contact_id: int | None
    address: str
    body: str | None
    parts: int
    template: str
    params: str | None
    attempts: int
    expires_at: int | None
    arm: str
    link_id: int | None


@transactional
def claim(brand: Brand, run_id: int, batch: int) -> Claim:
    """Take up to ``batch`` messages of a running run, if it is their time and the brand is not stopped."""
    if brand.outreach.stopped():
        return Claim()
    run = _hold(run_id)
    now = brand.now()
    if run is None or run[0].start_at > now:
        return Claim()
    view, next_at, checked_at, claimed, forgiven, held_by = run
    judge = Judge(brand, view.channel, view.kind)
    night = Night(brand, judge, now)
    if now - checked_at > view.grace_ms and now - night.due(checked_at) > view.grace_ms:
        return _expire(brand, view, night, now)
    if now - checked_at > HEARTBEAT_MS:
        execute("UPDATE outreach_run SET checked_at = ? WHERE id = ?", (now, run_id))
    if held_by is not None and held_by != night.rule:
        next_at = wake(view, now)
    if next_at > now or _too_many_failures(brand, view, claimed, forgiven):
        return Claim()
    found = _candidates(view, night, _allowance(view, batch), now)
    if not found:
        if not rest(view, night, now) and not view.standing:
            _finish_if_empty(view, now)
        return Claim()
    if any(night.opens(each.address) > now for each in found):
        put_off(view, night, _candidates(view, night, PUT_OFF, now), now)
        return Claim(busy=True)
    result = _judge_and_write(brand, judge, view, found, now)
    step = 0 if view.pace is None else len(result.messages) * 60_000 // view.pace
    execute(
        "UPDATE outreach_run SET claimed = claimed + ?, next_at = ?, checked_at = ? WHERE id = ?",
        (len(result.messages), max(next_at, now - 1_000) + step if step else next_at, now, run_id),
    )
    return result


def _hold(run_id: int) -> tuple[RunView, int, int, int, int, str | None] | None:
    """The run, locked until the transaction ends; None when it does not run or another worker has it."""
    tail = "" if current_handle().engine == "sqlite" else " FOR UPDATE SKIP LOCKED"
    row = execute(
        f"SELECT {runs.COLUMNS}, next_at, checked_at, claimed, forgiven, held_by FROM outreach_run "
        f"WHERE id = ? AND state = 'running'{tail}",
        (run_id,),
    ).fetchone()
    return None if row is None else (runs.view_of(row[:-5]), *row[-5:])


def _allowance(run: RunView, batch: int) -> int:
    """A batch is at most one second of the pace, so that a pause or an opt-out is soon felt."""
    return batch if run.pace is None else max(1, min(batch, run.pace // 60))


def _expire(brand: Brand, run: RunView, night: Night, now: int) -> Claim:
    """Nobody worked on the run for longer than its grace: what is left of it is not sent any more."""
    if run.standing:
        late = [(now, now, each) for each in overdue(run, night, now)]
        update_rows(
            "UPDATE message SET state = 'expired', reason = 'misfire', final_at = ?, updated_at = ? "
            "WHERE id = ? AND state = 'queued'",
            late,
        )
        execute("UPDATE outreach_run SET checked_at = ? WHERE id = ?", (now, run.id))
        return Claim(expired=len(late), busy=True)
    count = runs.end_queued(run.id, "expired", "misfire", now)
    execute(
        "UPDATE outreach_run SET state = 'expired', reason = 'misfire', finished_at = ? WHERE id = ?", (now, run.id)
    )
    log.warning("brand %s: run %s/%s expired after an outage, %s unsent", brand.id, run.owner, run.code, count)
    return Claim(expired=count)


def _too_many_failures(brand: Brand, run: RunView, claimed: int, forgiven: int) -> bool:
    """Pause a run whose failures pass the threshold."""
    if run.failure_limit is None:
        return False
    enough = max(run.failure_minimum, claimed * run.failure_limit // runs.ALL + 1)
    (failed,) = execute(
        "SELECT count(*) FROM (SELECT 1 FROM message WHERE run_id = ? AND state = 'failed' LIMIT ?) f",
        (run.id, forgiven + enough),
    ).fetchone()
    failed -= forgiven
    if failed < enough:
        return False
    reason = f"halted: {failed} of {claimed} messages failed, above {run.failure_limit / 100:g} %"
    halt(brand, run.id, reason)
    return True


def _candidates(run: RunView, night: Night, count: int, now: int) -> list[_Queued]:
    """The next messages in the order of the lot; what other quiet hours than today's put off is among them."""
    awake, params = "", [run.id, run.released, now, night.rule]
    if night.home_opens > now:
        if night.home == "":
            return []
        awake = f" AND NOT {AT_HOME}"
        params += [night.home, night.home]
    rows = execute(
        "SELECT id, contact_id, coalesce(address, ''), body, parts, template, params, attempts, expires_at, arm, "
        "link_id FROM message WHERE run_id = ? AND state = 'queued' AND bucket < ? "
        f"AND (not_before <= ? OR held_by <> ?){awake} ORDER BY bucket, id LIMIT ?",
        (*params, count),
    ).fetchall()
    return [_Queued(*row) for row in rows]


def _finish_if_empty(run: RunView, now: int) -> None:
    execute(
        "UPDATE outreach_run SET state = 'done', finished_at = ? WHERE id = ? AND released = ? AND NOT EXISTS "
        "(SELECT 1 FROM message WHERE run_id = ? AND state IN ('queued', 'sending'))",
        (now, run.id, runs.ALL, run.id),
    )


def _judge_and_write(brand: Brand, judge: Judge, run: RunView, found: Sequence[_Queued], now: int) -> Claim:
    result, going = Claim(busy=True), []
    for each in found:
        if not each.address:  # whose number it was is erased
            _block(each.id, "erased", now, state="canceled")
    found = [each for each in found if each.address]
    # Whoever has the number now decides about it: merges come and are undone between queue and send.
    owners = judge.owners([each.address for each in found])
    found = [replace(each, contact_id=owners.get(each.address, each.contact_id)) for each in found]
    hold_contacts([each.contact_id for each in found if each.contact_id is not None])
    # A merge may have ended between the two reads: the message is the survivor's then.
    standing = survivors([each.contact_id for each in found if each.contact_id is not None], hold=False)
    found = [replace(each, contact_id=standing.get(each.contact_id or 0, each.contact_id)) for each in found]
    contacts = [each.contact_id for each in found if each.contact_id is not None]
    hold_contacts(contacts)
    capped = judge.capped(contacts, now)
    met = _met(run, contacts)
    claimed: set[int] = set()
    for each, reason in zip(found, judge.reasons([(q.contact_id, q.address) for q in found]), strict=True):
        contact = each.contact_id
        if each.expires_at is not None and each.expires_at <= now:
            result.expired += _block(each.id, "misfire", now, state="expired")
            continue
        if not reason and contact is not None:
            reason = met.get(contact) or capped.get(contact, "")
        if reason:
            result.blocked += _block(each.id, reason, now)
            continue
        if contact is not None:
            # One message per person and claim: the next claim counts this one.
            if contact in claimed:
                continue
            claimed.add(contact)
        going.append(each)
    result.messages = _write(brand, run, going, result, now)
    return result


def _met(run: RunView, contacts: Sequence[int]) -> dict[int, str]:
    """Contacts who have a message of this run already, or are held out of it, under whatever number; and why not."""
    rows = fetch_in(
        "SELECT contact_id, reason FROM message WHERE run_id = ? AND contact_id IN ({in}) "
        "AND (sent_at IS NOT NULL OR reason = 'holdout')",
        sorted(set(contacts)),
        [run.id],
    )
    return {contact: "holdout" if reason == "holdout" else "same_person" for contact, reason in rows}


def _write(brand: Brand, run: RunView, going: Sequence[_Queued], result: Claim, now: int) -> list[OutMessage]:
    """Have the texts written, ask the guards, and mark the messages as being sent."""
    if not going:
        return []
    uids = [secrets.token_hex(16) for _ in going]
    try:
        with brand_db.atomic():
            texts = _texts(brand, run, going, uids)
    except ScrmError as exc:
        halt(brand, run.id, f"halted: {exc}")
        return []
    out: list[OutMessage] = []
    lines: list[tuple[Any, ...]] = []
    for each, uid, text in zip(going, uids, texts, strict=True):
        reason = text.reason if isinstance(text, Skipped) else _vetoed(brand, run, each, text)
        if isinstance(text, Skipped) or reason:
            result.blocked += _block(each.id, reason, now)
            continue
        params = dict(text.params)
        lines.append(
            (each.contact_id, uid, text.arm, text.link_id, text.body, text.parts, text.template,
             json.dumps(params, ensure_ascii=False), now + LEASE_MS, now, now, each.id)
        )  # fmt: skip
        out.append(
            OutMessage(uid, run.channel, run.kind, each.address, text.body, text.parts, text.template, params,
                       each.attempts + 1)
        )  # fmt: skip
    update_rows(
        "UPDATE message SET state = 'sending', contact_id = ?, uid = ?, arm = ?, link_id = ?, body = ?, parts = ?, "
        "template = ?, params = ?, attempts = attempts + 1, lease_until = ?, sent_at = ?, updated_at = ? "
        "WHERE id = ? AND state = 'queued'",
        lines,
    )
    return out


def _texts(
    brand: Brand, run: RunView, going: Sequence[_Queued], uids: Sequence[str]
) -> list[Rendered | Skipped]:
    ready = {
        each.id: Rendered(
            each.body, each.parts, each.arm, each.link_id, each.template, json.loads(each.params or "{}")
        )
        for each in going
        if each.body is not None
    }
    wanted = [(each, uid) for each, uid in zip(going, uids, strict=True) if each.id not in ready]
    if not wanted:
        return [ready[each.id] for each in going]
    plugin = brand.plugins.get(run.owner)
    if plugin is None:
        raise PluginError(f"plugin {run.owner!r}, which writes this run's messages, is not enabled")
    persons = _persons([each.contact_id for each, _ in wanted if each.contact_id is not None])
    batch = MessageBatch(
        run,
        tuple(
            Recipient(each.id, uid, each.contact_id, persons.get(each.contact_id or 0, ""), each.address)
            for each, uid in wanted
        ),
    )
    try:
        answers = list(plugin.render_messages(batch))
    except ScrmError:
        raise
    except BaseException as exc:  # SystemExit too: no plugin ends the worker
        if is_fault(exc):
            raise
        raise PluginError(f"plugin {run.owner!r} failed to write messages: {type(exc).__name__}: {exc}") from exc
    if len(answers) != len(wanted):
        raise PluginError(f"plugin {run.owner!r} wrote {len(answers)} messages for {len(wanted)} recipients")
    written = dict(zip((each.id for each, _ in wanted), answers, strict=True))
    return [ready.get(each.id) or written[each.id] for each in going]


def _persons(contacts: Sequence[int]) -> dict[int, str]:
    return dict(fetch_in("SELECT id, uid FROM contact WHERE id IN ({in})", sorted(set(contacts))))


def _vetoed(brand: Brand, run: RunView, each: _Queued, text: Rendered) -> str:
    draft = MessageDraft(
        run.channel, run.kind, run.owner, run.code, each.contact_id, each.address, text.body, text.parts
    )
    try:
        brand.hooks.check("check_message", draft)
    except Veto as veto:
        if run.owner == CORE:
            # No plan of a plugin shows these: a person waits for a code that does not come.
            log.warning("brand %s: a message of run %s is not sent: %s (%s)", brand.id, run.code, veto, veto.code)
        return f"veto: {veto.code}"
    except PluginError as exc:
        # A guard that cannot answer guards nothing: the message stays back, and says why.
        log.error("brand %s: %s", brand.id, exc)
        return "guard failed"
    return ""


def _block(message_id: int, reason: str, now: int, *, state: str = "blocked") -> int:
    return int(
        execute(
            "UPDATE message SET state = ?, reason = ?, final_at = ?, updated_at = ? WHERE id = ? AND state = 'queued'",
            (state, reason, now, now, message_id),
        ).rowcount
    )


def halt(brand: Brand, run_id: int, reason: str) -> None:
    """Pause a running run because going on would be wrong; a person reads the reason and resumes it."""
    execute(
        "UPDATE outreach_run SET state = 'paused', reason = ? WHERE id = ? AND state = 'running'",
        (reason[: LIMITS.text], run_id),
    )
    log.error("brand %s: run %s %s", brand.id, run_id, reason)


@transactional
def give_up_lost(brand: Brand) -> int:
    """Sends whose worker died become unknown: only a receipt or a person can say what became of them."""
    now = brand.now()
    rows = execute(
        "UPDATE message SET state = 'unknown', reason = 'interrupted', lease_until = NULL, updated_at = ? "
        "WHERE state = 'sending' AND lease_until < ? RETURNING id",
        (now, now),
    ).fetchall()
    tell(brand, [row[0] for row in rows])
    return len(rows)


def give_up_silent(brand: Brand, after_ms: int) -> int:
    """Messages whose receipt never came become unknown, page by page; returns how many."""
    count = 0
    while page := _give_up_page(brand, after_ms):
        count += page
    return count


@transactional
def _give_up_page(brand: Brand, after_ms: int) -> int:
    now = brand.now()
    rows = execute(
        "UPDATE message SET state = 'unknown', reason = 'no_receipt', updated_at = ? WHERE state = 'sent' AND id IN "
        "(SELECT id FROM message WHERE state = 'sent' AND sent_at < ? ORDER BY sent_at LIMIT ?) RETURNING id",
        (now, now - after_ms, SILENT),
    ).fetchall()
    tell(brand, [row[0] for row in rows])
    return len(rows)
