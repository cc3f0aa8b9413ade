"""Templates of a campaign and what each makes people do (裂变路径, playbook F8); platforms' rules are the core's."""

from __future__ import annotations

from typing import NamedTuple


class Told(NamedTuple):
    """What somebody should know of a definition, in English and Chinese."""

    en: str
    zh: str


TEMPLATES = {
    "customer": "friends who became customers 邀请成客",
    "group": "poster, fission group, share, invite, reward by staff 海报-裂变群-分享-邀请-领奖",
    "follow": "the account's poster, friends follow, reward by staff 公众号海报-好友关注-领奖",
}

MECHANICS = {"customer": ("inviting",), "group": ("joining_group",), "follow": ("following",)}
"""What a template makes people do, by the names of :mod:`scrm_core.api.surfaces`."""

SPREAD = ("group", "follow")
"""The spread paths of practice: off unless a brand's setting ``spread_paths`` is on."""

WARNING = Told(
    "this path pays for people who joined a group or followed, not for customers: fake accounts farm it, and "
    "platforms punish it as induced sharing; what is passed on must be the printed code or poster alone, and a "
    "reward must never hang on the act of sharing",
    "该路径按入群或关注人数付费，而非按成交客户：易被羊毛党利用，且可能被平台认定为诱导分享；只能传播印制的二维码或海报，奖励不得与分享行为挂钩",
)
