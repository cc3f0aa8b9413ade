"""Transactions that begin at their first write, for peewee databases."""

from __future__ import annotations

import contextlib
import functools
import re
import threading
from collections.abc import Iterator
from typing import Any

from .router import STATE

# Locks that end with their transaction: taken outside of it they hold nothing.
_HOLDS = re.compile(r"\bFOR\s+(NO\s+KEY\s+UPDATE|UPDATE|KEY\s+SHARE|SHARE)\b|\bPG_(TRY_)?ADVISORY_|\bSET_CONFIG\b")

_ENDS = re.compile(r"(COMMIT|END|ABORT|ROLLBACK(?!( WORK| TRANSACTION)?\s+TO\b)|BEGIN|START|PREPARE TRANSACTION)\b")


@functools.lru_cache(maxsize=2_048)
def _needs(sql: str) -> tuple[bool, bool]:
    """Whether a statement looks at rows, so that those that wait are to be there, and whether it needs the transaction.

    An INSERT of values and the end of a savepoint look at none. Only a SELECT that holds nothing may stand alone.
    """
    text = sql.lstrip().upper()
    if _ENDS.match(text):
        raise RuntimeError(f"{text[:20]!r} is not for event handlers: their transaction moves the cursor too")
    looks = not text.startswith("RELEASE ") and (not text.startswith("INSERT") or "SELECT" in text)
    return looks, not text.startswith("SELECT") or _HOLDS.search(text) is not None


class _Pending(threading.local):
    begin = False


class _Placeholder:
    """Stands on peewee's transaction stack so that a nested ``atomic()`` is a savepoint."""


class LazyTransactions:
    """Mixed into a peewee database class, before it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._lazy = _Pending()
        super().__init__(*args, **kwargs)

    def brief(self) -> contextlib.AbstractContextManager[Any]:
        """A transaction of few writes, outside of any other."""
        return self.atomic()  # type: ignore[attr-defined,no-any-return]

    @property
    def waits_to_begin(self) -> bool:
        """True inside a lazy transaction that has not written yet."""
        return self._lazy.begin

    def before_statement(self, sql: str) -> None:
        """In a delivery: write buffered rows before what looks at rows, begin before all but plain reads.

        Also before a savepoint: what is buffered while it is open was put there in it, and goes when it is undone.
        """
        unit = STATE.unit
        if unit is None:
            return
        looks, holds = _needs(sql)
        if looks and unit.pending:
            unit.flush()
        if holds and self._lazy.begin:
            self._lazy.begin = False
            self.begin()  # type: ignore[attr-defined]

    def open_savepoint(self, name: str) -> None:
        """Begin a savepoint in the open transaction."""
        self.execute_sql(f"SAVEPOINT {name}")  # type: ignore[attr-defined]

    def release_savepoint(self, name: str) -> None:
        """Keep what was written since a savepoint; raises when the database has given its transaction up."""
        self.execute_sql(f"RELEASE SAVEPOINT {name}")  # type: ignore[attr-defined]

    def undo_savepoint(self, name: str) -> None:
        """Undo what was written since a savepoint, and end it."""
        self.execute_sql(f"ROLLBACK TO SAVEPOINT {name}")  # type: ignore[attr-defined]
        self.execute_sql(f"RELEASE SAVEPOINT {name}")  # type: ignore[attr-defined]

    def _execute_cursor(self, sql: str, params: Any, **options: Any) -> Any:
        if STATE.unit is not None:
            self.before_statement(sql)
        return super()._execute_cursor(sql, params, **options)  # type: ignore[misc]

    @contextlib.contextmanager
    def lazy_transaction(self) -> Iterator[None]:
        """Begin at the first write; commit at the end, roll back on an exception."""
        if self.in_transaction():  # type: ignore[attr-defined]
            raise RuntimeError("a lazy transaction cannot be nested")
        self._lazy.begin = True
        mark = _Placeholder()
        self.push_transaction(mark)  # type: ignore[attr-defined]
        try:
            yield
        except BaseException:
            self.forget_transactions()
            if self._lazy.begin:
                self._lazy.begin = False
            else:
                self.rollback()  # type: ignore[attr-defined]
            raise
        else:
            self.forget_transactions()
            if self._lazy.begin:
                self._lazy.begin = False
                return
            try:
                self.commit()  # type: ignore[attr-defined]
            except BaseException:
                self.rollback()  # type: ignore[attr-defined]
                raise

    def forget_transactions(self) -> None:
        """Forget the contexts that were entered: code of a plugin may have left some, and they go with its work."""
        while self.in_transaction():  # type: ignore[attr-defined]
            self.pop_transaction()  # type: ignore[attr-defined]
