"""Two brands with WeCom: acme is told things, moonco must not hear of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from wecom_scene import AES_KEY, CORP, SETTINGS, TOKEN, Scene
from wecom_server import WecomServer
from wecom_whole import OTHER, SECRET, Whole
from werkzeug.serving import make_server

from scrm_console import Console
from scrm_core.web import create_app
from scrm_wecom import WecomPlugin
from scrm_wecom.door import Door
from scrm_wecom.simulator import AppAccount, CallbackTarget, CorpAccount, Limits, Simulator, serve


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is refused at the door is written when a test says so: no thread of another test writes meanwhile."""
    monkeypatch.setattr(Door, "_later", lambda self, seconds: None)


@pytest.fixture
def scenes(new_installation, deliver) -> Callable[..., tuple[Scene, Scene]]:
    """A function that makes acme and moonco with these settings more and gives the scene of each."""

    def make(acme: str = "", moonco: str = "", *, before: str = "") -> tuple[Scene, Scene]:
        installation = new_installation(
            plugins=(WecomPlugin,), acme=before + SETTINGS + acme, moonco=before + SETTINGS + moonco
        )
        return tuple(Scene(installation, name, deliver) for name in ("acme", "moonco"))

    return make


@pytest.fixture
def server() -> Iterator[WecomServer]:
    """A server that answers what the test tells it."""
    made = WecomServer()
    yield made
    made.close()


@pytest.fixture
def calling(scenes, server) -> Scene:
    """Acme, which may ask WeCom, played by ``server``."""
    return scenes(acme=f'secret = "s3cret"\napi = "{server.url}"\n')[0]


@pytest.fixture
def scene(scenes) -> Scene:
    """Acme."""
    return scenes()[0]


@pytest.fixture
def whole(new_installation, deliver, clock) -> Iterator[Whole]:
    """Acme with its corporation at a simulator, which calls back to a server of the pages."""
    corps = [
        CorpAccount(CORP, (AppAccount(1_000_002, SECRET),), staff=3, customers=10),
        CorpAccount(OTHER, (AppAccount(1_000_002, "other-secret"),), staff=1, customers=2, first_person=100),
    ]
    simulator = Simulator(corps, now=clock.now, limits=Limits(dispatch_seconds=0), echo_timeout=30)
    with serve(simulator) as api:
        table = (
            f'\n[plugins.wecom]\ncorp_id = "{CORP}"\ncallback_token = "{TOKEN}"\ncallback_aes_key = "{AES_KEY}"\n'
            f'secret = "{SECRET}"\napi = "{api.url}"\n'
        )
        installation = new_installation(plugins=(WecomPlugin,), acme=table, moonco=table)
        made = Whole(installation, "acme", deliver)
        made.simulator, made.simulator_url = simulator, api.url
        server = make_server("127.0.0.1", 0, create_app(installation), threaded=False)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        # Saved as the console saves it: only if the address gives the echo back.
        url = f"http://127.0.0.1:{server.server_port}/p/acme/wecom/callback"
        simulator.set_callback(CORP, CallbackTarget(url, TOKEN, AES_KEY))
        yield made
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def staffed(new_installation, deliver, clock) -> Iterator[Callable[..., Whole]]:
    """A function that makes acme and moonco with a console and a corporation each at a simulator, which calls nobody.

    ``acme`` is added to its settings, ``outreach`` is what they may send, ``quiet`` their quiet hours.
    """
    corps = [
        CorpAccount(CORP, (AppAccount(1_000_002, SECRET),), staff=3, customers=10),
        CorpAccount(OTHER, (AppAccount(1_000_002, "other-secret"),), staff=1, customers=2, first_person=100),
    ]
    simulator = Simulator(corps, now=clock.now, limits=Limits(dispatch_seconds=0), echo_timeout=30)
    with serve(simulator) as api:

        def make(acme: str = "", outreach: str = 'one_to_one_per_week = "none"', quiet: str = "none") -> Whole:
            def table(corp: str, secret: str, more: str = "") -> str:
                return (
                    f'[outreach]\nquiet_hours = "{quiet}"\n{outreach}\n'
                    f'[plugins.console]\n[plugins.wecom]\ncorp_id = "{corp}"\ncallback_token = "{TOKEN}"\n'
                    f'callback_aes_key = "{AES_KEY}"\nsecret = "{secret}"\napi = "{api.url}"\n{more}'
                )

            installation = new_installation(
                plugins=(Console, WecomPlugin), acme=table(CORP, SECRET, acme), moonco=table(OTHER, "other-secret")
            )
            made = Whole(installation, "acme", deliver)
            made.simulator, made.simulator_url = simulator, api.url
            return made

        yield make
