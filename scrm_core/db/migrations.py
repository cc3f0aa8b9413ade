"""Applying migrations to a brand: core's and each plugin's, each with its own history."""

from __future__ import annotations

import contextlib
import glob
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playhouse.migrations import Runner

from ..errors import NewerSchema, PluginError
from .router import BrandHandle, in_brand

CORE_MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"


HISTORY = "migration_"


def history_table(owner: str) -> str:
    """The table that remembers which migrations of ``owner`` ("core" or a plugin) ran."""
    return HISTORY + owner.replace("-", "_")


class _Runner(Runner):  # type: ignore[misc]
    def _run(self, name: str, module: Any, direction: str, fake: bool = False) -> None:
        if not getattr(module, "atomic", True):  # half done it would fail at every try: its first table is there
            raise PluginError(f"{module.__file__}: a migration runs whole or not at all; take out atomic = False")
        super()._run(name, module, direction, fake)


def _runner(handle: BrandHandle, owner: str, directory: Path) -> _Runner:
    # The runner takes the folder for a pattern: in one called `a[1]` it would find nothing, and say nothing.
    return _Runner(handle.database, glob.escape(str(directory)), history_table(owner), schema=handle.schema)


def pending(handle: BrandHandle, owner: str, directory: Path) -> list[str]:
    """Names of migrations that have not run yet.

    Raises NewerSchema when the database has run one that this version does not know.
    """
    with in_brand(handle):
        rows = _runner(handle, owner, directory).status()
    unknown = [m.name for m in rows if m.path is None]
    if unknown:
        raise NewerSchema(
            f"brand {handle.name!r}: the database was written by a newer version of {owner} "
            f"(it has migration {unknown[-1]}, unknown here); install that version or restore a backup"
        )
    return [m.name for m in rows if not m.applied]


def migrate(handle: BrandHandle, owner: str, directory: Path) -> list[str]:
    """Apply what is pending, one process at a time; returns the names applied.

    Each migration runs in a transaction together with its history row, so one
    that is killed half-way is rolled back and runs again.
    """
    if not pending(handle, owner, directory):
        return []
    with in_brand(handle), _exclusive(handle):
        applied: list[str] = _runner(handle, owner, directory).up()
    return applied


@contextlib.contextmanager
def _exclusive(handle: BrandHandle) -> Iterator[None]:
    database: Any = handle.database
    if handle.engine == "sqlite":
        import fcntl

        fd = os.open(f"{database.database}-migrate", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)
        return
    with database.alone(f"scrm migrate {handle.schema}"):
        yield
