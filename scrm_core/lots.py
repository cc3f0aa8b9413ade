"""Requests that came together (合批): answered from one transaction and one wait for the disk.

A lead or an order that is posted alone needs a transaction of its own and waits
for the disk alone, and a crowd waits for one after the other. Here requests to
one path gather while those before them are written; the application writes all
of them at once. Without a crowd a lot has one request and waits for nobody. On
PostgreSQL short links gather too: the server is asked for all of a lot at once.

Nobody is answered before what was written is on the disk. That wait is done by
another thread: meanwhile this one serves everything else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, Protocol

from .db.faults import translate
from .db.router import waiting_later

log = logging.getLogger("scrm.web")

MOST = 128
"""The most requests of one lot: the first of them must not wait for ever."""

Environ = dict[str, Any]
Sent = tuple[int, list[tuple[str, str]], bytes]


class Together(Protocol):
    """An application that can answer several requests of one kind at once."""

    def gathers(self, environ: Environ) -> str:
        """The kind of requests that this one may be answered with, empty for none; called when it has come whole."""

    def answer_many(self, environs: Sequence[Environ]) -> list[Any]:
        """An answer to each, in order; whatever goes wrong is one. None is a request that is answered by itself."""

    def refuse(self, environ: Environ, error: BaseException) -> Any:
        """The answer that an error stands for, to this request."""

    def sent(self, environ: Environ, answered: Any) -> Sent:
        """An answer as it goes to the client, counted."""


class Lots:
    """The lots of one process. Lives on the event loop's thread; ``pool`` runs the application, None on that thread."""

    def __init__(self, app: Together, pool: Executor | None) -> None:
        self._app, self._pool = app, pool
        self._disk = ThreadPoolExecutor(4, "disk")
        self._waiting: dict[str, list[tuple[Environ, asyncio.Future[Sent | None]]]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def answer(self, environ: Environ) -> Sent | None:
        """The answer to a request, or None for one that is answered by itself."""
        kind = self._app.gathers(environ)
        if not kind:
            return None
        future: asyncio.Future[Sent | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(kind, []).append((environ, future))
        if kind not in self._tasks:
            self._tasks[kind] = asyncio.create_task(self._serve(kind))
        return await future

    async def _serve(self, kind: str) -> None:
        """Answer lot after lot of a kind until nobody waits."""
        try:
            while waiting := self._waiting.pop(kind, None):
                lot, left = waiting[:MOST], waiting[MOST:]
                if left:
                    self._waiting[kind] = left
                environs = [environ for environ, _ in lot]
                for (environ, future), answered in zip(lot, await self._answers(environs), strict=True):
                    if not future.done():  # done: whoever asked has gone away
                        future.set_result(None if answered is None else self._app.sent(environ, answered))
                await asyncio.sleep(0)  # the answers leave, and what came meanwhile is read
        finally:
            del self._tasks[kind]

    async def _answers(self, environs: list[Environ]) -> list[Any]:
        """The answers to a lot, when what was written is on the disk."""
        loop = asyncio.get_running_loop()
        try:
            if self._pool is None:
                answers, waits = self._work(environs)
            else:
                answers, waits = await loop.run_in_executor(self._pool, self._work, environs)
            for wait in waits:
                await loop.run_in_executor(self._disk, wait)
        except Exception as error:  # noqa: BLE001 - somebody must be told; refuse() logs it
            # Nobody can say what of it is kept: all are told so, and nothing is done twice.
            told = translate(error) or error
            return [self._app.refuse(environ, told) for environ in environs]
        return answers

    def _work(self, environs: list[Environ]) -> tuple[list[Any], list[Callable[[], None]]]:
        with waiting_later() as waits:
            return self._app.answer_many(environs), waits
