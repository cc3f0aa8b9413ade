"""Two corps on one server; acme and moonco both have a callback where a test asks for the receiver."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from wecom_simulator_scene import ACME, KEYS, MOONCO, TOKENS, Api, Receiver, corps, start

from scrm_core.clock import ManualClock
from scrm_wecom.simulator import CallbackTarget, Limits, Simulator, serve


class Scene:
    """A server with its clients."""

    def __init__(self, simulator: Simulator, url: str, clock: ManualClock) -> None:
        self.simulator, self.url, self.clock = simulator, url, clock
        self.acme, self.moonco = Api(url, ACME), Api(url, MOONCO)

    def later(self, **amount: float) -> None:
        """Time passes, and what falls due happens."""
        self.clock.advance(**amount)
        self.simulator.tick()

    def external(self, person: str, corpid: str = ACME) -> str:
        """A person's external_userid."""
        return self.simulator.corp(corpid).external_userid(self.simulator.people.number(person))


@pytest.fixture
def serving(clock: ManualClock) -> Iterator[Callable[..., Scene]]:
    """A function that serves both corps; ``limits`` are the platform's, everything else is acme's account."""
    with ExitStack() as stack:

        def make(*, limits: Limits | None = None, callback_timeout: float = 5.0, **acme: Any) -> Scene:
            simulator = Simulator(
                corps(**acme), now=clock.now, limits=limits, callback_timeout=callback_timeout
            )
            server = stack.enter_context(serve(simulator))
            return Scene(simulator, server.url, clock)

        yield make


@pytest.fixture
def scene(serving: Callable[..., Scene]) -> Scene:
    """Both corps without callbacks."""
    return serving()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of callbacks that answers 200."""
    made = Receiver()
    server = start(made)
    yield made
    made.over.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def told(receiver: Receiver, serving: Callable[..., Scene]) -> Callable[..., Scene]:
    """A function that serves both corps with callbacks of their first apps to the receiver."""

    def make(**more: Any) -> Scene:
        made = serving(**more)
        for corpid in (ACME, MOONCO):
            target = CallbackTarget(f"{receiver.url}/{corpid}", TOKENS[corpid], KEYS[corpid])
            made.simulator.set_callback(corpid, target, check=False)
        return made

    return make
