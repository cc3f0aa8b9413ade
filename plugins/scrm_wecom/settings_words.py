"""What the settings mean, in Chinese; the schemas say it in English."""

SETTINGS_ZH = {
    "archive": "从会话内容存档读取已同意存档的客户消息",
    "archive_secret": "企业微信后台中会话内容存档的 Secret（密钥）",
    "archive_keys": "会话存档的 RSA 私钥（PEM），各以其版本号（publickey_ver）为键",
    "archive_bridge": "连接企业微信 C 库的桥接服务或模拟器的地址；留空：由其他插件拉取",
    "archive_bridge_token": "访问桥接服务的令牌（Authorization: Bearer）",
    "archive_days": "存档文本保存的天数",
    "openids": "向企业微信读取每个微信客户的 openid：页面与支付靠它识别",
    "create_tags": "给企业客户打品牌独有的标签时，在企业微信中建立该标签",
    "group_quota": (
        "企业微信允许每位客户接收的群发数：month-days（每月与当月天数相同）、4-a-month（旧规则，每月 4 条）、7-a-week"
        "（每周 7 条）、1-a-day（每天 1 条，企业可自选）"
    ),
    "invite_over": "用获客链接邀请时所用的短信发送方名称，如 kannel；留空：不用",
    "moments_per_day": "每天最多发起的朋友圈数，按建立时的品牌当地日期计；0 为从不",
    "secret": "应用的 Secret（密钥）；留空：不调用企业微信",
    "api": "企业微信接口或模拟器的地址",
    "connect_timeout": "等待连接的秒数",
    "read_timeout": "等待响应每一部分的秒数",
    "at_once": "一个进程同时进行的调用数",
    "calls_per_minute": "所有进程合计每分钟对一个接口的调用数",
    "calls_per_hour": "所有进程合计每小时对一个接口的调用数",
    "callback_token": "企业微信后台中回调地址的 Token；留空：不接收回调",
    "callback_aes_key": "回调地址的 EncodingAESKey（加密密钥）",
    "callback_window_seconds": "回调时间与本机时间相差的秒数上限；更早的视为重放",
    "keep_callbacks_days": "原样保存回调的天数",
    "corp_id": "企业微信后台显示的企业 ID",
}
