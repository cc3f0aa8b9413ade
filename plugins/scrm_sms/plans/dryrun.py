"""The dry run (试算): who would get what, why not, and at what cost, as of now. It writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scrm_core.api import NotFound, QueueOutcome, Recipient, execute, fetch_in

from ..copywriting.cost import estimate
from ..copywriting.segments import size_of
from ..copywriting.template import LINK
from ..gateways.numbers import masked
from .book import CHANNEL, Book
from .counting import counted
from .hours import opening_text
from .launching import Launching
from .packing import Packing
from .rendering import Writer
from .steps import Audience, Goal, Path, Wording, content_of, missing
from .store import Done, plan_row, steps_of
from .wording import LINK_CODE, renderers

if TYPE_CHECKING:
    from scrm_core.api import Brand

PAGE = 1_000
MOST_SAMPLE = 50


@dataclass(frozen=True, slots=True)
class Sample:
    """A message as somebody would get it; the number is masked, the link has a stand-in for its code."""

    number: str
    arm: str
    body: str
    parts: int


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a plan would do now.

    ``would_send`` messages would go, ``kept_back`` would not, by reason (those
    of the pack and those of the caps as they stand now). The cost is the most
    it can be: every message at its longest. ``missing`` are steps not done,
    ``problems`` what else keeps the plan from starting, ``hours`` when messages may go.
    """

    code: str
    state: str
    would_send: int
    kept_back: dict[str, int]
    parts: int
    cost_milli: int
    cost_minor: int
    currency: str
    hours: str
    samples: tuple[Sample, ...]
    missing: tuple[str, ...]
    problems: tuple[str, ...]


def dry_run(book: Book, code: str, sample: int) -> DryRun:
    """What the plan would do now; raises NotFound before its audience is chosen."""
    plan = plan_row(code)
    done = steps_of(plan)
    if "audience" not in done:
        raise NotFound(f"plan {code!r} has no audience yet: there is nobody to tell about")
    goal, audience = content_of(done, Goal), content_of(done, Audience)
    if plan.run_id is None:
        outcome = Packing(book).preview(goal, audience.segment, audience.pack)
    else:
        outcome = _of_queued(book, goal, plan.run_id)
    longest = max((arm.parts for arm in content_of(done, Wording).arms), default=1) if "copy" in done else 1
    price = estimate({longest: outcome.queued}, book.settings["price_milli"])
    now = book.brand.now()
    return DryRun(
        code=code,
        state=plan.state,
        would_send=outcome.queued,
        kept_back=outcome.blocked,
        parts=price.parts,
        cost_milli=price.milli,
        cost_minor=price.minor,
        currency=book.brand.currency,
        hours=opening_text(book.brand, goal.kind),
        samples=tuple(_samples(book, done, plan.run_id, min(sample, MOST_SAMPLE))) if "copy" in done else (),
        missing=tuple(missing(done, "schedule")),
        problems=tuple(Launching(book).gate(plan, done, max(now, plan.start_at or now))),
    )


def _of_queued(book: Book, goal: Goal, run_id: int) -> QueueOutcome:
    """What the queued messages of a run would become, beside those kept back when they were queued."""
    kept: dict[str, int] = {}
    for (state, reason), count in counted(run_id).items():
        if state == "blocked":
            kept[reason] = kept.get(reason, 0) + count
    now = book.brand.outreach.preview_addresses(CHANNEL, goal.kind, _queued(run_id))
    for reason, count in now.blocked.items():
        kept[reason] = kept.get(reason, 0) + count
    return QueueOutcome(now.queued, dict(sorted(kept.items())))


def _queued(run_id: int) -> Iterator[tuple[str, int | None]]:
    after = 0
    while rows := execute(
        "SELECT id, address, contact_id FROM message WHERE run_id = ? AND state = 'queued' AND id > ? "
        "ORDER BY id LIMIT ?",
        (run_id, after, PAGE),
    ).fetchall():
        yield from ((address, contact_id) for _, address, contact_id in rows)
        after = rows[-1][0]


def _samples(book: Book, done: Mapping[str, Done], run_id: int | None, count: int) -> list[Sample]:
    """The first messages of the pack, each with the text that its person would get."""
    rows = execute(
        "SELECT id, contact_id, address FROM message WHERE run_id = ? AND state = 'queued' ORDER BY id LIMIT ?",
        (run_id, count),
    ).fetchall()
    uids = dict(fetch_in("SELECT id, uid FROM contact WHERE id IN ({in})", [row[1] for row in rows if row[1]]))
    people = [Recipient(row[0], "", row[1], uids.get(row[1], ""), row[2]) for row in rows]
    writer, wording = Writer(book), content_of(done, Wording)
    writers = renderers(content_of(done, Goal).kind, wording, book.settings)
    names = writer.names_of(people, content_of(done, Audience).pack)
    out = []
    for person, arm in zip(people, writer.arms_of(wording, people), strict=True):
        values = {"name": names[person.message_id], LINK: _stand_in(book.brand, content_of(done, Path))}
        body = writers[arm.name].render(values)
        parts = size_of(body, writers[arm.name].rules.mode).parts
        out.append(Sample(masked(person.address), arm.name, body, parts))
    return out


def _stand_in(brand: Brand, path: Path) -> str:
    """A link as long as a real one; real ones are made when the message is sent."""
    return f"{brand.installation.config.base_url}/l/{'x' * LINK_CODE}" if path.channel else ""
