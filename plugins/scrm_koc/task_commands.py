"""``scrm koc task``, ``invite``, ``submit``, ``step`` and the like: tasks for KOCs and what became of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from scrm_core.api import CommandSession, Invalid, actor_option, json_option, load_body, of_brand, paged

from .schemas import SubmissionBody, TaskBody, TaskChangeBody
from .service import koc_of
from .views import task_view, work_details, work_view
from .work import MOVES

WORK = ["uid", "task", "member", "state", "due_on", "late_at"]


def add_commands(group: click.Group) -> None:
    """Put the commands of tasks into ``scrm koc``."""
    for command in (task, change_task, close_task, invite, works, work, submit, step):
        group.add_command(command)


def _file(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as exc:
        raise Invalid(f"{path} is no JSON: {exc}", field="file") from exc


_json_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


_dry_run = click.option("--dry-run", is_flag=True, help="Tell what it would pay at worst; write nothing.")


@click.command("task")
@of_brand
@_json_file
@_dry_run
@actor_option
@json_option
def task(session: CommandSession, brand_id: str, file: Path, dry_run: bool, actor: str, as_json: bool) -> None:
    """Make a task of a JSON file (the body of POST /tasks)."""
    body = load_body(TaskBody(), _file(file))
    with session.brand(brand_id) as brand:
        tasks = koc_of(brand).tasks
        view = tasks.dry_run(body) if dry_run else task_view(tasks.create(body, actor=actor), brand)
    show_worst(session, view, as_json) if dry_run else session.show_record(view, as_json=as_json)


@click.command("change-task")
@of_brand
@click.argument("code", metavar="TASK")
@_json_file
@_dry_run
@actor_option
@json_option
def change_task(
    session: CommandSession, brand_id: str, code: str, file: Path, dry_run: bool, actor: str, as_json: bool
) -> None:
    """Change a task as a JSON file says; once KOCs are invited, only its last day, to a later one."""
    body = load_body(TaskChangeBody(), _file(file))
    with session.brand(brand_id) as brand:
        tasks = koc_of(brand).tasks
        view = tasks.dry_change(code, body) if dry_run else task_view(tasks.change(code, body, actor=actor), brand)
    show_worst(session, view, as_json) if dry_run else session.show_record(view, as_json=as_json)


@click.command("close-task")
@of_brand
@click.argument("code", metavar="TASK")
@actor_option
@json_option
def close_task(session: CommandSession, brand_id: str, code: str, actor: str, as_json: bool) -> None:
    """Invite nobody to a task any more; work that goes on goes on."""
    with session.brand(brand_id) as brand:
        view = task_view(koc_of(brand).tasks.close(code, actor=actor), brand)
    session.show_record(view, as_json=as_json)


@click.command("invite")
@of_brand
@click.argument("task_code", metavar="TASK")
@click.argument("codes", metavar="CODE...", nargs=-1, required=True)
@_dry_run
@actor_option
def invite(
    session: CommandSession, brand_id: str, task_code: str, codes: tuple[str, ...], dry_run: bool, actor: str
) -> None:
    """Give a task to KOCs; prints the uid of each one's work."""
    with session.brand(brand_id) as brand:
        tasks = koc_of(brand).tasks
        view = tasks.dry_invite(task_code, codes) if dry_run else {}
        uids = [] if dry_run else tasks.invite(task_code, codes, actor=actor)
    if dry_run:
        show_worst(session, view, as_json=False)
    for uid in uids:
        click.echo(uid)


def show_worst(session: CommandSession, view: dict[str, Any], as_json: bool) -> None:
    """Print what a dry run tells; on a screen each note is a line of its own."""
    if as_json:
        session.show_record(view, as_json=True)
        return
    rates = view.get("rates", [])
    session.show_record({name: value for name, value in view.items() if name not in ("notes", "rates")})
    if rates:
        session.show(list(rates[0]), [list(each.values()) for each in rates])
    for note in view["notes"]:
        click.echo(f"{note['en']} {note['zh']}")


@click.command("works")
@of_brand
@click.option("--task", "task_code", help="Of this task alone.")
@click.option("--state", help="In this state alone.")
@paged
@json_option
def works(
    session: CommandSession, brand_id: str, task_code: str | None, state: str | None, after: int, limit: int,
    as_json: bool,
) -> None:  # fmt: skip
    """Work on tasks, oldest first."""
    with session.brand(brand_id) as brand:
        found = koc_of(brand).works.page(task=task_code, state=state, after=after, limit=limit)
        views = [work_view(each, brand) for each in found]
    session.show(WORK, [[view[name] for name in WORK] for view in views], as_json=as_json)


@click.command("work")
@of_brand
@click.argument("uid")
def work(session: CommandSession, brand_id: str, uid: str) -> None:
    """A piece of work with its steps and what was handed in, as JSON."""
    with session.brand(brand_id) as brand:
        found = koc_of(brand).works
        view = work_details(found, found.get(uid), brand)
    session.show_record(view, as_json=True)


@click.command("submit")
@of_brand
@click.argument("uid")
@_json_file
@actor_option
@json_option
def submit(session: CommandSession, brand_id: str, uid: str, file: Path, actor: str, as_json: bool) -> None:
    """Hand in a JSON file (the body of POST /works/UID/submit)."""
    body = load_body(SubmissionBody(), _file(file))
    with session.brand(brand_id) as brand:
        view = work_view(koc_of(brand).works.submit(uid, body, actor=actor), brand)
    session.show_record(view, as_json=as_json)


@click.command("step")
@of_brand
@click.argument("uid")
@click.argument("action", type=click.Choice(list(MOVES)))
@click.option("--reason", default="", help="Why; a return and a violation need it.")
@click.option("--quality", type=click.IntRange(1, 5), help="Of an approval.")
@click.option("--digest", default="", help="Of what you saw: an approval or a return of anything else is refused.")
@click.option("--link", default="", help="Where it was published.")
@actor_option
@json_option
def step(
    session: CommandSession, brand_id: str, uid: str, action: str, reason: str, quality: int | None, digest: str,
    link: str, actor: str, as_json: bool,
) -> None:  # fmt: skip
    """Take a piece of work a step further."""
    with session.brand(brand_id) as brand:
        moved = koc_of(brand).works.move(
            uid, action, actor=actor, reason=reason, quality=quality, digest=digest, link=link
        )
        view = work_view(moved, brand)
    session.show_record(view, as_json=as_json)
