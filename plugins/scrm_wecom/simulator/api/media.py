"""Media: temporary, for moments, and pictures by address (wecom sections 5, 9 and 13; dev:90253, 90256, 95098).

Of the bytes only size and digest are kept, so ``media/get`` is not there.
"""

from __future__ import annotations

import hashlib
from typing import Any

from ..answers import Refused
from ..corp import Media, china
from .call import Call, Upload, endpoint
from .content import MOMENT, TEMPORARY

MB = 1024 * 1024
LEAST = 6
SIZES = {"image": 10 * MB, "voice": 2 * MB, "video": 10 * MB, "file": 20 * MB}
PICTURE = 2 * MB
_PICTURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM")


@endpoint("POST", "media/upload", customers=False)
def upload(call: Call) -> dict[str, Any]:
    """Temporary media, good for three days: the media of welcomes and group sends."""
    kind = call.asked.text("type")
    if kind not in SIZES:
        raise Refused(40004, kind)
    found = _keep(call, _file(call, SIZES[kind], 40006), kind, TEMPORARY)
    return {"type": kind, "media_id": found.media_id, "created_at": str(found.created_at)}


@endpoint("POST", "media/upload_attachment")
def upload_attachment(call: Call) -> dict[str, Any]:
    """Media of moments (``attachment_type=1``) or the product album (2)."""
    kind, scene = call.asked.text("media_type"), call.asked.text("attachment_type")
    if kind not in ("image", "video", "file"):
        raise Refused(40004, kind)
    if scene not in ("1", "2"):
        raise Refused(40058, "attachment_type")
    found = _keep(call, _file(call, SIZES[kind], 41080), kind, MOMENT if scene == "1" else int(scene))
    return {"type": kind, "media_id": found.media_id, "created_at": found.created_at}


@endpoint("POST", "media/uploadimg", customers=False)
def uploadimg(call: Call) -> dict[str, Any]:
    """A picture with an address that lasts: what ``pic_url`` of a welcome takes. 1,000 a day, 3,000 a month."""
    _picture(_file(call, PICTURE, 40006))
    limits, today = call.corp.limits, china(call.now)
    days = [china(at * 1_000) for at in call.corp.pictures.values()]
    if sum(day.date() == today.date() for day in days) >= limits.uploaded_images_a_day:
        raise Refused(45009, "pictures of a day")
    month = (today.year, today.month)
    if sum((day.year, day.month) == month for day in days) >= limits.uploaded_images_a_month:
        raise Refused(45009, "pictures of a month")
    url = f"{call.url}/simulator/picture/{call.corp.new_id('', 24)}"
    call.corp.pictures[url] = call.seconds
    return {"url": url}


def _file(call: Call, most: int, too_large: int) -> Upload:
    if call.upload is None or not call.upload.content:
        raise Refused(44001, "a multipart file called media")
    size = len(call.upload.content)
    if size < LEAST:
        raise Refused(40006, f"{size} bytes")
    if size > most:
        raise Refused(too_large, f"{size} of at most {most} bytes")
    return call.upload


def _picture(upload: Upload) -> None:
    if not upload.content.startswith(_PICTURES):
        raise Refused(40004, "no JPEG, PNG, GIF or BMP")


def _keep(call: Call, upload: Upload, kind: str, scene: int) -> Media:
    if kind == "image":
        _picture(upload)
    digest = hashlib.sha256(upload.content).hexdigest()
    media_id = call.corp.new_id("3", 64)
    found = Media(media_id, kind, scene, upload.name, len(upload.content), digest, call.seconds)
    call.corp.media[media_id] = found
    return found
