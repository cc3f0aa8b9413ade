"""All brands of a project in this process: their files, databases and migrations.

A :class:`Brand` is built once per state of its file and swapped whole when the
file changes; a change that is broken keeps the last good brand and says so.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import peewee

from .brands import Brand
from .clock import Clock, SystemClock
from .config import ProjectConfig, load_brand, load_project, plugin_settings
from .db import leaving_none_open
from .db.bulk import execute
from .db.faults import is_fault, passes
from .db.migrations import CORE_MIGRATIONS, migrate, pending
from .db.sealing import SEAL
from .errors import Busy, ConfigError, NotFound, PluginError, ScrmError
from .loader import Loader
from .plugin import Plugin
from .plugin_tables import migrate_plugins
from .users import Users

if TYPE_CHECKING:
    from .brand_files import PluginSettings

log = logging.getLogger("scrm.brands")

PREPARE_RETRY_SECONDS = 1.0


def _told(brand: Brand, method: str) -> list[tuple[str, str]]:
    """(plugin, sentence) of what the brand's plugins answer to ``brand_problems`` or ``brand_warnings``."""
    found: list[tuple[str, str]] = []
    for name, plugin in brand.plugins.items():
        try:
            with leaving_none_open():
                told = getattr(plugin, method)()
                if told is None or isinstance(told, str):
                    raise TypeError(f"returned {told!r}, not a list of sentences; write return [...]")
                found += [(name, sentence) for sentence in told]
        except KeyboardInterrupt:
            raise
        except BaseException as exc:  # SystemExit too: no plugin ends who asks it
            if is_fault(exc):
                raise
            found.append((name, f"{method}() failed: {type(exc).__name__}: {exc}"))
    return found


def _signature(path: str | Path) -> tuple[int, int, int] | None:
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
        self._brands_dir = str(config.brands_dir)
        self.clock: Clock = clock or SystemClock()
        self.loader = Loader(config.plugins_dir, plugins)
        self.engine = engine if engine is not None else engine_of(config)
        self.nudge: Callable[[str], None] | None = None
        self.users = Users(self)
        self._slots: dict[str, _Slot] = {}
        self._applied: dict[str, list[str]] = {}  # what preparing a brand has applied and `migrate` has not told yet
        self._lock = threading.RLock()

    @classmethod
    def open(cls, root: Path, **kwargs: Any) -> Installation:
        """The installation of the project in ``root``; raises ConfigError."""
        return cls(load_project(root), **kwargs)

    def brand_ids(self) -> list[str]:
        """Ids of all brands that have a file, sorted."""
        return sorted(path.stem for path in self.config.brands_dir.glob("*.toml"))

    def brand_file(self, brand_id: str) -> Path:
        """The brand's file; raises NotFound naming the brands there are."""
        path = self.config.brands_dir / f"{brand_id}.toml"
        if not _plain_name(brand_id) or not path.is_file():
            raise NotFound(f"no brand {brand_id!r}; this project has: {', '.join(self.brand_ids()) or 'none'}")
        return path

    def brand(self, brand_id: str) -> Brand:
        """The brand as its file says now.

        Raises NotFound when there is no such file, ConfigError when the file
        is broken and was never good in this process.
        """
        slot = self._slots.get(brand_id)
        if slot is None and not _plain_name(brand_id):
            raise NotFound(f"no brand {brand_id!r}")
        # Each request comes here, often twice: joining text takes a tenth of the time of making a Path.
        signature = _signature(f"{self._brands_dir}/{brand_id}.toml")
        if slot is None or slot.stale(signature):
            slot = self._refresh(brand_id, self.config.brands_dir / f"{brand_id}.toml", signature)
        if slot.brand is None:
            raise slot.problem or ConfigError(f"brand {brand_id!r} cannot be used")
        return slot.brand

    def problem(self, brand_id: str) -> ConfigError | None:
        """Why the brand's file as it is now is not in use, or None when it is."""
        with contextlib.suppress(ScrmError):
            self.brand(brand_id)
        slot = self._slots.get(brand_id)
        return slot.problem if slot is not None else None

    def warnings(self, brand_id: str) -> list[tuple[str, str]]:
        """(plugin, sentence) of what people should look at though the brand works; raises what :meth:`brand` raises."""
        brand = self.brand(brand_id)
        with brand:
            return _told(brand, "brand_warnings")

    def problems_of(self, brand_id: str, text: str) -> list[str]:
        """Why the brand could not be used with this text as its file, a line each; nothing is changed.

        Plugins that it would switch on are asked for more when that happens.
        """
        from .brand_files import candidate

        with candidate(text, brand_id) as folder:
            path = Path(folder) / f"{brand_id}.toml"
            try:
                made = self._build(path)
                now = self.brand(brand_id)
                with now:
                    told = _told(made, "brand_problems")
                found = [f"[plugins.{name}]: {words}" for name, words in told if name in now.plugins]
            except ConfigError as exc:
                found = list(exc.problems)
        return [each.replace(f"{path}: ", "") for each in found]

    def settings(self, brand_id: str) -> PluginSettings:
        """The settings of the plugins in the brand's file, to look at and to change; raises NotFound."""
        from .brand_files import PluginSettings

        return PluginSettings(self, brand_id)

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
            if signature is None:
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
            with brand:
                moved = execute("SELECT value FROM meta WHERE key = ?", (SEAL,)).fetchone()
            if moved is not None:
                raise ConfigError(
                    f"brand {brand.id!r} has moved to {moved[0]}: name that database in scrm.toml "
                    f"(database_url), or take the brand back with `scrm move {brand.id} --cancel`"
                )
            self._applied.setdefault(brand.id, []).extend(migrate_plugins(brand))
            with brand:
                ensure_cursors(brand)
                revalidate(brand.config.rfm_count_zero_orders)
                where = brand.config.path or f"brand {brand.id!r}"
                problems = [f"{where}: [plugins.{name}]: {told}" for name, told in _told(brand, "brand_problems")]
        except (Busy, peewee.OperationalError, peewee.InterfaceError) as exc:
            log.warning("brand %s: not prepared yet: %s", brand.id, exc)
            return False
        except (peewee.DatabaseError, ScrmError) as exc:
            raise ConfigError(f"brand {brand.id!r}: cannot be prepared: {exc}") from exc
        if problems:
            raise ConfigError("\n".join(problems), problems=tuple(problems))
        return True

    def migrate(self) -> dict[str, list[str]]:
        """Create missing databases and apply pending migrations of every brand; names per brand.

        Those of plugins that opening a brand has applied are named too.

        Raises ConfigError or NewerSchema for a brand that cannot be migrated.
        """
        from .delivery import ensure_cursors

        done: dict[str, list[str]] = {}
        for brand_id in self.brand_ids():
            brand = self.brand(brand_id)
            self.engine.create(brand_id)
            applied = [f"core/{m}" for m in migrate(brand.handle, "core", CORE_MIGRATIONS)]
            applied += [*self._applied.pop(brand_id, []), *migrate_plugins(brand)]
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
        if not self.has_tables(brand_id):
            return [f"{owner}/{file.stem}" for owner, folder in owners for file in sorted(folder.glob("[0-9]*.py"))]
        return [f"{owner}/{name}" for owner, folder in owners for name in pending(brand.handle, owner, folder)]

    def has_tables(self, brand_id: str) -> bool:
        """Whether anything was ever migrated for a brand; asked of the database without entering it.

        Raises Busy (``database_away``), with the driver's words, where a later try may reach the server.
        """
        try:
            return bool(self.engine.exists(brand_id))
        except (peewee.OperationalError, peewee.InterfaceError) as exc:
            if not passes(exc):
                raise
            raise Busy(f"the database is away, try again: {exc}", code="database_away") from exc

    def close(self) -> None:
        """Close this thread's database connections."""
        self.engine.close()

    def _on_commit(self, brand_id: str) -> None:
        if self.nudge is not None:
            self.nudge(brand_id)


def _plain_name(brand_id: str) -> bool:
    return not any(sign in brand_id for sign in "/\\\0") and not brand_id.startswith(".")


def engine_of(config: ProjectConfig) -> Any:
    """The engine that keeps a project's brands; raises ConfigError where its driver is missing."""
    if config.sqlite:
        from .db.sqlite import SqliteEngine

        return SqliteEngine(config.data_dir, synchronous=config.database_synchronous)
    if importlib.util.find_spec("psycopg") is None:
        raise ConfigError(f"{config.root / 'scrm.toml'}: database_url: PostgreSQL needs: pip install 'scrm[postgres]'")
    from .db.postgres import PostgresEngine

    return PostgresEngine(config.database_url, transaction_pooler=config.transaction_pooler)
