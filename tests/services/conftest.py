"""Services that are no part of the project: started for the test, on free ports, in a temporary folder."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kannel_gateway import REMEDY, Kannel, free_ports, missing_part
from werkzeug.serving import WSGIRequestHandler, make_server

from scrm_core.brands import Brand
from scrm_core.installation import Installation
from scrm_core.web import create_app

TOKEN = "callback-token-of-the-test"


class Quiet(WSGIRequestHandler):
    """Writes no line per request: there are thousands."""

    def log_request(self, *args: object) -> None:
        return


@dataclass
class Wired:
    """An installation that is served over HTTP, and the Kannel that its brand acme sends by."""

    installation: Installation
    kannel: Kannel
    turned_away: list[str]
    busy: int = 0
    """So many calls are still answered with 503, as by a server that is busy; ``turned_away`` are their queries."""

    @property
    def brand(self) -> Brand:
        return self.installation.brand("acme")


@pytest.fixture
def wired(new_installation: Callable[..., Installation], tmp_path: Path) -> Iterator[Wired]:
    """Acme sends by a real Kannel and is called back by it over HTTP."""
    part = missing_part()
    if part is not None:
        words = f"{part} is missing: {REMEDY}"
        if os.environ.get("SCRM_TEST_REQUIRE") == "all":
            pytest.fail(words)
        pytest.skip(words)
    (port,) = free_ports(1)
    own, password = f"http://127.0.0.1:{port}", secrets.token_hex(8)
    kannel = Kannel(tmp_path / "kannel", password=password, replies=f"{own}/p/acme/sms/kannel/mo/{TOKEN}")
    settings = (
        '\n[outreach]\nquiet_hours = "none"\none_to_one_per_week = "none"\n'
        '[outreach.channels.sms]\nper_7_days = "none"\nper_30_days = "none"\n'
        f'[plugins.sms]\nsender = "kannel"\ncallback_url = "{own}"\n'
        f'[plugins.sms.kannel]\nurl = "{kannel.url}"\nusername = "scrm"\npassword = "{password}"\n'
        f'callback_token = "{TOKEN}"\n'
    )
    installation = new_installation(acme=settings)
    wired = Wired(installation, kannel, [])
    app = create_app(installation)
    # As many at a time as `scrm run` serves: Kannel would open hundreds of connections.
    places = threading.Semaphore(2)

    def front(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if wired.busy > 0:
            wired.busy -= 1
            wired.turned_away.append(environ["QUERY_STRING"])
            start_response("503 Service Unavailable", [("Content-Length", "0"), ("Retry-After", "1")])
            return []
        with places:
            return list(app(environ, start_response))

    server = make_server("127.0.0.1", port, front, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        kannel.start()
        yield wired
    finally:
        kannel.close()
        server.shutdown()
        server.server_close()
        thread.join(timeout=30)
