"""From configuration to running brands: database, plugin instances, hooks, services.

A :class:`Brand` is built once per state of its file and swapped whole when the
file changes; a change that is broken keeps the last good brand and says so.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import peewee
import pluggy

from . import eventlog
from .clock import Clock, SystemClock, day_of
from .config import BrandConfig, ProjectConfig, load_brand, load_project, plugin_settings
from .db import group_of
from .db.base import compact_json
from .db.faults import is_fault
from .db.migrations import CORE_MIGRATIONS, migrate, pending
from .db.router import BrandHandle, brand_db, in_brand
from .errors import Busy, ConfigError, Invalid, NoBrand, NotFound, PluginError, ScrmError, Veto
from .hooks import HOOK_NAMES, PROJECT, HookSpecs
from .loader import Loader
from .plugin import Plugin

if TYPE_CHECKING:
    from .consumers import Consumers
    from .outreach import Outreach
    from .services.carts import Carts
    from .services.channels import Channels
    from .services.consent import Consents
    from .services.contacts import Contacts
    from .services.experiments import Experiments
    from .services.groups import Groups
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

PREPARE_RETRY_SECONDS = 1.0

_current: ContextVar[Brand | None] = ContextVar("scrm_current_brand", default=None)
_actor: ContextVar[str] = ContextVar("scrm_current_actor", default="")

_EVENT_NAME = re.compile(r"[a-z][a-z0-9-]{0,60}\Z")

# (plugin name, bound method, also receives backfilled events)
P = TypeVar("P", bound=Plugin)
R = TypeVar("R")
I = TypeVar("I")  # noqa: E741
Implementation = tuple[str, Callable[[Any], Any], bool]


class Hooks:
    """The hook implementations of one brand, in the order of its configuration."""

    def __init__(self, plugins: dict[str, Plugin]) -> None:
        self.manager = pluggy.PluginManager(PROJECT)
        self.manager.add_hookspecs(HookSpecs)
        # pluggy calls the last registered first; configuration order is call order.
        for name, plugin in reversed(plugins.items()):
            self.manager.register(plugin, name)
        self.manager.check_pending()
        self._resolved: dict[str, tuple[Implementation, ...]] = {}
        for hook in HOOK_NAMES:
            impls = getattr(self.manager.hook, hook).get_hookimpls()
            self._resolved[hook] = tuple(
                (impl.plugin_name, impl.function, getattr(impl.function, "scrm_backfill", False))
                for impl in reversed(impls)
            )

    def implementations(self, hook: str) -> tuple[Implementation, ...]:
        """Who implements a hook, in call order."""
        return self._resolved[hook]

    def check(self, hook: str, draft: Any) -> None:
        """Ask every guard; a Veto passes through, any other exception becomes a PluginError naming it."""
        for name, function, _ in self._resolved[hook]:
            try:
                function(draft)
            except Veto:
                raise
            except Exception as exc:
                if is_fault(exc):
                    raise  # a locked or absent database is nobody's mistake: it is answered as such
                raise PluginError(
                    f"plugin {name!r} failed in {hook}: {type(exc).__name__}: {exc}", plugin=name
                ) from exc

    def collect(self, hook: str, query: Any) -> list[tuple[str, Any, str | None]]:
        """Ask every plugin: (name, answer, None), or (name, None, reason) where it failed."""
        out: list[tuple[str, Any, str | None]] = []
        for name, function, _ in self._resolved[hook]:
            try:
                out.append((name, function(query), None))
            except Exception as exc:
                log.exception("plugin %s failed in %s", name, hook)
                out.append((name, None, f"{type(exc).__name__}: {exc}"))
        return out


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
        self.plugins: dict[str, Plugin] = {
            name: _made(cls, self, settings) for name, (cls, settings) in classes.items()
        }
        self.hooks = Hooks(self.plugins)

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
        return day_of(instant, self.zone)

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

    def extensions(self, point: str) -> list[tuple[str, Any]]:
        """What the brand's plugins offer to an extension point: (plugin's name, value), in configuration order."""
        return [
            (name, value) for name, plugin in self.plugins.items() for value in plugin.extensions.get(point, ())
        ]

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
    def consumers(self) -> Consumers:
        from .consumers import Consumers

        return Consumers(self)

    @cached_property
    def experiments(self) -> Experiments:
        from .services.experiments import Experiments

        return Experiments(self)

    @cached_property
    def metrics(self) -> Metrics:
        from .services.metrics import Metrics

        return Metrics(self)

    @cached_property
    def rfm(self) -> RfmReport:
        from .services.rfm_report import RfmReport

        return RfmReport(self)

    @cached_property
    def reports(self) -> Reports:
        from .services.reports import Reports

        return Reports(self)

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
    try:
        return cls(brand, settings)
    except Exception as exc:
        raise PluginError(
            f"plugin {cls.name!r} cannot be made: {type(exc).__name__}: {exc}", plugin=cls.name
        ) from exc


def _plugin_problems(brand: Brand) -> list[str]:
    """What the brand's plugins say about the brand as it is configured now."""
    where = brand.config.path or f"brand {brand.id!r}"
    problems = []
    for name, plugin in brand.plugins.items():
        try:
            problems += [f"{where}: [plugins.{name}]: {problem}" for problem in plugin.brand_problems()]
        except Exception as exc:
            if is_fault(exc):
                raise
            problems.append(f"{where}: [plugins.{name}]: brand_problems() failed: {type(exc).__name__}: {exc}")
    return problems


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


class _Slot:
    """A brand's last good state and the file state it was built from."""

    __slots__ = ("brand", "problem", "retry_at", "signature")

    def __init__(self) -> None:
        self.retry_at: float | None = None
        self.signature: tuple[int, int, int] | None = None
        self.brand: Brand | None = None
        self.problem: ConfigError | None = None

    def stale(self, signature: tuple[int, int, int] | None) -> bool:
        """True when the file changed, or when a database fault left the brand unprepared a while ago."""
        return self.signature != signature or (self.retry_at is not None and time.monotonic() > self.retry_at)


class Installation:
    """All brands of a project on this machine's process.

    ``plugins`` adds plugin classes without installing them (tests, embedding).
    """

    def __init__(
        self,
        config: ProjectConfig,
        *,
        clock: Clock | None = None,
        plugins: Iterable[type[Plugin]] = (),
        engine: Any = None,
    ) -> None:
        self.config = config
        self.clock: Clock = clock or SystemClock()
        self.loader = Loader(config.plugins_dir, plugins)
        self.engine = engine if engine is not None else _engine(config)
        self.nudge: Callable[[str], None] | None = None
        self._slots: dict[str, _Slot] = {}
        self._lock = threading.RLock()

    @classmethod
    def open(cls, root: Path, **kwargs: Any) -> Installation:
        """The installation of the project in ``root``; raises ConfigError."""
        return cls(load_project(root), **kwargs)

    def brand_ids(self) -> list[str]:
        """Ids of all brands that have a file, sorted."""
        return sorted(path.stem for path in self.config.brands_dir.glob("*.toml"))

    def brand(self, brand_id: str) -> Brand:
        """The brand as its file says now.

        Raises NotFound when there is no such file, ConfigError when the file
        is broken and was never good in this process.
        """
        slot = self._slots.get(brand_id)
        path = self.config.brands_dir / f"{brand_id}.toml"
        signature = _signature(path)
        if slot is None or slot.stale(signature):
            slot = self._refresh(brand_id, path, signature)
        if slot.brand is None:
            raise slot.problem or ConfigError(f"brand {brand_id!r} cannot be used")
        return slot.brand

    def problem(self, brand_id: str) -> ConfigError | None:
        """Why the brand's file as it is now is not in use, or None when it is."""
        with contextlib.suppress(ScrmError):
            self.brand(brand_id)
        slot = self._slots.get(brand_id)
        return slot.problem if slot is not None else None

    def brands(self) -> Iterator[Brand]:
        """Every usable brand; a broken one is left out and logged."""
        for brand_id in self.brand_ids():
            try:
                yield self.brand(brand_id)
            except ScrmError as exc:
                log.error("brand %s is left out: %s", brand_id, exc)

    def _refresh(self, brand_id: str, path: Path, signature: tuple[int, int, int] | None) -> _Slot:
        with self._lock:
            slot = self._slots.get(brand_id)
            if slot is not None and not slot.stale(signature):
                return slot
            if signature is None or not _plain_name(brand_id):
                self._slots.pop(brand_id, None)
                raise NotFound(f"no brand {brand_id!r}")
            fresh = _Slot()
            fresh.signature = signature
            try:
                fresh.brand = self._build(path)
                if not self._prepare(fresh.brand):
                    fresh.retry_at = time.monotonic() + PREPARE_RETRY_SECONDS
            except ConfigError as exc:
                fresh.problem = exc
                fresh.brand = slot.brand if slot is not None else None
                if fresh.brand is not None:  # otherwise whoever asked for the brand is told by the exception
                    log.error("brand %s: the last good configuration stays in force: %s", brand_id, exc)
            self._slots[brand_id] = fresh
            return fresh

    def _build(self, path: Path) -> Brand:
        config = load_brand(path)
        classes: dict[str, tuple[type[Plugin], dict[str, Any]]] = {}
        problems: list[str] = []
        for name, entry in config.plugins.items():
            if not entry.enabled:
                continue
            try:
                cls = self.loader.load(name)
                classes[name] = (cls, plugin_settings(path, entry, cls.Settings))
            except ConfigError as exc:
                problems.extend(exc.problems)
            except PluginError as exc:
                problems.append(f"{path}: [plugins.{name}]: {exc}")
        if problems:
            raise ConfigError("\n".join(problems), problems=tuple(problems))
        handle = self.engine.handle(config.id)
        handle.on_commit = self._on_commit
        try:
            return Brand(config, self, handle, classes)
        except PluginError as exc:
            problem = f"{path}: {exc}"
            raise ConfigError(problem, problems=(problem,)) from exc

    def _prepare(self, brand: Brand) -> bool:
        """Make a changed brand ready: its plugins' tables, cursors that begin at "now", which orders count.

        False when the database could not be asked now: it is tried again soon.
        """
        from .delivery import ensure_cursors
        from .services.order_totals import revalidate

        try:
            if not self.engine.exists(brand.id) or pending(brand.handle, "core", CORE_MIGRATIONS):
                return False  # `scrm migrate` has not run yet; until then there is nothing to prepare
            self._migrate_plugins(brand)
            with brand:
                ensure_cursors(brand)
                revalidate(brand.config.rfm_count_zero_orders)
                problems = _plugin_problems(brand)
        except (Busy, peewee.OperationalError, peewee.InterfaceError) as exc:
            log.warning("brand %s: not prepared yet: %s", brand.id, exc)
            return False
        except (peewee.DatabaseError, ScrmError) as exc:
            raise ConfigError(f"brand {brand.id!r}: cannot be prepared: {exc}") from exc
        if problems:
            raise ConfigError("\n".join(problems), problems=tuple(problems))
        return True

    def _migrate_plugins(self, brand: Brand) -> list[str]:
        applied = []
        for name, plugin in brand.plugins.items():
            directory = type(plugin).migrations_path()
            if directory is not None:
                applied += [f"{name}/{m}" for m in migrate(brand.handle, name, directory)]
        return applied

    def migrate(self) -> dict[str, list[str]]:
        """Create missing databases and apply pending migrations of every brand; names per brand.

        Raises ConfigError or NewerSchema for a brand that cannot be migrated.
        """
        from .delivery import ensure_cursors

        done: dict[str, list[str]] = {}
        for brand_id in self.brand_ids():
            brand = self.brand(brand_id)
            self.engine.create(brand_id)
            applied = [f"core/{m}" for m in migrate(brand.handle, "core", CORE_MIGRATIONS)]
            applied += self._migrate_plugins(brand)
            with brand:
                ensure_cursors(brand)
            done[brand_id] = applied
        return done

    def pending(self, brand_id: str) -> list[str]:
        """Migrations of the core and of the brand's plugins that have not run, as ``owner/name``.

        Raises NewerSchema when the database was written by a newer version.
        """
        brand = self.brand(brand_id)
        owners = [("core", CORE_MIGRATIONS)]
        owners += [
            (name, directory)
            for name, plugin in brand.plugins.items()
            if (directory := type(plugin).migrations_path()) is not None
        ]
        if not self.engine.exists(brand_id):
            return [f"{owner}/{file.stem}" for owner, folder in owners for file in sorted(folder.glob("[0-9]*.py"))]
        return [f"{owner}/{name}" for owner, folder in owners for name in pending(brand.handle, owner, folder)]

    def close(self) -> None:
        """Close this thread's database connections."""
        self.engine.close()

    def _on_commit(self, brand_id: str) -> None:
        if self.nudge is not None:
            self.nudge(brand_id)


def _plain_name(brand_id: str) -> bool:
    return "/" not in brand_id and "\\" not in brand_id and not brand_id.startswith(".")


def _engine(config: ProjectConfig) -> Any:
    if config.sqlite:
        from .db.sqlite import SqliteEngine

        return SqliteEngine(config.data_dir, synchronous=config.database_synchronous)
    if importlib.util.find_spec("psycopg") is None:
        raise ConfigError(f"{config.root / 'scrm.toml'}: database_url: PostgreSQL needs: pip install 'scrm[postgres]'")
    from .db.postgres import PostgresEngine

    return PostgresEngine(config.database_url, transaction_pooler=config.transaction_pooler)
