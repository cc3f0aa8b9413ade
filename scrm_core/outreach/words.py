"""Why a message was not sent, as people read it."""

from __future__ import annotations

from collections.abc import Mapping

NOT_SENT: Mapping[str, tuple[str, str]] = {
    "no_consent": ("no consent", "没有同意"),
    "do_not_contact": ("on the do-not-contact list", "在勿扰名单"),
    "no_address": ("no address", "没有手机号"),
    "not_mobile": ("no mobile number", "不是手机号"),
    "inactive": ("merged or erased", "客户已合并或删除"),
    "cap_week": ("had this week's messages", "本周次数已满"),
    "cap_7_days": ("had the messages of 7 days", "7 天内次数已满"),
    "cap_30_days": ("had the messages of 30 days", "30 天内次数已满"),
    "holdout": ("held out for comparison", "对照组，不发送"),
    "misfire": ("too long after its time", "超过计划时间太久，不再发送"),
    "interrupted": ("broken off while it was sent", "发送中断，结果未知"),
    "no_receipt": ("no receipt came", "没有收到回执"),
}
"""The core's own reasons, in English and Chinese; a plugin's table may begin with them and say some its own way."""
