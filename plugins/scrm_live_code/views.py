"""Codes and staff as JSON values, the same for routes and commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scrm_core.api import ShareTest, execute, iso

from .codes import Code, Seat
from .personas import Persona
from .reception import Overdue
from .service import LiveCodes
from .staff import Staff
from .ways import LINK, Way


def staff_view(staff: Staff, here: LiveCodes) -> dict[str, Any]:
    """A member of staff with how many people they took today."""
    brand = here.brand
    row = execute(
        "SELECT taken FROM live_code_load WHERE staff_id = ? AND day = ?", (staff.id, brand.day(brand.now()))
    ).fetchone()
    return {
        "userid": staff.userid,
        "name": staff.name,
        "address": staff.address,
        "daily_cap": staff.daily_cap,
        "taken_today": row[0] if row is not None else 0,
        "left_at": iso(staff.left_at, brand.zone),
    }


def code_view(code: Code, here: LiveCodes, tags: Mapping[str, list[str]] | None = None) -> dict[str, Any]:
    """A code; ``open`` says whether people are received now, ``address`` is what is printed.

    ``tags`` are those of several codes, where they were read together.
    """
    brand, tags = here.brand, here.codes.tags_of([code]) if tags is None else tags
    return {
        "channel": code.channel,
        "title": code.title,
        "tags": tags[code.channel],
        "address": here.codes.address(code),
        "state": code.state,
        "note": code.note,
        "open": code.is_open(brand.now()),
        "activity": code.activity,
        "starts_at": iso(code.starts_at, brand.zone),
        "ends_at": iso(code.ends_at, brand.zone),
        "actor": code.actor,
        "created_at": iso(code.created_at, brand.zone),
    }


def code_views(codes: Sequence[Code], here: LiveCodes) -> list[dict[str, Any]]:
    """Several codes, with their tags read together."""
    tags = here.codes.tags_of(codes)
    return [code_view(each, here, tags) for each in codes]


def full_code_view(code: Code, here: LiveCodes, at: int | None = None) -> dict[str, Any]:
    """A code with its staff; ``on_duty`` is whom a scan is sent to, the first of them first, while it is ``open``.

    ``by_rota`` is who that would be by the rota and the room left, also while the code receives nobody; ``closed`` is
    why it does not, ``nobody`` why ``by_rota`` is empty. All are told for the instant ``at``, now when None.
    """
    seats, at = seat_views(here.codes.seats(code), here), here.brand.now() if at is None else at
    is_open = code.is_open(at)
    told = {**code_view(code, here), "open": is_open, "at": iso(at, here.brand.zone), **here.entries.of(code)}
    planned = here.planner.of(code)
    told["peak"], told["accounts"] = (None, None) if planned is None else (planned.peak, planned.accounts)
    told["by_rota"] = here.desk.on_duty(code, at)
    told["on_duty"] = told["by_rota"] if is_open else []
    told["closed"], told["nobody"] = code.closed(at), here.desk.nobody(code, at)
    return {**told, "seats": seats, "contact_way": way_view(here.ways.of(code), here), "link": link_view(code, here)}


def way_view(way: Way | None, here: LiveCodes) -> dict[str, Any] | None:
    """A code's contact way or link, or None; ``waits`` is why one that is wanted is not made yet."""
    if way is None:
        return None
    told = {name: getattr(way, name) for name in ("maker", "config_id", "qr", "state", "note")}
    told["waits"] = (here.links if way.kind == LINK else here.ways).waits(way)
    return {**told, "users": list(way.users), "at": iso(way.at, here.brand.zone)}


def seat_views(seats: Sequence[Seat], here: LiveCodes) -> list[dict[str, Any]]:
    """Staff at a code; ``taken_today`` is how many people each took by all codes, which the cap bounds."""
    taken = here.desk.taken_today([seat.staff for seat in seats])
    return [
        {
            "staff": seat.staff, "name": seat.name, "role": seat.role, "hours": seat.hours,
            "taken_today": taken.get(seat.staff, 0), "daily_cap": seat.daily_cap,
        }
        for seat in seats
    ]  # fmt: skip


def overdue_view(waiting: Overdue, here: LiveCodes) -> dict[str, Any]:
    """Somebody who waits for too long."""
    told = {name: getattr(waiting, name) for name in ("channel", "staff", "contact", "step")}
    return {**told, "since": iso(waiting.since, here.brand.zone), "seconds": waiting.seconds}


def persona_view(persona: Persona) -> dict[str, Any]:
    """A persona with its checklist."""
    return {
        "code": persona.code,
        "name": persona.name,
        "kind": persona.kind,
        "staff": list(persona.staff),
        "profile": dict(persona.profile),
        "missing": [item for item, text in persona.profile if not text],
    }


def comparison_view(test: ShareTest) -> dict[str, Any]:
    """A comparison of add rates: each with its interval, and with its difference to the first."""
    arms = []
    for arm in test.arms:
        against = arm.against_control
        arms.append(
            {
                "persona": arm.arm, "exposed": arm.base, "added": arm.hits, "add_rate": arm.share,
                "low": arm.interval.low if arm.interval else None, "high": arm.interval.high if arm.interval else None,
                "difference": against.difference if against else None,
                "difference_low": against.interval.low if against else None,
                "difference_high": against.interval.high if against else None, "p_adjusted": arm.p_adjusted,
            }
        )  # fmt: skip
    return {"verdict": test.verdict, "winner": test.winner, "arms": arms}


def link_view(code: Code, here: LiveCodes) -> dict[str, Any] | None:
    """A code's acquisition link, or None; ``send`` is what to send people, ``in_use`` whether it leads to WeCom now."""
    link = way_view(here.links.of(code), here)
    if link is None:
        return None
    return {**link, "send": here.link_address(code), "in_use": bool(here.links.handed_out(code))}
