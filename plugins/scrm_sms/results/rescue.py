"""Low-intent rescue (C 群挽留): whoever gets the tag of low intent is sent the rescue plan's copy, once.

Any source may set the tag: a survey, a person, an import, another plugin. The
setting ``rescue_plan`` names a plan like any other, made for those who have the
tag already; once it is approved, whoever gets the tag later is sent its copy
through a standing run, as long as its activity runs. Consent, caps and quiet
hours hold as for every message.

Rescued (挽留) is who, within ``rescue_days`` after the message was delivered,
added the brand, ordered, or lost the tag.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, Invalid, Recipient, RunView, TagAdded, TagRemoved, execute, transactional

from ..copywriting.segments import size_of
from ..copywriting.template import LINK
from ..plans.book import CHANNEL, OWNER, Book
from ..plans.paths import path_problems
from ..plans.rendering import Writer
from ..plans.standing import standing_code
from ..plans.steps import RUNNING, Arm, Goal, Path, Wording, content_of
from ..plans.store import Done, PlanRow, plan_row, plan_rows, steps_of
from ..plans.wording import RULES_CHANGED, renderers, rules_digest
from . import landing
from .adds import living

if TYPE_CHECKING:
    from scrm_core.api import Brand

DAY_MS = 86_400_000
_WHOLE = 10_000
_PAGE = 500


@dataclass(frozen=True, slots=True)
class _Text:
    """What a person is to be sent: the text, its size, and the link in it."""

    body: str
    parts: int
    template: str
    params: Mapping[str, str]
    link_id: int | None


class Rescues:
    """The rescue of one brand's people of low intent."""

    def __init__(self, brand: Brand, settings: Mapping[str, Any]) -> None:
        self.brand = brand
        self.settings = settings
        self.book = Book(brand, settings)

    def _is_tag(self, event: TagAdded | TagRemoved) -> bool:
        group, _, tag = self.settings["rescue_tag"].partition("/")
        return bool(tag) and (event.group, event.tag) == (group, tag)

    def _plan(self) -> PlanRow | None:
        code = self.settings["rescue_plan"]
        return next((plan for plan in plan_rows() if plan.code == code), None) if code else None

    # What happens ------------------------------------------------------------

    @transactional
    def take_tag(self, event: TagAdded) -> bool:
        """Put a person who got the tag into the rescue plan's queue; True when a message was queued."""
        if not self._is_tag(event):
            return False
        contact_id, plan = living(event.contact_id), self._plan()
        if contact_id is None or plan is None:
            return False
        created = execute(
            "INSERT INTO sms_rescue (plan_id, contact_id, at, reason) VALUES (?, ?, ?, '') "
            "ON CONFLICT (plan_id, contact_id) DO NOTHING",
            (plan.id, contact_id, event.at),
        ).rowcount
        return bool(created) and self._queue(plan, contact_id)

    def take_untag(self, event: TagRemoved) -> None:
        """Note that a person lost the tag."""
        contact_id = living(event.contact_id)
        if contact_id is not None and self._is_tag(event):
            execute(
                "INSERT INTO sms_rescue_exit (contact_id, event, at) VALUES (?, ?, ?) ON CONFLICT (event) DO NOTHING",
                (contact_id, event.event_id, event.at),
            )

    def settle(self) -> int:
        """The job: queue those who waited for the plan and still have the tag; returns how many."""
        plan = self._plan()
        if plan is None or self._not_ready(plan, steps_of(plan)):
            return 0
        queued, after = 0, 0
        while True:
            count, last = self._settle_page(plan, after)
            queued += count
            if last is None:
                return queued
            after = last

    @transactional
    def _settle_page(self, plan: PlanRow, after: int) -> tuple[int, int | None]:
        """Queue a page of those who wait; returns how many, and the last row looked at, None behind the end."""
        group, _, tag = self.settings["rescue_tag"].partition("/")
        waiting = execute(
            "SELECT r.id, r.contact_id FROM sms_rescue r JOIN contact c ON c.id = r.contact_id "
            "WHERE r.plan_id = ? AND r.id > ? AND r.message_id IS NULL AND c.state = 'active' AND EXISTS "
            "(SELECT 1 FROM contact_tag x JOIN tag t ON t.id = x.tag_id JOIN tag_group g ON g.id = t.group_id "
            "WHERE x.contact_id = c.id AND g.name = ? AND t.name = ?) ORDER BY r.id LIMIT ?",
            (plan.id, after, group, tag, _PAGE),
        ).fetchall()
        queued = sum(self._queue(plan, contact_id) for _, contact_id in waiting)
        return queued, waiting[-1][0] if waiting else None

    def _queue(self, plan: PlanRow, contact_id: int) -> bool:
        """Queue a person's message; otherwise keep why not. Who has the plan's message already gets no second one."""
        address = self._address(contact_id)
        reason, message_id, link_id = "", self._sent_by_plan(plan, contact_id, address), None
        if message_id is None:
            done = steps_of(plan)
            reason = self._not_ready(plan, done)
            if not reason and address is None:
                reason = "no_address"
            if not reason and address is not None:
                try:
                    message_id, link_id = self._send(plan, done, contact_id, address)
                except (Conflict, Invalid) as error:
                    reason = error.message[:200]
        execute(
            "UPDATE sms_rescue SET message_id = ?, link_id = ?, reason = ? WHERE plan_id = ? AND contact_id = ?",
            (message_id, link_id, reason, plan.id, contact_id),
        )
        return link_id is not None

    @staticmethod
    def _sent_by_plan(plan: PlanRow, contact_id: int, address: str | None) -> int | None:
        """The message that either run of the plan has for a person or their number."""
        standing = "(SELECT id FROM outreach_run WHERE owner = ? AND code = ?)"
        for column, value in (("contact_id", contact_id), ("address", address)):
            for run, params in (("?", (plan.run_id,)), (standing, (OWNER, standing_code(plan.code)))):
                row = execute(
                    f"SELECT id FROM message WHERE run_id = {run} AND {column} = ? ORDER BY id LIMIT 1",
                    (*params, value),
                ).fetchone()
                if row is not None:
                    return int(row[0])
        return None

    def _not_ready(self, plan: PlanRow, done: Mapping[str, Done]) -> str:
        if "approval" not in done or plan.state not in (RUNNING, "done"):
            return "the rescue plan is not approved and scheduled"
        if content_of(done, Wording).rules != rules_digest(self.settings):
            return RULES_CHANGED
        return "; ".join(path_problems(self.book, plan.code, content_of(done, Path), self.brand.now()))

    @staticmethod
    def _address(contact_id: int) -> str | None:
        row = execute(
            "SELECT value FROM identity WHERE contact_id = ? AND kind = 'phone' ORDER BY verified DESC, id LIMIT 1",
            (contact_id,),
        ).fetchone()
        return None if row is None else str(row[0])

    def _send(
        self, plan: PlanRow, done: Mapping[str, Done], contact_id: int, address: str
    ) -> tuple[int | None, int | None]:
        text = self._text(plan, done, contact_id, address)
        run = self._run(plan, done)
        message_id = self.brand.outreach.queue_body(
            run.id,
            address,
            text.body,
            contact_id=contact_id,
            parts=text.parts,
            template=text.template,
            params=text.params,
            # It may wait for a morning on which the activity is over.
            expires_at=landing.activity_until(self.brand, plan.code) if content_of(done, Path).page else None,
        )
        return message_id, text.link_id if message_id is not None else None

    def _run(self, plan: PlanRow, done: Mapping[str, Done]) -> RunView:
        goal = content_of(done, Goal)
        run = self.brand.outreach.open_run(
            standing_code(plan.code), owner=OWNER, channel=CHANNEL, kind=goal.kind, sender=goal.sender, standing=True
        )
        if run.state == "draft":
            self.brand.outreach.release(run.id, _WHOLE)
            run = self.brand.outreach.start(run.id)
        return run

    def _text(self, plan: PlanRow, done: Mapping[str, Done], contact_id: int, address: str) -> _Text:
        goal, wording, path = content_of(done, Goal), content_of(done, Wording), content_of(done, Path)
        uid, name = execute("SELECT uid, name FROM contact WHERE id = ?", (contact_id,)).fetchone()
        recipient = Recipient(0, "", contact_id, uid, address)
        (arm,) = Writer(self.book).arms_of(wording, [recipient])
        if wording.experiment and not arm.segment:
            self.brand.experiments.expose(wording.experiment, uid)
        writer = renderers(goal.kind, wording, self.settings)[arm.name]
        link_id, url = self._link(plan, path, arm) if LINK in writer.copy.variables else (None, "")
        values = {"name": name, LINK: url}
        body = writer.render(values)
        return _Text(body, size_of(body, writer.rules.mode).parts, arm.template, writer.fill(values), link_id)

    def _link(self, plan: PlanRow, path: Path, arm: Arm) -> tuple[int, str]:
        made = self.brand.links.create(
            path.channel,
            path.target,
            owner=OWNER,
            campaign=plan.code,
            variant=arm.name,
            expires_at=self.brand.now() + self.settings["link_days"] * DAY_MS,
        )
        return made.id, f"{self.brand.installation.config.base_url}/l/{made.code}"

    # Figures -----------------------------------------------------------------

    def figures(self, plan_code: str) -> dict[str, Any]:
        """The rescue of a plan in numbers; one statement for what was sent, one for who was rescued.

        ``group`` is everybody the plan wrote to or keeps waiting, ``rescued``
        distinct people, who may have done several of ``added``, ``ordered`` and ``left``.
        """
        plan = plan_row(plan_code)
        standing = execute(
            "SELECT id FROM outreach_run WHERE owner = ? AND code = ?", (OWNER, standing_code(plan.code))
        ).fetchone()
        runs = [plan.run_id, standing[0] if standing is not None else None]
        found = execute(
            "SELECT state, reason, count(*) FROM message WHERE run_id IN (?, ?) GROUP BY state, reason", runs
        ).fetchall()
        waiting = execute(
            "SELECT reason, count(*) FROM sms_rescue WHERE plan_id = ? AND message_id IS NULL GROUP BY reason",
            (plan.id,),
        ).fetchall()
        window = self.settings["rescue_days"] * DAY_MS
        happened = "BETWEEN d.at AND d.at + CAST(? AS BIGINT)"
        counts = execute(
            "WITH d AS (SELECT contact_id, min(final_at) AS at FROM message WHERE run_id IN (?, ?) "
            "AND state = 'delivered' AND contact_id IS NOT NULL GROUP BY contact_id), "
            "r AS (SELECT "
            "CASE WHEN EXISTS (SELECT 1 FROM touch t WHERE t.contact_id = d.contact_id AND t.kind = 'lead' "
            f"AND t.at {happened}) THEN 1 ELSE 0 END AS added, "
            "CASE WHEN EXISTS (SELECT 1 FROM orders o WHERE o.contact_id = d.contact_id AND o.valid = 1 "
            f"AND o.paid_at {happened}) THEN 1 ELSE 0 END AS ordered, "
            "CASE WHEN EXISTS (SELECT 1 FROM sms_rescue_exit x WHERE x.contact_id = d.contact_id "
            f"AND x.at {happened}) THEN 1 ELSE 0 END AS gone FROM d) "
            "SELECT count(*), sum(added), sum(ordered), sum(gone), "
            "sum(CASE WHEN added + ordered + gone > 0 THEN 1 ELSE 0 END) FROM r",
            (*runs, window, window, window),
        ).fetchone()
        reached, added, ordered, left, rescued = (int(count or 0) for count in counts)
        blocked = {reason: count for state, reason, count in found if state == "blocked"}
        return {
            "plan": plan.code,
            "group": sum(count for _, _, count in found) + sum(count for _, count in waiting),
            "waiting": dict(sorted(waiting)),
            "blocked": dict(sorted(blocked.items())),
            "delivered": sum(count for state, _, count in found if state == "delivered"),
            "reached": reached,
            "added": added,
            "ordered": ordered,
            "left": left,
            "rescued": rescued,
            "rescue_rate": round(rescued / reached, 4) if reached else None,
        }
