"""Events as the platform writes them: the XML of wecom sections 2.3 and 3.

Text is CDATA and numbers are bare, in the order in which the platform's own
examples have them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from xml.sax.saxutils import escape

Value = str | int | Sequence[str]
"""Text, a number, or a list, which becomes ``<Item>`` elements."""


def event_xml(corpid: str, at: int, event: str, fields: Mapping[str, Value]) -> str:
    """The plain event: envelope, then ``fields`` (``ChangeType`` first); ``at`` in seconds."""
    head: list[tuple[str, Value]] = [
        ("ToUserName", corpid),
        ("FromUserName", "sys"),
        ("CreateTime", at),
        ("MsgType", "event"),
        ("Event", event),
    ]
    return document([*head, *fields.items()])


def sealed_xml(corpid: str, agentid: int, encrypted: str) -> str:
    """What is posted: the encrypted event for an app."""
    return document([("ToUserName", corpid), ("AgentID", str(agentid)), ("Encrypt", encrypted)])


def document(elements: Iterable[tuple[str, Value]]) -> str:
    """``<xml>`` with one element per pair."""
    return f"<xml>{''.join(_element(name, value) for name, value in elements)}</xml>"


def _element(name: str, value: Value) -> str:
    if isinstance(value, int):
        return f"<{name}>{value}</{name}>"
    if isinstance(value, str):
        return f"<{name}>{_cdata(value)}</{name}>"
    return f"<{name}>{''.join(f'<Item>{_cdata(item)}</Item>' for item in value)}</{name}>"


def _cdata(text: str) -> str:
    return escape(text) if "]]>" in text else f"<![CDATA[{text}]]>"
