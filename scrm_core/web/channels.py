"""Views of channels (渠道) and short links (短链)."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from ..clock import iso
from ..intake.fields import Instant, Text
from ..intake.schemas import IntakeSchema
from ..limits import LIMITS
from ..services.channels import ChannelView
from ..services.links import LinkView
from .calls import Answer, Call
from .pages import page_of

MOST_TAGS = 100


class TagNameSchema(IntakeSchema):
    """A tag by group and name."""

    group = Text(max_length=LIMITS.name, blank=False, required=True)
    tag = Text(max_length=LIMITS.name, blank=False, required=True)


class ChannelInputSchema(IntakeSchema):
    """A channel to create; everybody who comes through it gets its tags."""

    code = Text(max_length=LIMITS.name, blank=False, required=True)
    name = Text(max_length=LIMITS.name, load_default="")
    kind = Text(max_length=LIMITS.name, load_default="")
    tags = fields.List(fields.Nested(TagNameSchema), load_default=list, validate=validate.Length(max=MOST_TAGS))


class LinkInputSchema(IntakeSchema):
    """A short link to create; ``target`` is an absolute http(s) address."""

    channel = Text(max_length=LIMITS.name, blank=False, required=True)
    target = Text(blank=False, required=True)
    variant = Text(max_length=LIMITS.name, load_default="")
    campaign = Text(max_length=LIMITS.name, load_default="")
    expires_at = Instant(load_default=None)


def create_channel(call: Call) -> Answer:
    body = call.body
    tags = [(tag["group"], tag["tag"]) for tag in body["tags"]]
    view = call.brand.channels.create(body["code"], body["name"], body["kind"], tags=tags, actor=call.key.actor)
    return 201, _channel(call, view, _tag_names(call))


def list_channels(call: Call) -> Answer:
    rows, names = call.brand.channels.page(after=call.after, limit=call.limit), _tag_names(call)
    return 200, page_of(rows, call.limit, lambda view: view.id, lambda view: _channel(call, view, names))


def get_channel(call: Call) -> Answer:
    return 200, _channel(call, call.brand.channels.get(call.path["code"]), _tag_names(call))


def create_link(call: Call) -> Answer:
    body = call.body
    view = call.brand.links.create(
        body["channel"],
        body["target"],
        variant=body["variant"],
        campaign=body["campaign"],
        expires_at=body["expires_at"],
        actor=call.key.actor,
    )
    return 201, _link(call, view)


def list_links(call: Call) -> Answer:
    rows = call.brand.links.page(channel=call.query["channel"], after=call.after, limit=call.limit)
    return 200, page_of(rows, call.limit, lambda view: view.id, lambda view: _link(call, view))


def get_link(call: Call) -> Answer:
    return 200, _link(call, call.brand.links.get(call.path["code"]))


def disable_link(call: Call) -> Answer:
    return 200, _link(call, call.brand.links.disable(call.path["code"], actor=call.key.actor))


def _tag_names(call: Call) -> dict[int, dict[str, str]]:
    return {info.tag_id: {"group": info.group, "tag": info.name} for info in call.brand.tags.all(retired=True)}


def _channel(call: Call, view: ChannelView, names: dict[int, dict[str, str]]) -> dict[str, Any]:
    return {
        "code": view.code,
        "name": view.name,
        "kind": view.kind,
        "tags": [names[tag_id] for tag_id in view.tags if tag_id in names],
        "created_at": iso(view.created_at, call.brand.zone),
    }


def _link(call: Call, view: LinkView) -> dict[str, Any]:
    zone = call.brand.zone
    return {
        "code": view.code,
        "url": call.brand.installation.config.base_url + view.path,
        "channel": view.channel,
        "target": view.target,
        "variant": view.variant,
        "campaign": view.campaign,
        "owner": view.owner,
        "created_at": iso(view.created_at, zone),
        "expires_at": iso(view.expires_at, zone),
        "disabled_at": iso(view.disabled_at, zone),
    }
