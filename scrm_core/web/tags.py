"""Views of tags (标签)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from marshmallow import fields, validate

from ..clock import iso
from ..errors import Invalid, ScrmError
from ..intake.fields import Flag, Text
from ..intake.inputs import identities_of
from ..intake.schemas import IntakeSchema
from ..limits import LIMITS
from ..services.tags import KINDS, GroupInfo, TagInfo
from .calls import Answer, Call, batch
from .leads import SOURCE


class TagGroupInputSchema(IntakeSchema):
    """A tag group; an S-level one (S级) names the tag that everybody has until another is set."""

    name = Text(max_length=LIMITS.name, blank=False, required=True)
    s_level = Flag(load_default=False)
    default = Text(max_length=LIMITS.name, load_default=None)


class TagDefinitionInputSchema(IntakeSchema):
    """A tag; a business tag names the operating plan that it serves."""

    group = Text(max_length=LIMITS.name, blank=False, required=True)
    name = Text(max_length=LIMITS.name, blank=False, required=True)
    kind = fields.String(load_default="business", validate=validate.OneOf(KINDS))
    plan = Text(max_length=LIMITS.name, load_default="")


def list_tag_groups(call: Call) -> Answer:
    return 200, {"items": [_group(info) for info in call.brand.tags.groups()]}


def save_tag_group(call: Call) -> Answer:
    body = call.body
    call.brand.tags.group(body["name"], s_level=body["s_level"], default=body["default"])
    return 200, next(_group(info) for info in call.brand.tags.groups() if info.name == body["name"])


def list_tags(call: Call) -> Answer:
    return 200, {"items": [_tag(call, info) for info in call.brand.tags.all(group=call.query["group"])]}


def define_tag(call: Call) -> Answer:
    body = call.body
    tag_id = call.brand.tags.define(body["group"], body["name"], kind=body["kind"], plan=body["plan"])
    found = [info for info in call.brand.tags.all(group=body["group"], retired=True) if info.tag_id == tag_id]
    return 200, _tag(call, found[0])


def assign_tag(call: Call) -> Answer:
    return 200, _assign(call, call.body)


def assign_tags(call: Call) -> Answer:
    def run(rows: list[dict[str, Any]]) -> Sequence[dict[str, Any] | ScrmError]:
        results: list[dict[str, Any] | ScrmError] = []
        for row in rows:
            try:
                with call.brand.transaction():
                    results.append(_assign(call, row))
            except ScrmError as error:
                if error.status >= 500:
                    raise
                results.append(error)
        return results

    return batch(call.body, run)


def _assign(call: Call, row: dict[str, Any]) -> dict[str, Any]:
    uid, contact_id = _contact(call, row)
    tags, tag = call.brand.tags, (row["group"], row["tag"])
    if row["remove"]:
        changed = tags.remove(contact_id, tag, origin=row["origin"], actor=call.key.actor, at=row["at"])
    else:
        if row["plan"] is not None:
            tags.define(*tag, plan=row["plan"])
        changed = tags.add(contact_id, tag, origin=row["origin"], actor=call.key.actor, at=row["at"])
    return {"outcome": "updated" if changed else "unchanged", "contact": uid}


def _contact(call: Call, row: dict[str, Any]) -> tuple[str, int]:
    if row["contact"] is not None:
        view = call.brand.contacts.get(row["contact"])
        return view.uid, view.id
    identities = identities_of(row)
    if not identities:
        raise Invalid("name the contact by its uid or by an identity", field="contact")
    person = call.brand.contacts.resolve(identities, at=call.brand.now(), origin=SOURCE, create=False)
    return person.uid, person.contact_id


def _group(info: GroupInfo) -> dict[str, Any]:
    return {"name": info.name, "s_level": info.s_level, "default": info.default}


def _tag(call: Call, info: TagInfo) -> dict[str, Any]:
    return {
        "group": info.group,
        "name": info.name,
        "kind": info.kind,
        "plan": info.plan,
        "contacts": info.contacts,
        "retired": info.retired,
        "created_at": iso(info.created_at, call.brand.zone),
        "last_used_at": iso(info.last_used_at, call.brand.zone),
    }
