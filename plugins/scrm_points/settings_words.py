"""What the settings mean, in Chinese; the schemas say it in English."""

SETTINGS_ZH = {
    "earn_points": "订单每支付 earn_per_minor 获得的积分；0：订单不得积分",
    "earn_per_minor": "获得 earn_points 所需的金额，单位为分（最小货币单位）；不足部分不计",
    "earn_sources": "可得积分的订单来源；留空：所有来源的订单",
    "expire_days": "积分有效天数，含到账当天，午夜过期；0：永不过期",
    "redeem_minor": "每个积分在购物车中抵扣的金额，单位为分（最小货币单位）；0：不可抵扣",
    "redeem_cap_bp": "积分抵扣占应付金额的上限，单位为基点（万分之一）；3000 为 30%",
    "redeem_step": "积分须按此数的整数倍使用",
    "hold_minutes": "结账中积分被占用的分钟数",
}
