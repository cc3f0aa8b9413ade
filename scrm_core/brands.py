"""A running brand: its database, plugin instances, hooks and services, and which one is entered now."""

from __future__ import annotations

import contextlib
import inspect
import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from . import eventlog
from .clock import MS_PER_DAY, Clock, day_of, day_start
from .config import BrandConfig
from .db import group_of
from .db.base import compact_json
from .db.faults import is_fault
from .db.router import BrandHandle, brand_db, in_brand, leaving_none_open
from .errors import Invalid, NoBrand, NotFound, PluginError
from .hook_calls import Hooks
from .places import raised_at, said
from .plugin import Plugin

if TYPE_CHECKING:
    from .consumers import Consumers
    from .delivery.desk import Events
    from .installation import Installation
    from .intake.sent_files import SentFiles
    from .jobs import Jobs
    from .outreach import Outreach
    from .partners import Partners
    from .retention import Retention
    from .services.audit import AuditLog
    from .services.carts import Carts
    from .services.channels import Channels
    from .services.consent import Consents
    from .services.contacts import Contacts
    from .services.experiments import Experiments
    from .services.goals import Goals
    from .services.groups import Groups
    from .services.import_runs import Imports
    from .services.keys import Keys
    from .services.links import Links
    from .services.membership import Memberships
    from .services.metrics import Metrics
    from .services.orders import Orders
    from .services.privacy import Privacy
    from .services.products import Products
    from .services.reports import Reports
    from .services.rewards import Rewards
    from .services.rfm_report import RfmReport
    from .services.segments import Segments
    from .services.tags import Tags

log = logging.getLogger("scrm.brands")

_current: ContextVar[Brand | None] = ContextVar("scrm_current_brand", default=None)
_actor: ContextVar[str] = ContextVar("scrm_current_actor", default="")

_EVENT_NAME = re.compile(r"[a-z][a-z0-9-]{0,60}\Z")

P = TypeVar("P", bound=Plugin)
R = TypeVar("R")
I = TypeVar("I")  # noqa: E741


class Brand:
    """One brand: configuration, plugins and services. Enter it (``with brand:``) to use its database."""

    def __init__(
        self,
        config: BrandConfig,
        installation: Installation,
        handle: BrandHandle,
        classes: dict[str, tuple[type[Plugin], dict[str, Any]]],
    ) -> None:
        self.config = config
        self.installation = installation
        self.handle = handle
        self.id = config.id
        self.name = config.name
        self.zone = config.zone
        self.currency = config.currency
        self.locale = config.locale
        self.clock: Clock = installation.clock
        self._entered = threading.local()
        self._day = (2**62, 0, self.zone)  # start and ordinal of the day that was asked for last
        self.plugins: dict[str, Plugin] = {
            name: _made(cls, self, settings) for name, (cls, settings) in classes.items()
        }
        self.hooks = Hooks(self.id, self.plugins)

    def __repr__(self) -> str:
        return f"<Brand {self.id}>"

    def __enter__(self) -> Brand:
        stack = getattr(self._entered, "stack", None)
        if stack is None:
            stack = self._entered.stack = []
        block = in_brand(self.handle)
        block.__enter__()
        stack.append((block, _current.set(self)))
        return self

    def __exit__(self, *exc: Any) -> bool | None:
        block, token = self._entered.stack.pop()
        _current.reset(token)
        answer: bool | None = block.__exit__(*exc)
        return answer

    def now(self) -> int:
        """The current instant, from the installation's clock."""
        return self.clock.now()

    def day(self, instant: int) -> int:
        """The brand-local calendar day of an instant, as ``date.toordinal()``."""
        start, known, zone = self._day
        if start <= instant < start + MS_PER_DAY and zone is self.zone:
            return known
        day, zone = day_of(instant, self.zone), self.zone
        if day < date.max.toordinal():
            start = day_start(day, zone)
            if day_start(day + 1, zone) - start == MS_PER_DAY:  # otherwise the clocks are changed on it
                self._day = start, day, zone
        return day

    def transaction(self) -> contextlib.AbstractContextManager[Any]:
        """A transaction of this brand; services called inside join it."""
        return brand_db.atomic()

    def group(self, work: Callable[[], R]) -> R:
        """Run a short write in a transaction that other threads' writes may share; returns after the commit.

        For what many want at once: limited coupons, prizes, seats. What ``work``
        raises is raised here, and only its own writes are rolled back. It may run
        in another thread (with this one's context) and, after a fault of the
        database, twice. Inside a transaction it simply runs in it.
        """
        return group_of(self.handle).run(work)

    def group_many(self, many: Callable[[Sequence[I]], Sequence[R | Exception]], item: I) -> R:
        """Like :meth:`group` for a write that ``many`` does for all items of a group at once, in few statements.

        ``many`` is the same function (or bound method) for all that belong
        together. It answers one value per item, in order, or the exception to raise
        for it; an item whose answer is an exception has had no effect. It runs with
        the context of one of those who asked: who asks belongs in the item.
        """
        return group_of(self.handle).run_many(many, item)

    def group_each(self, many: Callable[[Sequence[I]], Sequence[R | Exception]], items: Sequence[I]) -> list[Any]:
        """Like :meth:`group_many` for items that came together: per item its answer, or the exception it ended with."""
        return group_of(self.handle).run_each(many, items)

    def emit(
        self,
        plugin: str,
        name: str,
        contact_id: int | None,
        fields: Mapping[str, str | int] | None = None,
        *,
        at: int | None = None,
    ) -> None:
        """Tell every plugin that something of ``plugin``'s own field happened (``on_event``).

        It is appended to the log in the open transaction. ``name`` is the event's
        (lower case, dashes), ``fields`` texts and integers: ids and values, never
        personal data. Raises Invalid for anything else.
        """
        now = self.now()
        self._emit(plugin, name, [(contact_id, fields or {}, now if at is None else at)], now)

    def emit_many(
        self, plugin: str, name: str, told: Sequence[tuple[int | None, Mapping[str, str | int], int]]
    ) -> None:
        """Like :meth:`emit` for many of one name at once: (contact's id, fields, instant) each."""
        self._emit(plugin, name, told, self.now())

    def _emit(
        self, plugin: str, name: str, told: Sequence[tuple[int | None, Mapping[str, str | int], int]], now: int
    ) -> None:
        if plugin not in self.plugins:
            raise Invalid(f"no enabled plugin is called {plugin!r}", field="plugin")
        if not _EVENT_NAME.match(name):
            raise Invalid(f"an event's name is lower case letters, digits and dashes, not {name!r}", field="name")
        events = []
        for contact_id, fields, at in told:
            for key, value in fields.items():
                if type(key) is not str or type(value) not in (str, int):
                    raise Invalid(f"fields are texts and integers; {key!r} is {type(value).__name__}", field="fields")
            data = compact_json({"plugin": plugin, "name": name, "fields": dict(fields)})
            events.append(("plugin.event", contact_id, at, 0, data))
        eventlog.append_encoded(events, recorded_at=now)

    def plugin(self, name: str) -> Plugin:
        """The brand's instance of a plugin; raises NotFound, with the remedy, where it is switched off."""
        plugin = self.plugins.get(name)
        if plugin is None:
            raise NotFound(f"brand {self.id!r} has {name} switched off; add [plugins.{name}] to its file")
        return plugin

    def extensions(self, point: str) -> list[tuple[str, Any]]:
        """What the brand's plugins offer to an extension point: (plugin's name, value), in configuration order."""
        return [
            (name, value) for name, plugin in self.plugins.items() for value in plugin.extensions.get(point, ())
        ]

    def contained(self, plugin: str, work: Callable[[], R]) -> R | None:
        """What ``work``, code of a plugin's, answers; None where it fails, which the log tells.

        A fault of the database is nobody's mistake, and raised. A transaction that is left open is rolled back.
        """
        try:
            with leaving_none_open():
                return work()
        except KeyboardInterrupt:
            raise
        except BaseException as exc:  # SystemExit too: no plugin ends the server
            if is_fault(exc):
                raise
            log.exception("brand %s: plugin %s failed", self.id, plugin)
            return None

    @cached_property
    def contacts(self) -> Contacts:
        from .services.contacts import Contacts

        return Contacts(self)

    @cached_property
    def consent(self) -> Consents:
        from .services.consent import Consents

        return Consents(self)

    @cached_property
    def privacy(self) -> Privacy:
        from .services.privacy import Privacy

        return Privacy(self)

    @cached_property
    def tags(self) -> Tags:
        from .services.tags import Tags

        return Tags(self)

    @cached_property
    def orders(self) -> Orders:
        from .services.orders import Orders

        return Orders(self)

    @cached_property
    def imports(self) -> Imports:
        from .services.import_runs import Imports

        return Imports(self)

    @cached_property
    def sent_files(self) -> SentFiles:
        from .intake.sent_files import SentFiles

        return SentFiles(self)

    @cached_property
    def products(self) -> Products:
        from .services.products import Products

        return Products(self)

    @cached_property
    def groups(self) -> Groups:
        from .services.groups import Groups

        return Groups(self)

    @cached_property
    def membership(self) -> Memberships:
        from .services.membership import Memberships

        return Memberships(self)

    @cached_property
    def channels(self) -> Channels:
        from .services.channels import Channels

        return Channels(self)

    @cached_property
    def links(self) -> Links:
        from .services.links import Links

        return Links(self)

    @cached_property
    def rewards(self) -> Rewards:
        from .services.rewards import Rewards

        return Rewards(self)

    @cached_property
    def carts(self) -> Carts:
        from .services.carts import Carts

        return Carts(self)

    @cached_property
    def segments(self) -> Segments:
        from .services.segments import Segments

        return Segments(self)

    @cached_property
    def outreach(self) -> Outreach:
        from .outreach import Outreach

        return Outreach(self)

    @cached_property
    def partners(self) -> Partners:
        from .partners import Partners

        return Partners(self)

    @cached_property
    def consumers(self) -> Consumers:
        from .consumers import Consumers

        return Consumers(self)

    @cached_property
    def experiments(self) -> Experiments:
        from .services.experiments import Experiments

        return Experiments(self)

    @cached_property
    def events(self) -> Events:
        from .delivery.desk import Events

        return Events(self)

    @cached_property
    def jobs(self) -> Jobs:
        from .jobs import Jobs

        return Jobs(self)

    @cached_property
    def audit(self) -> AuditLog:
        from .services.audit import AuditLog

        return AuditLog(self)

    @cached_property
    def metrics(self) -> Metrics:
        from .services.metrics import Metrics

        return Metrics(self)

    @cached_property
    def rfm(self) -> RfmReport:
        from .services.rfm_report import RfmReport

        return RfmReport(self)

    @cached_property
    def goals(self) -> Goals:
        from .services.goals import Goals

        return Goals(self)

    @cached_property
    def reports(self) -> Reports:
        from .services.reports import Reports

        return Reports(self)

    @cached_property
    def retention(self) -> Retention:
        from .retention import Retention

        return Retention(self)

    @cached_property
    def keys(self) -> Keys:
        from .services.keys import Keys

        return Keys(self)


def current_brand() -> Brand:
    """The brand entered in this context (``with brand:``); raises NoBrand outside any."""
    brand = _current.get()
    if brand is None:
        raise NoBrand("no brand: enter one with `with brand:` first")
    return brand


def current_actor() -> str:
    """Who acts in a plugin's route: the request's key, as ``key:<id>``; empty elsewhere.

    What needs two persons compares this, never a name out of the request's body.
    """
    return _actor.get()


@contextlib.contextmanager
def acting(actor: str) -> Iterator[None]:
    """Say who acts until the block ends."""
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)


def current_plugin(cls: type[P]) -> P:
    """The current brand's instance of a plugin; raises NotFound when it is switched off."""
    plugin = current_brand().plugins.get(cls.name)
    if not isinstance(plugin, cls):
        raise NotFound(f"plugin {cls.name!r} is not enabled")
    return plugin


def _made(cls: type[Plugin], brand: Brand, settings: dict[str, Any]) -> Plugin:
    begins = "begin it with: def __init__(self, brand, settings): super().__init__(brand, settings)"
    try:
        plugin = cls(brand, settings)
    except KeyboardInterrupt:
        raise
    except BaseException as exc:  # SystemExit too: no plugin ends the server
        where = raised_at(exc, Path(inspect.getfile(cls)).parent) or cls.__module__
        hint = f"; {begins}" if isinstance(exc, TypeError) and "__init__()" in str(exc) else ""
        raise PluginError(f"{where}: plugin {cls.name!r} cannot be made: {said(exc)}{hint}", plugin=cls.name) from exc
    if not {"brand", "settings"} <= vars(plugin).keys():
        raise PluginError(f"plugin {cls.name!r}: its __init__ leaves out what the core does; {begins}", plugin=cls.name)
    return plugin
