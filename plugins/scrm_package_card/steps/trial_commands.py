"""Commands of the step test."""

from __future__ import annotations

import click

from scrm_core.api import CommandSession, json_option

from . import views
from .command_parts import by, of_campaign, steps_of
from .policy import WHOLE
from .records import By
from .trial import arm_of, cards_needed, equal_weights


@click.command("trial")
@of_campaign
@click.argument("arms", metavar="ARM...", nargs=-1, required=True)
@by
@click.option("--weight", "weights", type=int, multiple=True, help="Per arm, 10,000 in all; default: equal.")
@click.option("--minimum", type=int, help="Shipped cards that every arm needs before a winner is named.")
@click.option("--base", type=int, help="Instead of --minimum: the usual recall, in hundredths of a percent.")
@click.option("--lift", type=int, help="With --base: the smallest rise worth finding, in hundredths of a percent.")
def trial(
    session: CommandSession,
    brand_id: str,
    code: str,
    arms: tuple[str, ...],
    who: str,
    weights: tuple[int, ...],
    minimum: int | None,
    base: int | None,
    lift: int | None,
) -> None:
    """Start the A/B trial; the first ARM is the control."""
    if len(set(arms)) != len(arms) or len(weights) not in (0, len(arms)):
        raise click.UsageError("name each arm once, with one --weight each or none")
    shares = dict(zip(arms, weights, strict=True)) if weights else equal_weights(arms)
    with session.brand(brand_id) as brand:
        started = steps_of(brand).trials.start(code, shares, By(who), minimum=minimum, base=base, lift=lift)
    click.echo(f"trial {started.number}: {', '.join(started.arms)}; at least {started.minimum:,} cards each")


@click.command("trial-size")
@of_campaign
@click.option("--base", type=int, required=True, help="The usual recall, in hundredths of a percent.")
@click.option("--lift", type=int, required=True, help="The smallest rise worth finding, in hundredths of a percent.")
def trial_size(session: CommandSession, brand_id: str, code: str, base: int, lift: int) -> None:
    """How many cards each arm needs; `trial --base --lift` makes that its minimum."""
    with session.brand(brand_id) as brand:
        steps_of(brand).records.plan(code)
        needed = cards_needed(base, lift)
    click.echo(f"{needed:,} cards per arm tell {base / WHOLE:.2%} from {(base + lift) / WHOLE:.2%}")


@click.command("trial-link")
@of_campaign
@click.argument("arm")
@click.argument("channel")
@click.argument("target", metavar="URL")
@by
def trial_link(
    session: CommandSession, brand_id: str, code: str, arm: str, channel: str, target: str, who: str
) -> None:
    """Make the tracked link of one ARM on one channel; print its path."""
    with session.brand(brand_id) as brand:
        link = steps_of(brand).trials.add_link(code, arm, channel, target, By(who))
    click.echo(f"/l/{link.code}")


@click.command("result")
@of_campaign
@json_option
def result(session: CommandSession, brand_id: str, code: str, as_json: bool) -> None:
    """The trial's result: shares with intervals and P values, and what the links brought."""
    with session.brand(brand_id) as brand:
        view = views.result_view(steps_of(brand).trials.result(code))
    if as_json:
        session.show_record(view, as_json=True)
        return
    rows = [
        [a["arm"], a["cards"], a["leads"], _percent(a["share"]), _span(a["interval"]), _span(a["difference_interval"]),
         None if a["p_value"] is None else f"{a['p_value']:.4f}"]
        for a in view["arms"]
    ]  # fmt: skip
    session.show(["arm", "cards", "leads", "share", "95 %", "difference 95 %", "P"], rows)
    links = [[each["arm"], each["channel"], each["visitors"], each["leads"]] for each in view["links"]]
    session.show(["arm", "channel", "visitors", "leads"], links)
    click.echo(view["words"])


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{share:.2%}"


def _span(interval: list[float] | None) -> str | None:
    return None if interval is None else f"{interval[0]:.2%} .. {interval[1]:.2%}"


@click.command("arm")
@of_campaign
@click.argument("source")
@click.argument("number")
def arm(session: CommandSession, brand_id: str, code: str, source: str, number: str) -> None:
    """The arm whose card goes with an order; "-" without a trial."""
    with session.brand(brand_id) as brand:
        steps_of(brand).records.plan(code)
        click.echo(arm_of(brand, code, source, number) or "-")


@click.command("winner")
@of_campaign
@click.argument("arm")
@by
@click.option("--reason", default="", help="Needed when the data do not name this arm.")
def winner(session: CommandSession, brand_id: str, code: str, arm: str, who: str, reason: str) -> None:
    """Choose the ARM that is printed, and end the trial."""
    with session.brand(brand_id) as brand:
        signed = steps_of(brand).trials.decide(code, arm, By(who), reason=reason)
    click.echo(f"{code}: {arm}; {signed.detail['verdict']}")


COMMANDS = (trial, trial_size, trial_link, result, arm, winner)
