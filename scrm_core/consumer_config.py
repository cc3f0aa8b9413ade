"""``[consumer]`` of a brand file: how the pages that customers see look, and how people sign in to them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, validate

from .config_fields import flag, number, text

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}\Z")
LOGO_TYPES = {".svg": "image/svg+xml", ".png": "image/png", ".webp": "image/webp", ".jpg": "image/jpeg"}


def _colour(value: str) -> None:
    if not _COLOUR.match(value):
        raise ValidationError('must be a colour such as "#0b6e4f"')


def _logo(value: str) -> None:
    if value and not any(value.endswith(ending) for ending in LOGO_TYPES):
        raise ValidationError(f"must be the path of a file ending in {', '.join(LOGO_TYPES)}")


class ConsumerTable(Schema):
    """``[consumer]``."""

    class Meta:
        unknown = RAISE

    title = text(
        "title of customers' pages, and 【title】 of codes (2 to 16 characters); empty: the brand's name",
        "",
        validate=validate.Length(max=60),
    )
    colour = text("main colour of customers' pages", "#0b6e4f", validate=_colour)
    logo = text("logo beside the title: a file (svg, png, webp, jpg), relative to the brand's file", "", validate=_logo)
    session_days = number("days that a customer stays signed in", 30, 1, 400)
    membership = flag("whoever joins by a phone code becomes a member", False)
    code_channel = text("channel of sign-in codes", "sms", validate=validate.OneOf(["sms"]))
    code_sender = text("sender of sign-in codes, of a plugin; empty: nobody signs in by a phone code", "")
    code_template = text("template that the sender's gateway wants for sign-in codes; its parameter is `code`", "")
    codes_per_hour = number("codes to one phone in an hour", 5, 1, 100)
    codes_per_day = number("codes to one phone in a day", 10, 1, 1_000)
    network_codes_per_hour = number("codes asked for from one network in an hour", 30, 1, 100_000)
    network_codes_per_day = number("codes asked for from one network in a day", 100, 1, 1_000_000)
    privacy_zh = text("privacy text that people agree to when they join, in Chinese; empty: a short one", "")
    privacy_en = text("privacy text that people agree to when they join, in English; empty: a short one", "")
    marketing_zh = text("words of the optional consent to marketing messages, in Chinese; empty: ordinary ones", "")
    marketing_en = text("words of the optional consent to marketing messages, in English; empty: ordinary ones", "")


@dataclass(frozen=True, slots=True)
class ConsumerConfig:
    """A checked ``[consumer]``; texts that are empty have a default in the frame."""

    title: str = ""
    colour: str = "#0b6e4f"
    logo: str = ""
    session_days: int = 30
    membership: bool = False
    code_channel: str = "sms"
    code_sender: str = ""
    code_template: str = ""
    codes_per_hour: int = 5
    codes_per_day: int = 10
    network_codes_per_hour: int = 30
    network_codes_per_day: int = 100
    privacy_zh: str = ""
    privacy_en: str = ""
    marketing_zh: str = ""
    marketing_en: str = ""


def consumer_config(table: Mapping[str, Any]) -> ConsumerConfig:
    """The loaded table as a value."""
    return ConsumerConfig(**table)
