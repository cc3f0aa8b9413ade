"""Drafts of messages (草稿), which group sends and invitations are: a run of outreach that a person lets go."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from scrm_core.api import NotFound, execute, transactional

from .acts import noted
from .schemas import NAME

if TYPE_CHECKING:
    from scrm_core.api import Brand, QueueOutcome, RunView


D = TypeVar("D")
SILENT = "no_receipt"
"""The reason of an unknown message that staff have and did not confirm for days."""

WARN_MS = 7 * 86_400_000


def unsure(counts: Mapping[tuple[str, str], int]) -> int:
    """Of how many messages, counted by (state, reason), nobody knows whether they were handed over."""
    return sum(count for (state, reason), count in counts.items() if state == "unknown" and reason != SILENT)


def warnings(now: int, *senders: str) -> Iterator[str]:
    """Runs of these senders that go, or ended within a week, with messages of which nobody knows."""
    marks = ", ".join("?" for _ in senders)
    for code, count in execute(
        "SELECT r.code, count(*) FROM outreach_run r JOIN message m ON m.run_id = r.id "
        f"WHERE r.owner = ? AND r.sender IN ({marks}) AND (r.finished_at IS NULL OR r.finished_at > ?) "
        "AND m.state = 'unknown' AND m.reason <> ? GROUP BY r.id, r.code ORDER BY r.id LIMIT 20",
        (NAME, *senders, now - WARN_MS, SILENT),
    ).fetchall():
        yield (
            f"nobody knows whether {count} messages of run {code!r} were handed over: see WeCom's console, "
            f"then `scrm outreach unknown BRAND {NAME} {code}` and `scrm outreach settle`"
        )


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
