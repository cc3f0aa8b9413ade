"""What pages of WeCom in the console do alike: how one is shown, and what a form is refused without."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from scrm_core.api import ConsoleQuery, ConsoleTemplate, Invalid

from .console_notes import note_of
from .console_words import DONE, WORDS
from .service import Wecom

if TYPE_CHECKING:
    from scrm_core.api import Brand

READ, WRITE = "wecom:read", "wecom:write"
ROWS = 50


class WecomPages:
    """What the methods of every page have: mixed into the plugin."""

    brand: Brand
    settings: dict[str, Any]

    @cached_property
    def wecom(self) -> Wecom:
        """The plugin's service for this brand."""
        return Wecom(self.brand, self.settings)


def page(name: str, query: ConsoleQuery, context: dict[str, Any]) -> ConsoleTemplate:
    """A page of the plugin's, with what is said after its acts."""
    zh = query.language == "zh"
    told = {act: words[zh] for act, words in DONE.items()}
    known = {"told": told, "note": note_of(query.language)}
    return ConsoleTemplate(f"wecom_console/{name}.html", {**known, **context}, WORDS)


def unchanged(query: ConsoleQuery, seen: str, said: str) -> None:
    """Raise where a form does not say what its page showed, or that is not what there is any more (``said``)."""
    if "seen" not in query.form:
        raise Invalid("seen: the form does not say what its page showed", field="seen")
    query.expect(seen, said)


def confirmed(query: ConsoleQuery) -> None:
    """Raise where the box of an act that cannot be taken back is not ticked."""
    if "confirm" not in query.form:
        raise Invalid("confirm: tick that you mean it; it cannot be taken back", field="confirm")
