"""What a brief may not demand, and what a submission must say.

Pure functions over text. Nobody may be made to praise: a brief that demands
good reviews or stars is refused. Who recommends with a purchase link must say
「广告」 (《互联网广告管理办法》 2023-05-01, article 9): in the visible text, or by the
platform's own marker.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from scrm_core.api import Invalid, safe_target

if TYPE_CHECKING:
    from .members import Member

LABEL = "广告"
MARKERS = ("广告", "合作", "利益相关")
"""What the platforms' own markers say."""

_PRAISE = re.compile(
    r"好评|五颗?星|5\s*颗?星|[⭐★]\s*[⭐★]\s*[⭐★]|满分|正面评价|只说优点|只写优点|"
    r"不(?:得|能|可|要|许)(?:写|说|提)(?:到)?(?:缺点|负面|不好)|"
    r"positive (?:review|wording|comment|feedback)s?|five[- ]stars?|5[- ]stars?|only (?:good|positive)|"
    r"no negative|must praise",
    re.IGNORECASE,
)
# What forbids praise to order, or says that nobody need praise, demands none.
_FREE = re.compile(
    r"(?:不要求|不必|不需要|不需|无需|无须|不用|禁止|严禁|不得要求|不强制)[^，。；,.;\n]{0,12}"
    r"(?:好评|五星|5\s*星|满分|正面评价)|"
    r"(?:not? (?:need|have|require|ask)[^,.;\n]{0,30}|never [^,.;\n]{0,20}|no )"
    r"(?:positive (?:review|wording|comment|feedback)s?|five[- ]stars?|5[- ]stars?)",
    re.IGNORECASE,
)
_NOT_AD = re.compile(
    r"(?:不是|不算|不做|不打|不含|没有打|没打|没有|没|并非|绝非|绝无|毫无|非|无)"
    r"(?:任何|什么|一点|半点)?广告|广告勿扰|拒绝广告"
)
_ADDRESS = re.compile(
    r"https?://|www\.|(?<![a-z0-9@.-])(?:[a-z0-9-]+\.)+(?:(?:com|cn|net|shop|store|top)(?![a-z0-9-])|[a-z]{2,20}/)|"
    # 淘口令: a word between two signs that the shopping application opens as goods.
    r"([￥¥$€₤₳])[A-Za-z0-9]{8,16}\1|淘口令",
    re.IGNORECASE,
)
# Written over the label it would hide it: nothing of these may stand in a text.
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]")


def check_brief(text: str) -> None:
    """Refuse a brief that demands praise: Invalid (``brief``, code ``positive_wording``) quoting the words."""
    found = _PRAISE.search(_FREE.sub("", text))
    if found is not None:
        raise Invalid(
            f"a brief may not demand praise ({found.group()!r}): ask for an honest experience",
            field="brief",
            code="positive_wording",
        )


def address(text: str) -> str:
    """An http(s) address as it is kept, or nothing; raises Invalid with field ``link``. Nobody here ever calls it."""
    try:
        return safe_target(text) if text else ""
    except Invalid as refused:
        raise Invalid(refused.message, field="link", code=refused.code) from None


def sells(text: str, member: Member, told: bool) -> bool:
    """Whether a submission comes with a purchase link: told so, an address, the KOC's own code or link in the text."""
    own = re.search(rf"(?<![A-Za-z0-9-]){re.escape(member.code)}(?![A-Za-z0-9-])", text, re.IGNORECASE)
    linked = member.link is not None and member.link in text
    return told or own is not None or linked or _ADDRESS.search(text) is not None


def check_disclosure(text: str, marker: str, *, selling: bool) -> None:
    """Refuse a submission with a purchase link that does not say 「广告」.

    Raises Invalid: ``text`` with code ``ad_label`` without the label ("this is no
    广告" is none), with code ``unseen`` for characters that nobody sees, ``marker``
    for one that no platform has.
    """
    if _UNSEEN.search(text):
        raise Invalid("the text has characters that nobody sees", field="text", code="unseen")
    if marker and marker not in MARKERS:
        raise Invalid(f"a platform's marker is one of {', '.join(MARKERS)}", field="marker")
    if selling and not marker and LABEL not in _NOT_AD.sub("", text):
        raise Invalid(
            "a recommendation with a purchase link must visibly say 「广告」 (互联网广告管理办法, article 9), "
            "in the text or by the platform's marker",
            field="text",
            code="ad_label",
        )


def digest_of(text: str, images: Sequence[dict[str, Any]], link: str) -> str:
    """The SHA-256 of everything handed in, for later disputes."""
    whole = json.dumps([text, list(images), link], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(whole.encode()).hexdigest()
