"""The seven steps as JSON: instants as ISO 8601 in the brand's zone, days as ISO dates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

from scrm_core.api import iso

from .machine import Status
from .records import HistoryEntry, Signoff
from .trial import TrialResult

if TYPE_CHECKING:
    from scrm_core.api import Brand


def _day(ordinal: int) -> str:
    return date.fromordinal(ordinal).isoformat()


def _detail(detail: Mapping[str, Any]) -> dict[str, Any]:
    shown = dict(detail)
    if "first_day" in shown:
        shown["first_day"] = _day(shown["first_day"])
    return shown


def signoff_view(signoff: Signoff, brand: Brand) -> dict[str, Any]:
    """A sign-off in force."""
    return {
        "act": signoff.act,
        "subject": signoff.subject,
        "who": signoff.who,
        "through": signoff.through,
        "at": iso(signoff.at, brand.zone),
        "detail": _detail(signoff.detail),
    }


def status_view(status: Status, brand: Brand) -> dict[str, Any]:
    """Where a campaign stands."""
    return {
        "campaign": status.campaign,
        "step": status.step,
        "version": status.version,
        "steps": [
            {
                "step": view.step,
                "title": view.title,
                "state": view.state,
                "present": list(view.present),
                "missing": list(view.missing),
            }
            for view in status.steps
        ],
        "signoffs": [signoff_view(signoff, brand) for signoff in status.signoffs],
    }


def history_view(entries: Sequence[HistoryEntry], brand: Brand) -> list[dict[str, Any]]:
    """Lines of the history, in the order given."""
    return [
        {
            "id": entry.id,
            "at": iso(entry.at, brand.zone),
            "who": entry.who,
            "through": entry.through,
            "action": entry.action,
            "from": entry.from_step,
            "to": entry.to_step,
            "what": _detail(entry.what),
            "reason": entry.reason,
        }
        for entry in entries
    ]


def result_view(result: TrialResult) -> dict[str, Any]:
    """A trial's result: shares are fractions, intervals are those of 95 %."""
    arms = []
    for arm in result.cards.arms:
        compared = arm.against_control
        arms.append(
            {
                "arm": arm.arm,
                "cards": arm.persons,
                "leads": arm.converted,
                "share": arm.share,
                "interval": None if arm.interval is None else [arm.interval.low, arm.interval.high],
                "difference": None if compared is None else compared.difference,
                "difference_interval": None if compared is None else [compared.interval.low, compared.interval.high],
                "p_value": arm.p_adjusted,
            }
        )
    return {
        "trial": result.number,
        "minimum": result.minimum,
        "verdict": result.cards.verdict,
        "words": result.words,
        "winner": result.cards.winner,
        "chosen": result.chosen or None,
        "arms": arms,
        "links": [asdict(figures) for figures in result.links],
    }
