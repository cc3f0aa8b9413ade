"""What plugins show to people: reports with their charts, pages and cards of the console."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .errors import PluginError


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a report. ``kind``: text, count, money (minor units), rate (a fraction) or instant."""

    name: str
    title: str
    kind: str = "text"


PANELS = ("acquire", "repurchase", "hit", "referral", "insight")
"""The five parts of a brand's operating loop (五核心), each a panel of the console's overview."""

MENU_GROUPS = ("brand", "people", "campaigns", "channels", "house")
"""The groups of the console's menu (品牌, 客户, 活动, 渠道, 设置), in its order."""

NUMBERS = ("count", "money", "rate")
"""Kinds of columns that a chart can draw."""

CHARTS = {"lines": None, "bars": None, "funnel": 1, "heat": None, "compare": 3}
"""Kinds of charts, with how many columns each draws; None: one or more."""


@dataclass(frozen=True, slots=True)
class Chart:
    """How a report's rows are drawn, one mark per row and column of ``y``; the table stands beside it.

    ``x`` is the column that names the rows. ``kind``: ``lines`` along ``x`` (days, in order); ``bars``, one below
    the other (channels, ranked); ``funnel``, one column whose rows are steps in order, the first the widest;
    ``heat``, each row's cells shaded by value (cohorts by month); ``compare``, whose ``y`` are value, low and high:
    a value with its interval. All columns of ``y`` are of one kind: count, money or rate. None is drawn as nothing.
    """

    kind: str
    x: str
    y: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReportTable:
    """A report's answer: columns and rows; a value that cannot be computed is None.

    ``chart`` says how to draw it. Raises PluginError for a chart that its columns cannot give.
    """

    columns: tuple[Column, ...]
    rows: Sequence[dict[str, Any]]
    chart: Chart | None = None

    def __post_init__(self) -> None:
        problem = "" if self.chart is None else _undrawable(self.chart, {each.name: each.kind for each in self.columns})
        if problem:
            raise PluginError(f"{self.chart}: {problem}")

    def record(self) -> dict[str, Any]:
        """The report as a route answers it."""
        columns = [{"name": column.name, "title": column.title, "kind": column.kind} for column in self.columns]
        return {"columns": columns, "rows": list(self.rows)}


def _undrawable(chart: Chart, kinds: Mapping[str, str]) -> str:
    """What keeps a chart from being drawn of columns of these kinds; or nothing."""
    if chart.kind not in CHARTS:
        return f"no such kind; must be {', '.join(CHARTS)}"
    if isinstance(chart.y, str) or not chart.y:
        return 'y is a tuple of columns, also of one: ("people",)'
    for name in (chart.x, *chart.y):
        if name not in kinds:
            return f"no column is called {name!r}; the table has {', '.join(kinds)}"
    if {kinds[name] for name in chart.y} - set(NUMBERS) or len({kinds[name] for name in chart.y}) > 1:
        return f"the columns of y must be of one kind: {', '.join(NUMBERS)}"
    needed = CHARTS[chart.kind]
    return "" if needed in (None, len(chart.y)) else f"{chart.kind} draws {needed} column(s), y has {len(chart.y)}"


@dataclass(frozen=True, slots=True)
class Report:
    """A report that a plugin offers: ``method`` returns a :class:`ReportTable`."""

    method: str
    title: str


@dataclass(frozen=True, slots=True)
class ConsoleTemplate:
    """A page or card of the console that is drawn by the plugin: ``name`` lies in its ``templates`` folder.

    The template is a piece of HTML for the inside of the page; it gets
    ``context``, ``lang`` (``zh`` or ``en``), ``brand``, ``query`` (a
    :class:`scrm_core.api.ConsoleQuery`), ``csrf`` (the hidden field that each
    form holds) and the functions ``when``, ``money`` and ``day``, which write an
    instant, minor units and a day number as the brand does, the filter ``figure``, which
    writes a number with separators between thousands, and ``t(en, zh)``, which
    gives what is in the language of the page, and ``word(key)``, which does so with
    ``words``, a table of (en, zh) such as the names of states. What it shows is escaped.
    Macros that pages share are in ``scrm/page.html``; see docs/console.md.
    """

    name: str
    context: Mapping[str, Any]
    words: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ConsoleAct:
    """Something that a form on a page of the console does.

    ``method`` takes a :class:`scrm_core.api.ConsoleQuery`, runs in one
    transaction as the user (``current_actor()``) and returns a
    :class:`scrm_core.api.ConsoleDone`, or raises :class:`~scrm_core.errors.ScrmError`:
    nothing is done then, and the page is shown again with what was typed.
    ``permission`` is what a user's role has to include besides the page's own.
    """

    method: str
    permission: str


@dataclass(frozen=True, slots=True)
class ConsolePart:
    """A page or card that a plugin brings to the console.

    ``title`` is ``{"en": ..., "zh": ...}``. ``permission`` is what a user's role
    has to include: one of the plugin's, or one of the core's such as
    ``reports:read``, which analysts have too. ``method`` takes nothing, or one
    :class:`scrm_core.api.ConsoleQuery`, and returns a :class:`ReportTable` (one
    of a single row is shown as figures on a card), a :class:`ConsoleTemplate`
    or, on a page, a :class:`scrm_core.api.ConsoleFile`; it only reads. ``acts``
    are what forms on a page do, by the value of their button called ``act``. A
    page without ``menu`` stands in no menu: others link to it. ``group`` is where
    in the menu a page stands, one of :data:`MENU_GROUPS`: ``brand`` (figures),
    ``people``, ``campaigns``, where most of what plugins bring belongs,
    ``channels`` (ways to people) or ``house`` (keeping the system).
    """

    method: str
    title: Mapping[str, str]
    permission: str
    acts: Mapping[str, ConsoleAct] = field(default_factory=dict)
    menu: bool = True
    group: str = "campaigns"
