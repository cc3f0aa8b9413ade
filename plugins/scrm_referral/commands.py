"""``scrm referral``: campaigns, sign-ups, invitees, the audit queue, posters, figures."""

from __future__ import annotations

import csv
import json
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from scrm_core.api import (
    CommandSession,
    Invalid,
    NotFound,
    ScrmError,
    actor_option,
    find_contact,
    json_option,
    of_brand,
    paged,
)

from . import relations
from .campaigns import Campaigns
from .poster import poster_of
from .report import COLUMNS, export
from .rungs import STATES
from .schemas import NAME, TRAITS
from .service import referrals_of
from .views import campaign_view, figures_view, invitee_view, inviter_view, rung_view

CAMPAIGN = ["code", "state", "template", "surface", "quota", "accepted", "budget_minor", "spent_minor"]
INVITER = ["contact", "state", "staff", "code", "link"]
INVITEE = ["uid", "contact", "inviter", "state", "reason", "score", "bound_at", "qualified_at"]
REWARD = ["uid", "campaign", "inviter", "invites", "item", "value_minor", "state", "reason", "needed"]
_VERDICTS = click.Choice(["approve", "refuse"])

_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
_code = click.argument("code", metavar="CAMPAIGN")
_contact = click.argument("contact")


def _tell_more(found: Sequence[Any], limit: int) -> None:
    if len(found) == limit:
        click.echo(f"more: --after {found[-1].id}", err=True)


def _read(file: Path) -> Any:
    """A definition from a TOML or JSON file; raises Invalid for one that cannot be read."""
    try:
        text = file.read_text(encoding="utf-8")
        return json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
    except ValueError as exc:
        raise Invalid(f"{file}: {exc}") from None


def _table(session: CommandSession, names: list[str], views: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(views, ensure_ascii=False, indent=2))
        return
    session.show(names, [[view[name] for name in names] for view in views], as_json=False)


def _tell_whether(found: dict[str, Any]) -> None:
    """End with 1 when the definition would not be published as it is."""
    if found["problems"] or found["shortages"]:
        click.get_current_context().exit(1)


@click.group(name=NAME)
def group() -> None:
    """Referral 老带新: campaigns, sign-ups, invitees, audits, figures."""


@group.command("dry-run")
@of_brand
@_file
@json_option
def dry_run(session: CommandSession, brand_id: str, file: Path, as_json: bool) -> None:
    """What FILE (TOML or JSON) would publish, what keeps it from that, and what its ladder costs; writes nothing."""
    with session.brand(brand_id) as brand:
        found = referrals_of(brand).dry_run(_read(file))
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        _tell_whether(found)
        return
    for row in found["ladder"]:
        click.echo(f"{row['invites']} qualified: {row['total']} in all ({found['mode']}), {row['per_qualified']} each")
    for word in ("problem", "shortage", "warning"):
        for sentence in found[f"{word}s"]:
            click.echo(f"{word}: {sentence}")
    _tell_whether(found)


@group.command("create")
@of_brand
@_file
@actor_option
@json_option
def create(session: CommandSession, brand_id: str, file: Path, actor: str, as_json: bool) -> None:
    """Make a draft from the definition in FILE (TOML or JSON)."""
    with session.brand(brand_id) as brand:
        view = campaign_view(referrals_of(brand).campaigns.create(_read(file), actor=actor), brand)
    session.show_record(view, as_json=as_json)


@group.command("change")
@of_brand
@_code
@_file
@actor_option
@json_option
def change(session: CommandSession, brand_id: str, code: str, file: Path, actor: str, as_json: bool) -> None:
    """Change the members of a draft's definition that FILE (TOML or JSON) names; the others stay."""
    with session.brand(brand_id) as brand:
        view = campaign_view(referrals_of(brand).campaigns.change(code, _read(file), actor=actor), brand)
    session.show_record(view, as_json=as_json)


@group.command("publish")
@of_brand
@_code
@click.option("--confirm", is_flag=True, help="Accept that issuers have not enough for the ladder yet.")
@actor_option
@json_option
def publish(session: CommandSession, brand_id: str, code: str, confirm: bool, actor: str, as_json: bool) -> None:
    """Open a draft."""
    with session.brand(brand_id) as brand:
        view = campaign_view(referrals_of(brand).campaigns.publish(code, actor=actor, confirm=confirm), brand)
    session.show_record(view, as_json=as_json)


@group.command("close")
@of_brand
@_code
@actor_option
def close(session: CommandSession, brand_id: str, code: str, actor: str) -> None:
    """Take no more sign-ups and invitees; steps, audits and refunds go on."""
    try:
        brand = session.brand(brand_id)
        campaigns = referrals_of(brand).campaigns
    except NotFound:
        raise
    except ScrmError:
        # The brand's file is refused: an open campaign whose rewards nobody issues any more is
        # such an error, and closing it is what mends that.
        brand = session.core_brand(brand_id)
        campaigns = Campaigns(brand, {})
    with brand:
        campaigns.close(code, actor=actor)
    click.echo(f"{code} is closed")


@group.command("enlarge")
@of_brand
@_code
@click.argument("quota", type=int)
@actor_option
def enlarge(session: CommandSession, brand_id: str, code: str, quota: int, actor: str) -> None:
    """Raise the number of places to QUOTA; who waited longest comes off the wait-list."""
    with session.brand(brand_id) as brand:
        promoted = referrals_of(brand).campaigns.enlarge(code, quota, actor=actor)
    click.echo(f"{len(promoted)} came off the wait-list")


@group.command("fund")
@of_brand
@_code
@click.argument("budget_minor", type=int)
@actor_option
def fund(session: CommandSession, brand_id: str, code: str, budget_minor: int, actor: str) -> None:
    """Raise the budget to BUDGET_MINOR; what waits for money is granted by the job."""
    with session.brand(brand_id) as brand:
        referrals_of(brand).campaigns.fund(code, budget_minor, actor=actor)
    click.echo(f"{code} may spend {budget_minor}")


@group.command("restock")
@of_brand
@_code
@click.argument("invites", type=int)
@click.argument("stock", type=int)
@actor_option
def restock(session: CommandSession, brand_id: str, code: str, invites: int, stock: int, actor: str) -> None:
    """Raise the stock of the rung for INVITES to STOCK; what waits for it is granted by the job."""
    with session.brand(brand_id) as brand:
        referrals_of(brand).campaigns.restock(code, invites, stock, actor=actor)
    click.echo(f"{code} has {stock} of the rung for {invites}")


@group.command("list")
@of_brand
@json_option
def list_campaigns(session: CommandSession, brand_id: str, as_json: bool) -> None:
    """All campaigns, oldest first."""
    with session.brand(brand_id) as brand:
        views = [campaign_view(each, brand) for each in referrals_of(brand).campaigns.all()]
    _table(session, CAMPAIGN, views, as_json)


@group.command("show")
@of_brand
@_code
@json_option
def show(session: CommandSession, brand_id: str, code: str, as_json: bool) -> None:
    """A campaign with its figures."""
    with session.brand(brand_id) as brand:
        campaign = referrals_of(brand).campaigns.get(code)
        view = {**campaign_view(campaign, brand), **figures_view(campaign, brand)}
    session.show_record(view, as_json=as_json)


@group.command("sign-up")
@of_brand
@_code
@_contact
@json_option
def sign_up(session: CommandSession, brand_id: str, code: str, contact: str, as_json: bool) -> None:
    """Sign CONTACT (uid, phone=NUMBER) up: accepted while there are places, then waiting."""
    with session.brand(brand_id) as brand:
        here = referrals_of(brand)
        view = inviter_view(here.campaigns.sign_up(code, find_contact(brand, contact).id), here)
    session.show_record(view, as_json=as_json)


@group.command("leave")
@of_brand
@_code
@_contact
def leave(session: CommandSession, brand_id: str, code: str, contact: str) -> None:
    """Give CONTACT's place up; who waited longest gets it."""
    with session.brand(brand_id) as brand:
        promoted = referrals_of(brand).campaigns.leave(code, find_contact(brand, contact).id)
    click.echo(f"{len(promoted)} came off the wait-list")


@group.command("inviters")
@of_brand
@_code
@paged
@json_option
def inviters(session: CommandSession, brand_id: str, code: str, after: int, limit: int, as_json: bool) -> None:
    """Who signed up, in order, those who wait among them."""
    with session.brand(brand_id) as brand:
        here = referrals_of(brand)
        found = here.campaigns.inviters(code, after=after, limit=limit)
        views = [inviter_view(each, here) for each in found]
    _table(session, INVITER, views, as_json)
    _tell_more(found, limit)


@group.command("poster")
@of_brand
@_code
@_contact
@click.option("--output", "-o", required=True, type=click.Path(dir_okay=False, path_type=Path), help="PNG file.")
def poster(session: CommandSession, brand_id: str, code: str, contact: str, output: Path) -> None:
    """Write CONTACT's personal poster."""
    with session.brand(brand_id) as brand:
        here = referrals_of(brand)
        person = here.accepted(code, find_contact(brand, contact).id)
        picture = poster_of(here, here.campaigns.get(code), person)
    try:
        output.write_bytes(picture)
    except OSError as exc:
        raise Invalid(f"{output}: {exc.strerror}", field="output") from None
    click.echo(f"wrote {output}")


@group.command("touch")
@of_brand
@click.argument("personal_code")
@_contact
@click.option("--kind", type=click.Choice(["click", "opened", "added"]), default="opened", show_default=True)
@json_option
def touch(session: CommandSession, brand_id: str, personal_code: str, contact: str, kind: str, as_json: bool) -> None:
    """Say that CONTACT came by PERSONAL_CODE; a click makes a candidate only."""
    with session.brand(brand_id) as brand:
        view = referrals_of(brand).counting.touch(personal_code, find_contact(brand, contact).id, kind)
    session.show_record(view, as_json=as_json)


@group.command("trait")
@of_brand
@_code
@_contact
@click.argument("kind", type=click.Choice(TRAITS))
@click.argument("value")
def trait(session: CommandSession, brand_id: str, code: str, contact: str, kind: str, value: str) -> None:
    """Note what CONTACT was seen with; only a keyed hash of VALUE is kept."""
    with session.brand(brand_id) as brand:
        referrals_of(brand).add_trait(code, find_contact(brand, contact).id, kind, value)
    click.echo("noted")


@group.command("invitees")
@of_brand
@_code
@click.option("--state", type=click.Choice(relations.STATES), help="Of this state alone.")
@click.option("--inviter", help="Of this inviter alone: a contact's uid, phone=NUMBER.")
@paged
@json_option
def invitees(
    session: CommandSession, brand_id: str, code: str, state: str | None, inviter: str | None, after: int, limit: int,
    as_json: bool,
) -> None:  # fmt: skip
    """Invitees, oldest first; --json shows the proof of each gate and every signal."""
    with session.brand(brand_id) as brand:
        found = relations.page(
            referrals_of(brand).campaigns.get(code).id, state=state or "",
            inviter=None if inviter is None else find_contact(brand, inviter).id, after=after, limit=limit,
        )  # fmt: skip
        views = [invitee_view(each, brand) for each in found]
    _table(session, INVITEE, views, as_json)
    _tell_more(found, limit)


@group.command("review")
@of_brand
@click.argument("uid", metavar="INVITEE")
@click.argument("verdict", type=_VERDICTS)
@click.option("--reason", required=True, help="Why; it stays on record.")
@actor_option
def review(session: CommandSession, brand_id: str, uid: str, verdict: str, reason: str, actor: str) -> None:
    """Let a held invitee count, or refuse them."""
    with session.brand(brand_id) as brand:
        found = referrals_of(brand).counting.review(uid, verdict, reason=reason, actor=actor)
    click.echo(f"{uid} is {found.state}")


@group.command("queue")
@of_brand
@click.option(
    "--state", type=click.Choice(STATES), help="Of this state; default: due, or approved but not grantable."
)
@paged
@json_option
def queue(session: CommandSession, brand_id: str, state: str | None, after: int, limit: int, as_json: bool) -> None:
    """Rewards that wait for staff; --json shows what stands behind each."""
    with session.brand(brand_id) as brand:
        here = referrals_of(brand)
        found = here.rungs.queue(state=state or "", after=after, limit=limit)
        views = [rung_view(each, here) for each in found]
    _table(session, REWARD, views, as_json)
    _tell_more(found, limit)


@group.command("audit")
@of_brand
@click.argument("uid", metavar="REWARD")
@click.argument("verdict", type=_VERDICTS)
@click.option("--reason", default="", help="Why; needed to refuse.")
@actor_option
@json_option
def audit(
    session: CommandSession, brand_id: str, uid: str, verdict: str, reason: str, actor: str, as_json: bool
) -> None:
    """Approve or refuse a reward; from the campaign's value on two persons must approve."""
    with session.brand(brand_id) as brand:
        here = referrals_of(brand)
        view = rung_view(here.rungs.review(uid, verdict, reason=reason, actor=actor), here)
    session.show_record({name: view[name] for name in REWARD}, as_json=as_json)


@group.command("settle")
@of_brand
def settle(session: CommandSession, brand_id: str) -> None:
    """Do now what the job does every ten minutes: look at gates again, grant what was observed long enough."""
    with session.brand(brand_id) as brand:
        counted, granted = referrals_of(brand).settle()
    click.echo(f"{counted} invitees count now, {granted} rewards granted")


@group.command("report")
@of_brand
@json_option
def report(session: CommandSession, brand_id: str, as_json: bool) -> None:
    """Invited, added, qualified, high-value actions later, and costs in minor units."""
    with session.brand(brand_id) as brand:
        views = [figures_view(each, brand) for each in referrals_of(brand).campaigns.published()]
    _table(session, [column.name for column in COLUMNS], views, as_json)


@group.command("export")
@of_brand
@_code
def export_invitees(session: CommandSession, brand_id: str, code: str) -> None:
    """Every invitee of a campaign as CSV."""
    with session.brand(brand_id) as brand:
        csv.writer(sys.stdout, lineterminator="\n").writerows(export(brand, referrals_of(brand).campaigns.get(code)))
