"""What a view gets and gives, and how a route is declared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal
from zoneinfo import ZoneInfo

from marshmallow import ValidationError

from ..brands import Brand
from ..errors import Invalid, ScrmError, TooLarge
from ..intake.checkers import checker_for
from ..intake.schemas import SCHEMAS, IntakeSchema, loader
from ..limits import LIMITS
from ..services.keys import KeyInfo
from ..values.instants import parse_instant
from ..values.text import clean_text
from . import problems
from .pages import DEFAULT_ROWS, decode_cursor, read_limit

Answer = tuple[int, dict[str, Any]]
"""A status and the members of the JSON answer."""


@dataclass(frozen=True, slots=True)
class Call:
    """An authenticated, permitted and checked request to one brand.

    ``path`` holds the variables of the path, ``query`` every declared
    parameter (None where absent), ``body`` the checked body: the fields of a
    row, or for ``:batch`` a list of rows in which a refused one is its error.
    """

    brand: Brand
    key: KeyInfo
    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: Any

    @property
    def limit(self) -> int:
        """How many rows a page has."""
        limit: int = self.query["limit"]
        return limit

    @property
    def after(self) -> int | None:
        """The position the page begins after, or None for the first page."""
        after: int | None = self.query["cursor"]
        return after


View = Callable[[Call], Answer]
Many = Callable[[Sequence[Call]], Sequence[Answer | Exception]]


@dataclass(frozen=True, slots=True)
class Param:
    """A query parameter. ``kind``: text, instant, limit or cursor."""

    name: str
    description: str
    kind: Literal["text", "instant", "limit", "cursor"] = "text"
    required: bool = False


PAGE = (
    Param("limit", f"rows of a page, 1 to {LIMITS.page_rows}; {DEFAULT_ROWS} when absent", "limit"),
    Param("cursor", "`next` of the page before", "cursor"),
)


@dataclass(frozen=True, slots=True)
class Route:
    """One path of ``/api/v1/<brand>`` with the permission it needs.

    ``accepts`` is the kind of row (a name of ``intake.schemas.SCHEMAS``) or a
    schema class of the body; ``batch`` means a body ``{"rows": [...]}`` of such
    rows. ``answers`` is the schema of the successful answer and ``statuses``
    the statuses it comes with. ``many`` is the view of several calls of one brand
    that came together: an answer or the error that refuses it for each.
    """

    method: Literal["GET", "POST", "DELETE"]
    path: str
    permission: str
    view: View
    summary: str
    answers: type[Any]
    accepts: str | type[IntakeSchema] | None = None
    batch: bool = False
    many: Many | None = None
    params: tuple[Param, ...] = ()
    statuses: tuple[int, ...] = (200,)

    @property
    def operation(self) -> str:
        """The unique name of the operation."""
        return self.view.__name__

    def body_schema(self) -> type[IntakeSchema] | None:
        """The schema of the body, or of one row of it."""
        return SCHEMAS[self.accepts] if isinstance(self.accepts, str) else self.accepts


@lru_cache(maxsize=256)
def _own_loader(schema: type[IntakeSchema], zone: ZoneInfo, region: str) -> Callable[[Any], dict[str, Any]]:
    return checker_for(schema(zone=zone, region=region))


def body_loader(route: Route, brand: Brand) -> Callable[[Any], Any]:
    """The function that checks the JSON value of a body of this route for a brand."""
    config = brand.config
    if isinstance(route.accepts, str):
        row = loader(route.accepts, brand.zone, config.phone_region)
    else:
        assert route.accepts is not None
        row = _own_loader(route.accepts, brand.zone, config.phone_region)
    return (lambda value: load_rows(value, row)) if route.batch else row


def load_rows(value: Any, row: Callable[[Any], dict[str, Any]]) -> list[dict[str, Any] | ValidationError]:
    """Check the rows of a batch one by one: a refused row is its error, the rest goes on.

    Raises Invalid for anything but ``{"rows": [...]}`` and TooLarge above
    ``LIMITS.batch_rows`` rows.
    """
    if type(value) is not dict or value.keys() != {"rows"} or type(value["rows"]) is not list:
        raise Invalid('the body of a batch is {"rows": [...]}', field="rows")
    rows = value["rows"]
    if len(rows) > LIMITS.batch_rows:
        raise TooLarge(f"{len(rows)} rows; a batch has at most {LIMITS.batch_rows}", field="rows")
    loaded: list[dict[str, Any] | ValidationError] = []
    for item in rows:
        try:
            loaded.append(row(item))
        except ValidationError as error:
            loaded.append(error)
    return loaded


def read_query(route: Route, given: Mapping[str, Sequence[str]], zone: ZoneInfo) -> dict[str, Any]:
    """The declared parameters, checked; raises Invalid for an unknown, repeated or wrong one."""
    known = {param.name: param for param in route.params}
    for name, values in given.items():
        if name not in known:
            allowed = ", ".join(known) or "none"
            raise Invalid(f"unknown parameter; allowed are: {allowed}", field=name[:100], code="parameter")
        if len(values) != 1:
            raise Invalid("given more than once", field=name, code="parameter")
    return {name: _read(param, given.get(name, (None,))[0], zone) for name, param in known.items()}


def _read(param: Param, text: str | None, zone: ZoneInfo) -> Any:
    if param.kind == "limit":
        return read_limit(text)
    if text is None:
        if param.required:
            raise Invalid("this parameter is required", field=param.name, code="parameter")
        return None
    if param.kind == "cursor":
        return decode_cursor(text)
    most = LIMITS.segment_text if param.name == "expression" else LIMITS.name
    text = clean_text(text, field=param.name, max_length=most)
    if param.kind == "instant":
        try:
            return parse_instant(text, zone)
        except Invalid as error:
            raise Invalid(error.message, field=param.name) from None
    return text


def batch(
    rows: Sequence[dict[str, Any] | ValidationError],
    run: Callable[[list[dict[str, Any]]], Sequence[dict[str, Any] | ScrmError]],
) -> Answer:
    """The answer to a batch: ``run`` gets the good rows and gives an outcome or a refusal for each.

    An outcome's ``outcome`` member is counted at the top of the answer:
    created, updated, unchanged or rejected.
    """
    good = [row for row in rows if not isinstance(row, ValidationError)]
    outcomes = iter(run(good) if good else ())
    counts = {"created": 0, "updated": 0, "unchanged": 0, "rejected": 0}
    shown = []
    for index, row in enumerate(rows):
        result = row if isinstance(row, ValidationError) else next(outcomes)
        if isinstance(result, Exception):
            result = {"outcome": "rejected", "problem": problems.describe(result)}
        counts[result["outcome"]] += 1
        shown.append({"index": index, **result})
    return 200, {**counts, "rows": shown}
