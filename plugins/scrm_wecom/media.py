"""Files in messages (素材): kept here once by their content, uploaded to WeCom when a message needs them.

WeCom forgets temporary media after three days, so a message names our file
(``"file": digest``) and gets its ``media_id`` as it is sent: the one that is
cached while it is good, else a new one. Media of messages and of moments are two
kinds for WeCom (41072). An upload sends nothing to anybody: what fails is tried again.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Invalid, NotFound, clean_text, execute, page_size, transactional

from .acts import noted
from .client.codes import AWAY, BUSY, CROWDED, LATER, RATE, UNCERTAIN, WecomError
from .client.limits import MEDIA_DAYS, MEDIA_SIZES

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .client.api import Api

MESSAGE, MOMENT = "message", "moment"
SPARE_MS, WARM_MS, DAY_MS = 3_600_000, 12 * 3_600_000, 86_400_000
"""An id so near its end is not used any more; of welcomes, which have 20 seconds, it is renewed sooner."""

LEAST = 6
GONE = 40007
"""WeCom does not know the media id (any more)."""

SPOILED = frozenset({GONE, 40004, 40006, 41065, 41072, 41080, 41081, 41082})
"""What is wrong with a file or its id; a message without it is taken."""

AGAIN = frozenset({AWAY, BUSY, CROWDED, LATER, RATE, UNCERTAIN})
_MAGIC = {"image": (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"), "video": (b"ftyp",)}
_PLACES = {"image": ("file", "media_id"), "video": ("file", "media_id"), "file": ("file", "media_id"),
           "miniprogram": ("pic_file", "pic_media_id")}  # fmt: skip


@dataclass(frozen=True, slots=True)
class File:
    """A file that messages may name by its ``digest`` (SHA-256 in hexadecimal); ``size`` in bytes."""

    id: int
    digest: str
    kind: str
    name: str
    size: int
    actor: str
    at: int


class Media:
    """The files of one brand."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    @transactional
    def put(self, data: bytes, *, kind: str, name: str, actor: str = "") -> File:
        """Keep a file; the same content again is the same file. Raises Invalid for what WeCom would refuse."""
        if kind not in MEDIA_SIZES:
            raise Invalid(f"kind is one of {', '.join(MEDIA_SIZES)}", field="kind")
        most = MEDIA_SIZES[kind].most
        if not LEAST <= len(data) <= most:
            raise Invalid(f"{MEDIA_SIZES[kind].what}: {LEAST} to {most}, not {len(data)}", field="data")
        start = data[4:12] if kind == "video" else data
        if kind in _MAGIC and not start.startswith(_MAGIC[kind]):
            raise Invalid("an image is JPEG or PNG" if kind == "image" else "a video is MP4", field="data")
        name = clean_text(name, field="name", max_length=100).replace("/", "").replace('"', "")
        if not name:
            raise Invalid("a file has a name", field="name")
        digest = hashlib.sha256(data).hexdigest()
        execute(
            "INSERT INTO wecom_file (digest, kind, name, size, data, actor, at) VALUES (?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (digest) DO NOTHING",
            (digest, kind, name, len(data), base64.b64encode(data).decode(),
             clean_text(actor, field="actor", max_length=100), self.brand.now()),
        )  # fmt: skip
        noted(self.brand, actor, "wecom_media.put", digest)
        return self.get(digest)

    def get(self, digest: str) -> File:
        """The file with this digest; raises NotFound."""
        found = self._those("WHERE digest = ?", (digest,))
        if not found:
            raise NotFound(f"no file {digest[:64]!r}: keep it with `scrm wecom media put`")
        return found[0]

    def page(self, *, after: int = 0, limit: int = 50) -> list[File]:
        """Files with ids above ``after``, ascending. Raises Invalid for a limit that there is not."""
        page_size(limit, 200)
        return self._those("WHERE id > ? ORDER BY id LIMIT ?", (after, limit))

    @staticmethod
    def _those(which: str, params: tuple[Any, ...]) -> list[File]:
        rows = execute(f"SELECT id, digest, kind, name, size, actor, at FROM wecom_file {which}", params).fetchall()
        return [File(*row) for row in rows]

    def known(self, content: Mapping[str, Any]) -> None:
        """Raise Invalid for a message that names a file which is not kept, or one of another kind."""
        for kind, place, inside in _named(content):
            try:
                found = self.get(inside[place])
            except NotFound as error:
                raise Invalid(str(error), field=place) from error
            wanted = "image" if kind == "miniprogram" else kind
            if found.kind != wanted:
                raise Invalid(f"{found.name!r} is of kind {found.kind}, not {wanted}", field=place)

    # For sending --------------------------------------------------------------

    def ready(self, api: Api, content: Mapping[str, Any], scene: str = MESSAGE) -> dict[str, Any]:
        """A message as WeCom takes it: files are media ids. Use it outside transactions; raises WecomError."""
        attachments = []
        for each in content.get("attachments", []):
            kind = each["msgtype"]
            place, name = _PLACES.get(kind, ("", ""))
            inside = dict(each[kind])
            if place and place in inside:
                inside[name] = self._media_id(api, inside.pop(place), scene)
            attachments.append({"msgtype": kind, kind: inside})
        return {**content, **({"attachments": attachments} if attachments else {})}

    def warm(self, api: Api, contents: Sequence[Mapping[str, Any]]) -> int:
        """Upload what these messages name and whose id ends within hours; returns how many. Raises WecomError."""
        digests = {inside[place] for content in contents for _, place, inside in _named(content)}
        return sum(self._cached(digest, MESSAGE, WARM_MS) is None and bool(self._upload(api, digest, MESSAGE))
                   for digest in sorted(digests))  # fmt: skip

    def forget(self, content: Mapping[str, Any], scene: str = MESSAGE) -> bool:
        """WeCom does not know an id of this message any more: all of them are made anew; False when none is ours."""
        named = _named(content)
        for _, place, inside in named:
            self._drop(inside[place], scene)
        return bool(named)

    @transactional
    def _drop(self, digest: str, scene: str) -> None:
        execute("DELETE FROM wecom_media WHERE digest = ? AND scene = ?", (digest, scene))

    def _media_id(self, api: Api, digest: str, scene: str) -> str:
        return self._cached(digest, scene, SPARE_MS) or self._upload(api, digest, scene)

    def _cached(self, digest: str, scene: str, spare: int) -> str | None:
        row = execute(
            "SELECT media_id FROM wecom_media WHERE digest = ? AND scene = ? AND until > ?",
            (digest, scene, self.brand.now() + spare),
        ).fetchone()
        return None if row is None else str(row[0])

    def _upload(self, api: Api, digest: str, scene: str) -> str:
        row = execute("SELECT kind, name, data FROM wecom_file WHERE digest = ?", (digest,)).fetchone()
        if row is None:
            raise NotFound(f"no file {digest[:64]!r}")
        media_id = api.upload(row[0], row[1], base64.b64decode(row[2]), moment=scene == MOMENT)
        self._keep(digest, scene, media_id)
        return media_id

    @transactional
    def _keep(self, digest: str, scene: str, media_id: str) -> None:
        # Of two who upload at one moment both have a good id; the one that is good for longer stays.
        execute(
            "INSERT INTO wecom_media (digest, scene, media_id, until) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (digest, scene) DO UPDATE SET media_id = excluded.media_id, until = excluded.until "
            "WHERE wecom_media.until <= excluded.until",
            (digest, scene, media_id, self.brand.now() + MEDIA_DAYS.most * DAY_MS),
        )


def _named(content: Mapping[str, Any]) -> list[tuple[str, str, Mapping[str, str]]]:
    """The attachments of a message that name a file of ours: kind, the field that names it, the attachment."""
    found = []
    for each in content.get("attachments", []):
        kind = each["msgtype"]
        place = _PLACES.get(kind, ("", ""))[0]
        if place and place in each[kind]:
            found.append((kind, place, each[kind]))
    return found


def without_media(content: Mapping[str, Any]) -> dict[str, Any]:
    """A message without what WeCom has to have as media; empty where nothing of it is left."""
    kept = [each for each in content.get("attachments", [])
            if not set(each[each["msgtype"]]).intersection(_PLACES.get(each["msgtype"], ()))]  # fmt: skip
    rest = {name: value for name, value in content.items() if name != "attachments"}
    return {**rest, **({"attachments": kept} if kept else {})}


def certainly_unsent(error: WecomError) -> bool:
    """Whether what an upload met passes by itself: nothing was sent, so the message may be tried again."""
    return error.kind in AGAIN
