"""The signature (签名) that a code begins with: 2 to 16 characters without brackets, as SMS platforms want it."""

from __future__ import annotations

import re

LEAST, MOST = 2, 16
_BRACKETS = re.compile(r"[【】\[\]{}]")
# A name's short form ends where an addition begins: "Demo (package cards on)", "Acme - mother and child".
_ADDITION = re.compile(r"\s*[(（|｜:：,，·]|\s+[-–—]\s+")


def signature_of(*names: str) -> str:
    """The first name that makes a signature, in its short form when the whole is too long.

    The short form leaves out what stands in brackets or behind a dash, and then
    whole words, before it cuts a word.
    """
    for name in names:
        short = _short(" ".join(_BRACKETS.sub(" ", name).split()))
        if len(short) >= LEAST:
            return short
    return "SMS"


def _short(name: str) -> str:
    if len(name) > MOST:
        name = _ADDITION.split(name, maxsplit=1)[0] or name
    if len(name) <= MOST:
        return name
    words, cut = name[: MOST + 1].rpartition(" ")[0].rstrip(), name[:MOST].rstrip()
    return words if len(words) >= LEAST else cut
