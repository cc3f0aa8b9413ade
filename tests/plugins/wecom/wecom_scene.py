"""A brand whose corporation in WeCom is played by the test: signed callbacks, and what became of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any
from urllib.parse import urlencode

from scrm_core.brands import Brand
from scrm_core.db.bulk import execute
from scrm_core.installation import Installation
from scrm_core.web import create_app
from scrm_wecom import callbacks, follows
from scrm_wecom.crypto import Crypt

CORP = "ww1436e0e65a779aee"
TOKEN = "hJqcu3uJ9Tn2gXPmxx2w9kkCkCE2EPYo"
AES_KEY = "6qkdMrq68nTKduznJYO1A37W2oEgpkMUvkttRToqhUt"
SETTINGS = (
    f'\n[plugins.wecom]\ncorp_id = "{CORP}"\n'
    f'callback_token = "{TOKEN}"\ncallback_aes_key = "{AES_KEY}"\n'
)
ALWAYS = {"title": "新客礼", "first_day": date(2026, 1, 1), "last_day": date(2099, 12, 31)}
"""An activity that runs at every instant of the tests."""

ZOE, YAN = "wmZOE000000000000000000000000001", "wmYAN000000000000000000000000002"


def xml(**fields: object) -> str:
    """A callback's plain text; ``CreateTime`` and the envelope's other fields have defaults."""
    every = {"ToUserName": CORP, "FromUserName": "sys", "MsgType": "event", **fields}
    inside = "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in every.items())
    return f"<xml>{inside}</xml>"


class Scene:
    """What WeCom tells one brand; seconds are those of the brand's clock unless a test says otherwise."""

    def __init__(self, installation: Installation, brand: str, deliver: Callable[[Brand], None]) -> None:
        self.installation = installation
        self.brand = installation.brand(brand)
        self.crypt = Crypt(TOKEN, AES_KEY, CORP)
        self.client = create_app(installation).test_client(use_cookies=False)
        self._deliver = deliver

    def seconds(self) -> int:
        return self.brand.now() // 1_000

    def event(self, change: str, external: str = ZOE, staff: str = "zhangsan", **more: object) -> str:
        """An event about a customer of a member of staff, at the clock's second."""
        fields = {"CreateTime": self.seconds(), "Event": "change_external_contact", "ChangeType": change}
        return xml(**fields, UserID=staff, ExternalUserID=external, **more)

    def post(
        self, plain: str | bytes, *, crypt: Crypt | None = None, timestamp: str = "", nonce: str = "n1", wrap: bool = True
    ) -> Any:
        """Send a callback as WeCom does; returns the response."""
        crypt = crypt or self.crypt
        timestamp = timestamp or str(self.seconds())
        encrypted = crypt.encrypt(plain.encode() if isinstance(plain, str) else plain)
        query = urlencode(
            {"msg_signature": crypt.signature(timestamp, nonce, encrypted), "timestamp": timestamp, "nonce": nonce}
        )
        body = f"<xml><ToUserName><![CDATA[{CORP}]]></ToUserName><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>"
        return self.client.post(f"/p/{self.brand.id}/wecom/callback?{query}", data=body, content_type="text/xml")

    def tell(self, change: str, external: str = ZOE, staff: str = "zhangsan", **more: object) -> None:
        """An event that is taken, and what the worker does with it."""
        answer = self.post(self.event(change, external, staff, **more))
        assert (answer.status_code, answer.data) == (200, b"success"), answer.data
        self.deliver()

    def tell_tag(self, change: str, key: str) -> None:
        """The corporation's tags changed."""
        self._told("change_external_tag", change, Id=key, TagType="tag")

    def tell_chat(self, change: str, chat_id: str = "wr1", **more: object) -> None:
        """A chat group changed."""
        self._told("change_external_chat", change, ChatId=chat_id, **more)

    def _told(self, event: str, change: str, **more: object) -> None:
        assert self.post(xml(CreateTime=self.seconds(), Event=event, ChangeType=change, **more)).status_code == 200
        self.deliver()

    def deliver(self) -> None:
        self._deliver(self.brand)

    def kept(self) -> list[tuple[str, str, str, str]]:
        """Every callback: event, change, state, note."""
        with self.brand:
            return [(c.event, c.change, c.state, c.note) for c in callbacks.page(limit=200)]

    def follows(self, external: str = ZOE) -> list[tuple[str, str, str]]:
        """Relations of a customer: staff, state, by whom it was lost."""
        with self.brand as brand:
            found = brand.contacts.find("external_userid", external)
            return [] if found is None else [(f.staff, f.state, f.lost_by) for f in follows.of_contact(found.id)]

    def leads(self) -> list[tuple[str, str, bool]]:
        """Leads in their order: state, member of staff, whether the person's first."""
        rows = self.told("lead.captured")
        return [(row["state"], row["fields"]["staff"], row["is_new"]) for row in rows]

    def told(self, kind: str) -> list[dict[str, Any]]:
        with self.brand:
            rows = execute("SELECT data FROM event WHERE type = ? ORDER BY id", (kind,)).fetchall()
        return [json.loads(row[0]) for row in rows]

    def said(self, name: str) -> list[dict[str, Any]]:
        """The fields of the plugin's own events of a name."""
        return [row["fields"] for row in self.told("plugin.event") if row["name"] == name]
