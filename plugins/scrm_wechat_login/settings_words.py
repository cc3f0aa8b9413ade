"""What the settings mean, in Chinese; the schemas say it in English."""

SETTINGS_ZH = {
    "appid": "公众号的 appid；留空：不启用微信登录",
    "secret": "公众号的 app secret（密钥）",
    "scope": "snsapi_base 不弹授权，只给 openid；snsapi_userinfo 弹出授权，另给 unionid",
    "corp_id": "企业微信的企业 ID；留空：不启用企业微信登录",
    "corp_secret": "企业微信应用的 Secret（密钥）",
    "agent_id": "企业微信应用的 AgentId",
    "wechat_api": "微信接口的地址",
    "wecom_api": "企业微信接口的地址",
    "authorize": "授权页的地址",
    "timeout_seconds": "等待微信响应的秒数",
}
