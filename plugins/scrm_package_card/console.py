"""Pages and cards of the console: campaigns, one campaign with its seven steps, and what cards bring.

They read, and hand what a form says to the services that routes and commands
call too. Who acts is the user who is signed in; a form of a step carries the
version of the campaign that its page showed, so that the second of two is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from scrm_core.api import (
    Column,
    ConsoleAct,
    ConsoleDone,
    ConsoleFile,
    ConsolePart,
    ConsoleQuery,
    ConsoleTemplate,
    Invalid,
    ReportTable,
    cut_page,
    new_uid,
    typed_money,
)

from .charts import VIEWS, chart, svg
from .console_acts import ACTS, APPROVING, CREATE
from .console_words import WORDS, said
from .report import figures
from .service import PackageCards
from .steps.catalogue import APPROVAL, DESIGN, GOALS, HOOKS, MATERIALS, ORDER, PILOT, PRODUCTION, PROOF
from .steps.launches import departments_of
from .steps.machine import Steps
from .steps.policy import hook_of
from .steps.trial import TrialResult
from .stock.batches import KINDS
from .stock.forecast import suggest
from .stock.presswork import link_code

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .service import Campaign
    from .steps.records import State

READ, WRITE, APPROVE = "package-card:read", "package-card:write", "package-card:approve"
PAGE = 20
_ON_CARD = 3
_HISTORY = 15
_LISTED = 50

PAGES = {
    "campaigns": ConsolePart(
        "console_campaigns",
        {"en": "Package cards", "zh": "包裹卡"},
        READ,
        acts={"create": ConsoleAct("console_create", WRITE)},
    ),
    "campaign": ConsolePart(
        "console_campaign",
        {"en": "Package card campaign", "zh": "包裹卡活动"},
        READ,
        acts={name: ConsoleAct("console_act", APPROVE if name in APPROVING else WRITE) for name in ACTS},
        menu=False,
    ),
}
CARDS = {"package-cards": ConsolePart("console_card", {"en": "Package cards", "zh": "包裹卡"}, "reports:read")}


class CardConsole:
    """The methods behind :data:`PAGES` and :data:`CARDS`."""

    brand: Brand
    settings: dict[str, Any]

    @cached_property
    def cards(self) -> PackageCards:
        """The plugin's service for this brand."""
        return PackageCards(self.brand, self.settings)

    def console_card(self) -> ReportTable:
        """The newest campaigns with their two figures."""
        newest = self.cards.newest(limit=_ON_CARD)
        columns = (
            Column("campaign", "Campaign 活动"),
            Column("shipped", "Shipped 发卡数", "count"),
            Column("recall", "Recall 召回率", "rate"),
            Column("contribution", "Per card 单卡贡献", "money"),
        )
        rows = [
            {
                "campaign": row["campaign"],
                "shipped": row["shipped"],
                "recall": row["recall"],
                "contribution": _whole(row["contribution_per_card_minor"]),
            }
            for row in figures(self.cards, of=newest)
        ]
        return ReportTable(columns, rows)

    def console_campaigns(self, query: ConsoleQuery) -> ConsoleTemplate:
        """Campaigns, newest first, with where they stand and what they brought."""
        before = query.position("before")
        shown, older = cut_page(self.cards.newest(before=before or None, limit=PAGE + 1), PAGE)
        rows = dict(zip([each.code for each in shown], figures(self.cards, of=shown), strict=True))
        return _template(
            "campaigns.html",
            query,
            {
                "campaigns": shown,
                "figures": rows,
                "standing": Steps(self.brand, self.settings).records.steps_of([each.id for each in shown]),
                "older": older,
                "before": before,
                "whole": _whole,
            },
        )

    def console_create(self, query: ConsoleQuery) -> ConsoleDone:
        """Make a campaign and begin its steps."""
        code = CREATE(self, query)
        return ConsoleDone("campaign", {"id": code, "done": "create"})

    def console_campaign(self, query: ConsoleQuery) -> ConsoleTemplate | ConsoleFile:
        """One campaign at one of its steps; its chart, its proofs and its QR codes as files."""
        code = query.asked("id")
        campaign = self.cards.campaign(code)
        file = self._file(campaign, query)
        if file is not None:
            return file
        steps = Steps(self.brand, self.settings)
        if campaign.id not in steps.records.steps_of([campaign.id]):
            (row,) = figures(self.cards, of=[campaign])
            values = {"campaign": campaign, "views": VIEWS, "figures": row, "whole": _whole}
            return _template("without_steps.html", query, values)
        state = steps.records.state(steps.records.plan(code))
        status = steps.standing(state)
        chosen = query.args.get("step", "")
        step = chosen if chosen in ORDER else status.step
        return _template(
            "campaign.html",
            query,
            {
                "acts": ("create", *ACTS),
                "campaign": campaign,
                "status": status,
                "step": next(each for each in status.steps if each.step == step),
                "state": state,
                "figures": figures(self.cards, of=[campaign])[0],
                "history": steps.history(code, limit=_HISTORY),
                "next_step": ORDER[min(ORDER.index(status.step) + 1, len(ORDER) - 1)],
                "earlier": ORDER[: ORDER.index(status.step)],
                "order": ORDER,
                "key": new_uid(self.brand.now()),
                "said": lambda title: said(title, query.language),
                "pairs": lambda names: [(name, name) for name in names],
                "whole": _whole,
                "amount": typed_money,
                **getattr(self, f"_of_{step}")(campaign, steps, state),
            },
        )

    def console_act(self, query: ConsoleQuery) -> ConsoleDone:
        """What a form on the page of a campaign does: one of :data:`.console_acts.ACTS`."""
        act = query.form["act"]
        ACTS[act](self, query)
        moved = act in ("advance", "back")
        step = {} if moved or "step" not in query.args else {"step": query.args["step"]}
        return ConsoleDone(args={"id": query.asked("id"), "done": act, **step})

    # What each step shows ------------------------------------------------------

    def _of_goal(self, campaign: Campaign, steps: Steps, state: State) -> dict[str, Any]:
        return {"goals": GOALS, "goal": state.items.get(("goal", ""), "")}

    def _of_policy(self, campaign: Campaign, steps: Steps, state: State) -> dict[str, Any]:
        hook = hook_of(state)
        return {
            "hook": hook,
            "hooks": HOOKS,
            "channels": state.channels,
            "materials": MATERIALS,
            "fit": None if hook is None else steps.fit.report_of(state),
            "facts": state.items.get(("fit", ""), {}),
            "share": self.settings["hook_share"],
        }

    def _of_test(self, campaign: Campaign, steps: Steps, state: State) -> dict[str, Any]:
        result: TrialResult | None = None
        if state.trial is not None:
            result = steps.trials.counted(state)
        return {
            "trial": state.trial,
            "result": result,
            "channels": state.channels,
            "minimum": self.settings["trial_minimum"],
            "base_url": self.brand.installation.config.base_url,
            **self._proof(steps, state, PILOT, campaign),
        }

    def _of_design(self, campaign: Campaign, steps: Steps, state: State) -> dict[str, Any]:
        return {"design": DESIGN, "bleed": self.settings["bleed_mm"]}

    def _of_print(self, campaign: Campaign, steps: Steps, state: State) -> dict[str, Any]:
        suggestion, why = None, ""
        try:
            suggestion = suggest(self.brand, campaign, lot=self.settings["print_lot"])
        except Invalid as error:
            # Without a first and a last day nothing can be said of how many: the page says why, and takes any number.
            why = error.message
        return {
            "suggestion": suggestion,
            "no_suggestion": why,
            "batches": self.cards.stock.batches(campaign.code, limit=_LISTED),
            "kinds": KINDS,
            "arms": state.trial.arms if state.trial is not None else (),
            "channels": state.channels,
            **self._proof(steps, state, PRODUCTION, campaign),
        }

    def _of_launch(self, campaign: Campaign, steps: Steps, state: State) -> dict[str, Any]:
        return {
            "departments": departments_of(state, self.settings),
            "batches": self.cards.stock.batches(campaign.code, limit=_LISTED),
        }

    def _of_monitor(self, campaign: Campaign, steps: Steps, state: State) -> dict[str, Any]:
        return {
            "views": VIEWS,
            "by_arm": figures(self.cards, "arm", of=[campaign])[:_LISTED],
            "batches": self.cards.stock.batches(campaign.code, limit=_LISTED),
            "misses": self.cards.stock.misses(campaign.code, limit=10),
            "spends": self.cards.spending.entries(campaign, limit=_LISTED),
        }

    @staticmethod
    def _proof(steps: Steps, state: State, kind: str, campaign: Campaign) -> dict[str, Any]:
        proof = state.signed(PROOF, kind)
        digest = "" if proof is None else proof.detail["sha256"]
        return {
            "proof": proof,
            "approval": state.signed(APPROVAL, kind),
            "proof_type": steps.proofs.type_of(campaign.code, digest) if digest else "",
        }

    def _file(self, campaign: Campaign, query: ConsoleQuery) -> ConsoleFile | None:
        if "chart" in query.args:
            picture = svg(chart(self.cards, campaign.code, query.args["chart"]))
            return ConsoleFile(f"{campaign.code}.svg", "image/svg+xml", picture.encode())
        if "qr" in query.args:
            link = query.args["qr"]
            return ConsoleFile(
                f"{campaign.code}-{link}.svg", "image/svg+xml", link_code(self.brand, campaign, link)
            )
        if "proof" in query.args:
            found = Steps(self.brand, self.settings).proofs.file(campaign.code, query.args["proof"])
            ending = found.content_type.rpartition("/")[2]
            return ConsoleFile(f"{campaign.code}-proof.{ending}", found.content_type, found.content)
        return None


def _template(name: str, query: ConsoleQuery, context: Mapping[str, Any]) -> ConsoleTemplate:
    rights = {"may": query.allows(WRITE), "may_approve": query.allows(APPROVE)}
    return ConsoleTemplate(name, {**rights, **context}, WORDS)


def _whole(minor: float | None) -> int | None:
    """Minor units to the whole one, for people."""
    return None if minor is None else round(minor)
