"""Drafts of messages (草稿), which group sends and invitations are: a run of outreach that a person lets go."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from scrm_core.api import NotFound, transactional

from .acts import noted
from .schemas import NAME

if TYPE_CHECKING:
    from scrm_core.api import Brand, QueueOutcome, RunView


D = TypeVar("D")


class Drafts(ABC, Generic[D]):
    """Drafts of one brand; ``what`` is the word for one, ``mark`` begins codes of their runs, ``act`` those of acts."""

    what = act = mark = channel = sender = ""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    def _queue(self, code: str, kind: str, expression: str, actor: str) -> QueueOutcome:
        """Open the run of a new draft and queue its people."""
        run = self.brand.outreach.open_run(
            f"{self.mark}{code}", owner=NAME, channel=self.channel, kind=kind, sender=self.sender
        )
        outcome = self.brand.outreach.queue_segment(run.id, expression)
        noted(self.brand, actor, f"{self.act}.open", code, {"queued": outcome.queued})
        return outcome

    @transactional
    def start(self, code: str, *, actor: str = "") -> RunView:
        """Let a draft go. Raises NotFound, and Conflict (``run_state``) for one that goes or is over."""
        self.get(code)
        (run,) = self._runs([code])
        self.brand.outreach.release(run.id, 10_000)
        noted(self.brand, actor, f"{self.act}.start", code)
        return self.brand.outreach.start(run.id)

    def get(self, code: str) -> D:
        """The draft, or what became of it, under this code; raises NotFound."""
        found = self._those("WHERE code = ?", (code,))
        if not found:
            raise NotFound(f"no {self.what} {code!r}")
        return found[0]

    @abstractmethod
    def _those(self, which: str, params: tuple[Any, ...] = ()) -> list[D]:
        """Drafts by the rest of a SELECT and what its marks stand for."""

    def _runs(self, codes: Sequence[str]) -> list[RunView]:
        """The run of each code, in their order."""
        found = self.brand.outreach.runs_of(NAME, [f"{self.mark}{code}" for code in codes])
        return [found[f"{self.mark}{code}"] for code in codes]
