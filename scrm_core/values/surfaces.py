"""Which mechanic may run on which surface (投放场景), as data: a pair that is not allowed has a reason and its source.

A surface is where a campaign's page is opened; a mechanic is what a campaign makes
people do. The rules are those of the platform people are on, so a campaign is
held to the surface it was declared for when it is published.

The rules are WeChat's on luring people into sharing (诱导分享) and following
(诱导关注), each with its date; docs/consumer-pages.md shows the pairs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ..errors import Invalid

Language = Literal["zh", "en"]

SURFACES: dict[str, dict[str, str]] = {
    "h5": {"zh": "微信内打开的外部链接 (H5)", "en": "an external link opened in WeChat (H5)"},
    "mini_program": {"zh": "小程序", "en": "a mini program"},
    "offline_code": {"zh": "线下二维码 (门店、包裹)", "en": "a code scanned in a store or from a parcel"},
    "app": {"zh": "品牌自有 App", "en": "the brand's own app"},
}

MECHANICS: dict[str, dict[str, str]] = {
    "sharing_reward": {"zh": "分享即得奖励", "en": "a reward for the act of sharing"},
    "helping": {"zh": "好友助力", "en": "friends who help"},
    "cutting_price": {"zh": "砍价", "en": "friends who cut a price (bargain)"},
    "grouping": {"zh": "拼单", "en": "buying as a team (group-buy)"},
    "inviting": {"zh": "邀请有奖", "en": "a reward for invited people who became customers"},
    "joining_group": {"zh": "拉人入群有奖", "en": "a reward for friends who joined a group"},
    "following": {"zh": "拉人关注有奖", "en": "a reward for friends who follow an account or add staff"},
}

LINK_RULES = "《微信外部链接内容管理规范》, in force since 2019-10-28"
MINI_PROGRAM_RULES = "《微信小程序平台运营规范》 5.1, on abuse of sharing (滥用分享行为), as it stood in 2020"


@dataclass(frozen=True, slots=True)
class Ban:
    """A pair that is not allowed: why, in both languages, and the rule that says so."""

    mechanic: str
    surface: str
    zh: str
    en: str
    source: str


BANS: tuple[Ban, ...] = (
    Ban(
        "sharing_reward", "h5",
        "外部链接不得以利益 (现金、实物、红包、优惠券、积分等) 诱导用户分享, 也不得宣称分享可增加抽奖机会或中奖率",
        "an external link must not lure people into sharing by a benefit (money, goods, red packets, coupons, points), "
        "nor say that sharing raises the chances of a draw",
        LINK_RULES,
    ),
    Ban(
        "helping", "h5",
        "外部链接不得以利益诱导好友助力、加速、签到或集赞集卡",
        "an external link must not lure people by a benefit into having friends help, speed up, sign in or collect",
        LINK_RULES,
    ),
    Ban(
        "cutting_price", "h5",
        "外部链接不得诱导好友砍价",
        "an external link must not lure people into having friends cut a price",
        LINK_RULES,
    ),
    Ban(
        "inviting", "h5",
        "外部链接不得以邀请好友得奖励的方式诱导传播",
        "an external link must not lure people into spreading it by a reward for inviting friends",
        LINK_RULES,
    ),
    Ban(
        "joining_group", "h5",
        "外部链接不得以利益诱导用户分享或加群",
        "an external link must not lure people into sharing or joining groups by a benefit",
        LINK_RULES,
    ),
    Ban(
        "following", "h5",
        "外部链接不得以利益诱导用户关注公众号",
        "an external link must not lure people into following an account by a benefit",
        LINK_RULES,
    ),
    Ban(
        "sharing_reward", "mini_program",
        "小程序不得强制分享, 也不得因分享这一行为本身给予奖励",
        "a mini program must not force sharing, nor reward the mere act of it without a deeper interaction",
        MINI_PROGRAM_RULES,
    ),
    Ban(
        "joining_group", "mini_program",
        "小程序不得因分享这一行为本身 (拉人入群) 给予奖励",
        "a mini program must not reward the mere act of sharing, which drawing people into a group is",
        MINI_PROGRAM_RULES,
    ),
    Ban(
        "following", "mini_program",
        "小程序不得以利益诱导用户关注公众号",
        "a mini program must not lure people into following an account by a benefit",
        MINI_PROGRAM_RULES,
    ),
)  # fmt: skip

CONDITIONS: dict[tuple[str, str], dict[str, str]] = {
    ("grouping", "h5"): {
        "zh": "价格、人数、时限与退款规则须清楚列明, 不得抽奖式拼团",
        "en": "price, team size, time limit and refund must be stated clearly, and no draw decides who gets the goods",
    },
    ("sharing_reward", "offline_code"): {
        "zh": "转交的只能是二维码本身, 不得转发页面链接",
        "en": "what is passed on is the printed code itself, never the page's link",
    },
}
"""What an allowed pair still asks of the brand; told by ``condition``, not enforced here."""

_BANNED = {(ban.mechanic, ban.surface): ban for ban in BANS}


def refusal(mechanic: str, surface: str, language: Language = "en") -> str | None:
    """Why a mechanic may not run on a surface, with the rule's name; None when it may.

    Raises Invalid for a surface (field ``surface``) or a mechanic (field
    ``mechanics``) that nobody has rules for: a name that is merely misspelt
    must not pass as allowed.
    """
    if surface not in SURFACES:
        raise Invalid(f"unknown surface {surface!r}; surfaces are {', '.join(SURFACES)}", field="surface")
    if mechanic not in MECHANICS:
        raise Invalid(f"unknown mechanic {mechanic!r}; mechanics are {', '.join(MECHANICS)}", field="mechanics")
    ban = _BANNED.get((mechanic, surface))
    if ban is None:
        return None
    name, place = MECHANICS[mechanic][language], SURFACES[surface][language]
    elsewhere = allowed(mechanic)
    if language == "zh":
        return f"{place}不允许「{name}」: {ban.zh} ({ban.source}); 可用: {'、'.join(elsewhere)}"
    return f"{name} is not allowed on {place}: {ban.en} ({ban.source}); it may run on {', '.join(elsewhere)}"


def condition(mechanic: str, surface: str, language: Language = "en") -> str:
    """What an allowed pair still asks of the brand, or an empty text."""
    return CONDITIONS.get((mechanic, surface), {}).get(language, "")


def allowed(mechanic: str) -> list[str]:
    """The surfaces a mechanic may run on."""
    return [surface for surface in SURFACES if (mechanic, surface) not in _BANNED]


def refusals(mechanics: Iterable[str], surface: str, language: Language = "en") -> list[str]:
    """Every reason why a campaign with these mechanics may not run on the surface; empty when it may."""
    found = (refusal(mechanic, surface, language) for mechanic in sorted(mechanics))
    return [reason for reason in found if reason is not None]


def opened_as_link(agent: str) -> bool:
    """Whether a page was opened in WeChat's own browser, by what the browser says of itself.

    The page that a mini program shows says ``miniProgram``: it belongs to the mini program.
    """
    return "MicroMessenger" in agent and "miniProgram" not in agent


def link_refusal(mechanics: Iterable[str], surface: str, agent: str) -> str | None:
    """Why a campaign's page may not be used where it was opened, or None.

    A campaign for another surface is an external link once its address is opened
    in WeChat, and held to the rules for links. A scanned code opens there too and
    is what its campaign was made for.
    """
    if surface == "offline_code" or not opened_as_link(agent):
        return None
    return next(iter(refusals(mechanics, "h5")), None)
