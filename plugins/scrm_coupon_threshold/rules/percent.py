"""Percent texts (折): what the customer pays, turned into basis points of the discount."""

from __future__ import annotations

import re
import unicodedata

from scrm_core.api import Invalid

from .arithmetic import FULL_BP

_CHINESE = str.maketrans("零〇一二三四五六七八九点", "00123456789.")
_ZHE = re.compile(r"(\d{1,2})(?:\.(\d{1,2}))?\s*折\Z", re.ASCII)


def discount_bp(text: str, field: str = "zhe") -> int:
    """Basis points of the discount that ``88折``, ``8.8折``, ``八八折`` (each 1200) or ``8折`` (2000) means.

    A number below 10 is tenths of the price, from 11 on hundredths. Raises
    Invalid for anything else; ``10折`` is full price to some and a tenth to
    others, so it is refused.
    """
    if not isinstance(text, str):
        raise Invalid(f"{field} is a text such as 88折", field=field)
    match = _ZHE.match(unicodedata.normalize("NFKC", text).translate(_CHINESE).strip())
    if match is None:
        raise Invalid(f"{field}: {text[:20]!r} is not a percent text such as 88折, 8.8折 or 8折", field=field)
    whole, part = match.group(1), match.group(2) or ""
    value = int(whole) * 100 + int(part.ljust(2, "0"))  # hundredths of the number written
    if int(whole) < 10 and len(whole) == 1:
        pays_bp = value * 10
    elif 1000 < value < 10_000:
        pays_bp = value
    else:
        raise Invalid(f"{field}: {text[:20]!r} can be read in two ways; write 8折 or 88折, or rate_bp", field=field)
    return FULL_BP - pays_bp
