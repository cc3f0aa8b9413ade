"""What the settings mean, in Chinese; the schemas say it in English."""

SETTINGS_ZH = {
    "per_account": "一个账号每天接待的人数，账号自设的除外",
    "per_network": "同一网络（/24，IPv6 /48）中未登录的浏览器每天可占的名额",
    "approve_seconds": "须在多少秒内通过好友申请；0 为不限",
    "reply_seconds": "自动欢迎语之后，须在多少秒内给新好友发消息；0 为不限",
    "tag_seconds": "须在多少秒内给新好友打上渠道标签以外的标签；0 为不限",
    "persona_elements": "人设档案中除渴望、冲突、真实以外的要素",
    "persona_minimum": "人设曝光人数低于此值时，不判定加友率优劣",
    "practice_wecom": "从业者所说的企业微信直接加友率，从多少到多少",
    "practice_personal": "从业者所说的个人微信加友率，从多少到多少",
}
