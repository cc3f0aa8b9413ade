"""What the settings mean, in Chinese; the schemas say it in English."""

SETTINGS_ZH = {
    "hold_minutes": "结账占用券的最长分钟数，到时释放；不少于商城的支付超时",
    "token_seconds": "券二维码中签名令牌的有效秒数",
    "undo_minutes": "门店核销后店长可撤销的分钟数；0：不可撤销",
    "counter_channel": "门店收银所属的渠道；其他渠道的券会被拒绝核销",
    "counter_source": "收银订单与退款上报所用的来源：凭小票核销并带订单号的券，随该订单退款退回",
    "guesses": "券码输错多少次后锁定该账号或地址",
    "lock_minutes": "锁定的分钟数",
    "min_payable_minor": "用券后订单最低应付金额，单位为分（最小货币单位）；支付渠道不接受 0 元时填 1",
    "parallel": "true：所有券按同一价格计算（平行），否则依次计算（递进）",
    "redistribute": "true：某行因最低价限制而未抵扣的优惠分摊到其他行",
    "min_sample": "判定有门槛券或无门槛券胜出前，每一方所需的领取数",
}
