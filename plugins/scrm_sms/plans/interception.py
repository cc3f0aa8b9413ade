"""The interception test (文案测试拦截): every text really goes to the seed numbers and must arrive.

Platforms refuse texts for their words, and say so in the receipt only. A test
is passed when the receipts of all texts to all seeds say delivered; any change
of copy or path makes it void.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scrm_core.api import Invalid, MessageStatus, execute, fetch_in, transactional

from ..copywriting.segments import size_of
from ..copywriting.template import LINK, Renderer
from .book import CHANNEL, OWNER, Book, PlanView
from .steps import RUNNING, Arm, Goal, Path, Tested, Wording, content_of, missing
from .store import Done, PlanRow, clean_actor, move, note, plan_row, steps_of
from .wording import renderers

GRACE_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class SeedTest:
    """A text that was sent to the seed numbers; ``state`` as in :class:`.models.PlanTest`, ``at`` an instant."""

    number: int
    arm: str
    state: str
    seeds: int
    actor: str
    at: int
    delivered: int


class Interception:
    """Sends test messages and waits for their receipts."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.brand = book.brand
        self.settings = book.settings

    @transactional
    def start(self, code: str, *, actor: str) -> PlanView:
        """Send every text of the copy to every seed number, one run ``<plan>/test-N`` for each text.

        Raises Invalid without seed numbers. The answer comes with the receipts:
        :meth:`on_status` takes them, :meth:`settle` asks again.
        """
        plan, done = self.book.open_step(code, "test")
        actor = clean_actor(actor)
        seeds = self.settings["seed_numbers"]
        if not seeds:
            raise Invalid("no seed numbers: name them in [plugins.sms] seed_numbers", field="seed_numbers")
        goal, path, wording = content_of(done, Goal), content_of(done, Path), content_of(done, Wording)
        if "test" in done:
            plan, done = self._again(plan, done, actor)
        move(plan, self.brand.now(), tests=plan.tests + len(wording.arms))
        execute("UPDATE sms_plan_test SET state = 'void' WHERE plan_id = ? AND state = 'running'", (plan.id,))
        writers = renderers(goal.kind, wording, self.settings)
        numbers = []
        for number, arm in enumerate(wording.arms, plan.tests + 1):
            self._send(plan, number, arm, writers[arm.name], (goal, path, wording), actor)
            numbers.append(number)
        note(plan, actor, "test started", {"tests": numbers, "seeds": len(seeds)}, self.brand.now())
        return self.book.view(code)

    def _again(self, plan: PlanRow, done: Mapping[str, Done], actor: str) -> tuple[PlanRow, dict[str, Done]]:
        """A new test makes the one that was passed void, with what stands on it."""
        self.book.back(plan.code, "test", actor, "tested again")
        fresh = plan_row(plan.code)
        return fresh, steps_of(fresh)

    def _send(
        self,
        plan: PlanRow,
        number: int,
        arm: Arm,
        writer: Renderer,
        decided: tuple[Goal, Path, Wording],
        actor: str,
    ) -> None:
        goal, path, wording = decided
        run = self.brand.outreach.open_run(
            f"{plan.code}/test-{number}",
            owner=OWNER,
            channel=CHANNEL,
            kind="test",
            sender=goal.sender,
            grace_ms=GRACE_MS,
        )
        for seed in self.settings["seed_numbers"]:
            values = {"name": self.settings["name_default"]}
            if LINK in writer.copy.variables:
                link = self.brand.links.create(
                    path.channel, path.target, variant=arm.name, owner=OWNER, campaign=f"{plan.code}/test"
                )
                values[LINK] = f"{self.brand.installation.config.base_url}{link.path}"
            body = writer.render(values)
            self.brand.outreach.queue_body(
                run.id,
                seed,
                body,
                parts=size_of(body, writer.rules.mode).parts,
                template=arm.template,
                params=writer.fill(values),
            )
        self.brand.outreach.release(run.id, 10_000)
        self.brand.outreach.start(run.id)
        execute(
            "INSERT INTO sms_plan_test (plan_id, number, arm, run_id, digest, state, seeds, actor, at) "
            "VALUES (?, ?, ?, ?, ?, 'running', ?, ?, ?)",
            (
                plan.id,
                number,
                arm.name,
                run.id,
                wording.digest,
                len(self.settings["seed_numbers"]),
                actor,
                self.brand.now(),
            ),
        )

    def tests(self, code: str) -> list[SeedTest]:
        """The tests of the plan's copy so far, newest first, those of the last hundred."""
        rows = execute(
            "SELECT t.number, t.arm, t.state, t.seeds, t.actor, t.at, t.run_id FROM sms_plan_test t "
            "WHERE t.plan_id = ? ORDER BY t.number DESC LIMIT 100",
            (plan_row(code).id,),
        ).fetchall()
        arrived = dict(
            fetch_in(
                "SELECT run_id, count(*) FROM message WHERE state = 'delivered' AND run_id IN ({in}) GROUP BY run_id",
                [row[-1] for row in rows],
            )
        )
        return [SeedTest(*row[:-1], arrived.get(row[-1], 0)) for row in rows]

    def on_status(self, event: MessageStatus) -> None:
        """A receipt of a test message came: look whether its test has its answer."""
        row = execute(
            "SELECT p.code FROM sms_plan_test t JOIN message m ON m.run_id = t.run_id JOIN sms_plan p "
            "ON p.id = t.plan_id WHERE m.id = ?",
            (event.message_id,),
        ).fetchone()
        if row is not None:
            self.settle(row[0])

    @transactional
    def settle(self, code: str) -> PlanView:
        """Read the receipts of the running tests; the step is done when all texts arrived at all seeds."""
        plan = plan_row(code)
        done = steps_of(plan)
        running = execute(
            "SELECT id, number, run_id, digest, seeds FROM sms_plan_test WHERE plan_id = ? AND state = 'running' "
            "ORDER BY number",
            (plan.id,),
        ).fetchall()
        if not running:
            return self.book.view(code)
        for test_id, number, run_id, digest, seeds in running:
            state, detail = self._answer(done, run_id, digest, seeds)
            if state != "running":
                execute("UPDATE sms_plan_test SET state = ? WHERE id = ?", (state, test_id))
                if state != "delivered":
                    note(plan, OWNER, f"test {state}", {"test": number, **detail}, self.brand.now())
        return self._pass(plan, done)

    def _answer(
        self, done: Mapping[str, Done], run_id: int, digest: str, seeds: int
    ) -> tuple[str, dict[str, object]]:
        if "copy" not in done or content_of(done, Wording).digest != digest:
            return "void", {"why": "the copy was changed"}
        rows = execute("SELECT state, reason, code FROM message WHERE run_id = ?", (run_id,)).fetchall()
        bad = [(s, r, c) for s, r, c in rows if s in ("failed", "expired", "unknown", "blocked", "canceled")]
        if bad:
            return "failed", {"messages": [" ".join(word for word in line if word) for line in bad]}
        delivered = sum(state == "delivered" for state, _, _ in rows)
        return ("delivered" if delivered == seeds else "running"), {}

    def _pass(self, plan: PlanRow, done: Mapping[str, Done]) -> PlanView:
        if missing(done, "test") or "test" in done or plan.state == RUNNING:
            return self.book.view(plan.code)
        wording = content_of(done, Wording)
        rows = execute(
            "SELECT number, seeds, actor FROM sms_plan_test WHERE plan_id = ? AND state = 'delivered' AND digest = ? "
            "AND number > ? ORDER BY number",
            (plan.id, wording.digest, plan.tests - len(wording.arms)),
        ).fetchall()
        if len(rows) < len(wording.arms):
            return self.book.view(plan.code)
        tested = Tested(tuple(row[0] for row in rows), rows[0][1], wording.digest)
        return self.book.take(plan, done, "test", tested, rows[0][2])
