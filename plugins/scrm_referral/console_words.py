"""Words for what the console shows of referral, in English and Chinese."""

from __future__ import annotations

STATES = {
    "": ("waits", "待处理"),
    "due": ("to approve", "待核准"),
    "approved": ("approved", "已核准"),
    "granted": ("granted", "已发放"),
    "refused": ("refused", "已拒绝"),
    "withdrawn": ("withdrawn", "已撤回"),
    "revoked": ("taken back", "已收回"),
    "lost": ("lost, used before", "损失"),
    "draft": ("draft", "草稿"),
    "open": ("open", "进行中"),
    "closed": ("closed", "已结束"),
    "held": ("held", "待审"),
    "qualified": ("counts", "合格"),
    "locked": ("on the way", "进行中"),
    "void": ("void", "无效"),
    "accepted": ("has a place", "已入选"),
    "waiting": ("on the wait-list", "候补"),
    "left": ("left", "已退出"),
}
GATES = {
    "target": ("target segment", "目标人群"),
    "added": ("added", "加友"),
    "joined_group": ("joined the group", "入群"),
    "pack": ("newcomer pack", "新人礼包"),
    "member": ("member", "入会"),
    "first_order": ("first order", "首单"),
}
SIGNALS = {
    "same_device": ("same device", "同一设备"),
    "same_payer": ("same payer", "同一付款人"),
    "address_of_inviter": ("inviter's address", "邀请人地址"),
    "address_of_invitees": ("shared address", "同一收货地址"),
    "network_burst": ("burst from one network", "同一网络集中加入"),
    "phone_run": ("run of numbers", "连号手机"),
    "virtual_number": ("virtual number", "虚拟号段"),
    "hasty": ("hasty order", "下单过快"),
    "refunded": ("refunded before", "曾退款"),
    "low_rate": ("few become customers", "转化率过低"),
    "day_cap": ("over the day's cap", "超出当日上限"),
}
REASONS = {
    "score": ("score too high", "风险分过高"),
    "self": ("invited themselves", "自邀"),
    "circle": ("invited each other", "互邀"),
    "twice": ("invited twice", "重复邀请"),
    "not_new": ("not new", "非新客"),
    "merged": ("proof gone with a merge", "合并后失去凭证"),
    "order closed": ("order closed", "订单已关闭"),
    "observation": ("being observed", "观察期内"),
}
CHOICES = {
    "customer": ("friends who became customers", "邀请成客"),
    "group": ("poster, fission group, invite, reward by staff", "海报-裂变群-邀请-领奖"),
    "follow": ("the account's poster, friends follow, reward by staff", "公众号海报-好友关注-领奖"),
    "cumulative": ("every rung that is reached", "逐档累计发放"),
    "highest": ("the highest rung alone, at the end", "结束后只发最高档"),
    "grace_days": ("Days of grace after the end", "结束后宽限天数"),
    "attribution_days": ("A click holds for days", "点击归因天数"),
    "fresh_hours": ("Still new after hours", "视为新客的小时数"),
    "observation_days": ("Days observed before a reward", "观察期（天）"),
    "refund_days": ("Days in which a refund takes back", "退款期（天）"),
}
WORDS = {**STATES, **GATES, **REASONS, **SIGNALS, **CHOICES}
