"""Who acts, and what may be asked for."""

from __future__ import annotations

from collections.abc import Iterable

from scrm_core.api import Invalid, clean_text, fetch_in


def speakable(text: str) -> bool:
    """Whether a code or uid from outside can be asked for: what the database does not take, nobody has."""
    return len(text) <= 200 and text.isprintable()


def standing_all(contact_ids: Iterable[int | None]) -> dict[int | None, int | None]:
    """The contact that each id stands for now, as :func:`scrm_core.api.standing` says of one; None stays None."""
    answer: dict[int | None, int | None] = {each: each for each in contact_ids}
    waiting = {each for each in answer if each is not None}
    while waiting:
        sql = "SELECT id, merged_into_id FROM contact WHERE id IN ({in}) AND merged_into_id IS NOT NULL"
        moved = dict(fetch_in(sql, sorted(waiting)))
        answer = {asked: moved.get(now, now) for asked, now in answer.items()}
        waiting = set(moved.values())
    return answer


def named(actor: str) -> str:
    """The cleaned name of who acts; raises Invalid for an empty one."""
    name = clean_text(actor, field="actor", max_length=200)
    if not name:
        raise Invalid("say who does it", field="actor")
    return name
