"""``scrm sms plan``: every step of a plan, its control, its dry run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from scrm_core.api import Brand, CommandSession, Invalid, json_option, load_body, of_brand

from ..schemas import NAME
from .book import PlanView
from .schemas import CopyBody, arms_of, dry_run_record, entry_record, plan_record, summary, test_record
from .service import Plans
from .steps import HOOKS, STEPS, Arm, Policy

ACTOR = "operator"
CODE = click.argument("code", metavar="PLAN")
AS = click.option("--as", "actor", default=ACTOR, show_default=True, help="Who acts; kept in the plan's history.")
REASON = click.option("--reason", default="", help="Why; kept in the plan's history.")


def add_commands(group: click.Group) -> None:
    """Put the group ``plan`` below the plugin's commands."""
    group.add_command(plan)


def _plans(brand: Brand) -> Plans:
    return Plans(brand, brand.plugin(NAME).settings)


def _act(
    session: CommandSession, brand_id: str, *, as_json: bool, act: Callable[[Plans], PlanView]
) -> None:
    """Do something with a plan and show the plan that comes of it."""
    with session.brand(brand_id) as brand:
        record = plan_record(brand, act(_plans(brand)))
    session.show_record(record if as_json else _for_people(record), as_json=as_json)
    if not as_json:
        for warning in record["steps"].get("copy", {}).get("warnings", []):
            click.echo(f"Warning: {warning}", err=True)


def _for_people(record: dict[str, Any]) -> dict[str, Any]:
    """A plan in lines: what its steps found (who is reached, what the texts cost) instead of all they hold."""
    steps: dict[str, Any] = record["steps"]
    found: dict[str, Any] = {}
    if audience := steps.get("audience"):
        found["reachable"] = audience["reachable"]
        found["kept_back"] = [f"{reason} {count:,}" for reason, count in audience["kept_back"].items()]
    if wording := steps.get("copy"):
        found["parts"] = [f"{arm['name']} {arm['parts']}" for arm in wording["arms"]]
        found["most_milli"] = wording["most_milli"]
    return {
        **record,
        "steps": list(steps),
        **found,
        "run": None if record["run"] is None else _run_for_people(record["run"]),
        "messages": [
            f"{each['state']}{' ' if each['reason'] else ''}{each['reason']} {each['count']:,}"
            for each in record["messages"]
        ],
    }


def _run_for_people(run: dict[str, Any]) -> str:
    held = run["held_until"]
    said = [run["code"], run["state"], run["reason"], f"(quiet hours: waits until {held})" if held else ""]
    return " ".join(word for word in said if word)


@click.group(name="plan")
def plan() -> None:
    """Plans 短信计划: goal, audience, policy, pack, path, copy, test, approve, schedule; control and history."""


@plan.command("create")
@of_brand
@CODE
@click.option("--name", default="", help="A name for people.")
@AS
@json_option
def create(session: CommandSession, brand_id: str, code: str, name: str, actor: str, as_json: bool) -> None:
    """Make a plan; the same one again changes nothing."""
    _act(session, brand_id, as_json=as_json, act=lambda plans: plans.create(code, actor=actor, name=name))


@plan.command("list")
@of_brand
@json_option
def list_plans(session: CommandSession, brand_id: str, as_json: bool) -> None:
    """The plans of a brand, oldest first."""
    with session.brand(brand_id) as brand:
        rows = [summary(brand, view) for view in _plans(brand).all()]
    headings = ["code", "state", "messages", "start_at", "author", "name"]
    session.show(headings, [[row[heading] for heading in headings] for row in rows], as_json=as_json)


@plan.command("show")
@of_brand
@CODE
@json_option
def show(session: CommandSession, brand_id: str, code: str, as_json: bool) -> None:
    """One plan: the steps that are done, its run, its messages by state and reason."""
    _act(session, brand_id, as_json=as_json, act=lambda plans: plans.get(code))


@plan.command("history")
@of_brand
@CODE
@json_option
def history(session: CommandSession, brand_id: str, code: str, as_json: bool) -> None:
    """Who did what and what was decided by which numbers, oldest first."""
    with session.brand(brand_id) as brand:
        records = [entry_record(brand, entry) for entry in _plans(brand).history(code)]
    headings = ["at", "actor", "action", "detail"]
    rows = [
        [r["at"], r["actor"], r["action"], r["detail"] if as_json else json.dumps(r["detail"], ensure_ascii=False)]
        for r in records
    ]
    session.show(headings, rows, as_json=as_json)


@plan.command("dry-run")
@of_brand
@CODE
@click.option("--sample", type=click.IntRange(0, 50), default=5, show_default=True, help="Messages to show.")
@json_option
def dry_run(session: CommandSession, brand_id: str, code: str, sample: int, as_json: bool) -> None:
    """Who would get what, why not, and at what cost, as of now; nothing is written."""
    with session.brand(brand_id) as brand:
        record = dry_run_record(_plans(brand).dry_run(code, sample=sample))
    samples = record.pop("samples")
    if as_json:
        session.show_record({**record, "samples": samples}, as_json=True)
        return
    record["kept_back"] = [f"{reason} {count:,}" for reason, count in record["kept_back"].items()]
    session.show_record(record)
    headings = ["number", "arm", "parts", "body"]
    session.show(headings, [[each[heading] for heading in headings] for each in samples])


@plan.command("tests")
@of_brand
@CODE
@json_option
def tests(session: CommandSession, brand_id: str, code: str, as_json: bool) -> None:
    """The interception tests 拦截测试 of a plan, newest first."""
    with session.brand(brand_id) as brand:
        records = [test_record(brand, each) for each in _plans(brand).interception.tests(code)]
    headings = ["number", "arm", "state", "delivered", "seeds", "actor", "at"]
    session.show(headings, [[record[heading] for heading in headings] for record in records], as_json=as_json)


@plan.command("goal")
@of_brand
@CODE
@click.argument("goal", metavar="acquire|repurchase")
@click.option("--kind", default="marketing", show_default=True, help="notice, brand or marketing.")
@click.option("--sender", default="", help="The gateway; default: the setting sender.")
@AS
@json_option
def goal(
    session: CommandSession, brand_id: str, code: str, goal: str, kind: str, sender: str, actor: str, as_json: bool
) -> None:
    """Step 1, goal 目的: what the plan is for, and which kind of message it sends."""
    _act(
        session,
        brand_id,
        as_json=as_json,
        act=lambda plans: plans.set_goal(code, goal, kind=kind, sender=sender, actor=actor),
    )


@plan.command("audience")
@of_brand
@CODE
@click.option("--segment", default="", help="An expression of the segment language.")
@click.option("--pack", default="", help="A sealed number pack.")
@AS
@json_option
def audience(
    session: CommandSession, brand_id: str, code: str, segment: str, pack: str, actor: str, as_json: bool
) -> None:
    """Step 2, audience 人群: whom; counted at once."""
    _act(
        session,
        brand_id,
        as_json=as_json,
        act=lambda plans: plans.set_audience(code, segment=segment, pack=pack, actor=actor),
    )


@plan.command("policy")
@of_brand
@CODE
@click.option("--offer", required=True, help="What the recipient is offered or told.")
@click.option("--hook", default="none", show_default=True, type=click.Choice(HOOKS), help="What a claimant gets.")
@click.option("--product", default="", help="The product that the hook leads to.")
@click.option("--cost", "cost_minor", type=int, default=0, help="Cost of one claimant's hook, minor units.")
@click.option("--margin", "margin_minor", type=int, default=0, help="What a claimant's order earns, minor units.")
@click.option("--claimants", type=int, default=0, help="How many are expected.")
@click.option("--budget", "budget_minor", type=int, default=0, help="For hook and messages, minor units.")
@click.option("--material", "materials", multiple=True, help="A material that is ready; as often as there are.")
@AS
@json_option
def policy(session: CommandSession, /, brand_id: str, code: str, actor: str, as_json: bool, **values: Any) -> None:
    """Step 3, policy 政策: the offer, what it costs and what it may cost."""
    _act(session, brand_id, as_json=as_json, act=lambda plans: plans.set_policy(code, Policy(**values), actor=actor))


@plan.command("pack")
@of_brand
@CODE
@click.option("--holdout", type=int, default=0, help="Share kept back by lot, hundredths of a percent.")
@AS
@json_option
def pack(session: CommandSession, brand_id: str, code: str, holdout: int, actor: str, as_json: bool) -> None:
    """Step 4, number pack 号码包: queue the audience, one message for each person."""
    _act(
        session, brand_id, as_json=as_json, act=lambda plans: plans.packing.build(code, holdout=holdout, actor=actor)
    )


@plan.command("path")
@of_brand
@CODE
@click.option("--channel", default="", help="The code of the channel that the links belong to.")
@click.option("--target", default="", help="Where links lead instead of the plan's landing page.")
@AS
@json_option
def path(
    session: CommandSession, brand_id: str, code: str, channel: str, target: str, actor: str, as_json: bool
) -> None:
    """Step 5, path 路径: the channel and the tracked link."""
    _act(
        session,
        brand_id,
        as_json=as_json,
        act=lambda plans: plans.paths.set_path(code, channel=channel, target=target, actor=actor),
    )


@plan.command("copy")
@of_brand
@CODE
@click.option("--text", "texts", multiple=True, metavar="NAME=TEXT", help="A text; two or more compete by lot.")
@click.option("--file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="JSON as over HTTP.")
@click.option("--signature", default="", help="Without brackets; default: the setting signature.")
@AS
@json_option
def copy(
    session: CommandSession,
    brand_id: str,
    code: str,
    texts: tuple[str, ...],
    file: Path | None,
    signature: str,
    actor: str,
    as_json: bool,
) -> None:
    """Step 6, copy 文案: the texts with {name} and {link}; weights, segments and templates by --file."""
    arms = _arms(texts) if file is None else _arms_of_file(file)
    _act(
        session,
        brand_id,
        as_json=as_json,
        act=lambda plans: plans.wordings.set_copy(code, arms, signature=signature, actor=actor),
    )


def _arms(texts: tuple[str, ...]) -> list[Arm]:
    arms = []
    for text in texts:
        name, found, body = text.partition("=")
        if not found:
            raise Invalid(f"{text[:40]!r} is not NAME=TEXT, for example A=亲爱的{{name}}...", field="text")
        arms.append(Arm(name, body))
    return arms


def _arms_of_file(file: Path) -> list[Arm]:
    try:
        given = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Invalid(f"{file} cannot be read as JSON: {error}", field="file") from None
    return arms_of(load_body(CopyBody(only=("arms",)), given))


@plan.command("back")
@of_brand
@CODE
@click.argument("step", type=click.Choice(STEPS))
@REASON
@AS
@json_option
def back(
    session: CommandSession, brand_id: str, code: str, step: str, reason: str, actor: str, as_json: bool
) -> None:
    """Go back to STEP: it and what depends on it must be done again."""
    _act(session, brand_id, as_json=as_json, act=lambda plans: plans.back(code, step, actor=actor, reason=reason))


@plan.command("schedule")
@of_brand
@CODE
@click.argument("at", metavar="TIME")
@AS
@json_option
def schedule(session: CommandSession, brand_id: str, code: str, at: str, actor: str, as_json: bool) -> None:
    """Step 9, schedule 定时: TIME is the brand's wall clock, such as 2026-03-01T10:00, or now."""
    _act(session, brand_id, as_json=as_json, act=lambda plans: plans.launching.schedule(code, at, actor=actor))


def _simple(name: str, text: str, act: Callable[[Plans, str, str], PlanView]) -> None:
    @plan.command(name, help=text)
    @of_brand
    @CODE
    @AS
    @json_option
    def command(session: CommandSession, brand_id: str, code: str, actor: str, as_json: bool) -> None:
        _act(session, brand_id, as_json=as_json, act=lambda plans: act(plans, code, actor))


def _reasoned(name: str, text: str, act: Callable[[Plans, str, str, str], PlanView]) -> None:
    @plan.command(name, help=text)
    @of_brand
    @CODE
    @REASON
    @AS
    @json_option
    def command(session: CommandSession, brand_id: str, code: str, reason: str, actor: str, as_json: bool) -> None:
        _act(session, brand_id, as_json=as_json, act=lambda plans: act(plans, code, actor, reason))


_simple(
    "test",
    "Step 7, interception test 拦截测试: send every text to the seed numbers; receipts decide.",
    lambda plans, code, actor: plans.interception.start(code, actor=actor),
)
_simple(
    "approve",
    "Step 8, approval 审批: above the limit by a second person (--as).",
    lambda plans, code, actor: plans.launching.approve(code, actor=actor),
)
_simple(
    "resume",
    "Go on after a pause; a canary is waited for and judged once more.",
    lambda plans, code, actor: plans.control.resume(code, actor=actor),
)
_simple(
    "release",
    "Let everything go, whatever the canary said.",
    lambda plans, code, actor: plans.control.release(code, actor=actor),
)
_reasoned(
    "pause",
    "Stop sending for now.",
    lambda plans, code, actor, reason: plans.control.pause(code, actor=actor, reason=reason),
)
_reasoned(
    "cancel",
    "End a plan for good: what was not sent never will be.",
    lambda plans, code, actor, reason: plans.control.cancel(code, actor=actor, reason=reason),
)
