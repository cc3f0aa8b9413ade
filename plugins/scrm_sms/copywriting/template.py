"""A copy (文案) and what becomes of it for one person: the signature, and the body with values.

The body holds variables in braces, ``{name}``, and the place of the tracked
link, ``{link}``. A marketing or brand copy ends with the opt-out wording; the
brackets of the signature are added here and must not stand in the body.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scrm_core.api import Invalid

from .rules import STYLES, CopyRules

KINDS = ("notice", "brand", "marketing")
"""Kinds of messages (通知, 品牌, 营销)."""

LINK = "link"
BRACKETS = "【】[]［］〔〕"
"""What would be read as a signature's brackets."""

VARIABLE = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,29}")
_LINK = re.compile(r"https?://[!-~]+")
_ADDRESS = re.compile(
    r"(?i)://|www\.|[a-z0-9-]\.(?:com|cn|net|org|top|xyz|vip|cc|me|io|shop|site|link|info|club|ltd|co)(?![a-z0-9])"
)
_NEVER = str.maketrans(dict.fromkeys(BRACKETS + "{}"))


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable that a caller fills: its name, the most units of a value, and what stands for an empty one."""

    name: str
    units: int | None = None
    default: str = ""


@dataclass(frozen=True, slots=True)
class Copy:
    """A text to be sent: ``kind`` is one of ``KINDS``, ``signature`` has no brackets."""

    kind: str
    signature: str
    body: str

    @property
    def variables(self) -> list[str]:
        """The names between braces in the order of the text, the link among them, each as often as it stands."""
        return VARIABLE.findall(self.body)

    @property
    def needs_opt_out(self) -> bool:
        """Whether the text must end with the opt-out wording."""
        return self.kind != "notice"


class Renderer:
    """Writes the texts of one copy; made once, used for every person.

    Raises Invalid for a variable that is not declared. The full check of a
    copy is :func:`.checks.check_copy`.
    """

    def __init__(self, copy: Copy, variables: Sequence[Variable], rules: CopyRules) -> None:
        self.copy, self.rules = copy, rules
        self._variables = {each.name: each for each in variables}
        unknown = [name for name in copy.variables if name != LINK and name not in self._variables]
        if unknown:
            raise Invalid(f"variable {{{unknown[0]}}} is not known", field="body", code="unknown_variable")
        self._pieces = VARIABLE.split(copy.body)
        self._head = STYLES[rules.style].format(copy.signature)

    def fill(self, values: Mapping[str, str]) -> dict[str, str]:
        """The cleaned value of every variable in the body, for gateways that take values instead of a text.

        An empty or missing value becomes the variable's default. Values lose
        brackets, braces, refused and invisible characters and what exceeds
        their length; one that holds a web address is not used at all, because
        people choose their own names. Raises Invalid for a missing or unusable link.
        """
        return {
            name: self._link(values) if name == LINK else self._value(self._variables[name], values)
            for name in self._pieces[1::2]
        }

    def render(self, values: Mapping[str, str]) -> str:
        """The text for one person: the signature, the body with cleaned values, the opt-out wording exactly once.

        Raises Invalid like :meth:`fill`, and for values that would write the
        opt-out wording a second time.
        """
        filled = self.fill(values)
        pieces = self._pieces
        text = self._head + pieces[0]
        for place in range(1, len(pieces), 2):
            text += filled[pieces[place]] + pieces[place + 1]
        opt_out = self.rules.opt_out
        if self.copy.needs_opt_out:
            if not text.endswith(opt_out):
                text += opt_out
            if text.count(opt_out) != 1:
                raise Invalid(f"the values write {opt_out!r} a second time", field="values", code="opt_out_twice")
        return text

    def longest(self) -> str:
        """The text with every value and the link at their longest; for counting, not for sending."""
        # A Han character outside the GSM alphabet is the longest that a value can be in either way of counting.
        values = {name: "国" * self._units(variable) for name, variable in self._variables.items()}
        units = self.rules.link_units
        values[LINK] = ("https://" + "x" * units)[: max(units, len("https://x"))]
        return self.render(values)

    def _units(self, variable: Variable) -> int:
        return self.rules.value_units if variable.units is None else variable.units

    def _value(self, variable: Variable, values: Mapping[str, str]) -> str:
        units = self._units(variable)
        value = clean_value(values.get(variable.name) or "", self.rules, units)
        return value or clean_value(variable.default, self.rules, units)

    def _link(self, values: Mapping[str, str]) -> str:
        link = values.get(LINK) or ""
        if not _LINK.fullmatch(link):
            raise Invalid("the link must be an http or https address of visible ASCII characters", field=LINK)
        if len(link) > self.rules.link_units:
            raise Invalid(
                f"the link has {len(link)} characters; the copy was checked for {self.rules.link_units}", field=LINK
            )
        return link


def is_name(text: str) -> bool:
    """Whether a text can name a variable: a small letter, then small letters, digits and underscores."""
    return _NAME.fullmatch(text) is not None


def visible(character: str) -> bool:
    """Whether a character shows: no control, format, private, unassigned character and no lone surrogate."""
    return unicodedata.category(character)[0] != "C"


def clean_value(value: str, rules: CopyRules, units: int) -> str:
    """A value as it may stand in a text: one line, nothing refused in a body, at most ``units`` UTF-16 units."""
    text = "".join(character if visible(character) else " " for character in value).translate(_NEVER)
    if _ADDRESS.search(text):
        return ""
    before = None
    while text != before:  # taking one sequence out may put another together: "^_^_^^"
        before = text
        for refused in (*rules.refused, rules.opt_out):
            text = text.replace(refused, "")
        text = " ".join(text.split())
    used = 0
    for place, character in enumerate(text):
        used += 2 if character > "\uffff" else 1
        if used > units:
            return text[:place].rstrip()
    return text
