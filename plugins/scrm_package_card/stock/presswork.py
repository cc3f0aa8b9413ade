"""From a batch to what the printer gets: the design file, the faces of the cards, proof and production.

The design is a TOML file: the fields of :class:`..printing.CardSpec`, the words
in ``[text]`` and, for arms of a test, in ``[arms.<arm>]``. What the campaign's
step design settled fills in size, benefit and copy; a file that says another
size is refused, because it was not what people agreed on.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, Invalid, NotFound, code_file, execute

from ..printing import (
    Bilingual,
    CardFace,
    CardSpec,
    CardText,
    PrintFacts,
    Sheet,
    impose,
    plan_qr,
    write_production,
)
from ..printing import write_proof as write_proof_sheet
from ..steps.design import CardDesign, design_of
from ..steps.gate import require_approved_proof
from ..steps.records import Records
from .batches import OWNER, Batch
from .cards import all_cards, cards_of

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from ..service import Campaign

_WORDS = ("title", "benefit", "copy", "hint")
_PLAIN = (
    *("width_mm", "height_mm", "background", "ink", "accent", "colours", "bleed_mm", "safe_mm", "qr_mm"),
    *("quiet_modules", "module_mm", "layout"),
)
MOST_BYTES = 100_000


@dataclass(frozen=True, slots=True)
class PrintPlan:
    """What printing a batch makes: pages of how many cards, how its QR codes are, what the batch costs."""

    batch: str
    cards: int
    pages: int
    cards_per_page: int
    error_correction: str
    module_mm: float
    cost_minor: int


def read_design(path: Path, brand: Brand, *, kind: str, settled: CardDesign | None) -> CardSpec:
    """The card that a design file describes; raises Invalid naming the key at fault."""
    try:
        text = path.read_bytes()
    except OSError as exc:
        raise Invalid(f"{path} cannot be read: {exc.strerror}", field="design") from exc
    try:
        given = tomllib.loads(text[: MOST_BYTES + 1].decode("utf-8")) if len(text) <= MOST_BYTES else None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise Invalid(f"{path.name} is no TOML file: {exc}", field="design") from None
    if given is None:
        raise Invalid(f"{path.name} has more than {MOST_BYTES} bytes", field="design")
    unknown = sorted(set(given) - {*_PLAIN, "text", "arms"})
    if unknown:
        raise Invalid(f"{path.name}: {unknown[0]!r} is none of {', '.join(_PLAIN)}, text, arms", field=unknown[0][:60])
    plain = {key: given[key] for key in _PLAIN if key in given}
    words = dict(given.get("text", {})) if isinstance(given.get("text", {}), Mapping) else {}
    if settled is not None:
        plain = _agreed(plain, settled)
        words.setdefault("benefit", {"zh": settled.benefit})
        words.setdefault("copy", {"zh": settled.copy_zh, "en": settled.copy_en})
    for key in ("width_mm", "height_mm"):
        if key not in plain:
            raise Invalid(f"{path.name}: {key} is missing", field=key)
    base = brand.installation.config.base_url
    arms = given.get("arms", {})
    if not isinstance(arms, Mapping):
        raise Invalid(f"{path.name}: arms are tables, [arms.A]", field="arms")
    return CardSpec(
        **plain,
        kind=kind,
        brand=brand.config.name,
        link_base=f"{base}/l/",
        text=_text(words, "text"),
        arm_texts={arm: _text({**words, **_table(of, f"arms.{arm}")}, f"arms.{arm}") for arm, of in arms.items()},
    )


def _agreed(plain: dict[str, Any], settled: CardDesign) -> dict[str, Any]:
    for key, agreed in asdict(settled.size).items():
        if plain.get(key, agreed) != agreed:
            raise Invalid(
                f"{key}: the file says {plain[key]} mm, the settled design {agreed:g} mm; change one of them", field=key
            )
    return {**asdict(settled.size), **plain}


def _table(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise Invalid(f"{name} is a table of texts", field=name[:60])
    return value


def _text(words: Mapping[str, Any], where: str) -> CardText:
    unknown = sorted(set(words) - set(_WORDS))
    if unknown:
        raise Invalid(f"{where}: {unknown[0]!r:.60} is none of {', '.join(_WORDS)}", field=where[:60])
    texts: dict[str, Bilingual] = {}
    for name, value in words.items():
        pair = _table(value, f"{where}.{name}")
        if not set(pair) <= {"zh", "en"} or not all(isinstance(text, str) for text in pair.values()):
            raise Invalid(f"{where}.{name}: give texts as zh and en", field=f"{where}.{name}"[:60])
        texts[name] = Bilingual(**pair)
    texts.setdefault("title", Bilingual())
    texts.setdefault("benefit", Bilingual())
    return CardText(**texts)


def settled_design(brand: Brand, campaign: Campaign) -> CardDesign | None:
    """What the campaign's step design settled; None for a campaign without steps or an unfinished design."""
    row = execute("SELECT 1 FROM package_card_step_plan WHERE campaign_id = ?", (campaign.id,)).fetchone()
    if row is None:
        return None
    records = Records(brand)
    return design_of(records.state(records.plan(campaign.code)))


def faces(brand: Brand, batch: Batch) -> Iterator[CardFace]:
    """The faces of a batch: one for each unique card in its order, or the one that all share."""
    base = f"{brand.installation.config.base_url}/l/"
    if batch.unique:
        for card in all_cards(batch):
            yield CardFace(card.serial, base + card.link, batch.arm)
    elif batch.link is None:
        raise Conflict(f"batch {batch.code!r} has no link to print; enter it with a channel and a target", code="link")
    else:
        yield CardFace("", base + batch.link, batch.arm)


def plan(brand: Brand, batch: Batch, spec: CardSpec, sheet: Sheet) -> PrintPlan:
    """What :func:`produce` would make, with the same refusals; no file is written."""
    require_approved_proof(brand, _campaign_id(batch))
    first = cards_of(batch, limit=1)
    url = f"{brand.installation.config.base_url}/l/{first[0].link}" if first else next(faces(brand, batch)).url
    qr = plan_qr(spec, url)
    slots = len(impose(spec, sheet).slots)
    count = batch.printed if batch.unique else 1
    return PrintPlan(batch.code, count, -(-count // slots), slots, qr.level, qr.module_mm, batch.cost_minor)


def produce(
    brand: Brand, batch: Batch, spec: CardSpec, sheet: Sheet, out: Path, progress: Callable[[int], None] | None = None
) -> Any:
    """Write the production file of a batch; raises Conflict while its proof is not approved.

    Cards that are all alike are one face, which the printer repeats. Returns
    the printer's summary.
    """
    require_approved_proof(brand, _campaign_id(batch))
    facts = _facts(brand, batch.campaign, batch.code)
    return write_production(spec, sheet, faces(brand, batch), out, facts=facts, progress=progress)


def prove(brand: Brand, campaign: Campaign, spec: CardSpec, sheet: Sheet, out: Path) -> None:
    """Write the proof sheet: a card for each arm, with a link of the campaign that works when it is scanned."""
    base = f"{brand.installation.config.base_url}/l/"
    arms = tuple(spec.arm_texts) or ("",)
    by_arm = {arm: CardFace("", base + _link_of(campaign, arm), arm) for arm in arms}
    write_proof_sheet(spec, by_arm, out, sheet=sheet, facts=_facts(brand, campaign.code, "proof"))


def link_code(brand: Brand, campaign: Campaign, link: str) -> bytes:
    """The QR code of a link of the campaign, as SVG; raises NotFound for a link that is not its own."""
    known = execute(
        "SELECT 1 FROM link WHERE code = ? AND owner = ? AND campaign = ?", (link, OWNER, campaign.code)
    ).fetchone()
    if known is None:
        raise NotFound(f"campaign {campaign.code!r} has no link {link[:64]!r}")
    return code_file(f"{brand.installation.config.base_url}/l/{link}", "svg", extra="cards")


def _link_of(campaign: Campaign, arm: str) -> str:
    row = execute(
        "SELECT code FROM link WHERE owner = ? AND campaign = ? AND (variant = ? OR ? = '') AND disabled_at IS NULL "
        "ORDER BY id LIMIT 1",
        (OWNER, campaign.code, arm, arm),
    ).fetchone()
    if row is None:
        whose = f" for arm {arm!r}" if arm else ""
        raise Conflict(
            f"campaign {campaign.code!r} has no link{whose}: a proof shows a code that can be "
            "scanned; make a link first",
            code="link",
        )
    return str(row[0])


def _campaign_id(batch: Batch) -> int:
    (campaign_id,) = execute("SELECT campaign_id FROM package_card_batch WHERE id = ?", (batch.id,)).fetchone()
    return int(campaign_id)


def _facts(brand: Brand, campaign: str, batch: str) -> PrintFacts:
    now = brand.now()
    return PrintFacts(campaign, batch, brand.day(now), now)
