"""A brand's database as a mover sees it: tables of rows, whichever engine keeps them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from ..db.sealing import SEAL

Row = tuple[Any, ...]


class Store(Protocol):
    """One connection with one transaction; nothing of it stays without :meth:`commit`."""

    kind: str
    """``sqlite`` or ``postgresql``."""
    where: str
    """The place in words, without a password."""

    def hold(self) -> None:
        """Begin, and let nobody else write until the end; reading goes on. Raises Busy when others keep writing."""

    def watch(self) -> None:
        """Begin, and see everything as it is now, while others go on writing."""

    def tables(self) -> dict[str, tuple[str, ...]]:
        """Columns of every table, in the order in which the database declares them."""

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[Row]:
        """All rows of a table, streamed; flags are 0 or 1."""

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """Run a statement with ``?`` marks; returns its rows."""

    def order(self, tables: Iterable[str]) -> list[str]:
        """Tables such that each comes after those whose rows it names."""

    def empty(self, tables: Sequence[str]) -> None:
        """Delete every row of tables given in :meth:`order`, with triggers at rest until :meth:`settle`."""

    def fill(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        """Write rows."""

    def settle(self) -> None:
        """Triggers work again, new rows get ids above the old, no row names one that is missing. Raises Conflict."""

    def seal(self, target: str) -> None:
        """Refuse every write from the commit on, in processes that run as well, and note where the brand went."""

    def unseal(self) -> None:
        """Take :meth:`seal` back."""

    def commit(self) -> None: ...

    def close(self) -> None:
        """Give up what was not committed."""


def sealed(store: Store) -> str:
    """Where the brand of this database was moved to, or an empty text."""
    rows = store.execute("SELECT value FROM meta WHERE key = ?", (SEAL,))
    return str(rows[0][0]) if rows else ""
