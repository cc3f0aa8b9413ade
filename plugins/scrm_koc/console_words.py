"""Words for what the console shows of KOCs, in English and Chinese."""

from __future__ import annotations

STATES = {
    "invited": ("invited", "已邀请"),
    "accepted": ("accepted", "已接受"),
    "sample_sent": ("sample sent", "已寄样"),
    "received": ("sample received", "已收样"),
    "submitted": ("to review", "待审核"),
    "returned": ("returned", "已退回"),
    "approved": ("approved", "已通过"),
    "published": ("published", "已发布"),
    "verified": ("verified", "已核验"),
    "paid": ("paid", "已支付"),
    "violated": ("violated", "违规"),
    "lapsed": ("lapsed", "已失效"),
    "declined": ("declined", "已拒绝"),
    "withdrawn": ("withdrawn", "已撤回"),
    "active": ("active", "合作中"),
    "paused": ("paused", "已暂停"),
    "open": ("open", "进行中"),
    "closed": ("closed", "已关闭"),
    "left": ("left", "已退出"),
    "due": ("to pay", "待支付"),
    "carried": ("carried over", "结转"),
    "late": ("late", "逾期"),
    "violation": ("violation", "违规"),
    "fraud": ("by a person's word", "人工扣分"),
}
PARTS = {
    "money": ("net money", "净消费额"),
    "orders": ("orders", "有效订单"),
    "answers": ("right answers", "正确解答"),
    "tags": ("expert tags", "达人标签"),
    "pieces": ("approved pieces", "通过稿件"),
    "quality": ("quality of pieces", "稿件质量"),
    "followers": ("own followers", "粉丝数"),
    "visitors": ("people who opened the link", "链接访客"),
    "sales": ("conversion", "转化率"),
    "referrals": ("friends brought", "带来好友"),
    "acts": ("acts in games and check-ins", "互动与签到"),
    "tenure": ("days since they came", "加入天数"),
    "penalty": ("penalties", "扣分"),
}
"""The parts of a score, as ``measures.PARTS`` names them."""
KINDS = {
    "review": ("a trial report", "测评"),
    "seeding": ("seeding", "种草"),
    "share": ("sharing", "分享"),
}
WORDS = {**STATES, **KINDS}
