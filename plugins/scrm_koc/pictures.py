"""Pictures that KOCs send on their page: recognised by what they hold, made small, and kept without what they tell.

A file is believed to be nothing: it is read as JPEG, PNG or WebP or refused, its
measures are looked at before it is unpacked, and what is kept is drawn anew as
JPEG, so that no place, device or hidden content of the original stays.
"""

from __future__ import annotations

import base64
import hashlib
import importlib
import io
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, Invalid, NotFound, execute, transactional

if TYPE_CHECKING:
    from scrm_core.api import Brand

MOST = 9
"""Pictures of one piece of work that go with a submission."""
MOST_BYTES = 900_000
MOST_PIXELS = 16_000_000
"""An unpacked picture takes four bytes a pixel: 64 MB for a moment."""
SIDE = 1_600
QUALITY = 82
KEPT_DAYS = 30
"""A picture that was handed in with nothing is deleted after so many days."""
_DAY_MS = 86_400_000
Drawn = tuple[bytes, int, int]
_KINDS = ("JPEG", "PNG", "WEBP")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a piece of work; ``state`` is draft, handed_in, or past (taken out of a later submission)."""

    sha256: str
    width: int
    height: int
    state: str

    @property
    def image(self) -> dict[str, str]:
        """It as an image of a submission."""
        return {"ref": f"koc/{self.sha256}", "sha256": self.sha256}


class Pictures:
    """One brand's pictures; use it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    @transactional
    def add(self, work_id: int, contact_id: int, drawn: Drawn) -> Picture:
        """Keep a picture that was drawn anew for the next submission; the same one again is the same.

        Raises Conflict (``pictures``) above nine.
        """
        jpeg, width, height = drawn
        digest = hashlib.sha256(jpeg).hexdigest()
        known = {picture.sha256: picture for picture in self.of(work_id)}
        if digest not in known and len(known) >= MOST:
            raise Conflict(f"a piece has {MOST} pictures at most; take one out first", code="pictures")
        execute(
            "INSERT INTO koc_picture (work_id, contact_id, sha256, width, height, data, state, at) "
            "VALUES (?, ?, ?, ?, ?, ?, 'draft', ?) ON CONFLICT (work_id, sha256) DO UPDATE SET state = CASE "
            "WHEN koc_picture.state = 'past' THEN 'handed_in' ELSE koc_picture.state END",
            (work_id, contact_id, digest, width, height, base64.b64encode(jpeg).decode(), self.brand.now()),
        )
        return next(picture for picture in self.of(work_id) if picture.sha256 == digest)

    @transactional
    def take_out(self, work_id: int, sha256: str) -> None:
        """Leave a picture out of the next submission; one that was handed in before stays as what was seen then."""
        execute("DELETE FROM koc_picture WHERE work_id = ? AND sha256 = ? AND state = 'draft'", (work_id, sha256))
        execute("UPDATE koc_picture SET state = 'past' WHERE work_id = ? AND sha256 = ?", (work_id, sha256))

    @transactional
    def hand_in(self, work_id: int) -> list[dict[str, str]]:
        """The pictures of a submission that is made in this transaction."""
        execute("UPDATE koc_picture SET state = 'handed_in' WHERE work_id = ? AND state = 'draft'", (work_id,))
        return [picture.image for picture in self.of(work_id)]

    @staticmethod
    def of(work_id: int) -> list[Picture]:
        """The pictures that go with the next submission, oldest first."""
        rows = execute(
            "SELECT sha256, width, height, state FROM koc_picture WHERE work_id = ? AND state <> 'past' ORDER BY id",
            (work_id,),
        ).fetchall()
        return [Picture(*row) for row in rows]

    @staticmethod
    def bytes_of(work_id: int, sha256: str) -> bytes:
        """A picture's JPEG; raises NotFound."""
        row = execute("SELECT data FROM koc_picture WHERE work_id = ? AND sha256 = ?", (work_id, sha256)).fetchone()
        if row is None:
            raise NotFound("no such picture")
        return base64.b64decode(row[0])

    @transactional
    def forget_drafts(self) -> None:
        """Delete what was handed in with nothing for thirty days."""
        before = self.brand.now() - KEPT_DAYS * _DAY_MS
        execute("DELETE FROM koc_picture WHERE state = 'draft' AND at < ?", (before,))


def redraw(data: bytes) -> Drawn:
    """(JPEG, width, height) of a picture of at most 1,600 pixels a side; slow: nothing for a transaction.

    Raises Invalid (``picture``, with the code ``picture``, ``picture_large`` or ``library_missing``).
    """
    if len(data) > MOST_BYTES:
        raise _large(f"{len(data)} bytes, {MOST_BYTES} at most")
    images, turned = _library("PIL.Image"), _library("PIL.ImageOps")
    try:
        with images.open(io.BytesIO(data), formats=_KINDS) as found:
            width, height = found.size
            if width * height > MOST_PIXELS:
                raise _large(f"{width} x {height} pixels, {MOST_PIXELS} at most")
            found.draft("RGB", (SIDE, SIDE))
            upright = turned.exif_transpose(found).convert("RGBA")
    except (images.DecompressionBombError, images.DecompressionBombWarning) as problem:
        raise _large(str(problem)) from problem
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as problem:
        raise Invalid("this is no JPEG, PNG or WebP picture", field="picture", code="picture") from problem
    upright.thumbnail((SIDE, SIDE))
    sheet = images.new("RGB", upright.size, "#ffffff")
    sheet.paste(upright, mask=upright.getchannel("A"))
    drawn = io.BytesIO()
    sheet.save(drawn, "JPEG", quality=QUALITY)
    return drawn.getvalue(), *sheet.size


def _large(what: str) -> Invalid:
    return Invalid(f"the picture is too large ({what}); send a smaller one", field="picture", code="picture_large")


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as missing:
        raise Invalid(
            "pictures need a library that is not installed; install the extra koc", field="picture",
            code="library_missing",
        ) from missing  # fmt: skip
