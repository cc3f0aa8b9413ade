"""Writing the messages of a plan in the claim: arm, own short link, text, parts, exposure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scrm_core.api import (
    Conflict,
    Invalid,
    MessageBatch,
    NotFound,
    Recipient,
    Rendered,
    Skipped,
    fetch_in,
)

from ..copywriting.segments import size_of
from ..copywriting.template import LINK, Renderer
from .book import OWNER, Book
from .paths import path_problems
from .steps import Arm, Audience, Goal, Path, Wording, content_of
from .store import PlanRow, plan_of_run, steps_of
from .wording import RULES_CHANGED, renderers, rules_digest

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class _Line:
    """A recipient with the text that is theirs."""

    recipient: Recipient
    arm: Arm
    writer: Renderer
    values: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What a plan has decided, read once per version of it."""

    version: int
    pack: str
    path: Path
    wording: Wording
    writers: dict[str, Renderer]


class Writer:
    """Writes the messages of running plans."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.brand = book.brand
        self.settings = book.settings
        self._prepared: dict[int, _Prepared] = {}

    def write(self, batch: MessageBatch) -> Sequence[Rendered | Skipped]:
        """One text per recipient, in order.

        Raises Conflict, which pauses the run, when the plan's activity has
        ended, since no message may lead to an empty page, and when other
        settings would write another text than the one that was approved.
        """
        plan = plan_of_run(batch.run.id)
        if plan is None:
            raise NotFound(f"run {batch.run.code!r} belongs to no plan")
        known = self._decided(plan)
        problems = path_problems(self.book, plan.code, known.path, self.brand.now())
        if problems:
            raise Conflict(f"path: {'; '.join(problems)}", code="plan_path")
        arms = self.arms_of(known.wording, batch.recipients, met=True)
        names = self.names_of(batch.recipients, known.pack)
        lines = [
            _Line(recipient, arm, known.writers[arm.name], {"name": names.get(recipient.message_id, "")})
            for recipient, arm in zip(batch.recipients, arms, strict=True)
        ]
        links = self._links(plan, known.path, lines)
        return [self._text(line, links.get(line.recipient.message_id)) for line in lines]

    def _decided(self, plan: PlanRow) -> _Prepared:
        known = self._prepared.get(plan.id)
        if known is None or known.version != plan.version:
            done = steps_of(plan)
            wording = content_of(done, Wording)
            if wording.rules != rules_digest(self.settings):
                raise Conflict(f"copy: {RULES_CHANGED}", code="plan_copy")
            known = self._prepared[plan.id] = _Prepared(
                plan.version,
                content_of(done, Audience).pack,
                content_of(done, Path),
                wording,
                renderers(content_of(done, Goal).kind, wording, self.settings),
            )
        return known

    def arms_of(self, wording: Wording, recipients: Sequence[Recipient], *, met: bool = False) -> list[Arm]:
        """Each recipient's text: the first whose segment they are in, else by the lot, the same for ever.

        ``met`` records that the people of the lot meet their text now.
        """
        chosen: dict[int, Arm] = {}
        contacts = sorted({r.contact_id for r in recipients if r.contact_id is not None})
        for arm in wording.arms:
            if arm.segment:
                for contact in self._inside(arm.segment, [c for c in contacts if c not in chosen]):
                    chosen[contact] = arm
        drawn = self._drawn(wording, [r for r in recipients if r.contact_id not in chosen], met)
        return [chosen.get(r.contact_id or 0) or drawn[r.message_id] for r in recipients]

    def _drawn(self, wording: Wording, recipients: Sequence[Recipient], met: bool) -> dict[int, Arm]:
        if not wording.experiment:
            only = next(arm for arm in wording.arms if not arm.segment)
            return {r.message_id: only for r in recipients}
        by_name = {arm.name: arm for arm in wording.arms}
        persons = [person_key(r) for r in recipients]
        lot = self.brand.experiments
        if met:
            names = lot.expose_many(wording.experiment, persons)
        else:
            names = [lot.arm(wording.experiment, person) for person in persons]
        return {r.message_id: by_name[name] for r, name in zip(recipients, names, strict=True)}

    def _inside(self, expression: str, contacts: Sequence[int]) -> list[int]:
        where = self.brand.segments.condition(expression)
        return [
            row[0]
            for row in fetch_in(
                f"SELECT c.id FROM contact c WHERE {where.text} AND c.id IN ({{in}})", contacts, where.params
            )
        ]

    def names_of(self, recipients: Sequence[Recipient], pack: str) -> dict[int, str]:
        """What each recipient is called, by message: the contact's name, else what the number pack says."""
        contacts = sorted({r.contact_id for r in recipients if r.contact_id is not None})
        called = dict(fetch_in("SELECT id, name FROM contact WHERE id IN ({in})", contacts))
        names = {r.message_id: called.get(r.contact_id) or "" for r in recipients}
        nameless = {r.address: r.message_id for r in recipients if not names[r.message_id]}
        if pack and nameless:
            listed = fetch_in(
                "SELECT n.address, n.name FROM sms_number n JOIN sms_pack p ON p.id = n.pack_id "
                "WHERE p.code = ? AND n.address IN ({in})",
                sorted(nameless),
                [pack],
            )
            names.update((nameless[address], name) for address, name in listed if name)
        return names

    def _links(self, plan: PlanRow, path: Path, lines: Sequence[_Line]) -> dict[int, tuple[int, str]]:
        """A link of their own for everybody whose text has one: (id, address) by message."""
        wanted = [line for line in lines if LINK in line.writer.copy.variables]
        if not wanted:
            return {}
        made = self.brand.links.create_many(
            path.channel,
            path.target,
            len(wanted),
            owner=OWNER,
            campaign=plan.code,
            variants=[line.arm.name for line in wanted],
            expires_at=self.brand.now() + self.settings["link_days"] * DAY_MS,
        )
        base = self.brand.installation.config.base_url
        return {
            line.recipient.message_id: (link.id, f"{base}/l/{link.code}")
            for line, link in zip(wanted, made, strict=True)
        }

    def _text(self, line: _Line, link: tuple[int, str] | None) -> Rendered | Skipped:
        link_id, address = link or (None, "")
        values = {**line.values, LINK: address}
        try:
            body = line.writer.render(values)
        except Invalid as error:
            # A name that breaks the text costs this one message, not the run.
            return Skipped(f"text: {error.code}")
        parts = size_of(body, line.writer.rules.mode).parts
        return Rendered(
            body, parts, arm=line.arm.name, link_id=link_id, template=line.arm.template, params=line.writer.fill(values)
        )


def person_key(recipient: Recipient) -> str:
    """Who an experiment's person is: the contact's uid, or the message for a number that is nobody's."""
    return recipient.person or f"message:{recipient.message_id}"
