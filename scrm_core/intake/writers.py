"""Batches of checked rows handed to the services, one writer per kind.

A writer takes the rows of a batch inside an open transaction and answers each
with ``created``, ``updated`` or ``unchanged``, or with the error that refuses
it; an error leaves the other rows alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from scrm_core.errors import Invalid, NotFound, ScrmError, Veto
from scrm_core.intake.inputs import Row, identities_of, lead_of, order_of, product_of, refund_of
from scrm_core.services.import_lookups import find_contacts, tags_held, what_is_new

if TYPE_CHECKING:
    from scrm_core.brands import Brand

Answer = str | ScrmError
Writer = Callable[["Brand", Sequence[Row], str, bool], list[Answer]]
"""(brand, rows, source, backfill) to one answer per row."""


def _orders(brand: Brand, rows: Sequence[Row], source: str, backfill: bool) -> list[Answer]:
    results = brand.orders.upsert_many([order_of(row) for row in rows], backfill=backfill)
    return [result if isinstance(result, ScrmError) else result.outcome for result in results]


def _refunds(brand: Brand, rows: Sequence[Row], source: str, backfill: bool) -> list[Answer]:
    now = brand.now()
    results = brand.orders.refund_many([refund_of(row, now=now) for row in rows], backfill=backfill)
    return [
        result if isinstance(result, ScrmError) else "created" if result.outcome == "waiting" else result.outcome
        for result in results
    ]


def _leads(brand: Brand, rows: Sequence[Row], source: str, backfill: bool) -> list[Answer]:
    now = brand.now()
    results = brand.contacts.capture_leads(
        [
            lead_of(row, source=source, now=now, backfill=backfill, reference=_lead_reference(brand, row, source))
            for row in rows
        ]
    )
    return [
        result if isinstance(result, ScrmError) else "created" if result.updated else "unchanged" for result in results
    ]


def _lead_reference(brand: Brand, row: Row, source: str) -> str:
    """A name for a lead without key and instant, made of its content.

    Without it the instant of the import would make the same row another lead
    each time. The hash is keyed, because it covers personal data.
    """
    if row["key"] is not None or row["at"] is not None:
        return ""
    content = json.dumps({key: value for key, value in row.items() if value is not None}, sort_keys=True)
    return "row-" + brand.contacts.suppressions.digest(source, content)[:40]


def _contacts(brand: Brand, rows: Sequence[Row], source: str, backfill: bool) -> list[Answer]:
    now = brand.now()
    identities = [identities_of(row) for row in rows]
    names = [row["name"] or "" for row in rows]
    news = what_is_new(identities, names)
    resolved = brand.contacts.resolve_many(
        identities,
        at=[now if row["at"] is None else row["at"] for row in rows],
        origin=source,
        names=names,
    )
    answers: list[Answer] = []
    for given, person, new in zip(identities, resolved, news, strict=True):
        if not given:
            answers.append(Invalid("names no identity: a phone, unionid, openid, external_userid, buyer or member"))
        elif person is None:
            answers.append(Veto("this person was erased and must not come back", code="suppressed"))
        else:
            answers.append("created" if person.created else "updated" if new else "unchanged")
    return answers


def _tags(brand: Brand, rows: Sequence[Row], source: str, backfill: bool) -> list[Answer]:
    """Runs of rows alike in everything but contact and tag are written together, in the order of the file."""
    answers: list[Answer] = []
    people = find_contacts([identities_of(row) for row in rows], [row["contact"] for row in rows])
    entries = list(zip(rows, people, strict=True))
    for _, run in groupby(entries, key=lambda entry: (entry[0]["remove"], entry[0]["origin"], entry[0]["at"])):
        answers += _tag_run(brand, list(run), source, backfill)
    return answers


def _tag_run(brand: Brand, entries: Sequence[tuple[Row, int | None]], source: str, backfill: bool) -> list[Answer]:
    answers: list[Answer | None] = [None] * len(entries)
    pairs: list[tuple[int, int]] = []
    places: list[int] = []
    for place, (row, contact_id) in enumerate(entries):
        try:
            if contact_id is None:
                raise NotFound("no contact has this identity; import contacts first")
            if row["plan"] is not None:
                brand.tags.define(row["group"], row["tag"], plan=row["plan"])
            tag_id = brand.tags.find(row["group"], row["tag"])
            if tag_id is None:
                raise NotFound(f"no tag {row['group']}/{row['tag']}; give its plan to make it")
            if row["remove"]:
                gone = brand.tags.remove(contact_id, tag_id, origin=row["origin"], actor=source, at=row["at"])
                answers[place] = "updated" if gone else "unchanged"
                continue
        except ScrmError as error:
            answers[place] = error
            continue
        pairs.append((contact_id, tag_id))
        places.append(place)
    for place, answer in zip(places, _add_tags(brand, pairs, entries[0][0], source, backfill), strict=True):
        answers[place] = answer
    return answers  # type: ignore[return-value]


def _add_tags(brand: Brand, pairs: Sequence[tuple[int, int]], row: Row, source: str, backfill: bool) -> list[Answer]:
    """Set tags in one go; when that is refused, one by one, so that only the culprits are refused."""
    held = tags_held({contact_id for contact_id, _ in pairs})

    def add(some: Sequence[tuple[int, int]]) -> None:
        with brand.transaction():
            brand.tags.add_many(some, origin=row["origin"], actor=source, at=row["at"], backfill=backfill)

    refused: dict[tuple[int, int], ScrmError] = {}
    try:
        add(pairs)
    except ScrmError:
        for pair in dict.fromkeys(pairs):
            try:
                add([pair])
            except ScrmError as error:
                refused[pair] = error
    answers: list[Answer] = []
    for pair in pairs:
        answers.append(refused.get(pair) or ("unchanged" if pair in held else "created"))
        held.add(pair)
    return answers


def _products(brand: Brand, rows: Sequence[Row], source: str, backfill: bool) -> list[Answer]:
    results = brand.products.upsert_many([product_of(row) for row in rows])
    return [result if isinstance(result, ScrmError) else result.outcome for result in results]


WRITERS: dict[str, Writer] = {
    "orders": _orders,
    "refunds": _refunds,
    "leads": _leads,
    "contacts": _contacts,
    "tags": _tags,
    "products": _products,
}
"""The writer of each kind of row."""
