"""One brand of an app: what its systems and customers do, and what became of it."""

from __future__ import annotations

import itertools
import json
import threading
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..brands import Brand
from ..clock import ManualClock, local_instant
from ..db.bulk import execute
from ..db.router import brand_db
from ..delivery import Delivery, ParkedView, parked_events, read_cursors
from ..facts import MetricsQuery
from ..jobs import CORE, due_jobs, run_job
from ..outreach.types import OutMessage
from ..services.consent import ConsentIn
from ..services.contacts import ContactView, IdentityIn, LeadIn
from ..services.links import LinkView
from ..services.order_types import LineIn, OrderIn, OrderView, RefundIn
from ..services.rewards import RewardView
from .clients import ApiClient, Visitor
from .network import NetworkInHandler, no_network

if TYPE_CHECKING:

    from .app import App

class HandlerFailed(AssertionError):
    """A handler of events raised; ``parked`` is the event with its error and traceback."""

    def __init__(self, parked: ParkedView) -> None:
        super().__init__(
            f"{parked.plugin} could not handle {parked.type} (event {parked.event_id}):\n{parked.traceback}"
        )
        self.parked = parked


@dataclass(frozen=True, slots=True)
class Outcome:
    """What delivery did for one plugin: events handed to its handlers, errors of those it could not handle.

    ``state`` is active or paused; five failures in a row pause a plugin.
    """

    delivered: int
    parked: tuple[str, ...]
    state: str


class Shop:
    """Acts on one brand and looks at it. Money is in minor units; ``at`` is an instant or an ISO time of the brand.

    Whoever is asked for is a :class:`ContactView`, as :meth:`lead` returns one.
    ``with shop as brand:`` enters the brand, for its services and queries.
    """

    def __init__(self, app: App, brand_id: str) -> None:
        self.app = app
        self.id = brand_id
        self._numbers = itertools.count(1)
        self._entered = threading.local()

    @property
    def brand(self) -> Brand:
        """The brand as its file says now."""
        return self.app.installation.brand(self.id)

    @property
    def clock(self) -> ManualClock:
        return self.app.clock

    def __enter__(self) -> Brand:
        brand = self.brand.__enter__()
        self._entered.stack = [*getattr(self._entered, "stack", ()), brand]  # another one inside, once its file changed
        return brand

    def __exit__(self, *exc: Any) -> bool | None:
        return self._entered.stack.pop().__exit__(*exc)

    def plugin(self, name: str) -> Any:
        """The brand's instance of a plugin."""
        return self.brand.plugins[name]

    # What happens to a brand -------------------------------------------------

    def lead(
        self, *, phone: str = "", name: str = "", at: int | str | None = None, state: str = "", consent: bool = False,
        **fields: str,
    ) -> ContactView:  # fmt: skip
        """Somebody becomes a lead, with a phone of their own unless one is given.

        ``state`` is the code of the channel or short link they came through,
        ``consent`` that they agreed to commercial messages, ``fields`` further texts.
        """
        number = next(self._numbers)
        phone = phone or f"+86177{number:08d}"  # tests give 138s
        consents = (ConsentIn("marketing_sms", text_version="test"),) if consent else ()
        with self as brand:
            known = (IdentityIn.of("phone", phone),)
            lead = LeadIn("test", known, self._at(at), f"lead-{number}", state, name, fields, consents)
            return brand.contacts.get(brand.contacts.capture_lead(lead).uid)

    def order(
        self, person: ContactView | None, paid_minor: int, *, at: int | str | None = None, number: str = "",
        status: str = "completed", skus: tuple[str, ...] = (), platform: str = "", backfill: bool = False,
    ) -> OrderView:  # fmt: skip
        """A paid order; ``None`` is a buyer whom nobody knows. ``skus`` become lines that share what was paid."""
        number = number or f"N{next(self._numbers)}"
        with self as brand:
            buyer: tuple[IdentityIn, ...] = ()
            if person is not None:
                known = brand.contacts.identities(person.id)
                buyer = tuple(IdentityIn(each.kind, each.value, each.namespace) for each in known[:1])
            share, rest = divmod(paid_minor, len(skus)) if skus else (0, 0)
            lines = tuple(LineIn(sku, sku, 1, share + (index < rest)) for index, sku in enumerate(skus))
            order = OrderIn("test", number, status, self._at(at), paid_minor, None, platform, buyer, lines)
            brand.orders.upsert(order, backfill=backfill)
            return brand.orders.by_number("test", number)

    def refund(self, order: OrderView, amount_minor: int | None = None, *, at: int | str | None = None) -> None:
        """A refund of an order; all that is left of it when no amount is given."""
        with self as brand:
            known = brand.orders.by_number(order.source, order.number)
            amount = known.paid_minor - known.refund_minor if amount_minor is None else amount_minor
            brand.orders.refund(RefundIn(order.source, order.number, f"R{next(self._numbers)}", amount, self._at(at)))

    def tag(self, person: ContactView, group: str, name: str) -> None:
        """Give a person a tag, made when it is missing."""
        with self as brand:
            brand.tags.add(person.id, brand.tags.define(group, name, plan="a test"), actor="test")

    def untag(self, person: ContactView, group: str, name: str) -> None:
        """Take a tag from a person."""
        with self as brand:
            brand.tags.remove(person.id, (group, name), actor="test")

    def member(self, person: ContactView, identity: str = "") -> None:
        """A person joins as a member."""
        with self as brand:
            brand.membership.join(person.id, identity or f"M{next(self._numbers)}", at=brand.now(), source="test")

    def link(self, target: str = "https://shop.example/", *, channel: str = "test", **options: Any) -> LinkView:
        """A short link of a channel, which is made when it is missing."""
        with self as brand:
            brand.channels.ensure(channel)
            return brand.links.create(channel, target, **options)

    def visit(self, link: LinkView, visitor: str = "") -> None:
        """Somebody opens a short link."""
        with self as brand:
            visitor = visitor or f"visitor-{next(self._numbers)}"
            brand.links.visit(link.code, at=brand.now(), visitor=visitor, agent="Mozilla/5.0 (iPhone) Safari/604.1")

    def message_in(self, person: ContactView, text: str) -> None:
        """A person writes to the brand by SMS."""
        with self as brand:
            brand.outreach.received("sms", self._phone(person), text, ref=f"in-{next(self._numbers)}")

    def event(self, plugin: str, name: str, person: ContactView | None, **fields: str | int) -> None:
        """A plugin that is switched on tells an event of its own."""
        with self as brand, brand.transaction():
            brand.emit(plugin, name, None if person is None else person.id, fields)

    def reward(self, person: ContactView, kind: str, item: str = "", quantity: int = 1, *, key: str = "") -> RewardView:
        """Grant a reward, once per ``key``."""
        with self as brand:
            key = key or f"key-{next(self._numbers)}"
            return brand.rewards.grant(kind, person.id, grant_key=key, item=item, quantity=quantity, actor="test")

    def merge(self, winner: ContactView, loser: ContactView) -> int:
        """Two contacts turn out to be one person; returns the merge's id."""
        with self as brand:
            return brand.contacts.merge(winner.id, loser.id, actor="test", reason="one person")

    def undo_merge(self, merge_id: int) -> None:
        with self as brand:
            brand.contacts.undo_merge(merge_id, actor="test")

    def erase(self, person: ContactView) -> dict[str, Any]:
        """A person is erased; returns the receipt."""
        with self as brand:
            return brand.privacy.erase(person.id, actor="test")

    # What a worker does ------------------------------------------------------

    def deliver(self, *, failing: bool = False) -> dict[str, Outcome]:
        """Hand every event to the plugins, also those that they tell themselves, and what is due again.

        Returns an :class:`Outcome` per plugin that listens. A handler that raises
        is an AssertionError with its traceback, unless the test expects it
        (``failing=True``). A handler that opens a connection is one always.
        """
        before = self._parked()
        delivered: dict[str, int] = {}
        with self as brand, no_network(brand.handle.engine) as opened:
            delivery, moved, patience = Delivery(brand), True, _PATIENCE
            while moved or (patience > 0 and self._waits(delivery)):
                patience = _PATIENCE if moved else patience - 1
                moved = False
                for cursor in read_cursors():
                    step = delivery.step({cursor.plugin})
                    delivered[cursor.plugin] = delivered.get(cursor.plugin, 0) + step.delivered + step.retried
                    moved = moved or step.more or step.delivered + step.retried > 0
            states = {cursor.plugin: cursor.state for cursor in read_cursors()}
        if opened:
            raise NetworkInHandler(f"a handler of events opened a connection to {opened[0]}: use a job or a message")
        fresh = {key: view for key, view in self._parked().items() if before.get(key) != view}
        if fresh and not failing:
            raise HandlerFailed(next(iter(fresh.values())))
        return {
            name: Outcome(delivered[name], tuple(v.error for (p, _), v in fresh.items() if p == name), states[name])
            for name in delivered
        }

    def deliver_twice(self) -> dict[str, Outcome]:
        """Deliver, then hand all of it out again; AssertionError when the second time changed a table or told an event.

        It proves that a handler may see an event again, as it does when events
        are replayed or a backup is put back. The plugins are made anew in between,
        as in another process: what an instance remembers keeps nothing from
        happening twice.
        """
        with self:
            start = execute("SELECT plugin, xid, event_id FROM plugin_cursor").fetchall()
        outcome = self.deliver()
        before, told = self.tables(), self._events()
        self.app.reload(self)
        with self:
            for plugin, xid, event_id in start:
                execute("UPDATE plugin_cursor SET xid = ?, event_id = ? WHERE plugin = ?", (xid, event_id, plugin))
        self.deliver()
        changed = sorted(name for name, rows in self.tables().items() if rows != before.get(name))
        tables = ", ".join(changed)
        assert not changed, f"the same events again changed {tables}: make the handler idempotent by event_id"
        again = sorted(self._events() - told)
        assert not again, (
            f"the same events again told {again[0][1]} again: tell an event in the transaction that notes its event_id"
        )
        return outcome

    def run_jobs(self) -> list[str]:
        """Run every job whose time has come, as the worker does; names as ``plugin/job``. A failing one is an error."""
        with self as brand:
            done = []
            for due in due_jobs(brand):
                assert run_job(brand, due), f"job {due.plugin}/{due.job} failed: {self._job_error(due)}"
                if due.plugin != CORE:
                    done.append(f"{due.plugin}/{due.job}")
            return done

    def send(self) -> list[OutMessage]:
        """Send every message that is due; returns those that reached the sender ``outbox`` now."""
        sent = len(self.outbox)
        with self as brand:
            brand.outreach.drain()
        return self.outbox[sent:]

    @property
    def outbox(self) -> list[OutMessage]:
        """Messages that the sender ``outbox`` has taken, oldest first."""
        messages: list[OutMessage] = self.brand.plugins["outbox"].captured.messages  # type: ignore[attr-defined]
        return messages

    # Doors -------------------------------------------------------------------

    def client(self, *scopes: str) -> ApiClient:
        """A client of the HTTP API with a new key of these scopes; of every scope when none is named."""
        with self as brand:
            return ApiClient(self, brand.keys.create("test", scopes or ("*",))[1])

    def stranger(self) -> ApiClient:
        """A client of the HTTP API without a key."""
        return ApiClient(self, "")

    def visitor(self, person: ContactView | None = None) -> Visitor:
        """A browser on the pages for customers, signed in as a person when one is given."""
        if person is None:
            return Visitor(self)
        with self as brand:
            session = brand.consumers.sign_in(person.id, "phone-code", strong=True)
            return Visitor(self, brand.consumers.seals.sign("session", session.session))

    # Looking -----------------------------------------------------------------

    def person(self, person: ContactView) -> ContactView:
        """The person as they are now."""
        with self as brand:
            return brand.contacts.get(person.uid)

    def tags(self, person: ContactView) -> set[tuple[str, str]]:
        """A person's tags as (group, name)."""
        with self as brand:
            return {(tag.group, tag.name) for tag in brand.tags.of(person.id)}

    def rewards(self, person: ContactView) -> list[RewardView]:
        """What a person was given, oldest first; what was taken back says so in ``reversed_by``."""
        with self as brand:
            return [each for each in brand.rewards.page(contact_id=person.id) if each.reverses is None]

    def report(self, name: str) -> list[dict[str, Any]]:
        """The rows of a plugin's report."""
        with self as brand:
            return [dict(row) for row in brand.reports.run(name).rows]

    def metrics(self, plugin: str, at: int | str | None = None) -> dict[str, int | None]:
        """What a plugin's metrics are on a day (today); that of a dimension is called ``metric:dimension``."""
        with self as brand:
            day = brand.day(self._at(at))
            values = brand.plugins[plugin].collect_metrics(MetricsQuery(day, day))
            return {":".join(filter(None, (each.metric, each.dimension))): each.value for each in values}

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every table's rows but the log's, the workers' and instants of change: for comparing before and after."""
        with self:
            found = {}
            for table in sorted(brand_db.get_tables()):
                if table not in _MOVING and not table.startswith("migration_"):
                    columns = [c.name for c in brand_db.get_columns(table) if c.name != "updated_at"]
                    listed = ", ".join(f'"{name}"' for name in columns)
                    rows = execute(f'SELECT {listed} FROM "{table}"').fetchall()
                    found[table] = sorted((tuple(row) for row in rows), key=repr)
            return found

    def _at(self, at: int | str | None) -> int:
        if isinstance(at, str):
            return local_instant(datetime.fromisoformat(at), self.brand.zone)
        return self.clock.now() if at is None else at

    def _phone(self, person: ContactView) -> str:
        return next(each.value for each in self.brand.contacts.identities(person.id) if each.kind == "phone")

    def _events(self) -> set[tuple[int, str]]:
        """The log: each event's id and what it is, an event of a plugin's by plugin and name."""
        with self:
            rows = execute("SELECT id, type, data FROM event").fetchall()
        named = ((id, kind, json.loads(data) if kind == "plugin.event" else {}) for id, kind, data in rows)
        return {(id, f"{data['plugin']}:{data['name']}" if data else kind) for id, kind, data in named}

    def _parked(self) -> dict[tuple[str, int], Any]:
        with self:
            return {(view.plugin, view.event_id): view for view in parked_events()}

    def _waits(self, delivery: Delivery) -> bool:
        """True, after a moment, where committed events cannot be read yet, as beside an older transaction."""
        if self.brand.handle.engine == "sqlite" or not delivery.behind():
            return False
        execute("SELECT pg_sleep(0.02)")
        return True

    def _job_error(self, due: Any) -> str:
        return str(
            execute(
                "SELECT error FROM job_run WHERE plugin = ? AND job = ? AND slot = ?", (due.plugin, due.job, due.slot)
            ).fetchone()[0]
        )


_PATIENCE = 500  # looks at a log that cannot be read yet, a fiftieth of a second each
_MOVING = frozenset({"event", "plugin_cursor", "job_run", "parked", "audit", "sqlite_sequence"})
