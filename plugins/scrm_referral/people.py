"""Who acts, and what may be asked for."""

from __future__ import annotations

from scrm_core.api import Invalid, clean_text


def speakable(text: str) -> bool:
    """Whether a code or uid from outside can be asked for: what the database does not take, nobody has."""
    return len(text) <= 200 and text.isprintable()


def named(actor: str) -> str:
    """The cleaned name of who acts; raises Invalid for an empty one."""
    name = clean_text(actor, field="actor", max_length=200)
    if not name:
        raise Invalid("say who does it", field="actor")
    return name
