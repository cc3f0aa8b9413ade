"""Brands with red packets: acme pays in CNY, moonco in USD; WeChat Pay is a server on the loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from red_packet_scene import FREE, Scene, WechatPay, wechat_table

from scrm_red_packet import RedPacket


@pytest.fixture
def wechat() -> Iterator[WechatPay]:
    server = WechatPay()
    yield server
    server.close()


@pytest.fixture
def scenes(new_installation) -> Callable[..., tuple[Scene, Scene]]:
    """A function that makes acme and moonco with these settings and gives the scene of each."""

    def make(acme: str = FREE, moonco: str = FREE) -> tuple[Scene, Scene]:
        installation = new_installation(plugins=(RedPacket,), acme=acme, moonco=moonco)
        return tuple(Scene(installation.brand(name)) for name in ("acme", "moonco"))

    return make


@pytest.fixture
def scene(scenes) -> Scene:
    """Acme, without a gateway."""
    return scenes()[0]


@pytest.fixture
def paying(scenes, wechat) -> Scene:
    """Acme, which pays through WeChat, with 10,000 minor units in its budget."""
    made = scenes(FREE + wechat_table(wechat.url))[0]
    made.fund(10_000)
    return made
