"""What the game pages say, in both languages, and how they say refusals."""

from __future__ import annotations

WORDS: dict[str, dict[str, str]] = {
    "zh": {
        "rules": "活动规则与中奖概率", "rules_only": "活动规则", "games": "互动活动",
        "no_games": "现在没有进行中的活动",
        "prizes": "奖品", "odds": "概率", "quantity": "数量", "unlimited": "不限量",
        "mine": "我的奖品", "back": "返回活动", "period": "活动时间", "organiser": "主办方", "contact": "联系方式",
        "surface": "投放场景", "commitment": "抽奖公证", "commitment_why":
        "开始前已公布种子、概率表和全部规则的指纹 (SHA-256)；结束后公布种子，任何人都可以核对每一次抽奖。"
        "网页脚本可用时，每次抽奖的号码还加入您的设备当场生成的随机数，主办方无法事先得知。",
        "seed": "种子", "seed_later": "活动结束后公布", "table_hash": "概率表指纹", "commit_hash": "种子指纹",
        "rules_hash": "规则指纹", "ruleset": "全部规则（供核对的原文）",
        "guarantee": "保底：连续 {misses} 次未中，第 {draws} 次必得「{prize}」；若已发完则为「{substitute}」。",
        "sold_out_rule": "抽到的奖品如已发完或本时段已发完，不计次数，机会退还；其余奖品的概率不变。",
        "limits": "参与限制", "per_day": "每人每天 {} 次", "per_person": "每人共 {} 次", "total": "全部共 {} 次",
        "cool_down": "中奖后 {} 小时内不能再抽",
        "waiting": "活动还没有开始", "paused": "活动暂停中", "over": "活动已经结束", "revealed": "活动已经结束",
        "running": "进行中", "join": "加入后即可参与", "nothing": "谢谢参与", "result": "抽奖结果",
        "won": "恭喜中奖", "none": "差一点，下次好运", "sold_out": "奖品刚被领完，机会已退还",
        "review": "中奖啦，正在审核", "void": "奖品已取消", "forfeited": "超过领取时间，奖品已失效",
        "granted": "已发放", "state_won": "发放中", "state_failed": "发放中", "state_held": "审核中",
        "state_void": "已取消", "claim": "填写收货地址", "address": "收货人、电话、地址", "send": "提交",
        "claim_until": "请在 {} 前填写", "no_prizes": "还没有奖品", "proof": "核对数据", "number": "第 {} 次抽奖",
        "reason": "说明", "winners": "中奖公示", "worth": "价值 {}",
        "claim_within": "中奖后 {} 天内填写收货地址，逾期视为放弃",
    },
    "en": {
        "rules": "Rules and odds", "rules_only": "Rules", "games": "Games", "no_games": "No game is on now",
        "prizes": "Prizes", "odds": "Odds", "quantity": "Quantity", "unlimited": "unlimited",
        "mine": "My prizes", "back": "Back to the game", "period": "When", "organiser": "Organiser",
        "contact": "Contact", "surface": "Where", "commitment": "How draws are proven", "commitment_why":
        "The fingerprints (SHA-256) of the seed, of the table of odds and of all rules were published before the "
        "start. The seed is published after the end, and anybody can check every draw. Where the page's script runs, "
        "your own device adds a random part to the number of each draw, which the organiser cannot know beforehand.",
        "seed": "Seed", "seed_later": "published after the end", "table_hash": "Fingerprint of the odds",
        "commit_hash": "Fingerprint of the seed", "rules_hash": "Fingerprint of the rules",
        "ruleset": "All rules, the text to check",
        "guarantee": "Guarantee: after {misses} draws without it, draw {draws} wins “{prize}”, or “{substitute}” when "
        "it is gone.",
        "sold_out_rule": "A draw of a prize that is gone, or gone for now, does not count and the chance is returned; "
        "the odds of all other prizes stay as they are.",
        "limits": "Limits", "per_day": "{} draws per person and day", "per_person": "{} draws per person",
        "total": "{} draws in all", "cool_down": "no draw for {} hours after a win",
        "waiting": "This has not begun yet", "paused": "This is paused", "over": "This has ended",
        "revealed": "This has ended", "running": "On now", "join": "Join to play", "nothing": "No prize",
        "result": "Your draw", "won": "You have won", "none": "Not this time",
        "sold_out": "That prize has just gone; you keep your chance", "review": "You have won; it is being checked",
        "void": "This prize was withdrawn", "forfeited": "Not claimed in time", "granted": "Sent",
        "state_won": "On its way", "state_failed": "On its way", "state_held": "Being checked",
        "state_void": "Withdrawn", "claim": "Where shall we send it?", "address": "Name, phone and address",
        "send": "Send", "claim_until": "Please answer before {}", "no_prizes": "No prizes yet",
        "proof": "Data to check it", "number": "Draw {}", "reason": "Reason",
        "winners": "Winners", "worth": "worth {}",
        "claim_within": "say within {} days where to send it, or it is forfeited",
    },
}  # fmt: skip

REFUSALS: dict[str, dict[str, str]] = {
    "no_ticket": {"zh": "没有抽奖机会了", "en": "You have no chance left"},
    "day_limit": {"zh": "今天的次数用完了，明天再来", "en": "That was all for today; come back tomorrow"},
    "person_limit": {"zh": "您的次数已用完", "en": "You have used all your draws"},
    "total_limit": {"zh": "本次活动的次数已全部用完", "en": "All draws of this game have been made"},
    "cool_down": {"zh": "刚中过奖，请稍后再来", "en": "You have just won; come back later"},
    "sold_out": {"zh": "奖品已领完，机会保留", "en": "Every prize is gone; your chance is kept"},
    "prize_limit": {"zh": "您已领过这个奖品", "en": "You have had this prize"},
    "refused_person": {"zh": "您暂不能参与抽奖活动", "en": "You cannot take part in draws"},
    "buy_limit": {"zh": "今天可兑换的次数用完了", "en": "You cannot buy more chances today"},
    "not_enough": {"zh": "积分不足", "en": "You do not have enough for that"},
    "not_started": {"zh": "活动还没有开始", "en": "This has not begun yet"},
    "paused": {"zh": "活动暂停中，请稍后再来", "en": "This is paused; come back later"},
    "ended": {"zh": "活动已经结束", "en": "This has ended"},
    "key_used": {"zh": "请刷新页面后重试", "en": "Open the page again and retry"},
    "forfeited": {"zh": "已超过领取时间", "en": "The time to claim it has passed"},
    "nothing_to_claim": {"zh": "这个奖品不需要填写地址", "en": "There is nothing to claim"},
    "open_in_mini_program": {"zh": "请在品牌的小程序中参与", "en": "Please open this in our mini program"},
    "open_in_app": {"zh": "请在品牌的 App 中参与", "en": "Please open this in our app"},
    "identity": {"zh": "请从活动页面参与", "en": "Please play from the game's page"},
}
