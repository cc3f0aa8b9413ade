"""Fifty kilobytes of anything cost little, wherever a text from outside is searched, parsed, filled in or masked.

What is measured is the processor's own time, with room: a step that grows with the square of the length takes a
hundred times as long.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from scrm_core.errors import ScrmError
from scrm_core.intake.csvfile import normalise_header
from scrm_core.segmentlang import SegmentError, parse
from scrm_core.values import strictjson
from scrm_core.values.identities import normalise
from scrm_core.values.masking import MASKS, mask, scrub
from scrm_core.values.targets import safe_target
from scrm_core.values.text import csv_cell, csv_value
from scrm_sms.copywriting.checks import check_copy
from scrm_sms.copywriting.replies import normalise_reply
from scrm_sms.copywriting.rules import CopyRules
from scrm_sms.copywriting.template import Copy, Renderer, Variable
from scrm_sms.packs.numbers import NumberRules, read_number

LENGTH = 50_000
SECONDS = 1.0
PIECES = [
    "a", "1", " ", "-a", "a-", "a_", '"', "\\", "(", "()", "[]", "1,", "a.", "+1", "\t", '="', "市", "区", "a ", "1-", "{a",
    "{{", "<a", "[", "cookie ", "token", "token=", "secret ", "bearer ", "/a", "not ", "((", "%", "=", "138", "https://",
    "转", "x1", "1 (", "'", "} {", "{name}", "a.cn", "【",
]  # fmt: skip
NAME = (Variable("name", 20),)
RULES = CopyRules()
FILLED = Renderer(Copy("notice", "示例旗舰店", "您好{name}"), NAME, RULES)
READERS: dict[str, Callable[[str], Any]] = {
    "the log's mask": scrub,
    "masks": lambda text: [mask(kind, text) for kind in MASKS],
    "segment expressions": parse,
    "targets of links": safe_target,
    "targets of links with a path": lambda text: safe_target(f"https://shop.example/{text}"),
    "phones": lambda text: normalise("phone", text),
    "other identities": lambda text: [normalise(kind, text) for kind in ("email", "unionid", "buyer")],
    "cells of files": lambda text: csv_value(csv_cell(text)),
    "headings of files": normalise_header,
    "JSON": lambda text: strictjson.loads(text.encode()),
    "JSON within a text": lambda text: strictjson.loads(f'{{"a": "{text}"}}'.encode()),
    "replies of people": normalise_reply,
    "copies of messages": lambda text: check_copy(Copy("marketing", "示例旗舰店", text), NAME, RULES),
    "copies of messages, as long as they may be": lambda text: check_copy(
        Copy("marketing", "示例旗舰店", text[:1_990]), NAME, RULES
    ),
    "signatures of messages": lambda text: check_copy(Copy("notice", text, "您好"), NAME, RULES),
    "values in a copy": lambda text: FILLED.render({"name": text}),
    "numbers of packs": lambda text: read_number(text[:500], NumberRules("CN")),
}


# Slow in proportion to the length: their neighbour, as long as a copy may be, is tried each time.
SLOW = {"copies of messages", "signatures of messages", "values in a copy"}


@pytest.mark.parametrize("reader", [pytest.param(each, marks=[pytest.mark.wide] * (each in SLOW)) for each in READERS])
def test_a_long_text_costs_no_more_than_its_length(reader):
    for piece in PIECES:
        for ending in ("", "!"):
            text = (piece * (LENGTH // len(piece) + 1))[:LENGTH] + ending
            began = time.process_time()
            try:
                READERS[reader](text)
            except (ScrmError, SegmentError, ValueError):
                pass  # refused, which is as good as long as it is quick
            assert time.process_time() - began < SECONDS, (reader, piece, ending)


def test_a_word_that_nobody_finishes_loses_its_secret_all_the_same():
    assert scrub("my-corp-secret = s3cr3t, x_api-key:'k3y', access_token\": \"t0k\"").count("***") == 3
