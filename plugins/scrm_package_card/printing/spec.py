"""What a card is: sizes in millimetres, colours, texts in two languages, and the faces that are printed.

Everything is checked when it is made, without fonts or PDF libraries; whether
the words fit their places is known when the card is composed.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from scrm_core.api import Invalid

from .colour import SPACES, check_colour, contrast
from .payload import check_link_base

LAYOUTS = ("auto", "side", "stack")
LONGEST = {"title": 60, "benefit": 60, "copy": 300, "hint": 40, "label": 20, "brand": 40}
MOST_SERIAL_CHARS = 40
MOST_ARM_CHARS = 40

# WCAG 2.1, criterion 1.4.3: 4.5 for text, 3 for large text (the accent carries headlines only).
TEXT_CONTRAST = 4.5
ACCENT_CONTRAST = 3.0

NOTO = Path("/usr/share/fonts/opentype/noto")


@dataclass(frozen=True, slots=True)
class Bilingual:
    """A text in Chinese and in English; either may be empty."""

    zh: str = ""
    en: str = ""

    def __bool__(self) -> bool:
        return bool(self.zh or self.en)


KIND_LABELS: Mapping[str, Bilingual] = {
    "notice": Bilingual("通知", "NOTICE"),
    "brand": Bilingual("品牌", "BRAND"),
    "marketing": Bilingual("营销", "MARKETING"),
    "hot-topic": Bilingual("热点", "HOT TOPIC"),
}


@dataclass(frozen=True, slots=True)
class CardText:
    """The words of a card: ``benefit`` is the largest, ``hint`` stands at the QR code (扫码…)."""

    title: Bilingual
    benefit: Bilingual
    copy: Bilingual = Bilingual()
    hint: Bilingual = Bilingual("扫一扫领取", "Scan to claim")


@dataclass(frozen=True, slots=True)
class Fonts:
    """Font files for running text and for headlines; TrueType, OpenType or a collection of them."""

    regular: Path = NOTO / "NotoSansCJK-Regular.ttc"
    bold: Path = NOTO / "NotoSansCJK-Bold.ttc"


@dataclass(frozen=True, slots=True)
class CardSpec:
    """The design of a card; lengths in millimetres, colours as ``#RRGGBB``. Raises Invalid for nonsense.

    ``width_mm`` and ``height_mm`` are the trimmed card, ``bleed_mm`` is what the
    colour runs over on each side, ``safe_mm`` the distance of every word from
    the cut. ``qr_mm`` is the side of the white field of the QR code: the code
    and ``quiet_modules`` modules of white on each side. ``module_mm`` is the
    smallest module that may be printed; 0.33 mm is four dots of a 300 dpi
    device, the least that Denso Wave recommends.

    ``text`` are the words; ``arm_texts`` replace them on cards of an A/B arm.
    ``link_base`` is what every link on a card begins with. ``label`` replaces
    the words of the kind.
    """

    width_mm: float
    height_mm: float
    text: CardText
    link_base: str
    kind: str = "notice"
    brand: str = ""
    label: Bilingual | None = None
    arm_texts: Mapping[str, CardText] = field(default_factory=dict)
    background: str = "#FFFFFF"
    ink: str = "#000000"
    accent: str = "#C8102E"
    colours: str = "cmyk"
    bleed_mm: float = 3.0
    safe_mm: float = 4.0
    qr_mm: float = 24.0
    quiet_modules: int = 4
    module_mm: float = 0.33
    layout: str = "auto"
    fonts: Fonts = Fonts()

    def __post_init__(self) -> None:
        self._check_lengths()
        self._check_colours()
        _choice("kind", self.kind, tuple(KIND_LABELS))
        _choice("layout", self.layout, LAYOUTS)
        _choice("colours", self.colours, SPACES)
        check_link_base(self.link_base)
        _check_words("brand", self.brand, LONGEST["brand"])
        if self.label is not None:
            _check_bilingual("label", self.label, LONGEST["label"])
        _check_text("", self.text)
        for arm, text in self.arm_texts.items():
            _check_text(f"arm {arm}: ", text)

    def text_of(self, arm: str) -> CardText:
        """The words on cards of this arm."""
        return self.arm_texts.get(arm, self.text)

    @property
    def kind_label(self) -> Bilingual:
        """What the card says it is."""
        return self.label if self.label is not None else KIND_LABELS[self.kind]

    @property
    def full_width_mm(self) -> float:
        """Width with the bleed on both sides."""
        return self.width_mm + 2 * self.bleed_mm

    @property
    def full_height_mm(self) -> float:
        """Height with the bleed on both sides."""
        return self.height_mm + 2 * self.bleed_mm

    def _check_lengths(self) -> None:
        check_length("width_mm", self.width_mm, 40, 1_000)
        check_length("height_mm", self.height_mm, 40, 1_000)
        check_length("bleed_mm", self.bleed_mm, 0, 20)
        check_length("safe_mm", self.safe_mm, 2, 30)
        check_length("qr_mm", self.qr_mm, 5, 1_000)
        check_length("module_mm", self.module_mm, 0.2, 10)
        if not isinstance(self.quiet_modules, int) or not 4 <= self.quiet_modules <= 20:
            raise Invalid(
                f"quiet_modules: {self.quiet_modules!r} is outside 4 to 20; a QR code needs 4 white modules around it",
                field="quiet_modules",
            )

    def _check_colours(self) -> None:
        for name in ("background", "ink", "accent"):
            check_colour(getattr(self, name), name)
        for name, least in (("ink", TEXT_CONTRAST), ("accent", ACCENT_CONTRAST)):
            ratio = contrast(getattr(self, name), self.background)
            if ratio < least:
                raise Invalid(
                    f"{name} {getattr(self, name)} on background {self.background} has a contrast of "
                    f"{ratio:.1f}:1 and cannot be read; take colours of at least {least:g}:1",
                    field=name,
                )


@dataclass(frozen=True, slots=True)
class CardFace:
    """One printed card: its serial (may be empty), the link in its QR code and its arm (may be empty)."""

    serial: str
    url: str
    arm: str = ""

    def __post_init__(self) -> None:
        for name, value, most in (("serial", self.serial, MOST_SERIAL_CHARS), ("arm", self.arm, MOST_ARM_CHARS)):
            if len(value) > most or not (value.isascii() and (value.isprintable() or not value)):
                raise Invalid(f"{name} {value[:60]!r} must be at most {most} printable ASCII characters", field=name)


@dataclass(frozen=True, slots=True)
class PrintFacts:
    """What the paper says about itself: codes, the day as ``date.toordinal()``, the instant as epoch ms UTC."""

    campaign: str
    batch: str
    day: int
    made_at: int

    def __post_init__(self) -> None:
        for name, value in (("campaign", self.campaign), ("batch", self.batch)):
            if not 0 < len(value) <= 60 or not (value.isascii() and value.isprintable()):
                raise Invalid(f"{name} {value[:60]!r} must be 1 to 60 printable ASCII characters", field=name)

    @property
    def iso_day(self) -> str:
        """The day as ``2026-01-31``."""
        return date.fromordinal(self.day).isoformat()


def check_length(name: str, value: float, least: float, most: float) -> None:
    """Raise Invalid unless the value is a number of millimetres between the bounds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise Invalid(f"{name}: {value!r} is no length in millimetres", field=name)
    if not least <= value <= most:
        raise Invalid(f"{name}: {value:g} mm is outside {least:g} to {most:g} mm", field=name)


def _choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise Invalid(f"{name}: {value!r} is none of {', '.join(choices)}", field=name)


def _check_text(where: str, text: CardText) -> None:
    for name in ("title", "benefit", "copy", "hint"):
        _check_bilingual(f"{where}{name}", getattr(text, name), LONGEST[name])
    if not text.benefit:
        raise Invalid(f"{where}benefit: a card without a benefit gives no reason to scan it", field="benefit")


def _check_bilingual(name: str, value: Bilingual, most: int) -> None:
    _check_words(f"{name}.zh", value.zh, most)
    # English needs about twice the letters for the same words.
    _check_words(f"{name}.en", value.en, 2 * most)


def _check_words(name: str, value: str, most: int) -> None:
    if len(value) > most:
        raise Invalid(f"{name}: {len(value)} characters are more than {most}", field=name)
    for character in value:
        if unicodedata.category(character)[0] == "C":
            raise Invalid(f"{name}: the character U+{ord(character):04X} cannot be printed; remove it", field=name)
