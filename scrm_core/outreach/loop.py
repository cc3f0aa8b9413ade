"""Sending in the worker: every brand that has something to send is driven by one thread of a small pool.

Messages to people and messages to partners have a loop each. A gateway that
takes its time holds up its own brand, not the others. Two workers may drive one
brand at once: the claim decides who sends what.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from ..errors import ScrmError
from ..limits import LIMITS

if TYPE_CHECKING:
    from ..brands import Brand
    from ..installation import Installation

log = logging.getLogger("scrm.outreach")

LOOK_SECONDS = 0.5
TURN_SECONDS = 2.0
"""A brand gives its thread to the next one after this, and comes round again."""

FAILING_SECONDS = 5.0


class Sending:
    """Drives what all brands send until ``stop`` is set; ``send`` sends some of a brand's and says if there was any."""

    def __init__(
        self, installation: Installation, stop: threading.Event, send: Callable[[Brand], bool], name: str = "sending"
    ) -> None:
        self.installation = installation
        self.stop = stop
        self._send = send
        self._turns: dict[str, Future[bool]] = {}
        self._rest_until: dict[str, float] = {}
        self._calls: dict[str, float] = {}
        self._pool = ThreadPoolExecutor(LIMITS.send_threads, thread_name_prefix=name)
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)

    def start(self) -> None:
        """Begin, in threads of their own."""
        self._thread.start()

    def join(self) -> None:
        """Wait until the messages that are at a gateway have their answers; call it after ``stop`` is set.

        Not for ever: nobody watches any more, and a gateway that does not answer would keep the process.
        """
        self._thread.join(LIMITS.stop_ms / 1000)
        self._pool.shutdown(wait=False, cancel_futures=True)
        wait([turn for turn in self._turns.values() if not turn.cancelled()], LIMITS.gateway_ms / 1000)

    def stuck(self) -> str | None:
        """A brand whose gateway has not answered within its time, for the watchdog."""
        limit = time.monotonic() - LIMITS.gateway_ms / 1000
        return next((brand_id for brand_id, since in list(self._calls.items()) if since < limit), None)

    def _loop(self) -> None:
        while not self.stop.is_set():
            busy = False
            for brand_id in self.installation.brand_ids():
                turn = self._turns.get(brand_id)
                if turn is not None and not turn.done():
                    continue
                busy = busy or (turn is not None and turn.result())
                if time.monotonic() >= self._rest_until.get(brand_id, 0.0):
                    self._turns[brand_id] = self._pool.submit(self._turn, brand_id)
            self.stop.wait(0.01 if busy else LOOK_SECONDS)

    def _turn(self, brand_id: str) -> bool:
        """Send for a while; True when there is more to send right now."""
        try:
            brand = self.installation.brand(brand_id)
            until = time.monotonic() + TURN_SECONDS
            with brand:
                while not self.stop.is_set():
                    self._calls[brand_id] = time.monotonic()
                    if not self._send(brand):
                        return False
                    if time.monotonic() > until:
                        return True
        except ScrmError as exc:
            log.warning("brand %s: sending waits: %s", brand_id, exc)
            self._rest_until[brand_id] = time.monotonic() + FAILING_SECONDS
        except BaseException:  # a plugin may raise anything: SystemExit would end this loop, and nobody would send
            log.exception("brand %s: sending failed", brand_id)
            self._rest_until[brand_id] = time.monotonic() + FAILING_SECONDS
        finally:
            self._calls.pop(brand_id, None)
        return False
