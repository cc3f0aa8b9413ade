"""The gate before the printing press: cards of a campaign with steps need an approved proof."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrm_core.api import Conflict, execute

from .catalogue import APPROVAL, PILOT, PRODUCTION, PROOF, STEPS

if TYPE_CHECKING:
    from scrm_core.api import Brand


def require_approved_proof(brand: Brand, campaign_id: int) -> None:
    """Raise Conflict (code ``proof``) naming what is missing before cards of a campaign may be printed.

    At step test the proof of the pilot cards counts, from step print on the one
    of the production; at the other steps nothing is printed. A campaign made
    without the seven steps passes: its card is in the field already.
    """
    row = execute(
        "SELECT p.step, k.code FROM package_card_step_plan p JOIN package_card_campaign k ON k.id = p.campaign_id "
        "WHERE p.campaign_id = ?",
        (campaign_id,),
    ).fetchone()
    if row is None:
        return
    step, code = row
    where = f"brand {brand.id!r}: cards of campaign {code!r} cannot be printed"
    if step in ("goal", "policy", "design"):
        raise Conflict(
            f"{where}: it is at {STEPS[step]}; missing are a proof and its approval at {STEPS['print']}", code="proof"
        )
    kind = PILOT if step == "test" else PRODUCTION
    signed = {
        act
        for (act,) in execute(
            "SELECT act FROM package_card_step_signoff WHERE campaign_id = ? AND subject = ? AND void_at IS NULL",
            (campaign_id, kind),
        ).fetchall()
    }
    if PROOF not in signed:
        raise Conflict(f"{where}: missing are a proof of the {kind} cards and its approval", code="proof")
    if APPROVAL not in signed:
        raise Conflict(f"{where}: missing is the approval of the {kind} proof", code="proof")
