"""``scrm cross-brand-swap``: fit, deals, what to show, settlements, overlaps."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import click

from scrm_core.api import Brand, CommandSession, Invalid, actor_option, find_contact, json_option, of_brand

from .book import NAME
from .service import Swaps
from .terms import KINDS

DEAL = ["deal", "partner", "state", "turn", "version", "given", "received", "stopped_in", "stopped_out", "reason"]
STEP = ["at", "deal", "partner", "by", "act", "version", "actor", "refused"]
RUN = ["at", "run", "partner", "asked_by", "state", "people", "error_bp", "reason"]

_despite = click.option("--despite", default="", help="Why, although the partner does not fit.")
_file = click.Path(exists=True, dir_okay=False, path_type=Path)


def _of(brand: Brand) -> Swaps:
    return Swaps(brand, brand.plugin(NAME).settings)


def _terms(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text("utf-8"))
    except ValueError as exc:
        raise Invalid(f"{path}: not JSON: {exc}") from None
    if not isinstance(value, dict):
        raise Invalid(f"{path}: an object is expected")
    return value


@click.group(name=NAME)
def group() -> None:
    """Cross-brand swaps 异业互换: partners, deals, ledger, settlement, overlaps."""


@group.command("profile")
@of_brand
@click.argument("partner")
@actor_option
@json_option
def profile(session: CommandSession, brand_id: str, partner: str, actor: str, as_json: bool) -> None:
    """Tell a partner this brand's profile, and show it."""
    with session.brand(brand_id) as brand:
        swaps = _of(brand)
        swaps.send_profile(partner, actor=actor)
        told = swaps.profile().told()
    session.show_record(told, as_json=as_json)


@group.command("fit")
@of_brand
@click.argument("partner")
@click.option("--kind", type=click.Choice(KINDS), default="traffic", show_default=True, help="Of which swap.")
@json_option
def fit(session: CommandSession, brand_id: str, partner: str, kind: str, as_json: bool) -> None:
    """Whether a partner fits, and what speaks against it."""
    with session.brand(brand_id) as brand:
        found = _of(brand).fit(partner, kind)
    session.show_record(dataclasses.asdict(found), as_json=as_json)


@group.command("offer")
@of_brand
@click.argument("partner")
@click.argument("terms", type=_file)
@click.option("--target", required=True, help="Where people who come from the partner are led.")
@click.option("--words", default="", help="What the partner shows beside the link.")
@_despite
@click.option("--dry-run", is_flag=True, help="Refuse what would be refused, else only say what it would be.")
@actor_option
@json_option
def offer(
    session: CommandSession, brand_id: str, partner: str, terms: Path, target: str, words: str, despite: str,
    dry_run: bool, actor: str, as_json: bool,
) -> None:  # fmt: skip
    """Offer a deal to a partner; TERMS is a JSON file."""
    with session.brand(brand_id) as brand:
        swaps, value = _of(brand), _terms(terms)
        if dry_run:
            view = swaps.dry_run(partner, value, target=target, words=words, despite=despite)
        else:
            view = swaps.view(
                swaps.offer(partner, value, target=target, words=words, despite=despite, actor=actor)
            )
    session.show_record(view, as_json=as_json)


@group.command("accept")
@of_brand
@click.argument("deal")
@click.option("--target", default="", help="Where people who come from the partner are led.")
@click.option("--words", default="", help="What the partner shows beside the link.")
@_despite
@actor_option
@json_option
def accept(
    session: CommandSession, brand_id: str, deal: str, target: str, words: str, despite: str, actor: str, as_json: bool
) -> None:
    """Accept the partner's proposal."""
    with session.brand(brand_id) as brand:
        swaps = _of(brand)
        view = swaps.view(swaps.accept(deal, target=target, words=words, despite=despite, actor=actor))
    session.show_record(view, as_json=as_json)


@group.command("counter")
@of_brand
@click.argument("deal")
@click.argument("terms", type=_file)
@click.option("--target", default="", help="Where people who come from the partner are led.")
@click.option("--words", default="", help="What the partner shows beside the link.")
@_despite
@actor_option
@json_option
def counter(
    session: CommandSession, brand_id: str, deal: str, terms: Path, target: str, words: str, despite: str, actor: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Answer the partner's proposal with TERMS of one's own."""
    with session.brand(brand_id) as brand:
        swaps = _of(brand)
        view = swaps.view(
            swaps.counter(deal, _terms(terms), target=target, words=words, despite=despite, actor=actor)
        )
    session.show_record(view, as_json=as_json)


@group.command("decline")
@of_brand
@click.argument("deal")
@click.option("--reason", required=True, help="Why; the partner is told.")
@actor_option
@json_option
def decline(session: CommandSession, brand_id: str, deal: str, reason: str, actor: str, as_json: bool) -> None:
    """Decline the partner's proposal, or withdraw one's own."""
    with session.brand(brand_id) as brand:
        swaps = _of(brand)
        view = swaps.view(swaps.contracts.decline(deal, reason=reason, actor=actor))
    session.show_record(view, as_json=as_json)


@group.command("link")
@of_brand
@click.argument("deal")
@click.option("--words", default=None, help="What the partner shows beside the link from now on.")
@actor_option
def link(session: CommandSession, brand_id: str, deal: str, words: str | None, actor: str) -> None:
    """Tell the partner the tracked link again, as after a move or with other words."""
    with session.brand(brand_id) as brand:
        _of(brand).contracts.tell_link(deal, words=words, actor=actor)
    click.echo("told")


@group.command("deals")
@of_brand
@json_option
def deals(session: CommandSession, brand_id: str, as_json: bool) -> None:
    """Every deal, and what it gave and received."""
    with session.brand(brand_id) as brand:
        swaps = _of(brand)
        views = [swaps.view(deal) for deal in swaps.deals()]
    session.show(DEAL, [[view[name] for name in DEAL] for view in views], as_json=as_json)


@group.command("show")
@of_brand
@click.argument("deal")
@json_option
def show(session: CommandSession, brand_id: str, deal: str, as_json: bool) -> None:
    """What to show of the partner's now; refused while the deal is stopped."""
    with session.brand(brand_id) as brand:
        view = _of(brand).ledger.show(deal)
    session.show_record(view, as_json=as_json)


@group.command("shown")
@of_brand
@click.argument("deal")
@click.argument("quantity", type=int)
@click.option("--key", required=True, help="What it is for, for example the day; works once.")
@actor_option
def shown(session: CommandSession, brand_id: str, deal: str, quantity: int, key: str, actor: str) -> None:
    """Write down how often the partner was shown."""
    with session.brand(brand_id) as brand:
        total = _of(brand).ledger.add_shown(deal, quantity, key=key, actor=actor)
    click.echo(f"{total} exposures in all")


@group.command("lost")
@of_brand
@click.argument("deal")
@click.argument("contact", metavar="CONTACT")
@actor_option
def lost(session: CommandSession, brand_id: str, deal: str, contact: str, actor: str) -> None:
    """Somebody that came by a deal has left again."""
    with session.brand(brand_id) as brand:
        _of(brand).ledger.lost(deal, find_contact(brand, contact).id, actor=actor)
    click.echo("counts no more")


@group.command("statement")
@of_brand
@click.argument("deal")
def statement(session: CommandSession, brand_id: str, deal: str) -> None:
    """The settlement as this side computes it, as JSON."""
    with session.brand(brand_id) as brand:
        swaps = _of(brand)
        view = swaps.settling.ours(swaps.deal(deal))
    session.show_record(view, as_json=True)


@group.command("amend")
@of_brand
@click.argument("deal")
@click.argument("file", type=_file, required=False)
@actor_option
@json_option
def amend(session: CommandSession, brand_id: str, deal: str, file: Path | None, actor: str, as_json: bool) -> None:
    """Offer the partner a statement of a disputed deal: the lines in FILE (JSON), else those of the own books."""
    lines = _terms(file) if file is not None else None
    with session.brand(brand_id) as brand:
        swaps = _of(brand)
        view = swaps.view(swaps.settling.amend(deal, lines, actor=actor))
    session.show_record(view, as_json=as_json)


@group.command("sign")
@of_brand
@click.argument("deal")
@click.argument("digest")
@actor_option
@json_option
def sign(session: CommandSession, brand_id: str, deal: str, digest: str, actor: str, as_json: bool) -> None:
    """Sign the statement with this hash that the partner offered in a dispute."""
    with session.brand(brand_id) as brand:
        swaps = _of(brand)
        view = swaps.view(swaps.settling.sign(deal, digest, actor=actor))
    session.show_record(view, as_json=as_json)


@group.command("steps")
@of_brand
@click.option("--deal", default="", help="Of one deal.")
@click.option("--refused", is_flag=True, help="Only messages that were refused.")
@json_option
def steps(session: CommandSession, brand_id: str, deal: str, refused: bool, as_json: bool) -> None:
    """What was done and what was refused, newest first."""
    with session.brand(brand_id) as brand:
        found = _of(brand).steps(deal, refused=refused)
    session.show(STEP, [[step[name] for name in STEP] for step in found], as_json=as_json)


@group.command("overlap")
@of_brand
@click.argument("partner")
@actor_option
def ask(session: CommandSession, brand_id: str, partner: str, actor: str) -> None:
    """Ask a partner for an estimate of the audience that both share."""
    with session.brand(brand_id) as brand:
        run = _of(brand).overlaps.ask(partner, actor=actor)
    click.echo(f"run {run}: see `scrm {NAME} overlaps {brand_id}`")


@group.command("overlaps")
@of_brand
@json_option
def overlaps(session: CommandSession, brand_id: str, as_json: bool) -> None:
    """Every estimate, newest first; none is shown below 1,000 people."""
    with session.brand(brand_id) as brand:
        found = _of(brand).overlaps.runs()
    session.show(RUN, [[run[name] for name in RUN] for run in found], as_json=as_json)
