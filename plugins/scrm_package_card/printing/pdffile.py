"""A PDF written page by page: what is on paper leaves memory, only the offsets of objects stay (8 bytes each).

PDF libraries keep every page until the end; for ten thousand cards that is
hundreds of megabytes. Fonts and artwork come from a library all the same
(:mod:`.artbook`), here they are only copied.
"""

from __future__ import annotations

import hashlib
import zlib
from array import array
from datetime import UTC, datetime
from typing import BinaryIO

from .layout import Rect
from .typeset import POINT_MM

PAGES_PER_NODE = 256
_UNWRITTEN = 0


def points(length_mm: float) -> str:
    """A length as PDF points, to a thousandth of a millimetre and without needless digits."""
    return f"{length_mm / POINT_MM:.3f}".rstrip("0").rstrip(".")


def box(rect: Rect, page_height_mm: float) -> bytes:
    """A rectangle with y downwards as the array of a page box."""
    corners = (rect.x, page_height_mm - rect.bottom, rect.right, page_height_mm - rect.y)
    return ("[" + " ".join(points(corner) for corner in corners) + "]").encode("ascii")


def text_string(text: str) -> bytes:
    """A string of the document's information."""
    return b"<" + ("\ufeff" + text).encode("utf-16-be").hex().encode("ascii") + b">"


class PdfFile:
    """Writes one PDF to a file opened for writing; the same calls write the same bytes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._offsets = array("Q", [_UNWRITTEN])
        self._nodes: list[tuple[int, int]] = []  # (object, pages) of each finished node of the page tree
        self._kids: list[int] = []
        self._node = 0
        self._digest = hashlib.sha256()
        self.size = 0
        self.pages = 0
        self._write(b"%PDF-1.6\n%\xe2\xe3\xcf\xd3\n")
        self._tree = 0

    @property
    def sha256(self) -> str:
        """The checksum of everything written so far."""
        return self._digest.hexdigest()

    def reserve(self) -> int:
        """A number for an object that is written later."""
        self._offsets.append(_UNWRITTEN)
        return len(self._offsets) - 1

    def add(self, body: bytes, number: int | None = None) -> int:
        """Write an object; returns its number."""
        number = self.reserve() if number is None else number
        while len(self._offsets) <= number:
            self._offsets.append(_UNWRITTEN)
        self._offsets[number] = self.size
        self._write(b"%d 0 obj\n%b\nendobj\n" % (number, body))
        return number

    def add_stream(self, entries: bytes, content: bytes) -> int:
        """Write a compressed stream with these dictionary entries; returns its number."""
        packed = zlib.compress(content, 6)
        return self.add(
            b"<< %b /Filter /FlateDecode /Length %d >>\nstream\n%b\nendstream" % (entries, len(packed), packed)
        )

    def add_page(self, entries: bytes, content: bytes) -> None:
        """Write a page with these dictionary entries (its boxes and resources)."""
        if not self._tree:
            self._tree = self.reserve()
        if not self._node:
            self._node = self.reserve()
        drawn = self.add_stream(b"", content)
        self._kids.append(
            self.add(b"<< /Type /Page /Parent %d 0 R %b /Contents %d 0 R >>" % (self._node, entries, drawn))
        )
        self.pages += 1
        if len(self._kids) == PAGES_PER_NODE:
            self._finish_node()

    def close(self, title: str, made_at: int) -> None:
        """Write the page tree, the information and the table of offsets; ``made_at`` is epoch ms UTC."""
        if self._kids:
            self._finish_node()
        kids = b" ".join(b"%d 0 R" % node for node, _ in self._nodes)
        self.add(b"<< /Type /Pages /Count %d /Kids [ %b ] >>" % (self.pages, kids), self._tree)
        catalog = self.add(b"<< /Type /Catalog /Pages %d 0 R >>" % self._tree)
        made = datetime.fromtimestamp(made_at / 1000, UTC).strftime("(D:%Y%m%d%H%M%SZ)").encode("ascii")
        info = self.add(
            b"<< /Title %b /Producer (scrm package-card) /CreationDate %b /ModDate %b /Trapped /False >>"
            % (text_string(title), made, made)
        )
        self._write_offsets(catalog, info)

    def _finish_node(self) -> None:
        kids = b" ".join(b"%d 0 R" % kid for kid in self._kids)
        self.add(
            b"<< /Type /Pages /Parent %d 0 R /Count %d /Kids [ %b ] >>" % (self._tree, len(self._kids), kids),
            self._node,
        )
        self._nodes.append((self._node, len(self._kids)))
        self._kids, self._node = [], 0

    def _write_offsets(self, catalog: int, info: int) -> None:
        identity = self._digest.hexdigest()[:32].encode("ascii")
        start = self.size
        self._write(b"xref\n0 %d\n0000000000 65535 f \n" % len(self._offsets))
        for place in range(1, len(self._offsets)):
            offset = self._offsets[place]
            # A number of the artwork's document that was not needed here is a free object.
            self._write(b"%010d 00000 n \n" % offset if offset else b"0000000000 00001 f \n")
        self._write(
            b"trailer\n<< /Size %d /Root %d 0 R /Info %d 0 R /ID [ <%b> <%b> ] >>\nstartxref\n%d\n%%%%EOF\n"
            % (len(self._offsets), catalog, info, identity, identity, start)
        )

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._digest.update(data)
        self.size += len(data)
