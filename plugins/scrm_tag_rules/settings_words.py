"""What the settings mean, in Chinese; the schemas say it in English."""

SETTINGS_ZH = {
    "rules": "打标规则，每条为一个 [[plugins.tag-rules.rules]] 表",
}
