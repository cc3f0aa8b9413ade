"""What packs accept and show: their settings, the bodies of their routes, a pack as JSON."""

from __future__ import annotations

from typing import Any

from marshmallow import RAISE, Schema, fields, validate

from scrm_core.api import Brand, iso

from .store import PackView

MOST_ROWS = 1_000


class PackSettings(Schema):
    """Settings of a brand about number packs (号码包)."""

    foreign_numbers = fields.Boolean(
        truthy={True},
        falsy={False},
        load_default=False,
        metadata={"description": "whether packs take numbers of other countries than the brand's phone_region"},
    )
    virtual_prefixes = fields.List(
        fields.String(validate=validate.Regexp(r"\+[0-9]{2,12}\Z", error="an E.164 beginning such as +86184")),
        load_default=list,
        validate=validate.Length(max=100),
        metadata={"description": "beginnings of E.164 numbers that platforms lend out (隐私号) and packs drop"},
    )


class _Strict(Schema):
    class Meta:
        unknown = RAISE


class PackBody(_Strict):
    """A pack to open; ``foreign_numbers`` replaces the setting."""

    code = fields.String(required=True, validate=validate.Length(1, 40))
    foreign_numbers = fields.Boolean(truthy={True}, falsy={False}, load_default=None, allow_none=True)


def _cell(**kwargs: Any) -> Any:
    return fields.String(validate=validate.Length(max=500), **kwargs)


class RowBody(_Strict):
    """One row of a pack; a time without offset is the brand's wall clock."""

    phone = _cell(required=True)
    name = _cell(load_default="")
    ordered_at = _cell(load_default="")
    order_number = _cell(load_default="")


class RowsBody(_Strict):
    """Rows for an open pack."""

    rows = fields.List(fields.Nested(RowBody), required=True, validate=validate.Length(1, MOST_ROWS))


def pack_record(brand: Brand, pack: PackView) -> dict[str, Any]:
    """A pack as it is shown: instants as ISO 8601 in the brand's zone, dropped rows by reason."""
    return {
        "code": pack.code,
        "state": pack.state,
        "file": pack.file,
        "rows": pack.rows,
        "accepted": pack.accepted,
        "dropped": sum(pack.dropped.values()),
        "by_reason": pack.dropped,
        "matched": pack.matched,
        "undated": pack.undated,
        "foreign_numbers": pack.foreign_allowed,
        "digest": pack.digest,
        "content": pack.content,
        "created_at": iso(pack.created_at, brand.zone),
        "created_by": pack.created_by,
        "sealed_at": iso(pack.sealed_at, brand.zone),
        "sealed_by": pack.sealed_by,
    }
