"""What a reply (上行短信) wants: to be left alone, to be written to again, or something else.

A person may refuse in any spelling, so a reply is normalised first: full-width
to half-width, upper case, without spaces and punctuation. Refusals are exact
words, because "TODAY" begins with T and "请问怎么退订单" speaks of an order;
only 退订, 拒收 and TD are refused by as beginnings.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema, fields, validate

OPT_OUT = "opt_out"
RESUBSCRIBE = "resubscribe"

EXACT = (
    *("R", "T", "TD", "N", "0000", "00000", "退订", "拒收", "取消"),
    *("STOP", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "STOPALL", "REVOKE", "OPTOUT"),
    # Wordings of older gateways, sent back as they were read.
    *("回T退订", "回N退订", "回R", "回T", "回N", "回TD", "回复R", "回复T", "回复N", "回复TD", "回复退订"),
)
"""Replies that refuse (退订)."""

PREFIXES = ("退订", "拒收", "TD")
"""Beginnings that refuse, whatever follows."""

EXCEPTIONS = ("退订单", "退订金", "退订货")
"""Beginnings that look like a refusal and speak of an order (退 + 订单) instead."""

AGAIN = ("START", "UNSTOP", "订阅", "恢复订阅", "重新订阅")
"""Replies that ask for messages again: an affirmative act, therefore exact."""

_LONGEST = 1_000


@dataclass(frozen=True, slots=True)
class ReplyWords:
    """The words of a brand, normalised; build it with :func:`reply_words`."""

    exact: frozenset[str]
    prefixes: tuple[str, ...]
    exceptions: tuple[str, ...]
    again: frozenset[str]


def _word(description: str) -> Any:
    return fields.List(
        fields.String(validate=validate.Length(1, 20)),
        load_default=list,
        validate=validate.Length(max=200),
        metadata={"description": description},
    )


class ReplySettings(Schema):
    """Settings of a brand about replies; each list adds to the words that are known anyway."""

    opt_out_words = _word("further replies that refuse messages, compared as a whole")
    opt_out_prefixes = _word("further beginnings of replies that refuse messages")
    resubscribe_words = _word("further replies that ask for messages again")


def reply_words(settings: Mapping[str, Any]) -> ReplyWords:
    """The words that hold under the settings of :class:`ReplySettings`."""
    return ReplyWords(
        exact=frozenset(_normal(EXACT + tuple(settings.get("opt_out_words", ())))),
        prefixes=tuple(_normal(PREFIXES + tuple(settings.get("opt_out_prefixes", ())))),
        exceptions=tuple(_normal(EXCEPTIONS)),
        again=frozenset(_normal(AGAIN + tuple(settings.get("resubscribe_words", ())))),
    )


def normalise_reply(text: str) -> str:
    """A reply as it is compared: NFKC, upper case, letters and digits only."""
    wide = unicodedata.normalize("NFKC", text[:_LONGEST]).upper()
    return "".join(character for character in wide if unicodedata.category(character)[0] in "LN")


def intent_of(text: str, words: ReplyWords) -> str | None:
    """``opt_out``, ``resubscribe``, or None for a reply that is neither."""
    reply = normalise_reply(text)
    if not reply:
        return None
    if reply in words.exact:
        return OPT_OUT
    if reply in words.again:
        return RESUBSCRIBE
    if reply.startswith(words.prefixes) and not reply.startswith(words.exceptions):
        return OPT_OUT
    return None


def _normal(words: Iterable[str]) -> list[str]:
    return [normal for word in words if (normal := normalise_reply(word))]
