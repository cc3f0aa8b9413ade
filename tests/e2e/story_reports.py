"""What plugins tell of themselves, as tables whose rows have names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from doors import Api
from story_project import PLUGINS

Row = dict[str, Any]
Tables = dict[str, dict[str, Row]]


def figures(api: Api, on: tuple[str, ...]) -> Tables:
    """Every report that a brand's plugins offer, and what else they tell at routes of their own."""
    offered = [each["name"] for each in api.ask("/reports")["items"] if each["plugin"] in PLUGINS]
    found = {name: _keyed(name, api.ask(f"/reports/{name}")["rows"]) for name in offered}
    for plugin in on:
        for name, path, rows in _MORE.get(plugin, ()):
            found[f"{plugin}: {name}"] = rows(api.ask(f"/plugins/{plugin}{path}"))
    return found


def _keyed(name: str, rows: list[Row]) -> dict[str, Row]:
    """Rows by their first columns, which name them."""
    columns = _NAMED_BY_TWO.get(name, 1)
    return {
        " ".join(list(row.values())[:columns]): {
            title: value for title, value in list(row.items())[columns:] if title != "as_of"  # when it was counted
        }
        for row in rows
    }


def _lines(rows: list[Row], *fields: str) -> dict[str, Row]:
    """Rows of a book by their place in it, with some of their members."""
    return {str(place): {name: row[name] for name in fields} for place, row in enumerate(rows, 1)}


def _differences(told: Any) -> dict[str, Row]:
    return {"book": {"differences": told["differences"]}}


def _brought(told: Any) -> dict[str, Row]:
    return {each["deal"]: {**each["brought"], "shown": each["shown"]} for each in told["deals"]}


_NAMED_BY_TWO = {"interaction-games-prizes": 2, "sms-modes": 2}
_MORE: dict[str, tuple[tuple[str, str, Callable[[Any], dict[str, Row]]], ...]] = {
    "package-card": (("all", "/report", lambda told: _keyed("", told["rows"])),),
    "points": (("check", "/check", _differences),),
    "red-packet": (("check", "/check", _differences),),
    "benefit-card": (("check", "/check", _differences),),
    "koc": (
        ("ledger", "/entries", lambda told: _lines(told["entries"], "member", "kind", "amount_minor", "reason")),
        (
            "statements", "/statements",
            lambda told: _lines(told["statements"], "member", "total_minor", "payable_minor", "carry_minor", "state"),
        ),
        ("check", "/check", _differences),
    ),
    "cross-brand-swap": (("brought", "/deals", _brought),),
}  # fmt: skip
