"""Invited friends as people: several contacts that were merged are one friend, counted once."""

from __future__ import annotations

from collections.abc import Iterable

from scrm_core.api import fetch_in

CONTACT = "contact "
"""What the note of a friend begins with who is a contact of the brand; its id follows."""


def standing(refs: Iterable[str]) -> dict[str, str]:
    """Each note of a friend with the note of the contact that stands for them now; other notes stand for themselves."""
    answer = {ref: ref for ref in refs}
    asked = {int(ref.removeprefix(CONTACT)) for ref in answer if ref.startswith(CONTACT)}
    merged: dict[int, int] = {}
    while asked:
        rows = fetch_in(
            "SELECT id, merged_into_id FROM contact WHERE id IN ({in}) AND merged_into_id IS NOT NULL", sorted(asked)
        )
        merged.update(rows)
        asked = {into for _, into in rows} - merged.keys()
    for ref in answer:
        if ref.startswith(CONTACT):
            contact_id = int(ref.removeprefix(CONTACT))
            while contact_id in merged:
                contact_id = merged[contact_id]
            answer[ref] = f"{CONTACT}{contact_id}"
    return answer
