"""The senders of the plugin, and how each gateway is made from the brand's settings.

The plugin's class has one method per sender, which :data:`SENDERS` names::

    senders = SENDERS

    def kannel_gateway(self) -> Gateway:
        return make_kannel(self)
"""

from __future__ import annotations

from typing import Any

from scrm_core.api import Gateway, Invalid, Plugin, Sender

from .aliyun import Aliyun
from .console import Console
from .kannel import Kannel
from .tencent import Tencent
from .twilio import Twilio

CHANNEL = "sms"

SENDERS = {
    "console": Sender(channel=CHANNEL, title="Console (development)", gateway="console_gateway"),
    "kannel": Sender(channel=CHANNEL, title="Kannel", gateway="kannel_gateway"),
    "aliyun": Sender(channel=CHANNEL, title="Aliyun 阿里云", gateway="aliyun_gateway"),
    "tencent": Sender(channel=CHANNEL, title="Tencent Cloud 腾讯云", gateway="tencent_gateway"),
    "twilio": Sender(channel=CHANNEL, title="Twilio", gateway="twilio_gateway"),
}
"""Every way to send that the plugin offers."""


def callbacks_base(plugin: Plugin) -> str:
    """The address below which gateways call this brand back, without a slash at its end."""
    root = plugin.settings["callback_url"] or plugin.brand.installation.config.base_url
    return f"{root.rstrip('/')}/p/{plugin.brand.id}/{plugin.name}"


def make_console(plugin: Plugin) -> Gateway:
    """The gateway of development."""
    return Console(plugin.log)


def make_kannel(plugin: Plugin) -> Gateway:
    """Kannel; raises Invalid when its table is missing."""
    gsm = plugin.settings.get("count_mode") == "gsm"
    return Kannel(_table(plugin, "kannel"), callbacks=callbacks_base(plugin), gsm=gsm)


def make_aliyun(plugin: Plugin) -> Aliyun:
    """Aliyun; raises Invalid when its table is missing."""
    return Aliyun(_table(plugin, "aliyun"), now=plugin.brand.now)


def make_tencent(plugin: Plugin) -> Tencent:
    """Tencent Cloud; raises Invalid when its table is missing."""
    return Tencent(_table(plugin, "tencent"), now=plugin.brand.now)


def make_twilio(plugin: Plugin) -> Gateway:
    """Twilio; raises Invalid when its table is missing."""
    return Twilio(_table(plugin, "twilio"), callbacks=callbacks_base(plugin))


def _table(plugin: Plugin, name: str) -> dict[str, Any]:
    table: dict[str, Any] | None = plugin.settings.get(name)
    if table is None:
        raise Invalid(f"[plugins.{plugin.name}.{name}] is missing in the brand's file", field=name)
    return table
