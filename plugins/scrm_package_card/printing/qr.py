"""QR codes as paths: error correction chosen for the size, modules never smaller than can be printed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from scrm_core.api import Invalid

from .libraries import library
from .payload import check_payload
from .spec import CardSpec

LEVELS = ("H", "Q", "M", "L")  # from the one that survives most damage
RECOVERY = {"H": 30, "Q": 25, "M": 15, "L": 7}  # percent of the code that may be lost
_DARK = re.compile(rb"\x01+")


@dataclass(frozen=True, slots=True)
class QrPlan:
    """How a link is printed: symbol version, error correction, and its sizes.

    ``modules`` is the symbol's side without, ``module_mm`` the side of one
    module when symbol and quiet zone together fill the field.
    """

    version: int
    level: str
    modules: int
    quiet_modules: int
    field_mm: float

    @property
    def module_mm(self) -> float:
        return self.field_mm / (self.modules + 2 * self.quiet_modules)


@dataclass(frozen=True, slots=True)
class QrCode:
    """A symbol ready for a page: ``path`` draws it in modules, from the lower left corner of its field."""

    plan: QrPlan
    path: bytes


def plan_qr(spec: CardSpec, url: str) -> QrPlan:
    """The strongest error correction whose modules can be printed; raises Invalid with the arithmetic."""
    check_payload(url, spec.link_base)
    return _plan(len(url), spec.qr_mm, spec.quiet_modules, spec.module_mm)


def draw_qr(spec: CardSpec, url: str) -> QrCode:
    """The QR code of a link as a path; raises Invalid when the link may not or cannot be printed."""
    plan = plan_qr(spec, url)
    return QrCode(plan, _path(url, plan.version, plan.level, plan.quiet_modules))


@lru_cache(maxsize=1_024)
def _plan(length: int, field_mm: float, quiet: int, least_mm: float) -> QrPlan:
    plans = [QrPlan(version, level, 17 + 4 * version, quiet, field_mm) for level, version in _versions(length)]
    for plan in plans:
        if plan.module_mm >= least_mm:
            return plan
    smallest = plans[-1]
    across = smallest.modules + 2 * quiet
    raise Invalid(
        f"a link of {length} characters does not fit a QR code of {field_mm:g} mm: even at error correction L it needs "
        f"version {smallest.version} with {smallest.modules} modules, {smallest.modules} + 2 x {quiet} quiet = "
        f"{across}, {field_mm:g} mm / {across} = {smallest.module_mm:.3f} mm a module, and the smallest that prints is "
        f"{least_mm:g} mm. Shorten the link or make qr_mm at least {_rounded_up(across * least_mm)} mm",
        field="qr_mm",
    )


def _rounded_up(length_mm: float) -> str:
    return f"{-(-length_mm * 10 // 1) / 10:.1f}"


def _versions(length: int) -> list[tuple[str, int]]:
    """The smallest symbol version at each level for so many bytes."""
    segno = library("segno")
    return [(level, segno.make("x" * length, version=None, **_options(level)).version) for level in LEVELS]


def _options(level: str) -> dict[str, object]:
    # Byte mode always: the version then depends on the length alone, and the cards of a run look alike.
    return {"error": level, "mode": "byte", "boost_error": False, "micro": False}


@lru_cache(maxsize=64)
def _path(url: str, version: int, level: str, quiet: int) -> bytes:
    symbol = library("segno").make(url, version=version, **_options(level))
    side = len(symbol.matrix)
    # One path and one fill: rectangles that touch leave no hairline between them.
    runs = [
        b"%d %d %d 1 re" % (quiet + run.start(), quiet + side - 1 - row, run.end() - run.start())
        for row, modules in enumerate(symbol.matrix)
        for run in _DARK.finditer(modules)
    ]
    return b"\n".join(runs) + b"\nf"
