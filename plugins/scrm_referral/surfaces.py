"""On which surface (投放场景) a spread path may run: pairs that the platform's rules forbid, with reason and source.

The rules are those of WeChat on induced sharing and following (growth.md 1.6).
"""

from __future__ import annotations

SURFACES = {
    "mini_program": "a mini program 小程序",
    "h5": "an external link opened in WeChat (H5)",
    "offline_code": "a code scanned in a store or from a parcel 线下二维码",
    "app": "the brand's own app",
}

TEMPLATES = {
    "customer": "friends who became customers 邀请成客",
    "group": "poster, fission group, share, invite, reward by staff 海报-裂变群-分享-邀请-领奖",
    "follow": "the account's poster, friends follow, reward by staff 公众号海报-好友关注-领奖",
}

SPREAD = ("group", "follow")
"""The spread paths of practice: off unless a brand's setting ``spread_paths`` is on."""

_LINKS = "《微信外部链接内容管理规范》, in force since 2019-10-28"
_MINI = "《微信小程序平台运营规范》, on abuse of sharing (滥用分享行为)"

BANS = {
    ("customer", "h5"): f"an external link must not lure people into spreading it by a reward for inviting ({_LINKS})",
    ("group", "h5"): f"an external link must not lure people into sharing or joining groups by a benefit ({_LINKS})",
    ("follow", "h5"): f"an external link must not lure people into following an account by a benefit ({_LINKS})",
    ("group", "mini_program"): f"a mini program must not reward the mere act of sharing ({_MINI})",
    ("follow", "mini_program"): f"a mini program must not lure people into following an account by a benefit ({_MINI})",
}

WARNING = (
    "this path pays for people who joined a group or followed, not for customers: fake accounts farm it, and "
    "platforms punish it as induced sharing; what is passed on must be the printed code or poster alone, and a "
    "reward must never hang on the act of sharing"
)


def allowed(template: str) -> list[str]:
    """The surfaces that a template may run on."""
    return [surface for surface in SURFACES if (template, surface) not in BANS]


def refusal(template: str, surface: str) -> str | None:
    """Why a template may not run on a surface, with the rule; None when it may."""
    ban = BANS.get((template, surface))
    if ban is None:
        return None
    return f"{template!r} is not allowed on {SURFACES[surface]}: {ban}; it may run on {', '.join(allowed(template))}"
