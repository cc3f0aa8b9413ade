"""What the settings mean, in Chinese; the schemas say it in English."""

SETTINGS_ZH = {
    "min_minor": "单个红包的最低金额，单位为分（最小货币单位）；支付产品会拒绝更小的金额",
    "max_minor": "单个红包的最高金额，单位为分（最小货币单位）",
    "expire_hours": "已备红包无人领取，多少小时后退回预算",
    "wechat": "通过微信支付付款；没有此表则按文件付款",
}
