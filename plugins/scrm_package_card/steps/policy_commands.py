"""Commands of the steps goal and policy."""

from __future__ import annotations

from dataclasses import asdict

import click

from scrm_core.api import CommandSession, json_option

from .catalogue import GOALS, HOOKS, MATERIALS
from .command_parts import by, of_campaign, steps_of
from .fit import FitIn
from .policy import HookIn
from .records import By


@click.command("goal")
@of_campaign
@click.argument("primary", metavar="GOAL", type=click.Choice(list(GOALS)))
@by
def goal(session: CommandSession, brand_id: str, code: str, primary: str, who: str) -> None:
    """Set the one primary goal: acquire 拉新 or repurchase 复购."""
    with session.brand(brand_id) as brand:
        steps_of(brand).set_goal(code, primary, By(who))
    click.echo(f"{code}: {GOALS[primary]}")


@click.command("channels")
@of_campaign
@click.argument("channels", metavar="CHANNEL...", nargs=-1, required=True)
@by
def channels(session: CommandSession, brand_id: str, code: str, channels: tuple[str, ...], who: str) -> None:
    """Name the channels of the campaign; each needs its own material and links."""
    with session.brand(brand_id) as brand:
        named = steps_of(brand).policy.set_channels(code, channels, By(who))
    click.echo(f"{code}: {', '.join(named)}")


@click.command("hook")
@of_campaign
@click.argument("kind", metavar="KIND", type=click.Choice(list(HOOKS)))
@click.argument("name")
@by
@click.option("--product", required=True, help="The product that the card travels with.")
@click.option("--price", type=int, required=True, help="Its price in minor units.")
@click.option("--cost", type=int, required=True, help="Its cost in minor units.")
@click.option("--hook-cost", type=int, required=True, help="What one hook costs, in minor units.")
@click.option("--share", type=int, help="Share of the margin allowed for the hook, in hundredths of a percent.")
@click.option("--share-reason", default="", help="Why the share differs from the setting.")
@click.option("--dry-run", is_flag=True, help="Check the margin and store nothing.")
@json_option
def hook(
    session: CommandSession,
    brand_id: str,
    code: str,
    kind: str,
    name: str,
    who: str,
    product: str,
    price: int,
    cost: int,
    hook_cost: int,
    share: int | None,
    share_reason: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Settle the hook product 钩子 after its margin check."""
    wanted = HookIn(kind, name, product, price, cost, hook_cost, share, share_reason)
    with session.brand(brand_id) as brand:
        policy = steps_of(brand).policy
        check = policy.check_hook(wanted) if dry_run else policy.set_hook(code, wanted, By(who))
    if as_json:
        session.show_record(asdict(check), as_json=True)
    else:
        click.echo(("" if check.fits else "refused: ") + check.words)


@click.command("material")
@of_campaign
@click.argument("channel")
@click.argument("items", metavar="ITEM=VALUE...", nargs=-1, required=True)
@by
def material(
    session: CommandSession, brand_id: str, code: str, channel: str, items: tuple[str, ...], who: str
) -> None:
    """Settle items of material for one channel: a picture's place or a text each; all of them or none.

    Items are product_picture, mini_program_cover, banner, product_title,
    scan_reply and group_invitation.
    """
    values = dict(each.partition("=")[::2] for each in items)
    if len(values) < len(items) or not all("=" in each for each in items):
        raise click.UsageError("give each item once, as ITEM=VALUE")
    with session.brand(brand_id) as brand:
        steps_of(brand).policy.set_materials(code, channel, values, By(who))
    for item in values:
        click.echo(f"{code}: {MATERIALS[item]} for {channel}")


@click.command("facts")
@of_campaign
@by
@click.option("--order-value", type=int, help="An average order in minor units; default: from the orders.")
@click.option("--repurchase", type=int, help="Buyers who buy again, in hundredths of a percent; default: likewise.")
@click.option("--loyalty", type=int, help="1 (none) to 5 (devoted).")
@click.option("--brand-strength", type=int, help="1 (unknown brand) to 5 (household name).")
def facts(
    session: CommandSession,
    brand_id: str,
    code: str,
    who: str,
    order_value: int | None,
    repurchase: int | None,
    loyalty: int | None,
    brand_strength: int | None,
) -> None:
    """Enter what you know of product and brand, for the fit report."""
    with session.brand(brand_id) as brand:
        steps_of(brand).fit.set_facts(code, FitIn(order_value, repurchase, loyalty, brand_strength), By(who))
    click.echo(f"{code}: facts stored")


@click.command("fit")
@of_campaign
@json_option
def fit(session: CommandSession, brand_id: str, code: str, as_json: bool) -> None:
    """The fit report: each factor, what it adds and why."""
    with session.brand(brand_id) as brand:
        report = steps_of(brand).fit.report(code)
    rows = [[f.title, f.value, f.points, f.why] for f in report.factors]
    session.show(["factor", "value", "points", "why"], rows, as_json=as_json)
    if not as_json:
        click.echo(f"{report.points} of {report.most} points")


COMMANDS = (goal, channels, hook, material, facts, fit)
