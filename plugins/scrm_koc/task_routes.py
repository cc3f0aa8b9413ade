"""Routes of tasks and of the work on them."""

from __future__ import annotations

from typing import Any

import flask

from scrm_core.api import NotFound, current_actor, permission, query_number

from .requests import MANAGE, READ, REVIEW, body_of, koc_here
from .schemas import ApproveBody, InviteAsked, StepBody, SubmissionBody, TaskAsked, TaskChangeAsked
from .views import task_view, work_details, work_view

HANDS = ("accept", "decline", "send-sample", "receive", "withdraw", "publish")
JUDGEMENTS = ("return", "verify", "violate")


@permission(READ)
def tasks() -> Any:
    """Tasks, oldest first."""
    koc, limit = koc_here(), query_number("limit", 50)
    found = koc.tasks.page(after=query_number("after", 0), limit=limit)
    onward = found[-1].id if len(found) == limit else None
    return flask.jsonify({"tasks": [task_view(each, koc.brand) for each in found], "next": onward})


@permission(MANAGE)
def create_task() -> Any:
    """Make a task, or with ``dry_run`` only tell what it would pay at worst; a brief that demands praise is refused.

    The same task again answers it as it is.
    """
    body, koc = body_of(TaskAsked()), koc_here()
    if body.pop("dry_run"):
        return flask.jsonify(koc.tasks.dry_run(body))
    return flask.jsonify(task_view(koc.tasks.create(body, actor=current_actor()), koc.brand)), 201


@permission(READ)
def task(code: str) -> Any:
    """A task, and the first 500 pieces of work on it; ``/works?task=`` goes on."""
    koc = koc_here()
    works = [work_view(each, koc.brand) for each in koc.works.page(task=code, limit=500)]
    return flask.jsonify({**task_view(koc.tasks.get(code), koc.brand), "works": works})


@permission(MANAGE)
def change_task(code: str) -> Any:
    """Change a task; once KOCs are invited, only its last day, to a later one. ``dry_run`` only tells what it pays."""
    body, koc = body_of(TaskChangeAsked()), koc_here()
    if body.pop("dry_run"):
        return flask.jsonify(koc.tasks.dry_change(code, body))
    return flask.jsonify(task_view(koc.tasks.change(code, body, actor=current_actor()), koc.brand))


@permission(MANAGE)
def invite(code: str) -> Any:
    """Give a task to KOCs, once each; with ``dry_run`` only tell what that would pay at worst."""
    body, koc = body_of(InviteAsked()), koc_here()
    if body["dry_run"]:
        return flask.jsonify(koc.tasks.dry_invite(code, body["members"]))
    return flask.jsonify({"works": koc.tasks.invite(code, body["members"], actor=current_actor())}), 201


@permission(MANAGE)
def close_task(code: str) -> Any:
    """Invite nobody any more."""
    koc = koc_here()
    return flask.jsonify(task_view(koc.tasks.close(code, actor=current_actor()), koc.brand))


@permission(READ)
def works() -> Any:
    """Work on tasks, oldest first; of one ``task``, in one ``state`` (submitted waits for a reviewer)."""
    koc, args, limit = koc_here(), flask.request.args, query_number("limit", 50)
    found = koc.works.page(task=args.get("task"), state=args.get("state"), after=query_number("after", 0), limit=limit)
    onward = found[-1].id if len(found) == limit else None
    return flask.jsonify({"works": [work_view(each, koc.brand) for each in found], "next": onward})


@permission(READ)
def work(uid: str) -> Any:
    """A piece of work with its steps and what was handed in."""
    koc = koc_here()
    return flask.jsonify(work_details(koc.works, koc.works.get(uid), koc.brand))


@permission(READ)
def picture(uid: str, sha256: str) -> Any:
    """A picture that was sent on the KOC's page (``koc/<sha256>`` in a submission), as JPEG."""
    koc = koc_here()
    data = koc.pictures.bytes_of(koc.works.get(uid).id, sha256)
    headers = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"}
    return flask.Response(data, mimetype="image/jpeg", headers=headers)


@permission(MANAGE)
def submit(uid: str) -> Any:
    """Hand in text, pictures by reference and hash, and the link."""
    body, koc = body_of(SubmissionBody()), koc_here()
    koc.works.submit(uid, body, actor=current_actor())
    return flask.jsonify(work_details(koc.works, koc.works.get(uid), koc.brand)), 201


@permission(REVIEW)
def approve(uid: str) -> Any:
    """Approve what was handed in, with its quality."""
    body, koc = body_of(ApproveBody()), koc_here()
    moved = koc.works.move(uid, "approve", actor=current_actor(), **body)
    return flask.jsonify(work_view(moved, koc.brand))


@permission(MANAGE)
def step(uid: str, action: str) -> Any:
    """Take a step of the KOC's or of the shop's: accept, decline, send-sample, receive, withdraw, publish."""
    return _move(uid, action, HANDS)


@permission(REVIEW)
def judge(uid: str, action: str) -> Any:
    """Return what was handed in, verify what was published, or find a violation (violate)."""
    return _move(uid, action, JUDGEMENTS)


def _move(uid: str, action: str, allowed: tuple[str, ...]) -> Any:
    if action not in allowed:
        raise NotFound(f"an action here is one of {', '.join(allowed)}")
    body, koc = body_of(StepBody()), koc_here()
    moved = koc.works.move(uid, action, actor=current_actor(), **body)
    return flask.jsonify(work_view(moved, koc.brand))


def add_routes(blueprint: flask.Blueprint) -> None:
    """Put the routes of tasks on the plugin's blueprint."""
    blueprint.get("/tasks")(tasks)
    blueprint.post("/tasks")(create_task)
    blueprint.get("/tasks/<code>")(task)
    blueprint.patch("/tasks/<code>")(change_task)
    blueprint.post("/tasks/<code>/invite")(invite)
    blueprint.post("/tasks/<code>/close")(close_task)
    blueprint.get("/works")(works)
    blueprint.get("/works/<uid>")(work)
    blueprint.get("/works/<uid>/pictures/<sha256>")(picture)
    blueprint.post("/works/<uid>/submit")(submit)
    blueprint.post("/works/<uid>/approve")(approve)
    blueprint.post("/works/<uid>/step/<action>")(step)
    blueprint.post("/works/<uid>/judge/<action>")(judge)
