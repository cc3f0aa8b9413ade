"""Mapping files: how the columns of a shop's file become the fields of a row.

A mapping is a TOML file. Every key is optional except ``kind``::

    kind = "orders"                # orders, leads, contacts, tags, products or refunds
    extends = "taobao"             # start from a built-in mapping: taobao, jd, pdd, douyin, xiaohongshu
    source = "cdnow"               # where order numbers and buyer ids are unique; --source replaces it
    platform = "cdnow"             # the selling platform (orders)
    money = "minor"                # amounts are "minor" units (cents, 分) or "major" (yuan, dollars)
    zone = "America/New_York"      # zone of wall-clock times; the brand's zone when absent
    dates = ["auto"]               # "auto", "epoch_ms", "epoch_s" or strptime formats, tried in order
    one_row = "order"              # a row is an "order", or a "line" of one; rows of one order stand together

    [columns]                      # field = header, or a list of headers of which the first present counts
    number = "order_id"
    buyer = "customer_id"
    paid_at = "date"
    items = "items"
    paid_minor = "amount_cents"

    [constants]                    # the same value for every row
    status = "completed"

    [status]                       # the file's words = unpaid, paid, part_shipped, shipped,
    "交易成功" = "completed"        # completed, closed or refunded

    [lines]                        # only with one_row = "line": sku, title, qty, paid_minor, gift
    sku = "sku"
    qty = "qty"
    paid_minor = "line_paid"

    [gifts]                        # a line is a gift (赠品) when its SKU is listed or starts so
    skus = ["CARD-202409-A"]       # (or when the column lines.gift says so)
    prefixes = ["CARD-"]

    [attributes]                   # only for products: attribute = header
    size = "size"

    [fields]                       # only for leads: further texts kept with the lead
    serial = "card number"

The fields of a kind are those of its schema in :mod:`scrm_core.intake.schemas`. The cell of a lead's ``consents`` holds
the purposes agreed to with ``;`` between them, each with the version of the words that were shown where it is known:
``marketing_wecom; marketing_sms@2025-03``.
Without a mapping each column is called as its field, and amounts are minor
units. An order file by lines needs no ``paid_minor`` in ``[columns]``: the sum
over the lines is what the buyer paid.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from scrm_core.errors import Invalid, Malformed
from scrm_core.intake.csvfile import plain_header
from scrm_core.intake.platforms import PLATFORMS
from scrm_core.intake.schemas import SCHEMAS, STATUSES, LineSchema

LINE_FIELDS = tuple(LineSchema._declared_fields)
NESTED = ("lines", "attributes", "further")
"""Fields of schemas that no single column holds."""

DETAILS = {"products": "attributes", "leads": "fields"}
"""Kinds with a table of free names, and how it is called."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """A checked mapping; see the module for the meaning of each field.

    Values of ``columns``, ``lines`` and ``details`` (the table ``[attributes]`` or
    ``[fields]``) are the headers to look for, best first; keys of ``status`` are normalised as headers are.
    """

    kind: str
    source: str | None = None
    platform: str | None = None
    money: str = "minor"
    zone: str | None = None
    dates: tuple[str, ...] = ("auto",)
    one_row: str = "order"
    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    constants: dict[str, str | int | bool] = field(default_factory=dict)
    status: dict[str, str] = field(default_factory=dict)
    lines: dict[str, tuple[str, ...]] = field(default_factory=dict)
    gift_skus: frozenset[str] = frozenset()
    gift_prefixes: tuple[str, ...] = ()
    details: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def details_field(self) -> str | None:
        """The field that gathers ``details``: attributes of a product, fields of a lead."""
        return DETAILS.get(self.kind)


def plain_mapping(kind: str) -> Mapping:
    """The mapping used without a mapping file: headers are field names, amounts are minor units."""
    return Mapping(kind=kind, columns={name: (name,) for name in _fields(kind)})


def load_mapping(name: str | Path, kind: str | None = None) -> Mapping:
    """The mapping of a TOML file, or of a built-in platform by its name.

    ``kind`` is what the caller wants to import; another kind in the file is an
    error. Raises Invalid naming the file, the key, what was found and what is
    allowed; Malformed when the file is not TOML.
    """
    if str(name) in PLATFORMS:
        where, table = f"mapping {name}", PLATFORMS[str(name)]
    else:
        where, table = _read(Path(name))
    mapping = parse_mapping(table, where)
    if kind is not None and mapping.kind != kind:
        raise Invalid(f"{where} is for {mapping.kind}, not for {kind}", field="kind", code="mapping")
    return mapping


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        return path.name, tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        known = ", ".join(PLATFORMS)
        raise Invalid(
            f"the mapping {path.name} cannot be read: {error.strerror} (built-in mappings: {known})",
            code="mapping",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"{path.name} is not TOML: {error}", code="mapping") from None


def parse_mapping(table: dict[str, Any], where: str) -> Mapping:
    """A :class:`Mapping` of the parsed TOML; ``where`` names the file in errors."""
    table = _extended(table, where)
    _known(table, _KEYS, where, "")
    kind = _choice(table, "kind", tuple(SCHEMAS), None, where)
    fields = _fields(kind)
    columns = _headers(table.get("columns", {}), fields, where, "columns")
    one_row = _choice(table, "one_row", ("order", "line"), "order", where)
    lines = _headers(table.get("lines", {}), LINE_FIELDS, where, "lines")
    if (one_row == "line") != bool(lines) or (lines and kind != "orders"):
        raise Invalid(
            f'{where}: [lines] and one_row = "line" belong together and to orders', field="one_row", code="mapping"
        )
    if lines and "qty" not in lines:
        raise Invalid(f"{where}: [lines] needs qty", field="lines", code="mapping")
    for owner, name in DETAILS.items():
        if table.get(name) and owner != kind:
            raise Invalid(f"{where}: [{name}] is for {owner}", field=name, code="mapping")
    details_name = DETAILS.get(kind, "")
    gifts = _table(table, "gifts", where)
    _known(gifts, ("skus", "prefixes"), where, "gifts.")
    constants = _table(table, "constants", where)
    _known(constants, fields, where, "constants.")
    for key, value in constants.items():
        if not isinstance(value, str | int):
            raise Invalid(f"{where}: constants.{key} is text, an integer or a boolean", field=key, code="mapping")
    return Mapping(
        kind=kind,
        source=_text(table, "source", where),
        platform=_text(table, "platform", where),
        money=_choice(table, "money", ("minor", "major"), "minor", where),
        zone=_zone(table, where),
        dates=_texts(table.get("dates", ["auto"]), where, "dates"),
        one_row=one_row,
        columns=columns or ({} if table.get("columns") else {name: (name,) for name in fields}),
        constants=constants,
        status=_status(_table(table, "status", where), where),
        lines=lines,
        gift_skus=frozenset(_texts(gifts.get("skus", []), where, "gifts.skus")),
        gift_prefixes=_texts(gifts.get("prefixes", []), where, "gifts.prefixes"),
        details=_headers(table.get(details_name, {}), None, where, details_name),
    )


_KEYS = (
    "kind", "source", "platform", "money", "zone", "dates", "one_row",
    "columns", "constants", "status", "lines", "gifts", "attributes", "fields",
)  # fmt: skip


def _fields(kind: str) -> tuple[str, ...]:
    schema = SCHEMAS.get(kind)
    if schema is None:
        raise Invalid(f"unknown kind {kind!r}; known are {', '.join(SCHEMAS)}", field="kind", code="kind")
    return tuple(name for name in schema._declared_fields if name not in NESTED)


def _extended(table: dict[str, Any], where: str) -> dict[str, Any]:
    if "extends" not in table:
        return table
    base_name = _choice(table, "extends", tuple(PLATFORMS), None, where)
    merged: dict[str, Any] = dict(PLATFORMS[base_name])
    for key, value in table.items():
        if key == "extends":
            continue
        base = merged.get(key)
        merged[key] = base | value if isinstance(base, dict) and isinstance(value, dict) else value
    return merged


def _known(table: dict[str, Any], allowed: Iterable[str], where: str, prefix: str) -> None:
    allowed = tuple(allowed)
    for key in table:
        if key not in allowed:
            near = get_close_matches(key, allowed, 1)
            hint = f"; did you mean {near[0]}?" if near else f"; allowed are {', '.join(allowed)}"
            raise Invalid(f"{where}: unknown key {prefix}{key}{hint}", field=f"{prefix}{key}", code="mapping")


def _table(table: dict[str, Any], key: str, where: str) -> dict[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise Invalid(f"{where}: {key} is a table, [{key}]", field=key, code="mapping")
    return value


def _choice(table: dict[str, Any], key: str, allowed: tuple[str, ...], default: str | None, where: str) -> str:
    value = table.get(key, default)
    if value not in allowed:
        raise Invalid(f"{where}: {key} is one of {', '.join(allowed)}, not {value!r}", field=key, code="mapping")
    return str(value)


def _text(table: dict[str, Any], key: str, where: str) -> str | None:
    value = table.get(key)
    if value is not None and (not isinstance(value, str) or not value.strip()):
        raise Invalid(f"{where}: {key} is text that is not blank", field=key, code="mapping")
    return value


def _texts(value: Any, where: str, key: str) -> tuple[str, ...]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) and text for text in texts):
        raise Invalid(f"{where}: {key} is a text or a list of texts", field=key, code="mapping")
    return tuple(texts)


def _headers(table: Any, allowed: Iterable[str] | None, where: str, name: str) -> dict[str, tuple[str, ...]]:
    if not isinstance(table, dict):
        raise Invalid(f"{where}: {name} is a table, [{name}]", field=name, code="mapping")
    if allowed is not None:
        _known(table, allowed, where, f"{name}.")
    return {key: _texts(value, where, f"{name}.{key}") for key, value in table.items()}


def _zone(table: dict[str, Any], where: str) -> str | None:
    name = _text(table, "zone", where)
    if name is not None:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            raise Invalid(f"{where}: unknown zone {name!r}", field="zone", code="mapping") from None
    return name


def _status(table: dict[str, Any], where: str) -> dict[str, str]:
    for word, status in table.items():
        if status not in STATUSES:
            raise Invalid(
                f"{where}: status {word!r} is one of {', '.join(STATUSES)}, not {status!r}",
                field="status",
                code="mapping",
            )
    return {plain_header(word): status for word, status in table.items()}
