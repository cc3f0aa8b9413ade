"""The guard of the sms channel: what every SMS of every plugin has, whoever wrote it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from scrm_core.api import MessageDraft, Veto

from ..copywriting.rules import STYLES, copy_rules
from ..copywriting.segments import size_of
from .book import CHANNEL

COMMERCIAL = ("marketing", "brand")


class Guard:
    """Refuses texts without signature, without a way out, or of too many parts; made once per brand."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.rules = copy_rules(settings)
        least, most = self.rules.signature
        head, tail = STYLES[self.rules.style].split("{}")
        self._signature = re.compile(
            f"{re.escape(head)}[^【】\\[\\]{{}}]{{{least},{most}}}{re.escape(tail)}"
        )

    def check(self, draft: MessageDraft) -> None:
        """Raise Veto for an SMS that may not go like this; other channels pass."""
        if draft.channel != CHANNEL:
            return
        if not self._signature.match(draft.body):
            raise Veto(
                f"an SMS begins with its signature {STYLES[self.rules.style].format('签名')}", code="signature"
            )
        if draft.kind in COMMERCIAL and not draft.body.endswith(self.rules.opt_out):
            raise Veto(f"a {draft.kind} SMS ends with {self.rules.opt_out}", code="opt_out")
        parts = max(draft.parts, size_of(draft.body, self.rules.mode).parts)
        if parts > self.rules.most_parts:
            raise Veto(f"an SMS has at most {self.rules.most_parts} parts, not {parts}", code="parts")
