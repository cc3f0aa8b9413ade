"""The job: tasks are claimed one by one, WeCom is asked outside any transaction, and the answer written in one."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scrm_core.api import Veto, execute, transactional

from . import tasks
from .client.api import GONE, Api
from .client.calls import log
from .client.codes import (
    CALL,
    CAPACITY,
    CONFIG,
    DATA,
    HIDDEN,
    NO_CHAT,
    OF_ONE,
    PASSING,
    UNKNOWN,
    Limited,
    WecomError,
)
from .follows import SUPPRESSED

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .client.answers import Chat, CorpTag, Customer
    from .follows import Follow
    from .labels import Labels
    from .people import People
    from .tasks import Task

ROUND_SECONDS = 50.0
"""Less than the job's minute, so that rounds follow one another."""

OF_ONE_TAG = frozenset({DATA, CALL, CAPACITY, UNKNOWN})
"""Refusals that may be of one tag among several."""

NO_FRIENDS = frozenset({*GONE, 40003, 60111})
"""The relation is over for WeCom, or the member or the customer is not there any more."""


@dataclass(slots=True)
class Round:
    """What one round did; ``error`` is what ended it early, ``refused`` why something waits for people."""

    done: int = 0
    put_off: int = 0
    error: str = ""
    refused: str = ""


class Work:
    """One brand's tasks; run it outside transactions."""

    def __init__(self, brand: Brand, api: Api, people: People, labels: Labels, openids_of: str = "") -> None:
        """``openids_of`` is the corporation whose openids are read too; empty: none are."""
        self.brand = brand
        self.api = api
        self.people = people
        self.labels = labels
        self._openids_of = openids_of

    def run(self, seconds: float = ROUND_SECONDS) -> Round:
        """Do tasks until none is due, the time is over, or nothing can be asked of WeCom now.

        A permission that is missing for one API or one member holds up what needs it, and nothing else.
        """
        round_, until = Round(), time.monotonic() + seconds
        self._settle(until)
        with self.api.calls.asking_once():
            self._work(round_, until)
        self._settle(until)
        return round_

    def _work(self, round_: Round, until: float) -> None:
        while time.monotonic() < until and (task := tasks.claim(self.brand)) is not None:
            try:
                self._do(task)
                round_.done += 1
            except Limited as exc:
                tasks.put_off(self.brand, task, str(exc), exc.until)
                round_.put_off += 1
            except WecomError as exc:
                if exc.kind == DATA or (task.kind == tasks.CHAT and exc.errcode in HIDDEN):
                    self._drop(task, exc)
                    continue
                round_.put_off += 1
                patient = exc.kind == CONFIG
                if exc.kind not in PASSING:
                    self._settle_adds(task)
                tasks.put_off(self.brand, task, str(exc), self.brand.now() + tasks.PATIENT_MS if patient else None)
                if patient and exc.errcode not in OF_ONE:
                    # A wrong secret, say: asking on gets the machine's address banned.
                    round_.error = str(exc)
                    break
                if patient:
                    round_.refused = str(exc)

    def _settle(self, until: float) -> None:
        """Give people what changed in the catalogue of tags: the next round goes on where this one stops."""
        while self.labels.settle_some() and time.monotonic() < until:
            pass

    @transactional
    def _drop(self, task: Task, error: WecomError) -> None:
        """What a task is about is not there any more, or not for us: asking again would get the same answer for ever.

        A chat group that WeCom merely does not show stays as it was.
        """
        log.warning("task %s is dropped: %s", task.kind, error)
        self._settle_adds(task)
        if task.kind == tasks.CHAT and error.errcode in NO_CHAT:
            self.people.chat_is_gone(task.ref)
        tasks.done(self.brand, task)

    @transactional
    def _settle_adds(self, task: Task) -> None:
        """WeCom does not tell of a customer, or only once people have helped: no lead waits for that."""
        if task.kind == tasks.CUSTOMER:
            with suppress(Veto):  # an erased person's are none
                self.people.follows.settle(task.ref)

    def _do(self, task: Task) -> None:
        if task.kind == tasks.CUSTOMER:
            told = self._ask_customer(task.ref)
            self._take_customer(task, *told)
        elif task.kind == tasks.TAGS:
            self._take_tags(task, self.api.tags())
        elif task.kind == tasks.CHAT:
            self._take_chat(task, self.api.chat(task.ref))
        else:
            self._push(task)

    def read_ahead(self, follow: Follow, seconds: float) -> None:
        """Read whoever has just added somebody within these seconds, before the job does; raises WecomError.

        Its task stays: what is set with an add, such as tags, may be a moment behind it.
        """
        customer, place, openid = self._ask_customer(follow.external, time.monotonic() + seconds)
        if customer is None or (follow.unsure and follow.staff not in {each.staff for each in customer.follows}):
            return  # WeCom does not show this add yet: how they came is not to be settled by that
        self._take_customer(None, customer, place, openid)

    def _ask_customer(self, external: str, until: float | None = None) -> tuple[Customer | None, int, str]:
        """A customer, the place of their tags before WeCom was asked, and their openid."""
        place = self.labels.place()
        customer = self.api.customer(external, until)
        return customer, place, "" if customer is None else self._openid(customer, until)

    def _openid(self, customer: Customer, until: float | None) -> str:
        """A WeChat customer's openid at the corporation, asked once; empty where none is wanted or known already."""
        if not self._openids_of or not customer.external.startswith("wm"):
            return ""
        known = execute(
            "SELECT 1 FROM identity o JOIN identity e ON e.contact_id = o.contact_id "
            "WHERE e.kind = 'external_userid' AND e.value = ? AND o.kind = 'openid' AND o.namespace = ? LIMIT 1",
            (customer.external, self._openids_of),
        ).fetchone()
        return "" if known is not None else self.api.openid(customer.external, until)

    @transactional
    def _take_customer(self, task: Task | None, customer: Customer | None, place: int, openid: str) -> None:
        try:
            if customer is not None:
                self.people.take(customer, place, openid, self._openids_of)
            elif task is not None:
                self.people.follows.settle(task.ref)
        except Veto as veto:
            if veto.code != SUPPRESSED:
                raise
        if task is not None:
            tasks.done(self.brand, task)

    @transactional
    def _take_tags(self, task: Task, tags: list[CorpTag]) -> None:
        self.labels.take_catalogue(tags)
        tasks.done(self.brand, task)

    @transactional
    def _take_chat(self, task: Task, chat: Chat) -> None:
        if chat.id:
            self.people.take_chat(chat)
        tasks.done(self.brand, task)

    def _push(self, task: Task) -> None:
        """Tell WeCom of a relation's tags: one that has to wait holds up no other, and is raised behind them."""
        follow_id = int(task.ref)
        waits = self._make_tags(follow_id)
        row = execute(
            "SELECT staff, external FROM wecom_follow WHERE id = ? AND state = 'active'", (follow_id,)
        ).fetchone()
        add, remove = self.labels.wishes(follow_id) if row is not None else ([], [])
        if add or remove:
            try:
                waits = self._mark(follow_id, row, add, remove) or waits
            except WecomError as error:
                if error.errcode not in NO_FRIENDS:
                    raise
                # What is so in WeCom is read, not insisted on.
                self._give_up(task, follow_id, row[1])
                return
        if waits is not None:
            raise waits
        self._done(task)

    def _mark(self, follow_id: int, who: tuple[str, str], add: list[str], remove: list[str]) -> WecomError | None:
        """Tags to a pair: in one call, or one by one where WeCom refuses one of them. Returns why one has to wait."""
        try:
            self.api.mark(*who, add, remove)
        except WecomError as error:
            if error.kind not in OF_ONE_TAG or error.errcode in NO_FRIENDS:
                raise
            if len(add) + len(remove) > 1:
                found = [self._mark(follow_id, who, [key], []) for key in add]
                found += [self._mark(follow_id, who, [], [key]) for key in remove]
                return next((each for each in found if each is not None), None)
            if error.kind != DATA:
                return error
            log.warning("a tag is not WeCom's any more, or not for this customer: %s", error)
            self._refused(follow_id, who[1], *add, *remove)
        else:
            self._pushed(follow_id, add, remove)
        return None

    def _make_tags(self, follow_id: int) -> WecomError | None:
        """Make the tags that this relation is to have and only the brand knows; returns why one has to wait."""
        waits: WecomError | None = None
        for tag_id, group, name in self._unmade(follow_id):
            try:
                made = self.api.make_tag(group, name)
                if made is None:
                    # Somebody else made it: it is found among all of them.
                    made = next((t for t in self.api.tags() if (t.group, t.name) == (group, name)), None)
            except WecomError as error:
                if error.kind not in (DATA, CALL):
                    waits = error
                    if error.kind not in OF_ONE_TAG:
                        break  # whoever cannot be asked for one cannot be asked for the next
                    continue
                log.warning("tag %s/%s stays the brand's alone: %s", group, name, error)
                made = None
            self._took(tag_id, made)
        return waits

    @transactional
    def _unmade(self, follow_id: int) -> list[tuple[int, str, str]]:
        return self.labels.unmade(follow_id)

    @transactional
    def _took(self, tag_id: int, made: CorpTag | None) -> None:
        if made is None:
            self.labels.drop_unmade(tag_id)
        else:
            self.labels.take_made(tag_id, made)

    @transactional
    def _pushed(self, follow_id: int, add: list[str], remove: list[str]) -> None:
        self.labels.pushed(follow_id, add, remove)

    @transactional
    def _done(self, task: Task) -> None:
        tasks.done(self.brand, task)

    @transactional
    def _refused(self, follow_id: int, external: str, key: str) -> None:
        self.labels.forget_wishes(follow_id, key)
        self._want_both(external)

    @transactional
    def _give_up(self, task: Task, follow_id: int, external: str) -> None:
        self.labels.forget_wishes(follow_id)
        self._want_both(external)
        tasks.done(self.brand, task)

    def _want_both(self, external: str) -> None:
        tasks.want(self.brand, tasks.TAGS)
        tasks.want(self.brand, tasks.CUSTOMER, external)
