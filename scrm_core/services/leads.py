"""Capturing leads (留资、加好友): once per reference, attributed by the time of the event.

A lead is known by its source and the caller's reference. The same lead posted
or imported again, in any order and by any number of processes, changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .. import eventlog
from ..db import brand_db, current_handle
from ..db.bulk import Rows, fetch_in, update_rows
from ..errors import Invalid, Veto
from ..facts import LeadDraft
from ..limits import LIMITS
from ..models import Touch
from ..values.text import clean_text
from .consent import ConsentIn
from .resolving import IdentityIn, LostRace, Resolved, resolve_rows

if TYPE_CHECKING:
    from ..brands import Brand

MAX_FIELDS = 50
_TOUCH_COLUMNS = ("contact_id", "kind", "ref", "channel_id", "link_id", "at", "key")


@dataclass(frozen=True, slots=True)
class LeadIn:
    """A lead as it comes in.

    ``reference`` is unique within ``source``; without one it is derived from
    everything that identifies the lead: source, identities, instant, state,
    channel, link and fields. ``at`` is the instant of the event itself.
    ``state`` is what the entry carried: the code of a channel or of a short link,
    or a text of the caller's own. ``channel`` and ``link`` name a channel or link
    by its code and must exist. ``backfill`` marks history.
    """

    source: str
    identities: tuple[IdentityIn, ...]
    at: int
    reference: str = ""
    state: str = ""
    name: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    consents: tuple[ConsentIn, ...] = ()
    backfill: bool = False
    channel: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class LeadResult:
    """``lead`` is the lead's stable name; ``created`` says that the contact is new, ``updated`` that the lead is."""

    contact_id: int
    uid: str
    lead: str
    created: bool
    updated: bool


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a lead came from: ids and codes of its channel and link, ``None`` and empty where unknown."""

    channel_id: int | None = None
    link_id: int | None = None
    channel: str = ""
    link: str = ""


@dataclass(slots=True)
class _Entry:
    """A lead on its way in: its place in the batch and what is known so far."""

    index: int
    lead: LeadIn
    name: str
    source: _Source = field(default_factory=_Source)

    @property
    def key(self) -> str:
        return "lead:" + self.name


def capture_rows(brand: Brand, leads: Sequence[LeadIn]) -> list[LeadResult | Invalid | Veto]:
    """One attempt at :meth:`Contacts.capture_leads`; raises LostRace when it must be made again."""
    answers: list[LeadResult | Invalid | Veto | None] = [None] * len(leads)
    entries: list[_Entry] = []
    for index, lead in enumerate(leads):
        try:
            check(lead)
        except Invalid as exc:
            answers[index] = exc
        else:
            entries.append(_Entry(index, lead, name_of(brand, lead)))
    captured = _captured(entries)
    firsts: dict[str, _Entry] = {}
    again: list[_Entry] = []
    for entry in entries:
        if entry.name in captured:
            answers[entry.index] = LeadResult(*captured[entry.name], entry.name, False, False)
        elif entry.name in firsts:
            again.append(entry)
        else:
            firsts[entry.name] = entry
    admitted = _admit(brand, list(firsts.values()), answers)
    if admitted:
        _write(brand, admitted, answers)
    for entry in again:
        first = answers[firsts[entry.name].index]
        if isinstance(first, LeadResult):
            first = LeadResult(first.contact_id, first.uid, first.lead, False, False)
        answers[entry.index] = first
    return answers  # type: ignore[return-value]


def check(lead: LeadIn) -> None:
    """Raise Invalid, naming the field, when a lead cannot be accepted."""
    if not clean_text(lead.source, field="source", max_length=LIMITS.name):
        raise Invalid("a lead names its source", field="source")
    if not lead.identities:
        raise Invalid("a lead needs an identity: a phone, unionid, openid, external_userid, buyer or member")
    if type(lead.at) is not int or abs(lead.at) > LIMITS.integer:
        raise Invalid("at is an instant in epoch milliseconds", field="at")
    for name in ("reference", "state", "name", "channel", "link"):
        value = getattr(lead, name)
        if value:
            clean_text(value, field=name, max_length=LIMITS.name)
    if len(lead.fields) > MAX_FIELDS:
        raise Invalid(f"at most {MAX_FIELDS} fields are kept with a lead", field="fields")
    for key, value in lead.fields.items():
        clean_text(key, field="fields", max_length=LIMITS.name)
        clean_text(value, field=f"fields.{key}", multiline=True)


def name_of(brand: Brand, lead: LeadIn) -> str:
    """``source:reference``; a lead without reference gets a keyed hash of all that identifies it."""
    source = lead.source.strip().replace("%", "%25").replace(":", "%3A")
    if lead.reference:
        return f"{source}:{lead.reference.strip()}"
    identities = sorted((i.kind, i.namespace, i.value) for i in lead.identities)
    facts = [identities, lead.at, lead.state, lead.channel, lead.link, sorted(lead.fields.items())]
    text = json.dumps(facts, ensure_ascii=False, separators=(",", ":"))
    return f"{source}:~{brand.contacts.suppressions.digest(source, text)[:40]}"


def _captured(entries: Sequence[_Entry]) -> dict[str, tuple[int, str]]:
    """Leads that are there already, by name, with the contact that has them now."""
    rows = fetch_in(
        "SELECT t.key, c.id, c.uid FROM touch t JOIN contact c ON c.id = t.contact_id WHERE t.key IN ({in})",
        [entry.key for entry in entries],
    )
    return {key.removeprefix("lead:"): (contact_id, uid) for key, contact_id, uid in rows}


def _admit(
    brand: Brand, entries: Sequence[_Entry], answers: list[LeadResult | Invalid | Veto | None]
) -> list[_Entry]:
    """Those that neither suppression nor a plugin nor an unknown channel refuses; refusals become answers."""
    keys = {(i.kind, i.namespace, i.value) for entry in entries for i in entry.lead.identities}
    suppressed = brand.contacts.suppressions.among(keys)
    guarded = bool(brand.hooks.implementations("check_lead"))
    sources: dict[tuple[str, str, str], _Source] = {}
    admitted = []
    for entry in entries:
        lead = entry.lead
        try:
            if any((i.kind, i.namespace, i.value) in suppressed for i in lead.identities):
                raise Veto("this person was erased and must not come back", code="suppressed")
            codes = (lead.state, lead.channel, lead.link)
            if codes not in sources:
                sources[codes] = _source_of(brand, lead)
            entry.source = sources[codes]
            if guarded:
                with brand_db.atomic():
                    brand.hooks.check("check_lead", _draft(lead))
        except (Invalid, Veto) as exc:
            answers[entry.index] = exc
        else:
            admitted.append(entry)
    return admitted


def _draft(lead: LeadIn) -> LeadDraft:
    identities = tuple((i.kind, i.namespace, i.value) for i in lead.identities)
    return LeadDraft(lead.at, lead.source.strip(), lead.state.strip(), identities, dict(lead.fields))


def _source_of(brand: Brand, lead: LeadIn) -> _Source:
    """What the codes of a lead lead to: an explicit link first, then the channel, then the state."""
    for name, code in (("link", lead.link), ("channel", lead.channel)):
        if code:
            found = _Source(*brand.channels.resolve_state(code.strip()))
            if found.channel_id is None:
                raise Invalid(f"no {name} has the code {code!r}", field=name, code=f"unknown_{name}")
            return found
    return _Source(*brand.channels.resolve_state(lead.state.strip())) if lead.state else _Source()


def _write(
    brand: Brand, entries: Sequence[_Entry], answers: list[LeadResult | Invalid | Veto | None]
) -> None:
    leads = [entry.lead for entry in entries]
    resolved = resolve_rows(
        brand,
        [lead.identities for lead in leads],
        at=[lead.at for lead in leads],
        origin=leads[0].source if len({lead.source for lead in leads}) == 1 else "lead",
        names=[lead.name.strip() for lead in leads],
        channels=[entry.source.channel_id for entry in entries],
    )
    people = [person for person in resolved if person is not None]
    if len(people) != len(entries):
        raise LostRace  # suppressed at this very moment
    arrived = _arrive(brand, entries, people)
    _tag(brand, entries, [person.contact_id for person in people])
    events = []
    for entry, person, is_new in zip(entries, people, arrived, strict=True):
        lead, source = entry.lead, entry.source
        for consent in lead.consents:
            brand.consent.record(
                person.contact_id,
                consent.purpose,
                consent.channel,
                granted=consent.granted,
                at=lead.at,
                source=lead.source,
                text_version=consent.text_version,
                evidence=consent.evidence,
            )
        fact: dict[str, Any] = {
            "lead": entry.name,
            "source": lead.source.strip(),
            "is_new": is_new,
            "state": lead.state.strip(),
            "channel": source.channel,
            "link": source.link,
            "fields": lead.fields,
        }
        events.append(eventlog.NewEvent("lead.captured", person.contact_id, lead.at, fact, lead.backfill))
        answers[entry.index] = LeadResult(person.contact_id, person.uid, entry.name, person.created, True)
    touches = _touches(entries, [person.contact_id for person in people])
    touched, _ = eventlog.append_beside(touches, events, recorded_at=brand.now())
    if touched != len(entries):
        raise LostRace  # somebody else has captured one of them at this very moment


def _touches(entries: Sequence[_Entry], contact_ids: Sequence[int]) -> Rows:
    rows = sorted(
        (
            (contact_id, "lead", entry.lead.source.strip(), entry.source.channel_id, entry.source.link_id,
             entry.lead.at, entry.key)
            for entry, contact_id in zip(entries, contact_ids, strict=True)
        ),
        key=lambda row: row[6],
    )  # fmt: skip
    return Rows(Touch, _TOUCH_COLUMNS, rows, "ON CONFLICT (key) DO NOTHING")


def _arrive(brand: Brand, entries: Sequence[_Entry], people: Sequence[Resolved]) -> list[bool]:
    """Note when and through which channel each contact first came; per lead whether it is the contact's first.

    The earliest event counts, whichever was imported first. New contacts have it already.
    """
    new = {person.contact_id for person in people if person.created}
    had = {person.contact_id: False for person in people}
    present = sorted(had.keys() - new)
    if present:
        hold = "" if current_handle().engine == "sqlite" else " ORDER BY id FOR NO KEY UPDATE"
        rows = fetch_in(f"SELECT id, lead_at IS NOT NULL FROM contact WHERE id IN ({{in}}){hold}", present)
        had.update({contact_id: bool(arrived) for contact_id, arrived in rows})
    answers = []
    earliest: dict[int, tuple[int, int | None]] = {}
    for entry, person in zip(entries, people, strict=True):
        contact_id, at = person.contact_id, entry.lead.at
        answers.append(not had[contact_id])
        had[contact_id] = True
        if contact_id not in new and (contact_id not in earliest or at < earliest[contact_id][0]):
            earliest[contact_id] = (at, entry.source.channel_id)
    now = brand.now()
    update_rows(
        "UPDATE contact SET lead_at = ?, lead_channel_id = ?, updated_at = ? "
        "WHERE id = ? AND (lead_at IS NULL OR lead_at > ?)",
        [(at, channel_id, now, contact_id, at) for contact_id, (at, channel_id) in sorted(earliest.items())],
    )
    return answers


def _tag(brand: Brand, entries: Sequence[_Entry], contact_ids: Sequence[int]) -> None:
    """Give the tags of each lead's channel, once per lead."""
    channel_ids = sorted({e.source.channel_id for e in entries if e.source.channel_id is not None})
    if not channel_ids:
        return
    rows = fetch_in("SELECT id, tags FROM channel WHERE id IN ({in}) AND tags IS NOT NULL", channel_ids)
    tags = {channel_id: json.loads(text) for channel_id, text in rows}
    for channel_id, tag_ids in tags.items():
        for history in (False, True):
            here = [
                (entry, contact_id)
                for entry, contact_id in zip(entries, contact_ids, strict=True)
                if entry.source.channel_id == channel_id and entry.lead.backfill is history
            ]
            if here:
                brand.tags.add_many(
                    [(contact_id, tag_id) for _, contact_id in here for tag_id in tag_ids],
                    origin="auto",
                    actor=f"channel:{here[0][0].source.channel}",
                    backfill=history,
                    skip_retired=True,
                )
