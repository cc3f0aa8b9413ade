"""The ladder paid: rungs that are owed wait for staff, for the observation, and for what the ladder still owes then.

:meth:`Rungs.reconcile` compares what a person's count owes with the rungs there are;
it may run any number of times and after any change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import (
    Conflict,
    Invalid,
    NotFound,
    PluginError,
    ScrmError,
    Veto,
    clean_text,
    execute,
    fetch_in,
    folded,
    new_uid,
    page_size,
    transactional,
)

from . import inviters as rows
from . import relations
from .campaigns import Campaign, Campaigns
from .definition import DAY_MS, Definition
from .inviters import Inviter
from .ladder import Rung, owed
from .people import named, speakable
from .schemas import NAME

if TYPE_CHECKING:
    from scrm_core.api import Brand

_EVER = 2**53
OBSERVATION = "observation"
SHOWN = 100
"""So many invitees are shown with a reward; the others are asked for by inviter."""

LIVE = ("due", "approved", "granted", "refused", "lost")
STATES = (*LIVE, "withdrawn", "revoked")
_RUNG = (
    "SELECT g.id, g.uid, g.inviter_id, i.campaign_id, g.invites, g.nth, g.kind, g.item, g.quantity, g.value_minor, "
    "g.state, g.reason, g.due_at, g.granted_at FROM referral_rung g JOIN referral_inviter i ON i.id = g.inviter_id "
)


@dataclass(frozen=True, slots=True)
class Due:
    """A rung that somebody reached; its states are those of the table."""

    id: int
    uid: str
    inviter_id: int
    campaign_id: int
    invites: int
    nth: int
    kind: str
    item: str
    quantity: int
    value_minor: int
    state: str
    reason: str
    due_at: int
    granted_at: int | None


class Rungs:
    """One brand's rungs; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, campaigns: Campaigns) -> None:
        self.brand = brand
        self.campaigns = campaigns

    # What is owed ------------------------------------------------------------------

    def reconcile(self, campaign: Campaign, inviter: Inviter) -> None:
        """Make a person's rungs what their count owes: missing ones become due, those too many are taken back.

        In the mode ``highest`` nothing is owed before steps are over: only then is the highest known.
        Who left is owed what counted before they did, unless the campaign counts on after leaving.
        """
        rows.hold(campaign.id)
        mine = self._of_person(campaign.id, inviter)
        made = campaign.definition
        open_ladder = made.mode == "highest" and self.brand.now() < made.steps_until
        owes = [] if open_ladder else owed(made.ladder, self._count(mine, made, made.ladder[-1].invites), made.mode)
        wanted = {rung.invites: rung for rung in owes}
        live: dict[int, Due] = {}
        # What was paid comes first: of two rungs alike that a merge brought together, the unpaid one goes.
        for due in sorted(self.live(mine), key=lambda each: (each.state not in ("granted", "lost"), each.id)):
            if due.invites in wanted and due.invites not in live:
                live[due.invites] = due
                if due.state == "granted" and due.reason:
                    self._state(due, "granted", "")  # earned again before it could be taken back
            elif due.state in ("due", "approved", "granted"):
                self._take_back(campaign, due)
        for invites, rung in wanted.items():
            # Nobody is left to be paid once the person was erased; what they were paid is taken back all the same.
            if invites not in live and inviter.contact_id is not None:
                self._add(campaign, mine[0], rung)

    def _of_person(self, campaign_id: int, inviter: Inviter) -> list[Inviter]:
        if inviter.contact_id is None:
            return [inviter]
        return rows.of_person(campaign_id, inviter.contact_id)

    @staticmethod
    def _count(mine: list[Inviter], made: Definition, most: int, until: int = _EVER) -> int:
        """How many invitees of a person count, of the first ``most``; with ``until`` those who did so by then.

        Of a person who left, as whatever contact, those who did so before.
        """
        left = [each.left_at for each in mine if each.left_at is not None]
        if len(left) == len(mine) and not made.count_after_leaving:
            until = min(until, max(left) - 1)
        marks = ", ".join("?" * len(mine))
        (count,) = execute(
            "SELECT count(*) FROM (SELECT 1 FROM referral_relation WHERE state = 'qualified' "
            f"AND inviter_id IN ({marks}) AND qualified_at <= ? LIMIT ?) t",
            (*(each.id for each in mine), until, most),
        ).fetchone()
        return int(count)

    @staticmethod
    def live(mine: list[Inviter]) -> list[Due]:
        """The rungs of one person that stand: paid, on their way, or refused for good."""
        ids = [each.id for each in mine]
        found = fetch_in(f"{_RUNG}WHERE g.inviter_id IN ({{in}}) ORDER BY g.id", ids)
        return [due for due in (Due(*row) for row in found) if due.state in LIVE]

    def _add(self, campaign: Campaign, inviter: Inviter, rung: Rung) -> None:
        (nth,) = execute(
            "SELECT coalesce(max(nth), 0) + 1 FROM referral_rung WHERE inviter_id = ? AND invites = ?",
            (inviter.id, rung.invites),
        ).fetchone()
        now = self.brand.now()
        made = execute(
            "INSERT INTO referral_rung (uid, inviter_id, invites, nth, kind, item, quantity, value_minor, state, "
            "reason, due_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'due', '', ?) "
            "ON CONFLICT (inviter_id, invites, nth) DO NOTHING",
            (new_uid(now), inviter.id, rung.invites, nth, rung.kind, rung.item, rung.quantity, rung.value_minor, now),
        ).rowcount
        if made:
            self.brand.emit(NAME, "rung-due", inviter.contact_id, {"campaign": campaign.code, "invites": rung.invites})

    def _take_back(self, campaign: Campaign, due: Due) -> None:
        """Take a rung back that is not owed any more; what was used already is recorded as a loss.

        What cannot be taken back now stays granted, with the reason, until the job could.
        """
        if due.state != "granted":
            self._state(due, "withdrawn", "no longer reached")
            return
        try:
            self.brand.rewards.reverse(f"{NAME}:{due.uid}", reason="the ladder no longer owes this reward", actor=NAME)
        except Veto as exc:
            self._state(due, "lost", str(exc)[:500])
            return
        except (PluginError, Conflict) as exc:
            # The issuer is switched off, or failed: nobody knows whether it was used, so the job asks again.
            self._state(due, "granted", f"to be taken back: {exc.message}"[:500])
            return
        execute(
            "UPDATE referral_campaign SET spent_minor = spent_minor - ? WHERE id = ?", (due.value_minor, campaign.id)
        )
        execute(
            "UPDATE referral_stock SET taken = taken - 1 WHERE campaign_id = ? AND invites = ?",
            (campaign.id, due.invites),
        )
        self._state(due, "revoked", "no longer reached")

    def withdraw_all(self, inviter: Inviter, reason: str) -> None:
        """Take back what was not granted yet; what was granted stays."""
        for due in self.live([inviter]):
            if due.state in ("due", "approved"):
                self._state(due, "withdrawn", reason)

    @staticmethod
    def _state(due: Due, state: str, reason: str) -> None:
        execute("UPDATE referral_rung SET state = ?, reason = ? WHERE id = ?", (state, reason, due.id))

    # Staff looks ---------------------------------------------------------------------

    def queue(self, *, state: str = "", after: int = 0, limit: int = 100) -> list[Due]:
        """Rungs of a state, oldest first; without one what waits: due, not grantable, or not to be taken back yet."""
        if state not in ("", *STATES):
            raise Invalid(f"state is one of {', '.join(STATES)}", field="state")
        page_size(limit, 1_000)
        if state:
            which, params = "g.state = ?", [state]
        else:
            which = (
                "(g.state = 'due' OR (g.state = 'approved' AND g.reason NOT IN ('', ?)) "
                "OR (g.state = 'granted' AND g.reason <> ''))"
            )
            params = [OBSERVATION]
        where = f"WHERE {which} AND g.id > ? ORDER BY g.id LIMIT ?"
        return [Due(*row) for row in execute(_RUNG + where, (*params, after, limit)).fetchall()]

    @staticmethod
    def waiting() -> int:
        """How many rungs are due; no more than a thousand and one are counted."""
        sql = "SELECT count(*) FROM (SELECT 1 FROM referral_rung WHERE state = 'due' LIMIT 1001) t"
        return int(execute(sql).fetchone()[0])

    def get(self, uid: str) -> Due:
        """The rung with this uid; raises NotFound."""
        row = execute(f"{_RUNG}WHERE g.uid = ?", (uid,)).fetchone() if speakable(uid) else None
        if row is None:
            raise NotFound(f"no reward {uid!r}")
        return Due(*row)

    def reviews(self, due: Due) -> list[dict[str, Any]]:
        """Who said what about a rung, first to last."""
        found = execute(
            "SELECT verdict, reason, actor, at FROM referral_review WHERE rung_id = ? ORDER BY id", (due.id,)
        ).fetchall()
        return [dict(zip(("verdict", "reason", "actor", "at"), row, strict=True)) for row in found]

    def told(self, dues: Sequence[Due]) -> dict[int, tuple[list[dict[str, Any]], int]]:
        """Of each of several rungs who said what, and the highest score among the invitees behind it.

        Of an inviter's invitees the first hundred that count are looked at, as in :meth:`counted`.
        """
        said: dict[int, list[dict[str, Any]]] = {due.id: [] for due in dues}
        sql = "SELECT id, rung_id, verdict, reason, actor, at FROM referral_review WHERE rung_id IN ({in})"
        for row in sorted(fetch_in(sql, list(said))):
            said[row[1]].append(dict(zip(("verdict", "reason", "actor", "at"), row[2:], strict=True)))
        scores = dict(
            fetch_in(
                "SELECT i.id, (SELECT coalesce(max(t.score), 0) FROM (SELECT r.score FROM referral_relation r "
                "WHERE r.inviter_id = i.id AND r.state = 'qualified' ORDER BY r.qualified_at, r.id "
                f"LIMIT {SHOWN}) t) FROM referral_inviter i WHERE i.id IN ({{in}})",
                sorted({due.inviter_id for due in dues}),
            )
        )
        return {due.id: (said[due.id], scores[due.inviter_id]) for due in dues}

    def behind(self, due: Due) -> list[relations.Relation]:
        """The invitees who reached a rung: the first hundred of them (:data:`SHOWN`), by the time they count from."""
        found: list[relations.Relation] = []
        for inviter in self._of_person(due.campaign_id, rows.by_id(due.inviter_id)):
            found += relations.select(
                "WHERE r.inviter_id = ? AND r.state = 'qualified' ORDER BY r.qualified_at, r.id LIMIT ?",
                (inviter.id, min(due.invites, SHOWN)),
            )
        return found[:SHOWN]

    def counted(self, due: Due) -> list[dict[str, Any]]:
        """What stands behind a rung: :meth:`behind` with the proof of every gate and the signals."""
        found = self.behind(due)
        steps = relations.steps_of([each.id for each in found])
        return [
            {
                "invitee": each.uid,
                "steps": {gate: step.evidence for gate, step in steps[each.id].items()},
                "score": each.score,
                "signals": each.signals,
            }
            for each in found
        ]

    @transactional
    def review(self, uid: str, verdict: str, *, reason: str, actor: str) -> Due:
        """Staff approves or refuses a rung (核准); above the campaign's value two different persons must approve.

        Approved rewards are granted at once when the observation is over, else by the
        job; until then another person may still refuse them. Raises Conflict
        (``four_eyes``) for a person who has spoken already, Conflict (``state``) for a
        rung that is not due, Invalid for a refusal without reason.
        """
        due, actor = self.get(uid), named(actor)
        reason = clean_text(reason, field="reason", max_length=500)
        if verdict not in ("approve", "refuse"):
            raise Invalid("verdict is approve or refuse", field="verdict")
        if verdict == "refuse" and not reason:
            raise Invalid("reason: say why; the inviter may ask", field="reason")
        rows.hold(due.campaign_id)
        due = self.get(uid)
        if due.state != "due" and (verdict, due.state) != ("refuse", "approved"):
            words = "only what is due is reviewed, and what is approved and not granted yet may be refused"
            raise Conflict(f"the reward is {due.state}; {words}", code="state")
        said = execute(
            "INSERT INTO referral_review (rung_id, verdict, reason, actor, person, at) VALUES (?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (rung_id, person) DO NOTHING",
            (due.id, "approved" if verdict == "approve" else "refused", reason, actor, folded(actor),
             self.brand.now()),
        ).rowcount  # fmt: skip
        if not said:
            raise Conflict(f"{actor!r} has spoken already; another person is needed", code="four_eyes")
        if verdict == "refuse":
            self._state(due, "refused", reason)
            return self.get(uid)
        campaign = self.campaigns.by_id(due.campaign_id)
        approvals = sum(1 for each in self.reviews(due) if each["verdict"] == "approved")
        if approvals >= campaign.definition.needed(due.value_minor):
            self._state(due, "approved", "")
            self._grant(campaign, uid, actor)
        return self.get(uid)

    # Granting ------------------------------------------------------------------------

    def _grant(self, campaign: Campaign, uid: str, actor: str) -> bool:
        """Grant an approved rung once the people behind it were observed long enough; says why it waits otherwise."""
        due = self.get(uid)
        inviter = rows.by_id(due.inviter_id)
        if due.state != "approved" or inviter.contact_id is None:
            return False
        if not self._observed(campaign, due, inviter):
            self._state(due, "approved", OBSERVATION)
            return False
        try:
            with self.brand.transaction():
                self._pay(campaign, due, inviter.contact_id, actor)
        except ScrmError as exc:
            # The issuer has none left, or nobody issues the kind now, or the budget is used up: tried again later.
            self._state(due, "approved", str(exc)[:500])
            return False
        self.brand.emit(NAME, "rewarded", inviter.contact_id, {"campaign": campaign.code, "invites": due.invites})
        return True

    def _observed(self, campaign: Campaign, due: Due, inviter: Inviter) -> bool:
        """Whether as many as the rung asks for have counted as long as the campaign observes."""
        until = self.brand.now() - campaign.definition.observation_days * DAY_MS
        mine = self._of_person(campaign.id, inviter)
        return self._count(mine, campaign.definition, due.invites, until) == due.invites

    def _pay(self, campaign: Campaign, due: Due, contact_id: int, actor: str) -> None:
        now = self.brand.now()
        taken = execute(
            "UPDATE referral_campaign SET spent_minor = spent_minor + ? WHERE id = ? "
            "AND (budget_minor IS NULL OR spent_minor + ? <= budget_minor)",
            (due.value_minor, campaign.id, due.value_minor),
        ).rowcount
        if not taken:
            raise Conflict("the campaign's budget is used up; raise it with fund, or refuse the reward", code="budget")
        stocked = execute(
            "UPDATE referral_stock SET taken = taken + 1 WHERE campaign_id = ? AND invites = ? AND taken < stock",
            (campaign.id, due.invites),
        ).rowcount
        if not stocked and due.invites in self.campaigns.stocks(campaign):
            raise Conflict("the rung's stock is used up; raise it with restock, or refuse the reward", code="stock")
        changed = execute(
            "UPDATE referral_rung SET state = 'granted', reason = '', granted_at = ?, granted_day = ? "
            "WHERE id = ? AND state = 'approved'",
            (now, self.brand.day(now), due.id),
        ).rowcount
        if not changed:
            raise Conflict("somebody else granted it", code="state")
        self.brand.rewards.grant(
            due.kind, contact_id, grant_key=f"{NAME}:{due.uid}", item=due.item, quantity=due.quantity,
            cost_minor=due.value_minor, reason=f"老带新 {campaign.code}: {due.invites}", actor=actor,
        )  # fmt: skip

    @transactional
    def _retry(self, uid: str) -> bool:
        due = self.get(uid)
        rows.hold(due.campaign_id)
        return self._grant(self.campaigns.by_id(due.campaign_id), uid, NAME)

    def settle(self) -> int:
        """The job: ladders known only at the end, and approved rungs whose observation is over; how many granted."""
        for campaign in self.campaigns.published():
            over = self.brand.now() >= campaign.definition.steps_until
            if campaign.definition.mode == "highest" and over and campaign.ladders_at is None:
                self._close_ladders(campaign)
        self._take_back_again()
        done = after = 0
        while found := self.queue(state="approved", after=after):
            after = found[-1].id
            for due in found:
                # Asked before the campaign is held: most wait for days.
                if self._observed(self.campaigns.by_id(due.campaign_id), due, rows.by_id(due.inviter_id)):
                    done += self._retry(due.uid)
        return done

    def _take_back_again(self) -> None:
        """What is granted, has a reason, and so was to be taken back while its issuer could not be asked."""
        after = 0
        while found := execute(
            f"{_RUNG}WHERE g.state = 'granted' AND g.reason <> '' AND g.id > ? ORDER BY g.id LIMIT ?",
            (after, relations.PAGE),
        ).fetchall():
            after = found[-1][0]
            for due in [Due(*row) for row in found]:
                self._compare(due)

    @transactional
    def _compare(self, due: Due) -> None:
        self.reconcile(self.campaigns.by_id(due.campaign_id), rows.by_id(due.inviter_id))

    def _close_ladders(self, campaign: Campaign) -> None:
        """Make ladders due that are known now, once: what changes later compares them itself."""
        after = 0
        while found := execute(
            "SELECT i.id FROM referral_inviter i WHERE i.campaign_id = ? AND i.id > ? AND EXISTS (SELECT 1 "
            "FROM referral_relation r WHERE r.inviter_id = i.id AND r.state = 'qualified') ORDER BY i.id LIMIT ?",
            (campaign.id, after, relations.PAGE),
        ).fetchall():
            after = found[-1][0]
            for (inviter_id,) in found:
                self._close_ladder(campaign, inviter_id)
        self._closed(campaign)

    @transactional
    def _closed(self, campaign: Campaign) -> None:
        execute("UPDATE referral_campaign SET ladders_at = ? WHERE id = ?", (self.brand.now(), campaign.id))

    @transactional
    def _close_ladder(self, campaign: Campaign, inviter_id: int) -> None:
        self.reconcile(campaign, rows.by_id(inviter_id))
