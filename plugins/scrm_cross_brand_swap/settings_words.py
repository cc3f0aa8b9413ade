"""What the settings mean, in Chinese; the schemas say it in English."""

SETTINGS_ZH = {
    "role": "brand：品牌方，销售商品；channel：渠道方，拥有人群（如月子中心）",
    "categories": "本品牌销售的类目路径，例如 `baby/diapers`；会告知合作伙伴",
    "barred_categories": "除自身类目外，不与之互换的伙伴类目",
    "repeat_days": "本行业客户两次购买的间隔天数；0：未知",
    "size_ratio_bp": "双方人群规模之比（大比小）的上限，单位为基点（万分之一）",
    "brand_repeat_days": "品牌 x 渠道：品牌在此天数内会被复购",
    "channel_repeat_days": "品牌 x 渠道：渠道在此天数内不会被复购",
    "answer_days": "互换提议的有效天数",
    "overlap": "true：用概要（sketch）与伙伴估算人群重合度",
    "overlap_basis": "consent：概要只含同意 `partner_share:PARTNER` 的人；all：含所有人，须经法务审核",
    "overlap_refuse_tags": "带有这些标签（写作 组/标签）的人不进入任何概要，如 14 岁以下未成年人",
    "overlap_days": "与同一伙伴两次估算的间隔天数",
    "sketch_size": "一份概要中的哈希数，双方须相同",
}
