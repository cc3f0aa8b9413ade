"""``[outreach]`` of a brand file: consent, quiet hours and caps that every message keeps, whichever plugin sends it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from .config_fields import text

_QUIET = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)\Z")


def _quiet_hours(value: str) -> None:
    if value != "none" and not (_QUIET.match(value) and value[:5] != value[6:]):
        raise ValidationError('must be HH:MM-HH:MM, for example "21:00-09:00", or "none"')


def _quiet_hours_or_same(value: str) -> None:
    if value:
        _quiet_hours(value)


class Cap(fields.Field[int | None]):
    """A whole number from 0 (never) up, or "none" for no cap: a cap of 0 never means "no cap"."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int | None:
        if value == "none":
            return None
        if type(value) is int and 0 <= value <= 10_000:
            return value
        raise ValidationError('must be a whole number from 0 (never) to 10000, or "none" (no cap)')


def _cap(description: str, **kwargs: Any) -> Cap:
    return Cap(metadata={"description": description}, **kwargs)


class ChannelPolicyTable(Schema):
    """``[outreach.channels.NAME]``."""

    class Meta:
        unknown = RAISE

    quiet_hours = text("as in [outreach], for this channel; empty: the same", "", validate=_quiet_hours_or_same)
    per_7_days = _cap("commercial messages to one person on this channel in 7 days of 24 hours")
    per_30_days = _cap("commercial messages to one person on this channel in 30 days of 24 hours")


class OutreachTable(Schema):
    """``[outreach]``."""

    class Meta:
        unknown = RAISE

    one_to_one_per_week = _cap(
        "commercial messages to one person a week, over all channels and plugins; 0 is never", load_default=2
    )
    week = text(
        "rolling: the last 7 days of 24 hours; calendar: from Monday 0:00 of the brand's zone",
        "rolling",
        validate=validate.OneOf(["rolling", "calendar"]),
    )
    quiet_hours = text(
        'commercial messages wait during these hours of the recipient\'s zone; "none" for never',
        "21:00-09:00",
        validate=_quiet_hours,
    )
    opt_in = fields.List(
        fields.String(validate=validate.OneOf(["marketing", "brand"])),
        load_default=lambda: ["marketing", "brand"],
        metadata={"description": "kinds that are commercial: they need consent, keep the caps and the quiet hours"},
    )
    channels = fields.Dict(
        keys=fields.String(),
        values=fields.Nested(ChannelPolicyTable),
        load_default=dict,
        metadata={"description": "[outreach.channels.NAME]: a channel's own quiet hours and caps"},
    )


@dataclass(frozen=True, slots=True)
class ChannelPolicy:
    """What commercial messages of one channel keep to; None is no cap, 0 is never.

    ``quiet`` is (first minute, end minute) of the day, or None for no quiet hours.
    """

    quiet: tuple[int, int] | None
    per_7_days: int | None
    per_30_days: int | None


# Practice: a person gets at most one marketing SMS in 7 days and two in 30.
_CHANNEL_CAPS = {"sms": (1, 2)}


@dataclass(frozen=True, slots=True)
class OutreachPolicy:
    """``[outreach]``: one policy that no plugin can bypass."""

    one_to_one_per_week: int | None = 2
    calendar_week: bool = False
    opt_in: frozenset[str] = frozenset({"marketing", "brand"})
    quiet: tuple[int, int] | None = (21 * 60, 9 * 60)
    channels: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def of(self, channel: str) -> ChannelPolicy:
        """The policy of a channel."""
        own = self.channels.get(channel, {})
        seven, thirty = _CHANNEL_CAPS.get(channel, (None, None))
        quiet = own.get("quiet_hours") or ""
        return ChannelPolicy(
            _minutes(quiet) if quiet else self.quiet, own.get("per_7_days", seven), own.get("per_30_days", thirty)
        )


def _minutes(text: str) -> tuple[int, int] | None:
    if text == "none":
        return None
    return int(text[:2]) * 60 + int(text[3:5]), int(text[6:8]) * 60 + int(text[9:])


def outreach_policy(table: Mapping[str, Any]) -> OutreachPolicy:
    """The loaded table as a value."""
    return OutreachPolicy(
        one_to_one_per_week=table["one_to_one_per_week"],
        calendar_week=table["week"] == "calendar",
        opt_in=frozenset(table["opt_in"]),
        quiet=_minutes(table["quiet_hours"]),
        channels=table["channels"],
    )
