"""Words for what the console shows of WeCom, in English and Chinese."""

from __future__ import annotations

from scrm_core.api import NOT_SENT

WORDS = {
    **NOT_SENT,
    # Callbacks
    "new": ("waits", "待处理"),
    "kept": ("unknown kind, kept", "未知类型，已留存"),
    "refused": ("refused", "处理失败"),
    # Refused at the door
    "door-signature": ("wrong signature", "签名错误"),
    "door-corporation": ("another corporation", "非本企业"),
    "door-time": ("another time", "时间不符"),
    "door-form": ("cannot be read", "无法解析"),
    "door-size": ("too long", "内容过长"),
    # The access token
    "none": ("not asked for yet", "尚未获取"),
    "good": ("good", "有效"),
    "old": ("over, fetched when needed", "已过期，用时更新"),
    "token-refused": ("WeCom refuses the secret", "企业微信拒绝该密钥"),
    # Full syncs
    "wanted": ("asked for, begins within a minute", "已申请，一分钟内开始"),
    "running": ("running", "进行中"),
    "done": ("done", "已完成"),
    "stopped": ("stopped", "已停止"),
    # Relations
    "active": ("friends", "好友"),
    "half": ("the member has not added back", "免验证，待员工添加"),
    "lost": ("over", "已结束"),
    "customer": ("by the customer", "客户删除"),
    "staff": ("by the member", "员工删除"),
    "transfer": ("handed over", "已转接"),
    "sync": ("found missing by the sync", "同步时发现缺失"),
    # Runs and their messages
    "draft": ("draft", "草稿"),
    "paused": ("paused", "已暂停"),
    "canceled": ("canceled", "已取消"),
    "expired": ("expired", "已过期"),
    "queued": ("waits", "待提交"),
    "sending": ("being handed over", "提交中"),
    "sent": ("with the staff, not confirmed", "待员工确认"),
    "delivered": ("sent", "已发送"),
    "failed": ("failed", "失败"),
    "unknown": ("nobody knows", "结果未知"),
    "blocked": ("kept back", "未发送"),
    "run-done": ("all handed to the staff", "已全部提交员工"),
    "run-part": ("handed to the staff, some kept back", "已提交员工，部分未发送"),
    "run-unknown": ("nobody knows whether it was handed over", "是否已提交员工，结果未知"),
    "run-unsure": ("handed to the staff, of some nobody knows", "已提交员工，部分结果未知"),
    "run-nobody": ("reached nobody", "未触达任何人"),
    "no_consent": ("never agreed", "未同意接收"),
    "no_address": ("not in WeCom", "不是企业微信客户"),
    "inactive": ("no longer active", "客户已停用"),
    "do_not_contact": ("must not be contacted", "请勿打扰"),
    "holdout": ("held out to compare", "对照组保留"),
    "cap_7_days": ("had the channel's messages of 7 days", "渠道 7 天内次数已满"),
    "cap_30_days": ("had the channel's messages of 30 days", "渠道 30 天内次数已满"),
    "veto: wecom_quota": ("above WeCom's quota", "超出企业微信限额"),
    "guard failed": ("a plugin that guards messages failed", "插件校验失败"),
    "same_person": ("one person under two numbers", "与另一条为同一人"),
    "misfire": ("too late to be sent", "已过发送时间"),
    "erased": ("erased", "已删除个人信息"),
    "WeCom cannot reach this customer": ("WeCom cannot reach this customer", "企业微信无法触达该客户"),
    "no friend any more": ("no friend any more", "已不是好友"),
    "WeCom's quota for the customer is used up": ("WeCom's quota for the customer is used up", "企业微信限额已用完"),
    "marketing": ("marketing", "营销"),
    "brand": ("brand", "品牌"),
    "notice": ("notice", "通知"),
    # Moments and links
    "waiting": ("waits for the job", "待创建"),
    "making": ("being made", "创建中"),
    "asked": ("WeCom makes the task", "企业微信创建任务中"),
    "made": ("with the staff, to be published", "待员工发表"),
    "live": ("in use", "使用中"),
    "coming": ("in use from its activity's first day", "活动开始后启用"),
    "broken": ("WeCom took it out of use", "已被企业微信停用"),
    "deleting": ("being deleted", "删除中"),
    "deleted": ("deleted", "已删除"),
    # Secrets
    "set": ("set", "已设置"),
    "missing": ("not set", "未设置"),
    "on": ("on", "已开启"),
    "off": ("off", "未开启"),
}

DONE = {
    "sync": ("The sync begins within a minute. This page may be closed.", "全量同步将在一分钟内开始，可以关闭本页。"),
    "stop": ("The sync was ended.", "同步已停止。"),
    "retry": ("It is tried again within a minute.", "将在一分钟内重试。"),
    "open": ("The draft was made; nothing has gone yet.", "草稿已建立，尚未发送。"),
    "start": ("It goes; WeCom asks the staff to confirm.", "已开始，企业微信将请员工确认。"),
    "cancel": ("It was canceled: what waited is never sent.", "已取消，未提交的消息不再发送。"),
    "post": ("The moment waits for the job.", "朋友圈任务已提交，等待后台创建。"),
    "make": ("The link is made within a minute.", "链接将在一分钟内创建。"),
    "renew": ("The link is made anew within a minute.", "链接将在一分钟内重新创建。"),
    "activity": ("The activity was set.", "活动已设置。"),
    "pause": ("The link is handed out no more.", "链接已暂停发放。"),
    "resume": ("The link is handed out again.", "链接已恢复发放。"),
    "delete": ("The link is deleted in WeCom within a minute.", "链接将在一分钟内从企业微信删除。"),
}
"""What is said after an act."""
