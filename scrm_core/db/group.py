"""Group commit (组提交): many threads' short writes in one transaction, one fsync for all of them.

A durable commit waits for the disk, and SQLite has one writer: 64 threads that
each claim a coupon wait for 64 disks one after the other. Here a thread that
finds nobody writing leads: it takes everybody's work that waits, runs each in a
savepoint of its own, commits once and wakes the others. While it commits, the
next group gathers. A commit that nobody knows the outcome of (the database went
away in it, the process was told to end) is an error for all of its group:
nothing is done a second time.

Work runs in the leading thread, with the context variables of the thread that
asked (its brand, its request). A fault of the database in the middle rolls the
group back, and each work of it runs again alone, so that it gets its own answer.

Works that want the same thing of the same kind may be done by a few statements
for all of them (:meth:`Group.run_many`): a thousand claims of one coupon are one
UPDATE and one INSERT.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import peewee

from ..errors import Busy
from .faults import GivenUp, is_fault, is_transient, translate
from .router import STATE, BrandHandle, brand_db, current_handle, transactional

I = TypeVar("I")  # noqa: E741
R = TypeVar("R")
Many = Callable[[Sequence[Any]], Sequence[Any]]

MOST = 256
"""The most works of one transaction: the last one must not wait for ever."""
_UNKNOWN = "nobody can say whether this was done; ask again with the same key"


class _Work:
    """Somebody's work: what to run, in which context, and what became of it."""

    __slots__ = ("answer", "call", "context", "error", "item", "leads", "many", "settled", "thread", "turn")

    def __init__(self, call: Callable[[], Any], many: Many | None = None, item: Any = None) -> None:
        self.call, self.many, self.item = call, many, item
        self.context = contextvars.copy_context()
        self.thread = threading.get_ident()
        # Released once, when the work is done or has to lead: a lock is much cheaper than an Event.
        self.turn = threading.Lock()
        self.turn.acquire()
        self.leads = False
        self.settled = False
        self.answer: Any = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.answer = self.context.run(self.call)
        except BaseException as error:
            self.error = error
            raise


class Group:
    """The group commit of one brand in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[_Work] = []
        self._led = False

    def run(self, call: Callable[[], R]) -> R:
        """Run ``call`` in a transaction that may hold other threads' work too; returns after the commit.

        What it raises is raised here, and its writes are rolled back alone.
        Inside a transaction it simply runs in it.
        """
        unit = STATE.unit
        if unit is not None:
            unit.flush()
        if STATE.depth:
            return call()
        return self._take_part(_Work(call))

    def run_many(self, many: Callable[[Sequence[I]], Sequence[R | Exception]], item: I) -> R:
        """Like :meth:`run` for what ``many`` does for all items of a group at once.

        ``many`` answers one value per item, in order, or the exception to raise
        for it; an item whose answer is an exception has had no effect. It runs
        with the context of one of those who asked: who asks belongs in the item.
        """
        call = _alone(many, item)
        unit = STATE.unit
        if unit is not None:
            unit.flush()
        if STATE.depth:
            return call()
        return self._take_part(_Work(call, many, item))

    def run_each(self, many: Callable[[Sequence[I]], Sequence[R | Exception]], items: Sequence[I]) -> list[Any]:
        """Like :meth:`run_many` for items that came together: an answer or an exception for each, in order."""
        if STATE.depth:
            raise RuntimeError("items that came together begin a transaction of their own")
        works = [_Work(_alone(many, item), many, item) for item in items]
        self._enter(works)
        answers: list[Any] = []
        for work in works:
            try:
                answers.append(self._finish(work))
            except (KeyboardInterrupt, GeneratorExit):
                raise
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is this item's answer alone
                answers.append(_told(error))
        return answers

    def _take_part(self, work: _Work) -> Any:
        self._enter([work])
        return self._finish(work)

    def _enter(self, works: list[_Work]) -> None:
        with self._lock:
            self._waiting += works
            works[0].leads, self._led = not self._led, True

    def _finish(self, work: _Work) -> Any:
        if not work.leads:
            self._wait(work)
        if work.leads:
            self._lead()
        if not work.settled:
            # The group met a fault of the database: alone, the work is told what it is.
            return transactional(work.call)()
        if work.error is not None:
            raise work.error
        return work.answer

    def _lead(self) -> None:
        group: list[_Work] = []
        try:
            _commit(group, self._gather)
        finally:
            self._hand_on()
            for work in group[1:]:  # the first is the leader's own
                work.turn.release()

    def _wait(self, work: _Work) -> None:
        try:
            work.turn.acquire()
        except BaseException:  # a signal's handler raised: what nobody has begun is not wanted any more
            with self._lock:
                if work in self._waiting:
                    self._waiting.remove(work)
            if work.leads:
                self._hand_on()
            raise

    def _hand_on(self) -> None:
        """Let the next one lead that waits; whoever comes leads when there is none."""
        with self._lock:
            following = self._waiting[0] if self._waiting else None
            self._led = following is not None
            if following is not None:
                following.leads = True
        if following is not None:
            following.turn.release()

    def _gather(self, group: list[_Work]) -> None:
        """Take what waits into a group, the leader's own first."""
        with self._lock:
            room = MOST - len(group)
            group += self._waiting[:room]
            self._waiting = self._waiting[room:]


def _told(error: BaseException) -> BaseException:
    """An error that is given back instead of raised: no brand's block translates a fault of the database for it."""
    fault = translate(error) if isinstance(error, peewee.DatabaseError | peewee.InterfaceError) else None
    if fault is None:
        return error
    fault.__cause__ = error
    return fault


def _alone(many: Callable[[Sequence[I]], Sequence[R | Exception]], item: I) -> Callable[[], R]:
    def call() -> R:
        (answer,) = many([item])
        if isinstance(answer, Exception):
            raise answer
        return answer

    return call


def group_of(handle: BrandHandle) -> Group:
    """The group commit of a brand."""
    if handle.group is None:
        with _MAKING:
            if handle.group is None:
                handle.group = Group()
    made: Group = handle.group
    return made


_MAKING = threading.Lock()


def _commit(group: list[_Work], gather: Callable[[list[_Work]], None]) -> None:
    """Gather a group and run it in one transaction. Works that are not settled afterwards have had no effect.

    Whoever comes while the leader waits for other writers is taken along.
    """
    committing = False
    here, later = threading.get_ident(), STATE.later
    try:
        with brand_db.brief():
            gather(group)
            if len(group) == 1:
                group[0].run()
            else:
                if _one_group_at_a_time():
                    gather(group)
                kinds = _alike(group)
                if len(kinds) == 1:
                    # One kind alone needs no savepoint: what fails takes nobody else's writes with it.
                    _all(kinds[0])
                else:
                    for works in kinds:
                        if len(works) > 1:
                            _at_once(works)
                        else:
                            _apart(works[0])
            if any(work.thread != here for work in group):
                STATE.later = None  # those who waited for this thread are answered when it returns
            committing = True
    except BaseException as error:
        if not group:
            gather(group)  # no transaction began: each is told alone
        if committing and not _undone(error):
            # Nobody can say whether this commit took effect: nothing of it may be done again.
            fault = translate(error) or (error if isinstance(error, Exception) else Busy(_UNKNOWN))
            for work in group:
                work.answer, work.error, work.settled = None, fault, True
            if not isinstance(error, Exception):
                raise
            return
        alone = len(group) == 1 and group[0].error is error and not is_fault(error)
        if not alone:
            for work in group:
                work.answer, work.error = None, None
            if not is_fault(error) and not isinstance(error, Exception):
                raise
            return
    finally:
        STATE.later = later
    for work in group:
        work.settled = True


def _undone(error: BaseException) -> bool:
    """Whether a commit that raised this has certainly been rolled back."""
    return is_transient(error) or isinstance(error, peewee.IntegrityError | GivenUp)


def _one_group_at_a_time() -> bool:
    """Let no other process's group of this brand run beside this one; True when that may have taken a while.

    A group locks the rows of many works in the order in which they came, and
    keeps them until its commit: two of them would wait for each other's rows. On
    SQLite the transaction itself is the only one.
    """
    handle = current_handle()
    if handle.engine == "sqlite":
        return False
    lock = "SELECT pg_advisory_xact_lock(hashtext('scrm group'), hashtext(%s))"
    handle.database.execute_planned(lock, (handle.schema or handle.name,))
    return True


def _alike(group: list[_Work]) -> list[list[_Work]]:
    """The works of a group, those together that one function does at once; everybody else alone."""
    found: dict[Any, list[_Work]] = {}
    for work in group:
        found.setdefault(work if work.many is None else work.many, []).append(work)
    return list(found.values())


def _all(works: list[_Work]) -> None:
    """Run works of one kind together; what it raises has left them as they were."""
    first = works[0]
    assert first.many is not None
    try:
        answers = first.context.run(first.many, [work.item for work in works])
    except SystemExit as error:  # each is asked alone; then whose it is will be seen
        raise RuntimeError("something in a group asked to exit") from error
    if len(answers) != len(works):
        raise RuntimeError(f"{len(works)} items got {len(answers)} answers")
    for work, answer in zip(works, answers, strict=True):
        if isinstance(answer, Exception):
            work.error = answer
        else:
            work.answer = answer


def _at_once(works: list[_Work]) -> None:
    """Run works of one kind together, or each by itself when that fails; raises for a fault of the database."""
    try:
        with brand_db.atomic():
            _all(works)
    except Exception as error:
        if is_fault(error):
            raise
        for work in works:
            _apart(work)


def _apart(work: _Work) -> None:
    """Run one work of several, its writes rolled back alone when it is refused; raises for a fault of the database."""
    try:
        with brand_db.atomic():
            work.run()
    except BaseException as error:
        if is_fault(error) or error is not work.error:  # another one: its savepoint could not be undone
            raise
