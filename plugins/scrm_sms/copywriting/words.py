"""Words that get a text refused (敏感词), as data.

They are what platforms name in the rules of their template review. A platform
may approve one of them for an account, so they warn; ``refuse`` stands where no
platform lets a text pass. A brand changes the class of a word, adds words or
switches one off in its settings.
"""

from __future__ import annotations

from dataclasses import dataclass

LEVELS = ("warn", "refuse", "off")
"""What a word does: warn, refuse the copy, or nothing."""


@dataclass(frozen=True, slots=True)
class SensitiveWord:
    """A word as it is looked for, what it does (``LEVELS``) and why platforms refuse it."""

    word: str
    level: str
    why: str


_ADDING = "asks to be added as a friend (加微信/加QQ/加群)"
_PRIZES = "a prize draw (抽奖/中奖)"
_CASH = "cash back or a red packet (返现/返利/红包)"
_POINTS = "points to be exchanged (积分兑换/积分领取)"
_APPS = "promotes an account, a mini program or an app"
_TRADE = "a trade that platforms send no marketing for"

SENSITIVE_WORDS = tuple(
    SensitiveWord(word, level, why)
    for level, why, words in (
        ("warn", _ADDING, "加微信 加微 加V信 加VX 加WX 加薇 加QQ 加扣扣 加群 进群 入群"),
        ("warn", "recruits users (用户拉新)", "拉新"),
        ("warn", "recalls users (用户召回)", "召回"),
        ("warn", "promotes coupons (优惠券类推广)", "优惠券 领券"),
        ("warn", _PRIZES, "抽奖 中奖 大转盘"),
        ("warn", _CASH, "返现 返利 红包"),
        ("warn", _POINTS, "积分兑换 积分领取 兑换积分 领取积分"),
        ("warn", _APPS, "公众号 小程序 下载APP APP下载"),
        ("warn", "live streaming (直播)", "直播"),
        ("warn", "a questionnaire (问卷)", "问卷"),
        ("warn", "asks for good reviews (邀请好评)", "好评"),
        ("refuse", _TRADE, "贷款 网贷 借贷 彩票 博彩 赌博 赌场 理财产品 炒股 股票推荐 代开发票"),
        ("warn", _TRADE, "网游 手游 培训班 楼盘 房产 医疗 整形"),
    )
    for word in words.split()
)
"""The words looked for in every copy."""

MARKETING_WORDS = ("优惠", "促销", "折扣", "特价", "秒杀", "满减", "限时", "福利")
"""Words of marketing, which a notice (通知) must not carry."""

SHORT_DOMAINS = ("t.cn", "dwz.cn", "dwz.mk", "bit.ly", "suo.im", "url.cn", "tinyurl.com")
"""Public short-link domains, filtered by carriers."""

OTHER_OPT_OUTS = (
    *("回T退订", "退订回T", "TD退订", "退订回TD", "回TD退订"),
    *("回N退订", "退订回N", "回复T退订", "回复TD退订"),
)
"""Older opt-out wordings: understood in replies, not to be used for sending."""
