"""A WeCom (企业微信) server without an account: documented shapes, errors, limits, and signed, encrypted callbacks.

For tests::

    simulator = Simulator(corps, now=clock.now)
    with serve(simulator) as server:
        ...                                   # server.url is the API's address
        simulator.act(corpid, "scan", {"config_id": config_id, "person": "p7"})

For a demo: ``scrm wecom simulate``. Everything is invented and in memory; the
rules come from the domain file ``wecom``, whose sections the docstrings name.
"""

from __future__ import annotations

from .accounts import AppAccount, CallbackTarget, CorpAccount, demo_corps
from .acts import ACTS, Acts, Outcome
from .callbacks import ORDERS, SPOILINGS, Callback, Outbox
from .faults import KINDS
from .limits import AS_OF, Limits
from .server import Server, serve
from .simulator import Simulator

__all__ = [
    "ACTS",
    "AS_OF",
    "KINDS",
    "ORDERS",
    "SPOILINGS",
    "Acts",
    "AppAccount",
    "Callback",
    "CallbackTarget",
    "CorpAccount",
    "Limits",
    "Outbox",
    "Outcome",
    "Server",
    "Simulator",
    "demo_corps",
    "serve",
]
