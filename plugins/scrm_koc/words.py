"""The words of the KOC's pages, in Chinese and English."""

from __future__ import annotations

WORDS: dict[str, dict[str, str]] = {
    "zh": {
        "title": "我的 KOC 主页", "code": "我的专属码", "link": "我的专属链接", "qr": "专属链接的二维码",
        "share": "朋友使用您的码，或经您的链接下单，订单即记在您名下。推荐时如含购买链接，请注明「广告」。",
        "tasks": "任务", "no_tasks": "还没有任务。", "due": "截止", "money": "收入", "see_money": "查看收入明细",
        "waiting_orders": "待结算订单", "unsettled": "待结算金额", "carry": "待抵扣", "paid_out": "已付",
        "left": "您已退出计划，仅可查看。", "brief": "任务说明", "fee": "稿费", "sku": "商品", "keep": "发布后至少保留",
        "days": "{} 天", "label": "必须标注",
        "label_why": "含购买链接的推荐须在正文醒目处写明「{}」（或使用平台自带标识），否则不能提交。"
        "不要求好评，请写真实感受。",
        "accept": "接受任务", "decline": "这次不参加", "receive": "样品已收到", "late": "已过截止时间",
        "sample_waits": "样品寄出后，请在收到时点“样品已收到”，再提交内容。", "pictures": "图片",
        "pictures_how": "先逐张添加图片（最多 {} 张；JPEG、PNG 或 WebP），再填写文字。",
        "picture": "选择图片", "add": "添加图片", "drop": "移除", "nth": "图片 {}", "hand_in": "提交内容",
        "text": "正文",
        "text_how": "含购买链接时正文须写明「{}」", "content_link": "内容链接（选填）", "marker": "平台标识（选填）",
        "none": "无",
        "sells": "内容会带购买链接（未写在正文里）", "submit": "提交审核", "reason": "审核意见", "quality": "评分",
        "handed": "您提交的内容", "wait": "已提交，等待审核。", "publish": "我已发布", "published_at": "发布地址",
        "published_link": "发布后的链接", "verify_wait": "等待核实；请保留内容。", "keep_until": "请保留到 {}",
        "back": "返回 KOC 主页", "entries": "明细", "no_entries": "还没有收入。", "statements": "结算单",
        "no_statements": "还没有结算单。", "pays": "应付", "carried": "结转",
    },
    "en": {
        "title": "My KOC page", "code": "My code", "link": "My link", "qr": "QR code of my link",
        "share": "Orders of friends who use your code or come through your link are put down to you. A recommendation "
        "with a purchase link must say that it is an advertisement.",
        "tasks": "Tasks", "no_tasks": "No tasks yet.", "due": "Last day", "money": "Earnings",
        "see_money": "See all earnings", "waiting_orders": "Orders that wait", "unsettled": "To be settled",
        "carry": "To be deducted", "paid_out": "Paid", "left": "You have left the programme; you can still look.",
        "brief": "What to do", "fee": "Fee", "sku": "Goods", "keep": "Keep it up for at least", "days": "{} days",
        "label": "Required label",
        "label_why": "A recommendation with a purchase link must visibly say “{}” in its text (or by the platform's "
        "own marker); it is refused without. Praise is not asked for: write what you found.",
        "accept": "Accept the task", "decline": "Not this time", "receive": "The sample has come",
        "late": "The last day is over",
        "sample_waits": "Once the sample has come, say so here; then you can hand in.", "pictures": "Pictures",
        "pictures_how": "Add pictures first, one by one (at most {}; JPEG, PNG or WebP), then write the text.",
        "picture": "Choose a picture", "add": "Add the picture", "drop": "Take out", "nth": "Picture {}",
        "hand_in": "Hand in", "text": "Text", "text_how": "With a purchase link the text must say “{}”",
        "content_link": "Link to your content (optional)", "marker": "The platform's marker (optional)", "none": "none",
        "sells": "The content comes with a purchase link that is not in the text", "submit": "Hand in for review",
        "reason": "The reviewer says", "quality": "Quality", "handed": "What you handed in",
        "wait": "Handed in; somebody will look at it.", "publish": "I have published it",
        "published_at": "Where it stands", "published_link": "Link to what you published",
        "verify_wait": "It will be checked; please leave it up.", "keep_until": "Please leave it up until {}",
        "back": "Back to my KOC page", "entries": "Entries", "no_entries": "No earnings yet.",
        "statements": "Statements", "no_statements": "No statements yet.", "pays": "Payable", "carried": "Carried over",
    },
}  # fmt: skip
STATES: dict[str, dict[str, str]] = {
    "zh": {
        "invited": "待接受", "accepted": "已接受", "declined": "已谢绝", "lapsed": "已过期",
        "sample_sent": "样品已寄出",
        "received": "样品已收到", "submitted": "已提交，等待审核", "returned": "请修改后再提交",
        "approved": "审核通过，请发布",
        "published": "已发布", "verified": "已核实", "paid": "已核实，报酬已入账", "violated": "违规",
        "withdrawn": "已撤回",
    },
    "en": {
        "invited": "waits for you", "accepted": "accepted", "declined": "declined", "lapsed": "lapsed",
        "sample_sent": "the sample is on its way", "received": "the sample has come",
        "submitted": "handed in, being reviewed", "returned": "please change it and hand it in again",
        "approved": "approved, please publish", "published": "published", "verified": "checked",
        "paid": "checked, your pay is booked", "violated": "against the rules", "withdrawn": "withdrawn",
    },
}  # fmt: skip
KINDS: dict[str, dict[str, str]] = {
    "zh": {"review": "测评", "seeding": "种草", "share": "分享"},
    "en": {"review": "Review", "seeding": "Seeding", "share": "Share"},
}
ENTRIES: dict[str, dict[str, str]] = {
    "zh": {"earn": "订单佣金", "clawback": "退款扣回", "fee": "稿费", "reversal": "稿费扣回", "adjust": "人工调整"},
    "en": {
        "earn": "Commission", "clawback": "Taken back", "fee": "Fee", "reversal": "Fee taken back",
        "adjust": "Adjusted",
    },
}  # fmt: skip
STATEMENTS: dict[str, dict[str, str]] = {
    "zh": {"due": "待付款", "paid": "已付款", "carried": "结转"},
    "en": {"due": "to be paid", "paid": "paid", "carried": "carried over"},
}
REFUSALS: dict[str, dict[str, str]] = {
    "ad_label": {
        "zh": "内容含购买链接，正文须醒目写明「广告」，或选择平台标识，再提交。",
        "en": "This comes with a purchase link: say so in the text by the word for advertisement shown above, or "
        "choose the platform's marker, and hand it in again.",
    },
    "unseen": {
        "zh": "正文里有看不见的字符，请删除后重新输入。",
        "en": "The text has characters that nobody sees; type it again.",
    },
    "not_used": {
        "zh": "推荐的商品须是您用过的：请先购买，或请店家寄样品。",
        "en": "You can recommend only what you have used: buy it first, or ask the shop for a sample.",
    },
    "state": {
        "zh": "这一步已经做过，或现在不能做；请看最新状态。",
        "en": "This was done already, or cannot be done now; see where it stands.",
    },
    "task_over": {"zh": "任务已截止，不能再接受。", "en": "The last day is over; the task can no longer be accepted."},
    "not_active": {"zh": "您已退出计划，请联系店家。", "en": "You have left the programme; please ask the shop."},
    "erased": {"zh": "您的资料已删除。", "en": "Your data was deleted."},
    "target": {
        "zh": "链接须以 http:// 或 https:// 开头，请检查。",
        "en": "A link begins with http:// or https://; please check it.",
    },
    "link_missing": {"zh": "请填写发布后的链接。", "en": "Give the link to what you published."},
    "incomplete": {
        "zh": "请填写正文（最多 20000 字），并检查链接。",
        "en": "Write the text (20,000 characters at most), and check the link.",
    },
    "invalid": {"zh": "请检查填写的内容后再提交。", "en": "Please check what you filled in, and hand it in again."},
    "picture": {
        "zh": "这不是 JPEG、PNG 或 WebP 图片，请换一张。",
        "en": "This is no JPEG, PNG or WebP picture; choose another.",
    },
    "picture_large": {
        "zh": "图片太大（最多 900 KB、1600 万像素），请发截图或压缩后再试。",
        "en": "The picture is too large (900 KB and 16 million pixels at most); send a screenshot or a smaller one.",
    },
    "picture_missing": {"zh": "请先选择图片。", "en": "Choose a picture first."},
    "pictures": {"zh": "最多 9 张图片，请先移除一张。", "en": "Nine pictures at most; take one out first."},
    "library_missing": {
        "zh": "本店暂不能接收图片，请联系店家。",
        "en": "This shop cannot take pictures yet; please tell it.",
    },
}  # fmt: skip
