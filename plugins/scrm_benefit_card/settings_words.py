"""What the settings mean, in Chinese; the schemas say it in English."""

SETTINGS_ZH = {
    "seal_keys": "封存卡号与密码的密钥，写作 env:NAME，最新的在前；用 `scrm benefit-card key` 生成",
    "least_days": "发卡时卡片至少还要有效的天数，当天不计",
    "warn_below": "剩余卡数低于此值时 `scrm doctor` 告警，卡池自设的除外",
    "warn_days": "尚未发出的卡在到期前多少天内由 `scrm doctor` 告警",
}
