"""acme with an official account and a WeCom corporation that a server on the loopback plays."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from wechat_servers import WeChatServer

from scrm_core.installation import Installation
from scrm_core.web import create_app


@pytest.fixture
def wechat() -> Iterator[WeChatServer]:
    server = WeChatServer()
    yield server
    server.close()


@pytest.fixture
def shop(new_installation: Callable[..., Installation], wechat: WeChatServer) -> Callable[..., Installation]:
    """A function that makes the installation, with more settings."""

    def make(more: str = "", moonco: str = "") -> Installation:
        settings = (
            f'\n[plugins.wechat-login]\nappid = "wx123"\nsecret = "s3cret"\ncorp_id = "ww123"\ncorp_secret = "c0rp"\n'
            f'agent_id = "1000002"\nwechat_api = "{wechat.url}"\nwecom_api = "{wechat.url}"\n{more}'
        )
        return new_installation(acme=settings, moonco=moonco)

    return make


@pytest.fixture
def app(shop):
    return create_app(shop())
