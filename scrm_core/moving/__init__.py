"""Moving a brand (搬家) between databases, backups and restores: one copy, whole, checked and all or nothing.

A copy is made beside its place, in a folder or schema of its own, and takes the
place when every row was read back. What stood there is set aside, never
deleted. A database that a brand has left, or that was set aside, is sealed: it
refuses whoever still writes to it.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import with_database
from ..db.migrations import CORE_MIGRATIONS, HISTORY, history_table, migrate
from ..db.sqlite import SqliteEngine
from ..errors import Conflict, NotFound, PluginError
from ..installation import engine_of
from ..outreach import STOPPED
from .copying import TableCopy, copy
from .positions import carry_positions
from .sqlite_store import SqliteStore
from .store import Store, sealed

if TYPE_CHECKING:
    from ..installation import Installation

__all__ = ["Copied", "TableCopy", "backup", "cancel", "move", "restore"]

ACTOR = "command line"
ASIDE = "aside, when another copy took its place"
OF_BRAND = "backup_of"
"""The key in ``meta`` of a backup's file that says whose it is; a brand itself has none."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What was copied, from where to where; ``aside`` is where the brand lies that stood there before, if any."""

    brand: str
    source: str
    target: str
    aside: str
    tables: tuple[TableCopy, ...]


def move(installation: Installation, brand_id: str, url: str, *, replace: bool = False) -> Copied:
    """Carry a brand to the database at ``url`` and seal it here.

    ``url`` is ``sqlite:FOLDER``, ``postgresql://...`` or ``env:NAME``. Nobody else
    writes meanwhile: requests that would are answered 503. Events keep their
    numbers, and every plugin goes on where it stood. ``replace`` sets a brand aside
    that is there already. Raises NotFound, ConfigError, Conflict (with the code
    ``move``: it was moved already, the place is taken, the copy differs),
    PluginError (a plugin that has tables is not installed) and Busy.
    """
    config = with_database(installation.config, url)
    here, there = installation.engine, engine_of(config)
    source = _there(installation, brand_id)
    try:
        source.hold()
        _not_sealed(source)
        if here.place(brand_id) == there.place(brand_id):
            raise Conflict(f"brand {brand_id!r} is in {here.place(brand_id)} already", code="move")
        copied = _arrive(installation, source, there, brand_id, replace, _note(installation, brand_id, "brand.move"))
        source.seal(there.place(brand_id))
        source.commit()
    finally:
        source.close()
    return copied


def cancel(installation: Installation, brand_id: str) -> str:
    """Open a brand again that was moved away from here; returns where the copy stays. Raises Conflict if it was not."""
    store = _there(installation, brand_id)
    try:
        store.hold()
        place = sealed(store)
        if not place:
            raise Conflict(f"brand {brand_id!r} was not moved away from {store.where}", code="move")
        store.unseal()
        store.commit()
    finally:
        store.close()
    return place


def backup(installation: Installation, brand_id: str, path: Path) -> Copied:
    """Write a brand as it is now into one SQLite file at ``path``, whichever engine it lives on; others go on writing.

    Raises Conflict (code ``move``) where there is a file or the brand was moved away, otherwise as :func:`move`.
    """
    if path.exists():
        raise Conflict(f"{path} exists; a backup never overwrites a file", code="move")
    path.parent.mkdir(parents=True, exist_ok=True)
    source = _there(installation, brand_id)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".backup-") as folder:
        engine = SqliteEngine(Path(folder))
        try:
            source.watch()
            _not_sealed(source)
            tables = _stage(installation, source, engine, brand_id, lambda target: _mark(target, brand_id))
        finally:
            source.close()
            engine.close()
        made = engine.path(brand_id)
        _single_file(made)
        os.link(made, path)  # fails where a file has come meanwhile
    return Copied(brand_id, installation.engine.place(brand_id), str(path), "", tables)


def restore(installation: Installation, brand_id: str, path: Path, *, replace: bool = False) -> Copied:
    """Put a brand back as a backup has it; nothing is sent to anybody until the emergency switch is released.

    What was sent since the backup is in nobody's memory: a person looks at what
    waits (``scrm outreach runs``) before ``scrm outreach go-on``. A backup of
    an older version is migrated. ``replace`` sets the present brand aside.
    Raises NotFound (no such file or brand), Conflict (code ``move``: no backup
    of a brand, the place is taken), and as :func:`move`.
    """
    if not path.is_file():
        raise NotFound(f"there is no file {path}")
    installation.brand_file(brand_id)
    with tempfile.TemporaryDirectory(prefix="scrm-restore-") as folder:
        engine = SqliteEngine(Path(folder))
        engine.create(brand_id)
        _read_backup(path, engine.path(brand_id))
        source = SqliteStore(engine.path(brand_id))
        try:
            for owner, directory in _owners(installation, source).items():
                migrate(engine.handle(brand_id), owner, directory)
            source.watch()
            _not_sealed(source)
            whose = source.execute("SELECT value FROM meta WHERE key = ?", (OF_BRAND,))
            if whose and whose[0][0] != brand_id:
                raise Conflict(f"{path} is a backup of brand {whose[0][0]!r}, not of {brand_id!r}", code="move")
            note = _note(installation, brand_id, "brand.restore", stopped=f"restored from {path.name}")
            return _arrive(installation, source, installation.engine, brand_id, replace, note)
        finally:
            source.close()
            engine.close()


def _there(installation: Installation, brand_id: str) -> Store:
    """The brand's database here; raises NotFound when there is none."""
    installation.brand_file(brand_id)
    if not installation.engine.exists(brand_id):
        raise NotFound(f"brand {brand_id!r} has no tables in {installation.engine.place(brand_id)}; run: scrm migrate")
    return _store(installation.engine, brand_id)


def _store(engine: Any, brand_id: str) -> Store:
    if engine.kind == "sqlite":
        return SqliteStore(engine.path(brand_id))
    from .postgres_store import PostgresStore

    return PostgresStore(engine.url, engine.handle(brand_id).schema)


def _not_sealed(store: Store) -> None:
    place = sealed(store)
    if place:
        raise Conflict(
            f"this brand has moved from {store.where} to {place}: name that database in scrm.toml (database_url), "
            "or take the brand back with `scrm move BRAND --cancel`",
            code="move",
        )


def _arrive(
    installation: Installation,
    source: Store,
    engine: Any,
    brand_id: str,
    replace: bool,
    adjust: Callable[[Store], None],
) -> Copied:
    """Copy beside the place, then take the place."""
    if engine.exists(brand_id) and not replace:
        raise Conflict(f"{engine.place(brand_id)} has a brand {brand_id!r}; --replace sets it aside", code="move")
    staging = engine.staging()
    staging.drop(brand_id)  # what a killed copy has left
    closed = False
    try:
        tables = _stage(installation, source, staging, brand_id, adjust)
        if engine.exists(brand_id):
            _close_old(engine, brand_id)
            closed = True
        aside = engine.adopt(brand_id, staging, installation.clock.now())
    except BaseException:
        staging.drop(brand_id)
        if closed:
            _open_old(engine, brand_id)
        raise
    return Copied(brand_id, source.where, engine.place(brand_id), aside, tables)


def _close_old(engine: Any, brand_id: str) -> None:
    """Seal what another copy is about to replace, so that nobody writes to it any more."""
    old = _store(engine, brand_id)
    try:
        old.hold()
        if not sealed(old):
            old.seal(ASIDE)
        old.commit()
    finally:
        old.close()


def _open_old(engine: Any, brand_id: str) -> None:
    """Take that back, when the copy did not come to its place."""
    old = _store(engine, brand_id)
    try:
        old.hold()
        if sealed(old) == ASIDE:
            old.unseal()
            old.commit()
    finally:
        old.close()


def _stage(
    installation: Installation, source: Store, engine: Any, brand_id: str, adjust: Callable[[Store], None]
) -> tuple[TableCopy, ...]:
    """Make the tables that the source has, fill them, number the log anew; all of it stays or nothing."""
    engine.create(brand_id)
    owners = _owners(installation, source)
    for owner, directory in owners.items():
        migrate(engine.handle(brand_id), owner, directory)
    target = _store(engine, brand_id)
    try:
        target.hold()
        for owner in owners:
            names = [
                {row[0] for row in store.execute(f'SELECT name FROM "{history_table(owner)}"')}
                for store in (source, target)
            ]
            if names[0] != names[1]:
                raise Conflict(f"{source.where} waits for migrations of {owner}; run `scrm migrate` first", code="move")
        tables = copy(source, target)
        carry_positions(source, target, installation.clock.now())
        adjust(target)
        target.commit()
    finally:
        target.close()
    return tuple(tables)


def _owners(installation: Installation, source: Store) -> dict[str, Path]:
    """The core and each plugin that has tables in the source, switched on or not, with its migrations."""
    known = {history_table(name): name for name in installation.loader.candidates()}
    owners = {"core": CORE_MIGRATIONS}
    tables = source.tables()
    if history_table("core") not in tables or "meta" not in tables:
        raise Conflict(f"{source.where} holds no brand", code="move")
    for table in tables:
        if not table.startswith(HISTORY) or table == history_table("core"):
            continue
        if table not in known:
            plugin = table.removeprefix(HISTORY).replace("_", "-")
            raise PluginError(
                f"the brand has tables of the plugin {plugin!r}, which is not installed: install it first"
            )
        directory = installation.loader.load(known[table]).migrations_path()
        if directory is not None:
            owners[known[table]] = directory
    return owners


def _note(installation: Installation, brand_id: str, action: str, *, stopped: str = "") -> Callable[[Store], None]:
    """What is written into a copy beside its rows: the act, and the emergency switch where nothing may be sent."""

    def adjust(target: Store) -> None:
        target.execute(
            "INSERT INTO audit (at, actor, action, target, detail) VALUES (?, ?, ?, ?, NULL)",
            (installation.clock.now(), ACTOR, action, brand_id),
        )
        target.execute("DELETE FROM meta WHERE key = ?", (OF_BRAND,))
        if stopped:
            target.execute("DELETE FROM meta WHERE key = ?", (STOPPED,))
            target.execute("INSERT INTO meta (key, value) VALUES (?, ?)", (STOPPED, f"{stopped} ({ACTOR})"))

    return adjust


def _mark(target: Store, brand_id: str) -> None:
    target.execute("INSERT INTO meta (key, value) VALUES (?, ?)", (OF_BRAND, brand_id))


def _read_backup(path: Path, target: Path) -> None:
    """Copy a backup for reading; raises Conflict when it is no sound SQLite file."""
    raw, into = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True), sqlite3.connect(target)
    try:
        raw.backup(into)
        (sound,) = into.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.DatabaseError as exc:
        raise Conflict(f"{path} is no backup of a brand: {exc}", code="move") from exc
    finally:
        raw.close()
        into.close()
    if sound != "ok":
        raise Conflict(f"{path} is damaged: {sound}", code="move")


def _single_file(path: Path) -> None:
    """Take the write-ahead log into the file, which then is all there is, and put it on the disk."""
    raw = sqlite3.connect(path)
    raw.execute("PRAGMA journal_mode = DELETE")
    raw.close()
    with path.open("rb") as file:
        os.fsync(file.fileno())
