"""``scrm games``: held prizes are reviewed, failed ones granted again, draws checked by anybody."""

from __future__ import annotations

import json
from pathlib import Path

import click

from scrm_core.api import CommandSession, Invalid, actor_option, json_option, of_brand

from .engine.verifying import verify_file
from .service import games_of

CODE = click.argument("code", metavar="CAMPAIGN")
DRAW = click.argument("uid", metavar="DRAW")
FAILED = 1


@click.group("review")
def review() -> None:
    """Held prizes 审核: list, approve, reject, void."""


@review.command("list")
@of_brand
@json_option
def list_reviews(session: CommandSession, brand_id: str, as_json: bool) -> None:
    """Prizes that wait for a person's word, with what was seen."""
    headings = ("uid", "campaign", "prize", "value_minor", "contact", "score", "signals", "approved_by", "needed")
    with session.brand(brand_id) as brand:
        queue = games_of(brand).reviews.queue(limit=1_000)
    session.show(headings, [[record[name] for name in headings] for record in queue], as_json=as_json)


@review.command("approve")
@of_brand
@DRAW
@actor_option
@click.option("--reason", default="", help="Why.")
def approve(session: CommandSession, brand_id: str, uid: str, actor: str, reason: str) -> None:
    """Approve a held prize; above a value two persons have to."""
    with session.brand(brand_id) as brand:
        state = games_of(brand).reviews.approve(uid, actor=actor, reason=reason)
    click.echo(f"{uid} is {state}")


@review.command("reject")
@of_brand
@DRAW
@actor_option
@click.option("--reason", required=True, help="Why; the player is told.")
def reject(session: CommandSession, brand_id: str, uid: str, actor: str, reason: str) -> None:
    """Reject a held prize; stock and budget return."""
    with session.brand(brand_id) as brand:
        state = games_of(brand).reviews.reject(uid, actor=actor, reason=reason)
    click.echo(f"{uid} is {state}")


@review.command("void")
@of_brand
@DRAW
@actor_option
@click.option("--reason", required=True, help="Why; the player is told.")
def void(session: CommandSession, brand_id: str, uid: str, actor: str, reason: str) -> None:
    """Take a prize back before it is granted."""
    with session.brand(brand_id) as brand:
        games_of(brand).fulfilment.void(uid, reason=reason, actor=actor)
    click.echo(f"{uid} is void")


@click.command("failed")
@of_brand
@json_option
def failed(session: CommandSession, brand_id: str, as_json: bool) -> None:
    """Prizes whose granting failed."""
    headings = ("uid", "campaign", "prize", "state", "attempts", "error")
    with session.brand(brand_id) as brand:
        rows = games_of(brand).fulfilment.failed(limit=1_000)
    session.show(headings, [[row[name] for name in headings] for row in rows], as_json=as_json)


@click.command("replay")
@of_brand
@DRAW
def replay(session: CommandSession, brand_id: str, uid: str) -> None:
    """Try to grant a failed prize again; it is never granted twice."""
    with session.brand(brand_id) as brand:
        state = games_of(brand).fulfilment.replay(uid)
    click.echo(f"{uid} is {state}")


@click.command("verify")
@of_brand
@DRAW
@json_option
@click.pass_context
def verify(ctx: click.Context, session: CommandSession, brand_id: str, uid: str, as_json: bool) -> None:
    """Check a draw: commitment, table, number, prize and decision. Exit code 1 when one does not hold."""
    with session.brand(brand_id) as brand:
        _, found = games_of(brand).verify(uid)
    rows = [[check.name, "holds" if check.holds else "DOES NOT HOLD", check.detail] for check in found]
    session.show(("check", "result", "detail"), rows, as_json=as_json)
    if not all(check.holds for check in found):
        ctx.exit(FAILED)


@click.command("draws")
@of_brand
@CODE
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The file to write.")
def draws(session: CommandSession, brand_id: str, code: str, out: Path) -> None:
    """Write the file with which anybody checks the draws of CAMPAIGN; the seed is in it once it is revealed."""
    with session.brand(brand_id) as brand:
        told = games_of(brand).published_file(code)
    out.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    click.echo(f"{len(told['draws'])} draws written to {out}")


@click.command("verify-file")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--draw", "uid", default="", help="Only this draw.")
@click.pass_context
def verify_published(ctx: click.Context, file: Path, uid: str) -> None:
    """Check every draw of a published FILE, with nothing but the file. Exit code 1 when one does not hold."""
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as exc:
        raise Invalid(f"{file}: no JSON file: {exc}") from None
    results = [(draw, check) for draw, check in verify_file(told) if not uid or draw in ("", uid)]
    wrong = [(draw, check) for draw, check in results if not check.holds]
    for draw, check in wrong:
        click.echo(f"{draw or 'campaign'}: {check.name} DOES NOT HOLD: {check.detail}")
    checked = len({draw for draw, _ in results if draw})
    click.echo(f"{checked} draws checked, {len(wrong)} checks do not hold")
    if wrong:
        ctx.exit(FAILED)


def add_commands(group: click.Group) -> None:
    """Put these commands on the plugin's group."""
    for command in (review, failed, replay, verify, draws, verify_published):
        group.add_command(command)
