"""What partner messages give to those who ask."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ScrmError


class Refused(ScrmError):
    """A message that is not taken: one answer whether the brand, the partner or the signature is wrong."""

    status = 401
    code = "refused"

    def __init__(self, reason: str) -> None:
        super().__init__("no such partner, or its signature does not fit")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class OutgoingView:
    """A message to a partner that is not delivered yet; ``next_at`` is when it is tried again."""

    uid: str
    partner: str
    kind: str
    key: str
    state: str
    attempts: int
    next_at: int
    error: str
    created_at: int
