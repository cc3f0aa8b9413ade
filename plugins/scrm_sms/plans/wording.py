"""The copy of a plan (文案): one or several texts, checked, counted and priced before anybody gets them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scrm_core.api import Invalid, transactional

from ..copywriting.checks import check_copy
from ..copywriting.cost import estimate
from ..copywriting.rules import copy_rules
from ..copywriting.template import LINK, Copy, Renderer, Variable
from .book import OWNER, Book, PlanView
from .steps import Arm, Goal, Pack, Path, Wording, content_of
from .store import clean_actor, plan_row, steps_of

WHOLE = 10_000
MOST_ARMS = 10


def variables_of(settings: Mapping[str, Any]) -> tuple[Variable, ...]:
    """The variables that a plan can fill: the person's name."""
    return (Variable("name", default=settings["name_default"]),)


def renderers(kind: str, wording: Wording, settings: Mapping[str, Any]) -> dict[str, Renderer]:
    """What writes each text of a copy, by arm."""
    rules, variables = copy_rules(settings), variables_of(settings)
    return {arm.name: Renderer(Copy(kind, wording.signature, arm.body), variables, rules) for arm in wording.arms}


@dataclass(frozen=True, slots=True)
class TextPreview:
    """A text at its longest: units, parts, and what one message costs in thousandths of a minor unit."""

    characters: int
    parts: int
    milli: int
    problems: tuple[str, ...]
    warnings: tuple[str, ...]


class Wordings:
    """The copy step of plans."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.brand = book.brand
        self.settings = book.settings

    @transactional
    def set_copy(self, code: str, arms: Sequence[Arm], *, actor: str, signature: str = "") -> PlanView:
        """Set the texts of a plan; raises Invalid naming every problem of every text.

        Texts without a segment share the lot: weights sum to 10,000, or all are
        0 and the shares are equal. ``signature`` is without brackets; default:
        the one of the settings.
        """
        plan, done = self.book.open_step(code, "copy")
        goal, path, pack = content_of(done, Goal), content_of(done, Path), content_of(done, Pack)
        signature = signature or self.settings["signature"]
        weighed = _weighed(arms)
        for arm in weighed:
            if arm.segment:
                self.brand.segments.explain(arm.segment)
        counted, warnings = self._checked(goal.kind, signature, weighed, path)
        rules = rules_digest(self.settings)
        digest = _digest(goal.kind, signature, counted, path, rules)
        before = done.get("copy")
        if before is not None and before.content.digest == digest:
            return self.book.view(code)
        most = estimate({max(arm.parts for arm in counted): pack.queued}, self.settings["price_milli"])
        wording = Wording(
            signature, tuple(counted), self._experiment(code, plan.version, counted), most.milli, digest, rules,
            warnings,
        )  # fmt: skip
        return self.book.take(plan, done, "copy", wording, clean_actor(actor))

    def preview(self, code: str, arm: Arm, *, signature: str = "") -> TextPreview:
        """What one text would be at its longest, and all that is wrong with it; nothing is stored."""
        done = steps_of(plan_row(code))
        goal: Goal | None = content_of(done, Goal) if "goal" in done else None
        rules, variables = copy_rules(self.settings), variables_of(self.settings)
        copy = Copy(goal.kind if goal else "marketing", signature or self.settings["signature"], arm.body)
        check = check_copy(copy, variables, rules)
        size = check.longest
        return TextPreview(
            characters=0 if size is None else size.units,
            parts=0 if size is None else size.parts,
            milli=0 if size is None else estimate({size.parts: 1}, self.settings["price_milli"]).milli,
            problems=tuple(f"{found.text}; {found.fix}" for found in check.problems),
            warnings=tuple(f"{found.text}; {found.fix}" for found in check.warnings),
        )

    def _checked(
        self, kind: str, signature: str, arms: Sequence[Arm], path: Path
    ) -> tuple[list[Arm], tuple[str, ...]]:
        rules, variables = copy_rules(self.settings), variables_of(self.settings)
        problems: list[str] = []
        warnings: list[str] = []
        counted = []
        for arm in arms:
            copy = Copy(kind, signature, arm.body)
            check = check_copy(copy, variables, rules)
            problems += [f"{arm.name}: {found.text}; {found.fix}" for found in check.problems]
            warnings += [f"{arm.name}: {found.text}; {found.fix}" for found in check.warnings]
            if LINK in copy.variables and not path.channel:
                problems.append(f"{arm.name}: the text has a link and the plan has no path; set one with its channel")
            counted.append(replace(arm, parts=check.longest.parts if check.longest is not None else 1))
        base = f"{self.brand.installation.config.base_url}/l/"
        longest = len(base) + LINK_CODE
        if longest > rules.link_units and any("{link}" in arm.body for arm in arms):
            problems.append(
                f"links such as {base}... have {longest} characters, more than link_units = {rules.link_units}; "
                "raise the setting or shorten base_url"
            )
        if problems:
            raise Invalid("; ".join(problems), field="copy", code="copy", problems=problems)
        return counted, tuple(warnings)

    def _experiment(self, code: str, version: int, arms: Sequence[Arm]) -> str:
        """The lot of competing texts under a name of its own: whoever met an arm of another copy stays there."""
        competing = {arm.name: arm.weight for arm in arms if not arm.segment}
        if len(competing) < 2:
            return ""
        name = f"{OWNER} {code} {version}"
        self.brand.experiments.create(name, competing, minimum=self.settings["arm_minimum"], owner=OWNER)
        return name


LINK_CODE = 12
"""Characters of a short link's code."""


def _weighed(arms: Sequence[Arm]) -> list[Arm]:
    """The texts with their weights; raises Invalid for names and weights that do not fit together."""
    names = [arm.name for arm in arms]
    if not 1 <= len(arms) <= MOST_ARMS or len(set(names)) != len(names):
        raise Invalid(f"a copy has 1 to {MOST_ARMS} texts with different names", field="arms")
    if any(not name.strip() or len(name) > 40 or not name.isprintable() for name in names):
        raise Invalid("a text's name has 1 to 40 visible characters", field="arms")
    competing = [arm for arm in arms if not arm.segment]
    if not competing:
        raise Invalid("one text without a segment is needed, for everybody whom no segment names", field="arms")
    if any(arm.segment and arm.weight for arm in arms):
        raise Invalid("a text for a segment goes to all of it: it has no weight", field="arms")
    weights = [arm.weight for arm in competing]
    if not any(weights):
        share, rest = divmod(WHOLE, len(competing))
        weights = [share + (place < rest) for place in range(len(competing))]
    if min(weights) < 1 or sum(weights) != WHOLE:
        raise Invalid(f"weights are above 0 and sum to {WHOLE}, not {sum(weights)}", field="arms")
    given = dict(zip((arm.name for arm in competing), weights, strict=True))
    return [replace(arm, weight=given.get(arm.name, 0)) for arm in arms]


RULES_CHANGED = "settings that write its text were changed since it was checked; set the copy again"


def rules_digest(settings: Mapping[str, Any]) -> str:
    """What names the settings that write a text: with others the same copy becomes another message."""
    rules = copy_rules(settings)
    parts = [
        rules.opt_out, rules.style, rules.mode, rules.most_parts, rules.value_units, rules.link_units,
        list(rules.refused), settings["name_default"],
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


def _digest(kind: str, signature: str, arms: Sequence[Arm], path: Path, rules: str) -> str:
    """What names exactly these texts, leading exactly there: a test of another one proves nothing."""
    parts = [
        kind, signature, path.channel, path.target, rules,
        [[arm.name, arm.body, arm.weight, arm.segment, arm.template] for arm in arms],
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()
