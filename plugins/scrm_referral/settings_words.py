"""What the settings mean, in Chinese; the schemas say it in English."""

SETTINGS_ZH = {
    "spread_paths": "允许使用 group 与 follow 模板，即为入群与关注付奖励",
}
