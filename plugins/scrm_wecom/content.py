"""What WeCom takes as a message: text and attachments (文本与附件), with the limits of each (dev:92137, 92135)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scrm_core.api import Invalid

TEXT_BYTES = 4_000
ATTACHMENTS = 9
_FIELDS: dict[str, dict[str, tuple[bool, int]]] = {
    # attachment: field -> (required, most bytes)
    "image": {"media_id": (False, 512), "pic_url": (False, 1_000), "file": (False, 64)},
    "link": {"title": (True, 128), "picurl": (False, 2_000), "desc": (False, 512), "url": (True, 2_000)},
    "miniprogram": {
        "title": (True, 64), "pic_media_id": (False, 512), "pic_file": (False, 64), "appid": (True, 128),
        "page": (True, 1_000),
    },
    "video": {"media_id": (False, 512), "file": (False, 64)},
    "file": {"media_id": (False, 512), "file": (False, 64)},
}
KINDS = tuple(_FIELDS)
_EITHER = {
    "image": ("media_id", "pic_url", "file"), "video": ("media_id", "file"), "file": ("media_id", "file"),
    "miniprogram": ("pic_media_id", "pic_file"),
}  # fmt: skip
"""What an attachment has one of: an id that WeCom gave, an address, or one of the brand's own files (:mod:`.media`)."""


def checked(content: Any, *, text_bytes: int = TEXT_BYTES) -> dict[str, Any]:
    """A message as it goes to WeCom; raises Invalid, naming the part, for what WeCom would refuse.

    ``content`` is ``{"text": "...", "attachments": [{"msgtype": "link", "link": {...}}]}``; ``text`` may
    be WeCom's own ``{"content": "..."}`` too.
    """
    if not isinstance(content, Mapping):
        raise Invalid("a message is an object with text and attachments", field="content")
    unknown = sorted(set(content) - {"text", "attachments"})
    if unknown:
        raise Invalid(f"a message has text and attachments, not {unknown[0]!r}", field="content")
    text = content.get("text", "")
    text = text.get("content", "") if isinstance(text, Mapping) else text
    if not isinstance(text, str):
        raise Invalid("text is a text", field="text")
    size = len(text.encode("utf-8", "replace"))
    if size > text_bytes:
        raise Invalid(f"text has {size} bytes; WeCom takes {text_bytes}", field="text")
    attachments = content.get("attachments", [])
    if not isinstance(attachments, list):
        raise Invalid("attachments are a list", field="attachments")
    if len(attachments) > ATTACHMENTS:
        raise Invalid(f"a message has at most {ATTACHMENTS} attachments", field="attachments")
    if not text.strip() and not attachments:
        raise Invalid("a message has a text, attachments, or both", field="text")
    ready: dict[str, Any] = {"text": {"content": text}} if text.strip() else {}
    if attachments:
        ready["attachments"] = [_attachment(each, place) for place, each in enumerate(attachments)]
    return ready


def _attachment(told: Any, place: int) -> dict[str, Any]:
    field = f"attachments[{place}]"
    kind = told.get("msgtype") if isinstance(told, Mapping) else None
    if kind not in _FIELDS:
        raise Invalid(f"{field}: msgtype is one of {', '.join(KINDS)}", field=field)
    inside = told.get(kind)
    if not isinstance(inside, Mapping) or set(told) != {"msgtype", kind}:
        raise Invalid(f'{field}: write {{"msgtype": "{kind}", "{kind}": {{...}}}}', field=field)
    allowed = _FIELDS[kind]
    ready: dict[str, str] = {}
    for name, value in inside.items():
        if name not in allowed or not isinstance(value, str):
            raise Invalid(f"{field}: {kind} has the texts {', '.join(allowed)}", field=field)
        if len(value.encode("utf-8", "replace")) > allowed[name][1]:
            raise Invalid(f"{field}: {name} has at most {allowed[name][1]} bytes", field=field)
        if value:
            ready[name] = value
    missing = [name for name, (required, _) in allowed.items() if required and not ready.get(name)]
    if missing:
        raise Invalid(f"{field}: {kind} needs {', '.join(missing)}", field=field)
    either = _EITHER.get(kind, ())
    if either and sum(name in ready for name in either) != 1:
        raise Invalid(f"{field}: {kind} needs one of {', '.join(either)}", field=field)
    return {"msgtype": kind, kind: ready}


def text_of(content: Mapping[str, Any]) -> str:
    """A message in words, as it is kept with what was sent."""
    text = content.get("text", {}).get("content", "")
    kinds = [each["msgtype"] for each in content.get("attachments", [])]
    return "\n".join([*([text] if text else []), *(f"[{kind}]" for kind in kinds)])
