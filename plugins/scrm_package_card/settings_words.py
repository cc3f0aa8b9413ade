"""What the settings mean, in Chinese; the schemas say it in English."""

SETTINGS_ZH = {
    "hook_share": "钩子成本占毛利的比例上限，单位为百分之一个百分点；10,000 为全部",
    "trial_minimum": "A/B 测试判定胜出前，每一组所需的发卡数",
    "bleed_mm": "卡片四边的出血毫米数，设计另有规定的除外",
    "two_person_approval": "true：打样须由制作者以外的人核准",
    "departments": "上线前须确认各自 FAQ 与 SOP 的部门",
    "recall_days": "发货后多少天内的扫码计入；常用 14 与 30",
    "contribution_days": "线索产生后多少天内的订单计入；常用 30、60 与 90",
    "serial_field": "线索中存放卡片序列号的字段名",
    "margin_share": "贡献额中毛利的比例，例如 0.42；不填则不计算净贡献",
    "contribution_sources": "属于私域的订单来源；留空：所有来源的订单都计入",
    "print_lot": "印厂起印批量：建议印量为其整数倍",
}
