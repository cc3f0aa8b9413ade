"""What is written to customers: text and attachments, with the rules that welcomes, group sends and moments share.

Sources: wecom sections 5, 8 and 9. Which code answers a text that is too long
or a content without anything is not documented: 40058, the code of lengths
(dev:90313), and 40063, the code of missing things; moments have 41089.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..answers import Refused
from ..limits import DAY

if TYPE_CHECKING:
    from ..asked import Asked
    from ..corp import Media
    from .call import Call

TEMPORARY, MOMENT = 0, 1
"""Scenes of uploaded media: ``media/upload`` and ``media/upload_attachment``; one is no good for the other (41072)."""

TITLE, DESCRIPTION, MINI_TITLE, URL = 128, 512, 64, 2_048
ATTACHMENTS = 9


def content_of(call: Call, *, missing: int = 40063) -> dict[str, Any]:
    """``text`` and ``attachments`` of a welcome or a group send."""
    words = call.asked.inside("text").text("content", most_bytes=call.corp.limits.text_bytes)
    most = call.corp.limits.welcome_attachments
    found = [_attachment(call, each) for each in call.asked.each("attachments", most=most, too_many=41064)]
    if not words and not found:
        raise Refused(missing, "text and attachments are both empty")
    return {"text": words, "attachments": found}


def moment_content(call: Call) -> dict[str, Any]:
    """``text`` and ``attachments`` of a moment: up to 9 images, or one video, or one link."""
    words = call.asked.inside("text").text("content", most=2_000, most_bytes=call.corp.limits.text_bytes)
    given = call.asked.each("attachments", most=ATTACHMENTS, too_many=41064)
    found = [_moment_attachment(call, each) for each in given]
    kinds = {each["msgtype"] for each in found}
    if len(kinds) > 1 or (kinds and kinds != {"image"} and len(found) > 1):
        raise Refused(41065, "invalid attachments msgtype: images, or one video, or one link")
    if not words and not found:
        raise Refused(41089)
    return {"text": words, "attachments": found}


def conclusions(call: Call) -> dict[str, Any]:
    """What a temporary chat ends with; kept as it came, with its text checked."""
    given = call.asked.raw("conclusions")
    if given is None:
        return {}
    call.asked.inside("conclusions").inside("text").text("content", most_bytes=call.corp.limits.text_bytes)
    return dict(given)


def medium(call: Call, media_id: str, type: str, scene: int) -> Media:
    """Uploaded media of a type and scene: else 40007 (unknown, over, another type) or 41072 (another scene)."""
    found = call.corp.media.get(media_id)
    if found is None or found.created_at * 1_000 + call.corp.limits.media_days * DAY <= call.now:
        raise Refused(40007, media_id)
    if found.scene != scene:
        raise Refused(41072, media_id)
    if found.type != type:
        raise Refused(40007, f"{media_id} is of type {found.type}")
    return found


def _attachment(call: Call, asked: Asked) -> dict[str, Any]:
    kind = asked.text("msgtype", missing=41065)
    if kind == "image":
        inner = asked.inside("image")
        media_id, picture = inner.text("media_id"), inner.text("pic_url", most_bytes=URL)
        if media_id:
            medium(call, media_id, "image", TEMPORARY)
        elif not picture:
            raise Refused(40063, "image needs media_id or pic_url")
        elif picture not in call.corp.pictures:
            raise Refused(40058, "pic_url is none that media/uploadimg gave")
        return {"msgtype": kind, "media_id": media_id} if media_id else {"msgtype": kind, "pic_url": picture}
    if kind == "link":
        return {"msgtype": kind, **_link(call, asked)}
    if kind == "miniprogram":
        inner = asked.inside("miniprogram")
        medium(call, inner.text("pic_media_id", missing=40063), "image", TEMPORARY)
        return {
            "msgtype": kind,
            "title": inner.text("title", missing=40063, most_bytes=MINI_TITLE),
            "appid": inner.text("appid", missing=40063),
            "page": inner.text("page", missing=40063),
        }
    if kind in ("video", "file"):
        media_id = asked.inside(kind).text("media_id", missing=41006)
        medium(call, media_id, kind, TEMPORARY)
        return {"msgtype": kind, "media_id": media_id}
    raise Refused(41065, kind)


def _moment_attachment(call: Call, asked: Asked) -> dict[str, Any]:
    kind = asked.text("msgtype", missing=41065)
    if kind in ("image", "video"):
        media_id = asked.inside(kind).text("media_id", missing=41006)
        medium(call, media_id, kind, MOMENT)
        return {"msgtype": kind, "media_id": media_id}
    if kind == "link":
        inner = asked.inside("link")
        media_id = inner.text("media_id")
        if media_id:
            medium(call, media_id, "image", MOMENT)
        title, url = inner.text("title", most_bytes=TITLE), inner.text("url", missing=40063, most_bytes=URL)
        return {"msgtype": kind, "title": title, "url": url}
    raise Refused(41065, kind)


def _link(call: Call, asked: Asked) -> dict[str, Any]:
    inner = asked.inside("link")
    url = inner.text("url", missing=40063, most_bytes=URL)
    if not url.startswith(("http://", "https://")):
        raise Refused(40058, "link.url begins with http:// or https://")
    inner.text("picurl", most_bytes=URL)
    return {
        "title": inner.text("title", missing=40063, most_bytes=TITLE),
        "desc": inner.text("desc", most_bytes=DESCRIPTION),
        "url": url,
    }
