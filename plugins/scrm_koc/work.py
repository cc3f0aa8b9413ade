"""A task in one KOC's hands, as an audited state machine.

invited -> accepted -> (sample_sent -> received) -> submitted -> approved -> published -> verified -> paid;
submitted -> returned -> submitted; invited -> declined or lapsed; violated from approved on; withdrawn before
anything was handed in. Each move is one conditional UPDATE and leaves a step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, Invalid, NotFound, clean_text, execute, page_size, transactional

from .briefs import address, check_disclosure, digest_of, sells
from .models import KocSubmission
from .tasks import Task, Tasks
from .tracking import MS_PER_DAY

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .ledger import Ledger
    from .members import Member, Members
    from .penalties import Penalties

MOST_ROWS = 500
BATCH = 200
WAITING = ("accepted", "sample_sent", "received", "returned")
"""States in which something is still to be handed in."""

# action -> (states it leads from, state it leads to)
MOVES: dict[str, tuple[tuple[str, ...], str]] = {
    "accept": (("invited",), "accepted"),
    "decline": (("invited",), "declined"),
    "send-sample": (("accepted",), "sample_sent"),
    "receive": (("sample_sent",), "received"),
    "withdraw": (("invited", *WAITING), "withdrawn"),
    "return": (("submitted",), "returned"),
    "approve": (("submitted",), "approved"),
    "publish": (("approved",), "published"),
    "verify": (("published",), "verified"),
    "violate": (("approved", "published", "verified", "paid"), "violated"),
}
_VIEW = (
    "SELECT w.id, w.uid, t.code, w.task_id, w.member_id, m.code, w.state, w.due_at, w.late_at, w.published_at, "
    "w.published_link, w.created_at FROM koc_work w JOIN koc_task t ON t.id = w.task_id "
    "JOIN koc_member m ON m.id = w.member_id "
)


@dataclass(frozen=True, slots=True)
class WorkView:
    """A piece of work; ``task`` and ``member`` are codes."""

    id: int
    uid: str
    task: str
    task_id: int
    member_id: int
    member: str
    state: str
    due_at: int
    late_at: int | None
    published_at: int | None
    published_link: str
    created_at: int


@dataclass(frozen=True, slots=True)
class Step:
    """What happened to a piece of work."""

    before: str
    state: str
    reason: str
    actor: str
    at: int


@dataclass(frozen=True, slots=True)
class Submission:
    """What was handed in; ``digest`` is of all of it, ``sells`` whether it came with a purchase link."""

    text: str
    images: list[dict[str, Any]]
    link: str
    marker: str
    sells: bool
    digest: str
    state: str
    quality: int | None
    reason: str
    reviewer: str
    at: int


class Works:
    """One brand's work on tasks; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, tasks: Tasks, members: Members, ledger: Ledger, penalties: Penalties) -> None:
        self.brand = brand
        self.tasks = tasks
        self.members = members
        self.ledger = ledger
        self.penalties = penalties

    # Moving -----------------------------------------------------------------------

    @transactional
    def move(
        self, uid: str, action: str, *, actor: str, reason: str = "", quality: int | None = None, digest: str = "",
        link: str = "",
    ) -> WorkView:  # fmt: skip
        """Take a step of ``MOVES``. Raises Conflict (``state``) when the state does not allow it.

        A return and a violation need a reason, an approval the quality from 1 to
        5. An approval and a return that name the ``digest`` of what the reviewer saw
        are refused (Conflict ``changed``) when something else was handed in since.
        ``publish`` begins the days that a piece must stay, and keeps the ``link``
        where it stands (an http(s) address; nobody calls it); ``verify`` before they
        are over is refused, and then pays the fee and the reward, once per task and
        person (Conflict ``paid_once``). A violation takes them back and costs points.
        """
        if action not in MOVES:
            raise Invalid(f"an action is one of {', '.join(MOVES)}", field="action")
        reason = clean_text(reason, field="reason", max_length=2_000)
        if action in ("return", "violate") and not reason:
            raise Invalid("say why", field="reason")
        if action == "approve" and (type(quality) is not int or not 1 <= quality <= 5):
            raise Invalid("an approval says the quality, 1 to 5", field="quality")
        if link and action != "publish":
            raise Invalid("a link comes with publishing alone", field="link")
        published = address(link)
        before, state = MOVES[action]
        work = self.get(uid)
        task = self.tasks.by_id(work.task_id)
        if action == "send-sample" and not task.sample:
            raise Conflict("this task has no sample", code="no_sample")
        if action == "accept" and work.due_at <= self.brand.now():
            raise Conflict("the last day for handing in is over", code="task_over")
        if action == "verify":
            self._check_kept(work, task)
        self._to(work, before, state, reason, actor)
        if action in ("return", "approve"):
            self._review(work.id, state, quality, reason, actor, digest)
        elif action == "publish":
            execute(
                "UPDATE koc_work SET published_at = ?, published_link = ? WHERE id = ?",
                (self.brand.now(), published, work.id),
            )
        elif action == "verify":
            self._pay(self.get(uid), task, actor)
        elif action == "violate":
            self._take_back(work, task, reason, actor)
        return self.get(uid)

    @transactional
    def submit(self, uid: str, given: Mapping[str, Any], *, actor: str) -> WorkView:
        """Hand in text, pictures and link (checked values of ``SubmissionBody``).

        Raises Invalid (``ad_label``) for a purchase link without 「广告」, Conflict
        (``not_used``) when the KOC has not used what they write about, and Conflict
        (``state``) when nothing is to be handed in.
        """
        work = self.get(uid)
        task, member = self.tasks.by_id(work.task_id), self.members.standing(work.member_id)
        if member.contact_id is None:
            raise Conflict("this person was erased", code="erased")
        text = clean_text(given["text"], field="text", max_length=20_000, multiline=True)
        link = address(given["link"])
        selling = sells(f"{text}\n{link}" if member.link and member.link in link else text, member, given["sells"])
        check_disclosure(text, given["marker"], selling=selling)
        self._check_used(work, task, member)
        before = ("received", "returned") if task.sample else WAITING
        self._to(work, before, "submitted", "", actor)
        images = list(given["images"])
        execute(
            "INSERT INTO koc_submission (work_id, contact_id, text, images, link, marker, sells, digest, state, "
            "reason, reviewer, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'submitted', '', '', ?)",
            (
                work.id, member.contact_id, text, KocSubmission.images.db_value(images), link, given["marker"],
                int(selling), digest_of(text, images, link), self.brand.now(),
            ),
        )  # fmt: skip
        if work.due_at <= self.brand.now():
            self._late(work)
        return self.get(uid)

    def note_late(self) -> int:
        """Let invitations lapse, and mark late what was not handed in; returns how many became late."""
        now, late = self.brand.now(), 0
        while True:
            rows = execute(
                f"{_VIEW}WHERE w.due_at <= ? AND ((w.state = 'invited') OR (w.late_at IS NULL AND w.state IN "
                "('accepted', 'sample_sent', 'received', 'returned'))) ORDER BY w.id LIMIT ?",
                (now, BATCH),
            ).fetchall()
            for work in (WorkView(*row) for row in rows):
                with self.brand.transaction():
                    if work.state == "invited":
                        self._try(work, ("invited",), "lapsed", "", "")
                    else:
                        late += self._late(work)
            if len(rows) < BATCH:
                return late

    def _late(self, work: WorkView) -> bool:
        """Late once: a step and points off."""
        changed = execute(
            "UPDATE koc_work SET late_at = ? WHERE id = ? AND late_at IS NULL", (self.brand.now(), work.id)
        ).rowcount
        if changed:
            self._step(work.id, work.state, work.state, "late", "")
            contact = self.members.standing(work.member_id).contact_id
            if contact is not None:
                self.penalties.late(contact, f"late:{work.uid}", work.task)
        return bool(changed)

    def _to(self, work: WorkView, before: tuple[str, ...], state: str, reason: str, actor: str) -> None:
        actor = clean_text(actor, field="actor", max_length=200)
        if not actor:
            raise Invalid("a step needs an actor: who takes it", field="actor")
        if not self._try(work, before, state, reason, actor):
            now = self.get(work.uid).state
            raise Conflict(f"the work is {now}; {state} follows {', '.join(before)}", code="state", state=now)

    def _try(self, work: WorkView, before: tuple[str, ...], state: str, reason: str, actor: str) -> bool:
        if work.state not in before:
            return False
        changed = execute(
            "UPDATE koc_work SET state = ? WHERE id = ? AND state = ?", (state, work.id, work.state)
        ).rowcount
        if changed:
            self._step(work.id, work.state, state, reason, actor)
        return bool(changed)

    def _step(self, work_id: int, before: str, state: str, reason: str, actor: str) -> None:
        execute(
            "INSERT INTO koc_step (work_id, before, state, reason, actor, at) VALUES (?, ?, ?, ?, ?, ?)",
            (work_id, before, state, reason, actor, self.brand.now()),
        )

    def _review(self, work_id: int, state: str, quality: int | None, reason: str, actor: str, digest: str) -> None:
        seen, named = (" AND digest = ?", (digest,)) if digest else ("", ())
        changed = execute(
            "UPDATE koc_submission SET state = ?, quality = ?, reason = ?, reviewer = ?, reviewed_day = ? "
            f"WHERE work_id = ? AND state = 'submitted'{seen}",
            (state, quality, reason, actor, self.brand.day(self.brand.now()), work_id, *named),
        ).rowcount
        if not changed:
            raise Conflict("something else was handed in since you looked; look at it again", code="changed")

    def _check_kept(self, work: WorkView, task: Task) -> None:
        until = (work.published_at or 0) + task.keep_days * MS_PER_DAY
        if work.published_at is not None and self.brand.now() < until:
            raise Conflict(f"the piece must stay {task.keep_days} days before it is verified", code="too_early")

    @staticmethod
    def _check_used(work: WorkView, task: Task, member: Member) -> None:
        """Who recommends must have used the goods (广告法, article 38): the sample, or an order of them."""
        if not task.sku or task.sample:
            return
        bought = execute(
            "SELECT 1 FROM orders o JOIN order_line l ON l.order_id = o.id WHERE o.contact_id = ? AND o.valid = 1 "
            "AND l.sku = ? AND l.gift = 0 LIMIT 1",
            (member.contact_id, task.sku),
        ).fetchone()
        if bought is None:
            raise Conflict(f"the KOC has not bought {task.sku!r}: who recommends it has used it", code="not_used")

    # Paying -----------------------------------------------------------------------

    def _pay(self, work: WorkView, task: Task, actor: str) -> None:
        """Fee into the ledger and reward to the person, once: both have the work's key."""
        member = self.members.standing(work.member_id)
        # The row is locked first: two pieces of one person, who was two once, are paid one after the other.
        execute("UPDATE koc_member SET followers = followers WHERE id = ?", (member.id,))
        twice = execute(
            "SELECT 1 FROM koc_work w JOIN koc_member m ON m.id = w.member_id WHERE w.task_id = ? AND w.id <> ? "
            "AND w.state = 'paid' AND coalesce(m.merged_into_id, m.id) = ?",
            (task.id, work.id, member.id),
        ).fetchone()
        if twice is not None:
            raise Conflict(f"{member.code} was paid for the task {task.code} already", code="paid_once")
        if task.fee_minor:
            self.ledger.fee(member.id, task.fee_minor, key=f"fee:{work.uid}", reason=task.code, actor=actor)
        if task.reward is not None and member.contact_id is not None:
            self.brand.rewards.grant(
                task.reward["kind"], member.contact_id, grant_key=f"koc:{work.uid}", item=task.reward["item"],
                quantity=task.reward["quantity"], reason=f"KOC {task.code}", actor=actor,
            )  # fmt: skip
        if task.fee_minor or task.reward is not None:
            self._to(work, ("verified",), "paid", "", actor)

    def _take_back(self, work: WorkView, task: Task, reason: str, actor: str) -> None:
        member = self.members.standing(work.member_id)
        if work.state == "paid":
            if task.fee_minor:
                self.ledger.fee(member.id, -task.fee_minor, key=f"reversal:{work.uid}", reason=reason, actor=actor)
            if task.reward is not None:
                self.brand.rewards.reverse(f"koc:{work.uid}", reason=reason, actor=actor)
        if member.contact_id is not None:
            self.penalties.violation(member.contact_id, f"violation:{work.uid}", reason, actor)

    # Reading ------------------------------------------------------------------

    def get(self, uid: str) -> WorkView:
        """The work with this uid; raises NotFound."""
        row = execute(f"{_VIEW}WHERE w.uid = ?", (uid,)).fetchone()
        if row is None:
            raise NotFound("no such work")
        return WorkView(*row)

    def page(
        self, *, task: str | None = None, state: str | None = None, after: int = 0, limit: int = 50
    ) -> list[WorkView]:
        """Work with ids above ``after``, at most ``limit``; of one task or state when given."""
        page_size(limit, MOST_ROWS)
        where, params = ["w.id > ?"], [after]
        for column, value in (("t.code", task), ("w.state", state)):
            if value is not None:
                where.append(f"{column} = ?")
                params.append(value)  # type: ignore[arg-type]
        rows = execute(f"{_VIEW}WHERE {' AND '.join(where)} ORDER BY w.id LIMIT ?", (*params, limit)).fetchall()
        return [WorkView(*row) for row in rows]

    @staticmethod
    def of_member(member_id: int) -> list[WorkView]:
        """All work of one KOC, oldest first."""
        rows = execute(f"{_VIEW}WHERE w.member_id = ? ORDER BY w.id", (member_id,)).fetchall()
        return [WorkView(*row) for row in rows]

    @staticmethod
    def of_payee(member_id: int, limit: int) -> list[WorkView]:
        """A KOC's work, also under memberships merged into theirs, newest first."""
        rows = execute(
            f"{_VIEW}WHERE w.member_id IN (SELECT id FROM koc_member WHERE id = ? OR merged_into_id = ?) "
            "ORDER BY w.id DESC LIMIT ?",
            (member_id, member_id, limit),
        ).fetchall()
        return [WorkView(*row) for row in rows]

    @staticmethod
    def steps(work_id: int) -> list[Step]:
        """Everything that happened to a piece of work, oldest first."""
        rows = execute(
            "SELECT before, state, reason, actor, at FROM koc_step WHERE work_id = ? ORDER BY id", (work_id,)
        ).fetchall()
        return [Step(*row) for row in rows]

    @staticmethod
    def submissions(work_id: int) -> list[Submission]:
        """Everything that was handed in, oldest first."""
        rows = execute(
            "SELECT text, images, link, marker, sells, digest, state, quality, reason, reviewer, at "
            "FROM koc_submission WHERE work_id = ? ORDER BY id",
            (work_id,),
        ).fetchall()
        return [
            Submission(row[0], KocSubmission.images.python_value(row[1]), row[2], row[3], bool(row[4]), *row[5:])
            for row in rows
        ]
