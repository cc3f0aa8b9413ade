"""The rules that a brand's copies are held to: lengths, opt-out wording, words, characters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from .segments import MODES
from .words import LEVELS, SENSITIVE_WORDS, SensitiveWord

OPT_OUT = "拒收请回复R"
REFUSED = ("¥", "￥", "★", "☆", "※", "√", "☞", "&", "^_^")
STYLES = {"brackets": "【{}】", "plain": "{}: "}
"""How the signature stands before the text: 【name】 as mainland platforms want it, or ``name: ``."""

_WORST_PARTS = 50


@dataclass(frozen=True, slots=True)
class CopyRules:
    """What a copy is held to.

    ``signature`` is (least, most) characters, ``most_parts`` the parts of the
    longest possible text, ``value_units`` the most units of a variable's value
    and ``link_units`` those of the link. ``refused`` are characters or
    sequences that must not occur. ``mode`` is a way of counting (``segments.MODES``)
    and ``style`` a key of ``STYLES``.
    """

    signature: tuple[int, int] = (2, 16)
    opt_out: str = OPT_OUT
    most_parts: int = 10
    value_units: int = 20
    link_units: int = 40
    refused: tuple[str, ...] = REFUSED
    words: tuple[SensitiveWord, ...] = SENSITIVE_WORDS
    mode: str = "china"
    style: str = "brackets"


def _visible(value: str) -> None:
    if not value.strip() or not value.isprintable() or any(bracket in value for bracket in "[]【】{}"):
        raise ValidationError("must have visible characters and no brackets")


def _count(default: int, most: int, description: str) -> Any:
    return fields.Integer(
        strict=True, load_default=default, validate=validate.Range(1, most), metadata={"description": description}
    )


class CopySettings(Schema):
    """Settings of a brand about its copies (文案)."""

    count_mode = fields.String(
        load_default="china",
        validate=validate.OneOf(MODES),
        metadata={"description": "how parts are counted: china (70/67 characters) or gsm (GSM-7 or UCS-2)"},
    )
    signature_style = fields.String(
        load_default="brackets",
        validate=validate.OneOf(sorted(STYLES)),
        metadata={"description": "how the signature is written: brackets (【name】) or plain (name: )"},
    )
    signature_least = _count(2, 30, "fewest characters of a signature, without brackets")
    signature_most = _count(16, 30, "most characters of a signature, without brackets")
    opt_out_text = fields.String(
        load_default=OPT_OUT,
        validate=[validate.Length(2, 30), _visible],
        metadata={"description": "what a marketing text ends with; platforms accept 拒收请回复R only"},
    )
    most_parts = _count(10, _WORST_PARTS, "most parts of one message at its longest")
    value_units = _count(20, 200, "most characters of a variable's value; the rest is cut off")
    link_units = _count(40, 200, "most characters of the link in a message")
    refused_characters = fields.List(
        fields.String(validate=validate.Length(1, 10)),
        load_default=None,
        allow_none=True,
        metadata={"description": "characters or sequences refused in a text; default: ¥ ★ ※ & and such in mode china"},
    )
    sensitive_words = fields.Dict(
        keys=fields.String(validate=validate.Length(1, 30)),
        values=fields.String(validate=validate.OneOf(LEVELS)),
        load_default=dict,
        metadata={"description": "further sensitive words, or another class of a known one: warn, refuse or off"},
    )


def copy_rules(settings: Mapping[str, Any]) -> CopyRules:
    """The rules under the settings of :class:`CopySettings`; what a setting leaves open has its default."""
    plain = CopyRules()
    mode = settings.get("count_mode", plain.mode)
    refused = settings.get("refused_characters")
    if refused is None:
        refused = plain.refused if mode == "china" else ()
    least = settings.get("signature_least", plain.signature[0])
    most = settings.get("signature_most", plain.signature[1])
    return CopyRules(
        signature=(least, max(least, most)),
        opt_out=settings.get("opt_out_text", plain.opt_out),
        most_parts=settings.get("most_parts", plain.most_parts),
        value_units=settings.get("value_units", plain.value_units),
        link_units=settings.get("link_units", plain.link_units),
        refused=tuple(refused),
        words=_words(settings.get("sensitive_words", {})),
        mode=mode,
        style=settings.get("signature_style", plain.style),
    )


def _words(own: Mapping[str, str]) -> tuple[SensitiveWord, ...]:
    known = {each.word: each for each in SENSITIVE_WORDS}
    for word, level in own.items():
        known[word] = SensitiveWord(word, level, known[word].why if word in known else "a word of the brand's list")
    return tuple(known.values())
