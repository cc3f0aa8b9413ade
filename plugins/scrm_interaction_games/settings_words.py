"""What the settings mean, in Chinese; the schemas say it in English."""

SETTINGS_ZH = {
    "awards_per_actor_day": "每个操作人在品牌当地一天内可发的奖励数；不填为不限",
    "award_minor_per_actor_day": "每个操作人一天内所发奖励的成本上限，单位为分（最小货币单位）；不填为不限",
    "message_rules": "收到哪些消息时建议发奖，每条规则为一个表",
    "gift_kinds": "属于实物的奖励类型：福利活动不得因其亏损",
    "gift_margin_bp": "订单毛利率，单位为基点（万分之一）：赠品成本不超过购物篮金额的这一比例",
    "value_days": "参与后多少天（每天 24 小时）内的订单或手机号计入",
    "interaction_share_bp": "互动内容占全部内容的比例，单位为基点（万分之一）：等于或低于时告警",
    "top_prize_minor": (
        '抽奖单个奖品的最高价值，单位为分（最小货币单位）：中国大陆法规上限为 50,000 元；没有此类法规的地区填 "none"'
    ),
    "screen_from_minor": "价值不低于此值的奖品，发放前先做防作弊筛查，单位为分（最小货币单位）",
    "hold_score": "风险分达到此值时，奖品转人工审核",
    "four_eyes_minor": "价值不低于此值的待审奖品须两人核准，单位为分（最小货币单位）",
    "release_minutes": "奖品均匀释放时每个时间桶的分钟数",
    "grant_attempts": "发奖失败重试多少次后转人工处理",
    "refuse_tags": "带有这些标签（写作 组/标签）的人不能抽奖：未成年人、员工及其亲属",
    "reveal_hours": "活动结束多少小时后公开抽奖种子",
}
