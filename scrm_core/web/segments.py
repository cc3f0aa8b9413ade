"""Views of segments (人群)."""

from __future__ import annotations

from typing import Any

from ..clock import iso
from ..intake.fields import Text
from ..intake.schemas import IntakeSchema
from ..limits import LIMITS
from ..services.segments import SegmentMember, SegmentView
from .calls import Answer, Call
from .pages import page_of


class SegmentInputSchema(IntakeSchema):
    """A segment to save; an existing one of the same name gets the expression."""

    name = Text(max_length=LIMITS.name, blank=False, required=True)
    expression = Text(max_length=LIMITS.segment_text, blank=False, multiline=True, required=True)


class SegmentNameInputSchema(IntakeSchema):
    """What a segment is to be called."""

    name = Text(max_length=LIMITS.name, blank=False, required=True)


def list_segments(call: Call) -> Answer:
    return 200, {"items": [_shown(call, view) for view in call.brand.segments.list()]}


def get_segment(call: Call) -> Answer:
    return 200, _shown(call, call.brand.segments.get(call.path["name"]))


def save_segment(call: Call) -> Answer:
    view = call.brand.segments.save(call.body["name"], call.body["expression"], actor=call.key.actor)
    return 200, _shown(call, view)


def rename_segment(call: Call) -> Answer:
    view = call.brand.segments.rename(call.path["name"], call.body["name"], actor=call.key.actor)
    return 200, _shown(call, view)


def delete_segment(call: Call) -> Answer:
    call.brand.segments.delete(call.path["name"], actor=call.key.actor)
    return 200, {"changed": 1}


def count_segment(call: Call) -> Answer:
    return 200, {"count": call.brand.segments.count(call.query["expression"])}


def list_segment_members(call: Call) -> Answer:
    rows = call.brand.segments.members(call.query["expression"], call.after or 0, call.limit)
    return 200, page_of(rows, call.limit, lambda member: member.contact_id, _member)


def _shown(call: Call, view: SegmentView) -> dict[str, Any]:
    zone = call.brand.zone
    return {
        "name": view.name,
        "expression": view.expression,
        "created_at": iso(view.created_at, zone),
        "updated_at": iso(view.updated_at, zone),
    }


def _member(member: SegmentMember) -> dict[str, Any]:
    return {"uid": member.uid, "name": member.name}
