"""The personal poster (个人海报): one picture with the inviter's own QR code, in neutral words.

It says what the campaign is called, never what the sharer gets for sharing
(growth.md 1.6, WeChat's rules on induced sharing).
"""

from __future__ import annotations

import importlib
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scrm_core.api import Invalid, execute, mask

if TYPE_CHECKING:
    from .campaigns import Campaign, Inviter
    from .service import Referrals

FONT = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
WIDTH, HEIGHT = 900, 1_200
_QR_SIDE = 600
_QUIET = 4
_SC = 2  # the face for simplified Chinese in Noto's collection


def poster_of(referrals: Referrals, campaign: Campaign, inviter: Inviter) -> bytes:
    """The poster of somebody accepted, as a PNG of 900 x 1200 pixels.

    Raises Invalid (``font_missing``, ``library_missing``) with what to install.
    """
    consumer = referrals.brand.config.consumer
    row = execute("SELECT name FROM contact WHERE id = ?", (inviter.contact_id,)).fetchone()
    name = (mask("name", row[0]) or "") if row is not None and row[0] else ""
    texts = (
        (consumer.title or referrals.brand.name, 40, 60),
        (campaign.definition.title, 64, 130),
        (campaign.definition.poster, 36, 230),
        (name, 40, 1_010),
        ("扫一扫 Scan", 30, 1_080),
    )
    return draw(referrals.campaigns.link(inviter), texts, consumer.colour)


def draw(url: str, texts: tuple[tuple[str, int, int], ...], colour: str) -> bytes:
    """A picture with the QR code of ``url`` and texts, each with its size and height from the top."""
    if not FONT.is_file():
        raise Invalid(
            f"the font {FONT} is missing, so no poster can be drawn; install Debian's fonts-noto-cjk",
            code="font_missing",
        )
    fonts, painter = _library("PIL.ImageFont"), _library("PIL.ImageDraw")
    image = _library("PIL.Image").new("RGB", (WIDTH, HEIGHT), "#ffffff")
    canvas = painter.Draw(image)
    canvas.rectangle((0, 0, WIDTH, 24), fill=colour)
    for text, size, top in texts:
        font = fonts.truetype(str(FONT), size, index=_SC)
        shown = " ".join(text.split())
        while shown and font.getlength(shown) > WIDTH - 80:
            shown = shown[:-1]
        canvas.text(((WIDTH - font.getlength(shown)) / 2, top), shown, font=font, fill="#1d2129")
    code = _code(url)
    image.paste(code, ((WIDTH - code.width) // 2, 330))
    out = io.BytesIO()
    image.quantize(32).save(out, "PNG", optimize=True)
    return out.getvalue()


def _code(url: str) -> Any:
    """The QR code as a picture, every module the same whole number of pixels."""
    symbol = _library("segno").make(url, error="q", micro=False, boost_error=False)
    side, _ = symbol.symbol_size(border=_QUIET)
    out = io.BytesIO()
    symbol.save(out, kind="png", scale=max(1, _QR_SIDE // side), border=_QUIET)
    return _library("PIL.Image").open(io.BytesIO(out.getvalue())).convert("RGB")


def _library(name: str) -> Any:
    """A library of the extra ``referral``, imported when a poster is drawn and not before."""
    try:
        return importlib.import_module(name)
    except ImportError as exc:
        raise Invalid(
            f"posters need {name.partition('.')[0]}, which is not installed; run: pip install 'scrm[referral]'",
            code="library_missing",
        ) from exc
