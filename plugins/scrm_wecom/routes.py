"""The plugin's routes, below ``/api/v1/<brand>/plugins/wecom``."""

from __future__ import annotations

from typing import Any

import flask

from scrm_core.api import current_actor, current_brand, load_body, next_after, permission, query_number

from . import callbacks, follows, link_news, tasks, wishes
from .greetings import Greetings
from .links import AcquisitionLink
from .media import Media
from .moments import Moment
from .report import wecom_report
from .schemas import (
    InviteBody,
    LinkActivityBody,
    LinkBody,
    LinkPauseBody,
    LinkRenewBody,
    MomentBody,
    SendBody,
    StartBody,
    TagRetryBody,
    WelcomeBody,
)
from .service import Wecom, wecom_of
from .views import (
    callback_view,
    file_view,
    follow_views,
    invite_views,
    link_view,
    moment_view,
    outcome_view,
    push_view,
    quota_view,
    send_views,
    sync_state_view,
    welcome_view,
)

blueprint = flask.Blueprint("wecom", __name__)

READ = "wecom:read"
WRITE = "wecom:write"
SEND = "wecom:send"


@blueprint.get("/report")
@permission(READ)
def report() -> Any:
    """What members of staff have."""
    return flask.jsonify(wecom_report().record())


@blueprint.get("/callbacks")
@permission(READ)
def callback_list() -> Any:
    """Callbacks, oldest first; of one ``state`` when asked."""
    brand, limit = current_brand(), query_number("limit", 50)
    found = callbacks.page(
        state=flask.request.args.get("state", ""), after=query_number("after", 0), limit=limit
    )
    return flask.jsonify({"callbacks": [callback_view(c, brand) for c in found], "next": next_after(found, limit)})


@blueprint.get("/follows")
@permission(READ)
def follow_list() -> Any:
    """Relations of staff and customers, oldest first; those of one ``contact`` (uid) when asked."""
    brand, limit, uid = current_brand(), query_number("limit", 50), flask.request.args.get("contact")
    if uid is not None:
        found = follows.of_contact(brand.contacts.get(uid).id)
        return flask.jsonify({"follows": follow_views(found, brand), "next": None})
    found = follows.page(after=query_number("after", 0), limit=limit)
    return flask.jsonify({"follows": follow_views(found, brand), "next": next_after(found, limit)})


@blueprint.get("/sync")
@permission(READ)
def sync_state() -> Any:
    """How far the newest full sync is, and which is ``wanted`` and has not begun; null where there is none."""
    return flask.jsonify(sync_state_view(current_brand()))


@blueprint.post("/sync")
@permission(WRITE)
def sync_want() -> Any:
    """Have the job begin a full sync, within a minute."""
    wishes.want_sync(_wecom(), actor=current_actor())
    return flask.jsonify(sync_state_view(current_brand())), 202


@blueprint.delete("/sync")
@permission(WRITE)
def sync_stop() -> Any:
    """Want no sync any more, or end the one that runs, unfinished."""
    wishes.stop_sync(_wecom(), actor=current_actor())
    return flask.jsonify(sync_state_view(current_brand()))


@blueprint.get("/tags/waiting")
@permission(READ)
def tag_waiting() -> Any:
    """Relations whose tags wait to be told to WeCom, oldest first, with why not yet (``error``)."""
    limit = query_number("limit", 50)
    found = tasks.pushes(query_number("after", 0), limit)
    views = [push_view(each, current_brand()) for each in found]
    return flask.jsonify({"waiting": views, "next": next_after(found, limit)})


@blueprint.post("/tags/retry")
@permission(WRITE)
def tag_retry() -> Any:
    """Tell WeCom tags again at once: of one relation (``follow``), or of those that it refused, 200 at a time."""
    follow = load_body(TagRetryBody(), flask.request.get_json())["follow"]
    retried = tasks.retry(current_brand(), None if follow is None else str(follow), actor=current_actor())
    return flask.jsonify({"retried": retried})


@blueprint.get("/welcomes")
@permission(READ)
def welcome_list() -> Any:
    """Every welcome."""
    brand = current_brand()
    return flask.jsonify({"welcomes": [welcome_view(each, brand) for each in Greetings(brand).all()]})


@blueprint.put("/welcomes")
@permission(WRITE)
def welcome_put() -> Any:
    """Say what people hear: for a ``channel`` and an ``audience``, or for everybody else."""
    body = load_body(WelcomeBody(), flask.request.get_json())
    brand = current_brand()
    return flask.jsonify(welcome_view(Greetings(brand).put(**body, actor=current_actor()), brand))


@blueprint.delete("/welcomes")
@permission(WRITE)
def welcome_remove() -> Any:
    """Say it no more."""
    args = flask.request.args
    Greetings(current_brand()).remove(args.get("channel", ""), args.get("audience", ""), actor=current_actor())
    return flask.jsonify({"removed": True})


@blueprint.get("/sends")
@permission(READ)
def send_list() -> Any:
    """Group sends, the newest first, with what became of their messages."""
    return flask.jsonify({"sends": send_views(_wecom().sends.all(), current_brand())})


@blueprint.post("/sends")
@permission(SEND)
def send_open() -> Any:
    """Make a group send as a draft; the answer counts whom it would reach, and why others not."""
    body = load_body(SendBody(), flask.request.get_json())
    return flask.jsonify(outcome_view(_wecom().sends.open(**body, actor=current_actor()))), 201


@blueprint.post("/sends/start")
@permission(SEND)
def send_start() -> Any:
    """Let a draft go."""
    body = load_body(StartBody(), flask.request.get_json())
    _wecom().sends.start(body["code"], actor=current_actor())
    return flask.jsonify(send_views([_wecom().sends.get(body["code"])], current_brand())[0])


@blueprint.get("/moments")
@permission(READ)
def moment_list() -> Any:
    """Moments, the newest first."""
    return flask.jsonify({"moments": _moment_views(_wecom().moments.all())})


@blueprint.post("/moments")
@permission(SEND)
def moment_post() -> Any:
    """Have a moment made by staff."""
    body = load_body(MomentBody(), flask.request.get_json())
    return flask.jsonify(_moment_views([_wecom().moments.post(**body, actor=current_actor())])[0]), 201


@blueprint.get("/links")
@permission(READ)
def link_list() -> Any:
    """Acquisition links, oldest first, with whom they brought, and what is left of what was bought."""
    limit = query_number("limit", 50)
    found = _wecom().links.page(after=query_number("after", 0), limit=limit)
    left = quota_view(link_news.quota(), current_brand())
    return flask.jsonify({"links": _link_views(found), "next": next_after(found, limit), "quota": left})


@blueprint.post("/links")
@permission(WRITE)
def link_create() -> Any:
    """Have an acquisition link made, for a channel and an activity that runs or is to come."""
    body = load_body(LinkBody(), flask.request.get_json())
    return flask.jsonify(_link_views([_wecom().links.create(**body, actor=current_actor())])[0]), 201


@blueprint.post("/links/activity")
@permission(WRITE)
def link_activity() -> Any:
    """Say what people come for by a link; one that was paused by the end of its activity is handed out again."""
    body = load_body(LinkActivityBody(), flask.request.get_json())
    return flask.jsonify(_link_views([_wecom().links.set_activity(**body, actor=current_actor())])[0])


@blueprint.post("/links/pause")
@permission(WRITE)
def link_pause() -> Any:
    """Hand a link out no more, or again."""
    body = load_body(LinkPauseBody(), flask.request.get_json())
    return flask.jsonify(_link_views([_wecom().links.pause(**body, actor=current_actor())])[0])


@blueprint.post("/links/renew")
@permission(WRITE)
def link_renew() -> Any:
    """Have a link made anew that failed or was deleted."""
    body = load_body(LinkRenewBody(), flask.request.get_json())
    return flask.jsonify(_link_views([_wecom().links.renew(**body, actor=current_actor())])[0])


@blueprint.delete("/links")
@permission(WRITE)
def link_delete() -> Any:
    """Delete a link (``code``) for ever."""
    found = _wecom().links.delete(flask.request.args.get("code", ""), actor=current_actor())
    return flask.jsonify(_link_views([found])[0])


@blueprint.get("/media")
@permission(READ)
def media_list() -> Any:
    """Files for messages, oldest first."""
    brand, limit = current_brand(), query_number("limit", 50)
    found = Media(brand).page(after=query_number("after", 0), limit=limit)
    return flask.jsonify({"files": [file_view(each, brand) for each in found], "next": next_after(found, limit)})


@blueprint.get("/invitations")
@permission(READ)
def invite_list() -> Any:
    """Invitations, the newest first, with what became of their messages."""
    return flask.jsonify({"invitations": invite_views(_wecom().invitations.page(), current_brand())})


@blueprint.post("/invitations")
@permission(SEND)
def invite_open() -> Any:
    """Make an invitation as a draft; the answer counts whom it would reach, and why others not."""
    body = load_body(InviteBody(), flask.request.get_json())
    return flask.jsonify(outcome_view(_wecom().invitations.open(**body, actor=current_actor()))), 201


@blueprint.post("/invitations/start")
@permission(SEND)
def invite_start() -> Any:
    """Let a draft go."""
    body = load_body(StartBody(), flask.request.get_json())
    _wecom().invitations.start(body["code"], actor=current_actor())
    return flask.jsonify(invite_views([_wecom().invitations.get(body["code"])], current_brand())[0])


def _wecom() -> Wecom:
    return wecom_of(current_brand())


def _moment_views(found: list[Moment]) -> list[dict[str, Any]]:
    brand, moments = current_brand(), _wecom().moments
    return [moment_view(each, moments.wait(each.state, each.next_at), brand) for each in found]


def _link_views(found: list[AcquisitionLink]) -> list[dict[str, Any]]:
    brought, links, brand = link_news.brought([each.id for each in found]), _wecom().links, current_brand()
    return [link_view(each, brought.get(each.id, (0, 0)), links.door(each.code), brand) for each in found]
