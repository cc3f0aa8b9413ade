"""What an import asks about many rows at once, before it writes them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..db.bulk import fetch_in
from .resolving import IdentityIn, look_up
from .suppression import IdentityKey
from .survivors import survivors


def find_contacts(rows: Sequence[Sequence[IdentityIn]], uids: Sequence[str | None]) -> list[int | None]:
    """The contact of each row by its uid or else by its identities (the oldest that has one), or None."""
    ids = dict(fetch_in("SELECT uid, id FROM contact WHERE uid IN ({in})", sorted({uid for uid in uids if uid})))
    standing = survivors(ids.values(), hold=False)
    known = look_up({_key(identity) for row in rows for identity in row})
    found: list[int | None] = []
    for row, uid in zip(rows, uids, strict=True):
        if uid is not None:
            found.append(standing.get(ids.get(uid, 0)))
        else:
            owners = [known[_key(i)].contact_id for i in row if _key(i) in known]
            found.append(min(owners, default=None))
    return found


def what_is_new(rows: Sequence[Sequence[IdentityIn]], names: Sequence[str]) -> list[bool]:
    """Per row whether it tells more than is known: an identity, a name, or that two contacts are one."""
    known = look_up({_key(identity) for row in rows for identity in row})
    told: set[IdentityKey] = set()
    named: set[IdentityKey | int] = {person.contact_id for person in known.values() if person.name}
    answers = []
    for row, name in zip(rows, names, strict=True):
        keys = {_key(identity) for identity in row}
        owners = {known[key].contact_id for key in keys if key in known}
        people = owners or keys
        answers.append(bool(keys - known.keys() - told) or len(owners) > 1 or (bool(name) and named.isdisjoint(people)))
        told |= keys
        if name:
            named |= people
    return answers


def tags_held(contact_ids: Collection[int]) -> set[tuple[int, int]]:
    """Every (contact id, tag id) of the contacts."""
    rows = fetch_in("SELECT contact_id, tag_id FROM contact_tag WHERE contact_id IN ({in})", sorted(contact_ids))
    return {(contact_id, tag_id) for contact_id, tag_id in rows}


def _key(identity: IdentityIn) -> IdentityKey:
    return identity.kind, identity.namespace, identity.value
