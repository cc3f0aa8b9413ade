"""How refusals of the games that people play together are said to them, in both languages."""

from __future__ import annotations

Words = dict[str, dict[str, str]]

BARGAIN: Words = {
    "bargain_running": {"zh": "您的砍价正在进行中", "en": "Your bargain is still running"},
    "bargain_limit": {"zh": "您的砍价次数已用完", "en": "You have opened as many bargains as one may"},
    "bargain_over": {"zh": "这次砍价已经结束", "en": "This bargain is over"},
    "bought_already": {"zh": "这次砍价已经下单购买", "en": "This bargain has been bought"},
    "hold_lapsed": {"zh": "下单时间已过, 请刷新页面", "en": "The time to order has passed; open the page again"},
    "own_bargain": {"zh": "不能给自己砍价, 请邀请好友帮忙", "en": "Nobody helps with their own bargain"},
    "helped_already": {"zh": "您已经帮忙砍过一刀", "en": "You have helped with this bargain already"},
    "helps_used_up": {"zh": "您今天的帮砍次数已用完, 明天再来", "en": "That was all for today; come back tomorrow"},
    "at_floor": {"zh": "已经砍到最低价", "en": "The price is at its lowest already"},
    "ordered": {"zh": "好友正在下单, 暂时不能再砍", "en": "Your friend is placing the order just now"},
    "not_owner": {"zh": "只有发起人可以用这个价格购买", "en": "Only its owner buys at this price"},
    "goods_gone": {"zh": "商品已售罄", "en": "It is sold out"},
}

GROUPBUY: Words = {
    "team_full": {"zh": "这个团已满员, 您可以自己开团", "en": "This team is full; you may lead one of your own"},
    "team_ended": {"zh": "这个团已经结束, 您可以自己开团", "en": "This team is over; you may lead one of your own"},
    "member_already": {"zh": "您已经在这个团里", "en": "You are in this team already"},
    "not_new": {"zh": "该活动仅限新客", "en": "This is for new customers only"},
    "seat_pending": {"zh": "您刚刚占了一个待付款的位置", "en": "You have just asked for another seat"},
    "no_seat": {"zh": "没有等待付款的位置", "en": "You have no seat that waits for its payment"},
}

JOINGIFT: Words = {
    "not_member": {"zh": "入会后即可领取", "en": "The gift is for members; become one first"},
    "had_gift": {"zh": "入会礼每人限领一次, 您已领取过", "en": "One gift per person, and you have had yours"},
}

INVITE: Words = {
    "own_code": {"zh": "不能接受自己的邀请", "en": "This is your own invitation"},
    "invited_already": {"zh": "您已接受过其他好友的邀请", "en": "You have accepted somebody else's invitation already"},
    "invite_circle": {"zh": "对方是由您邀请来的", "en": "This person came by your own invitation"},
    "invites_used_up": {"zh": "好友今天的邀请名额已满, 明天再来", "en": "Your friend's places of today are gone"},
}
