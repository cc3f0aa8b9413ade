"""What every plugin's report says in the story, worked out by hand.

Orders at Acme: B-1 of Bei 120.00 (three days before), S-1 of Anna 200.00 (her first, in the shop, with Bei's code and
her voucher), O-1 of Bo 50.00, F-1 of Fei 99.00 (Anna's friend), G-1 of Gao 80.00 (with Anna's code), H-1 of Hua 60.00
(from Moon Co). At Moon Co: I-1 of Ivo 150.00, A-M of Anna 70.00. First S-1 comes back, then F-1 and H-1. Everything is
in minor units; ``None`` is what is divided by nothing.
"""

from __future__ import annotations

import copy

from story_reports import Row, Tables

STAGES = ("before", "first order back", "friends' orders back")
Patch = Tables


def _points(**kinds: tuple[int, int]) -> dict[str, Row]:
    """The report of points: entries and sum by kind; the balance is all of it, nobody owes any."""
    titles = {
        "grant": "Rewards 奖励", "earn": "Orders 消费获得", "adjust": "By hand 人工调整", "spend": "Spent 使用",
        "back": "Returned 退回", "taken": "Taken back 扣回", "lapsed": "Lapsed 过期", "erased": "Closed accounts 注销清零",
    }  # fmt: skip
    rows = {title: dict(zip(("entries", "points"), kinds.get(kind, (0, 0)))) for kind, title in titles.items()}
    balance = sum(points for _, points in kinds.values())
    return rows | {"Balance 余额": {"entries": None, "points": balance}, "Debt 欠分": {"entries": None, "points": 0}}


def _packets(
    issued: tuple[int, int], *, due: tuple[int, int], paid: tuple[int, int], canceled: tuple[int, int], funded: int,
    left: int,
) -> dict[str, Row]:  # fmt: skip
    """The report of red packets: number and sum; what was canceled is in the budget again."""
    none = (0, 0)
    rows: dict[str, tuple[int | None, int]] = {
        "Issued 发放": issued, "Waiting 待付": due, "Being paid 付款中": none, "Unknown 结果未知": none, "Failed 失败": none,
        "Paid 已付": paid, "Canceled 已取消": canceled, "Unclaimed shares 未领": none, "Returned to budget 退回预算": canceled,
        "Budget 预算": (None, funded), "Left of it 预算余额": (None, left),
    }  # fmt: skip
    return {title: {"packets": packets, "amount": amount} for title, (packets, amount) in rows.items()}


def _value(people: int, ordered: int, conversion: float | None) -> dict[str, Row]:
    """The value of interaction: all of it were games; nobody logged content."""
    played = {"people": people, "ordered": ordered, "conversion": conversion, "phones": people}
    nobody = {"people": 0, "ordered": 0, "conversion": None, "phones": 0}
    content = {"content": 0, "content_share": None, "warning": ""}
    return {
        "Mini-program games 小程序游戏": played | content, "Native interaction 原生互动": nobody | content,
        "Community 社区互动": nobody | content, "All 合计": played | content,
    }  # fmt: skip


def _koc(kocs: int, firsts: int, share: float | None, revenue: int, commission: int, each: int | None) -> Row:
    """The one programme, all goods. A lifetime is 90 days: nobody's is over, so nobody is compared with anybody."""
    unknown = (
        "repeat_rate", "value_minor", "matched_repeat_rate", "group_repeat_rate", "matched_value_minor",
        "group_value_minor", "lift_minor", "lift_low_minor", "lift_high_minor", "repeat_low", "repeat_high",
    )  # fmt: skip
    return {
        "situation": 3, "kocs": kocs, "first_orders": firsts, "first_share": share, "other_orders": 0,
        "revenue_minor": revenue, "commission_minor": commission, "per_first_minor": each,
        **dict.fromkeys(("customers", "matched", "unmatched", "group"), 0), **dict.fromkeys(unknown),
        "reading": "nobody to compare 无可比对象",
    }  # fmt: skip


_RULES = {
    "came by a card": {"event": "lead", "group": "origin", "tag": "card", "hits": 0, "waiting": 0},
    "big order": {"event": "order", "group": "value", "tag": "big", "hits": 0, "waiting": 0},
    "sent back": {"event": "refund", "group": "value", "tag": "sent back", "hits": 0, "waiting": 0},
}
_SOUND = {"book": {"differences": []}}
_MODE = dict.fromkeys(("share", "low", "high", "difference", "difference_low", "difference_high", "p_value"))
_FEW = "too few persons: every arm needs 100"

_BEFORE: Tables = {
    "wecom": {},
    "live-code": {},
    "live-code-reception": {}, "live-code-survival": {}, "live-code-personas": {}, "live-code-entries": {}, "live-code-asks": {},
    # Anna, Bo and Cai came by a card; B-1 and S-1 are of 100.00 and more.
    "tag-rules": {
        **_RULES, "came by a card": _RULES["came by a card"] | {"hits": 3},
        "big order": _RULES["big order"] | {"hits": 2},
    },
    # Four cards left; three were scanned, by people who were no friends yet: 3 / 4. After their leads Anna paid 200.00
    # and Bo 50.00, by card 250.00 / 4.
    "package-card": {
        "SPRING": {
            "shipped": 4, "new": 3, "recall": 0.75, "days": 90, "orders": 2, "contribution_minor": 25_000,
            "contribution_per_card_minor": 6_250.0,
        },
    },
    # Three browsers, three adds. Anna and Bo joined and bought. A card costs 0.12: 4 x 12 = 48; by new person 48 / 3,
    # by first order 48 / 2. Of the contribution 42 % are margin: 25,000 x 0.42 - 48 = 10,452, by card 2,613. Nobody
    # told when parcels were signed for.
    "package-card: all": {
        "SPRING": {
            "shipped": 4, "new": 3, "recall": 0.75, "days": 90, "orders": 2, "contribution_minor": 25_000,
            "contribution_per_card_minor": 6_250.0, "signed": 0, "missed": 0, "scanners": 3, "adds": 3, "members": 2,
            "first_orders": 2, "gross_recall": 0.75, "recall_by_signed": None, "scan_rate": 0.75, "add_rate": 1.0,
            "card_cost_minor": 48, "spend_minor": 0, "cost_minor": 48, "cost_per_card_minor": 12.0,
            "cost_per_new_minor": 16.0, "cost_per_first_order_minor": 24.0, "net_minor": 10_452,
            "net_per_card_minor": 2_613.0,
        },
    },
    # Three have the tag; Cai never agreed. Anna and Bo got one part each, at 4.5 fen: 9. Both opened, Anna pressed the
    # button and added the adviser; she was a friend already by the card, so she is added but not new: 0 / 2. Her S-1
    # followed.
    "sms": {
        "MAY": {
            "planned": 3, "kept_back": 1, "sent": 2, "delivered": 2, "failed": 0, "expired": 0, "unknown": 0,
            "no_receipt": 0, "opens": 2, "bots": 0, "clicked": 2, "pressed": 1, "added": 1, "new": 0, "recall": 0.0,
            "buyers": 1, "orders": 1, "revenue_minor": 20_000, "parts": 2, "cost_minor": 9, "cost_per_add_minor": 9.0,
        },
    },
    # Nobody was asked by number; one of two who got the SMS came. The interval is Wilson's of 1 in 2:
    # (1 + 1.96^2 / 2 -+ 1.96 sqrt(2 x 1/2 x 1/2 + 1.96^2 / 4)) / (2 + 1.96^2) = 0.0945 and 0.9055.
    "sms-modes": {
        "MAY asked 主动": {"base": 0, "hits": 0, **_MODE, "verdict": _FEW},
        "MAY tapped 被动": {"base": 2, "hits": 1, **_MODE, "share": 0.5, "low": 0.0945, "high": 0.9055, "verdict": _FEW},
    },
    "sms-rescue": {},
    # Two vouchers, of Anna and Bo, both used: Anna's in a cart of tea and mug, 200.00 + 39.90, Bo's for the mug alone,
    # 39.90: goods of 279.80, of which two mugs were given, 79.80. Three pieces in two redemptions.
    "coupon-threshold": {
        "MUG": {
            "title": "马克杯券", "state": "open", "gate": 0, "exposed": 0, "claimed": 2, "persons": 2, "claim_rate": None,
            "used": 2, "returned": 0, "expired": 0, "ended": 0, "ended_used": 0, "rate": None, "person_rate": None,
            "open": 2, "open_used": 2, "open_rate": 1.0, "goods_minor": 27_980, "discount_minor": 7_980,
            "discount_rate": 7_980 / 27_980, "items_per_order": 1.5,
        },
    },
    # Lee redeemed Bo's voucher, ten minutes after it was won; Anna's came with a cart that the till told.
    "coupon-threshold-counter": {
        "li": {
            "name": "Lee", "redemptions": 1, "undone": 0, "days": 1, "per_day": 1.0, "others_per_day": None,
            "customers": 1, "most_of_one": 1, "quick": 0, "exact": 0, "discount_minor": 3_990, "look": "",
        },
    },
    # Three cards of 18.00: Anna has seen hers, Bo not.
    "benefit-card": {
        "VIDEO": {
            "title": "视频会员月卡", "cards": 3, "cost": 5_400, "left": 1, "left_cost": 1_800, "expired": 0,
            "expired_cost": 0, "waiting": 1, "waiting_cost": 1_800, "revealed": 1, "revealed_cost": 1_800, "lost": 0,
            "lost_cost": 0,
        },
    },
    "benefit-card: check": _SOUND,
    # Check-ins: Anna's three and Bo's one, five points each: 20. A point for every yuan paid of six orders:
    # 120 + 200 + 50 + 99 + 80 + 60 = 609.
    "points": _points(grant=(4, 20), earn=(6, 609)),
    "points: check": _SOUND,
    # Anna's third day was 1.88, which finance paid; the friend brought her 8.88, which waits. 100.00 - 10.76 = 89.24.
    "red-packet": _packets((2, 1_076), due=(1, 888), paid=(1, 188), canceled=(0, 0), funded=10_000, left=8_924),
    "red-packet: check": _SOUND,
    # Check-in: four days and the prize of the third day are five awards of 4 x 5 + 188; nothing is drawn there. The
    # wheel: two draws, two mugs of 39.90; with one prize there are no odds to test.
    "interaction-games": {
        "checkin": {
            "game": "checkin", "phase": "running", "players": 2, "draws": 0, "wins": 5, "held": 0, "waiting": 0,
            "spent_minor": 208, "budget_minor": None, "chi_square": None, "p": None,
        },
        "wheel": {
            "game": "wheel", "phase": "running", "players": 2, "draws": 2, "wins": 2, "held": 0, "waiting": 0,
            "spent_minor": 7_980, "budget_minor": 20_000, "chi_square": None, "p": None,
        },
    },
    "interaction-games-prizes": {
        "checkin five": {
            "odds": None, "picked": 0, "rate": None, "given": 4, "refused": 0, "refusal": "", "stock_left": None,
            "cost_minor": 20,
        },
        "checkin three": {
            "odds": None, "picked": 0, "rate": None, "given": 1, "refused": 0, "refusal": "", "stock_left": None,
            "cost_minor": 188,
        },
        "wheel mug": {
            "odds": 1.0, "picked": 2, "rate": 1.0, "given": 2, "refused": 0, "refusal": "", "stock_left": 3,
            "cost_minor": 7_980,
        },
    },
    # Anna and Bo played; both ordered within seven days, and their phones became known on the day of their first game.
    "interaction-value": _value(2, 2, 1.0),
    # Anna brought Fei, who was added and bought; it cost 8.88.
    "referral": {
        "spring": {
            "inviters": 1, "left": 0, "invited": 1, "added": 1, "qualified": 1, "held": 0, "matured": 0, "hva": 0,
            "cost": 888, "lost": 0, "per_qualified": 888, "per_true": None,
        },
    },
    # S-1 by Bei and G-1 by Anna are two of five first orders since Bei is a KOC (B-1 is older); 280.00 at tier C's 5 %.
    "koc": {"all": _koc(2, 2, 2 / 5, 28_000, 1_400, 700)},
    "koc: ledger": {
        "1": {"member": "BEI", "kind": "earn", "amount_minor": 1_000, "reason": ""},
        "2": {"member": "ANNA", "kind": "earn", "amount_minor": 400, "reason": ""},
    },
    "koc: statements": {
        "1": {"member": "BEI", "total_minor": 1_000, "payable_minor": 1_000, "carry_minor": 0, "state": "paid"},
        "2": {"member": "ANNA", "total_minor": 400, "payable_minor": 400, "carry_minor": 0, "state": "paid"},
    },
    "koc: check": _SOUND,
    # Anna went and ordered there, Hua came and ordered here.
    "cross-brand-swap": {
        "spring": {
            "partner": "moonco", "state": "agreed", "unit": "first_order", "quota": 10, "given": 1, "received": 1,
            "balance": 0,
        },
    },
    # Hua opened the link, became a friend, and ordered; nobody has stayed seven days yet.
    "cross-brand-swap: brought": {"spring": {"click": 1, "add": 1, "retained_add": 0, "first_order": 1, "shown": 100}},
}  # fmt: skip

# S-1 comes back whole.
_FIRST_BACK: Patch = {
    "tag-rules": {"sent back": {"hits": 1}},
    # Bo's 50.00 is left: 50.00 / 4; 5,000 x 0.42 - 48 = 2,052.
    "package-card": {"SPRING": {"orders": 1, "contribution_minor": 5_000, "contribution_per_card_minor": 1_250.0}},
    "package-card: all": {
        "SPRING": {
            "orders": 1, "contribution_minor": 5_000, "contribution_per_card_minor": 1_250.0, "first_orders": 1,
            "cost_per_first_order_minor": 48.0, "net_minor": 2_052, "net_per_card_minor": 513.0,
        },
    },
    "sms": {"MAY": {"buyers": 0, "orders": 0, "revenue_minor": 0}},
    # Anna has her voucher again: it counts as returned and not as used. Bo's mug is left, given away whole.
    "coupon-threshold": {
        "MUG": {
            "used": 1, "returned": 1, "open_used": 1, "open_rate": 0.5, "goods_minor": 3_990, "discount_minor": 3_990,
            "discount_rate": 1.0, "items_per_order": 1.0,
        },
    },
    "points": {"Taken back 扣回": {"entries": 1, "points": -200}, "Balance 余额": {"points": 429}},
    "interaction-value": {title: {"ordered": 1, "conversion": 0.5} for title in ("Mini-program games 小程序游戏", "All 合计")},
    # Anna's was no order, so no first one: G-1 is one of four. What Bei was paid for it is owed by the next statement.
    "koc": {
        "all": {
            "kocs": 1, "first_orders": 1, "first_share": 1 / 4, "revenue_minor": 8_000, "commission_minor": 400,
            "per_first_minor": 400,
        },
    },
    "koc: ledger": {"3": {"member": "BEI", "kind": "clawback", "amount_minor": -1_000, "reason": "refunded"}},
    "koc: statements": {
        "3": {"member": "BEI", "total_minor": -1_000, "payable_minor": 0, "carry_minor": -1_000, "state": "carried"},
    },
}  # fmt: skip

# F-1 and H-1 come back whole too.
_FRIENDS_BACK: Patch = {
    "tag-rules": {"sent back": {"hits": 3}},
    # 200 + 99 + 60.
    "points": {"Taken back 扣回": {"entries": 3, "points": -359}, "Balance 余额": {"points": 270}},
    # Fei counts no more; Anna's packet, which nobody had paid, is canceled and in the budget again.
    "referral": {"spring": {"qualified": 0, "cost": 0, "per_qualified": None}},
    "red-packet": {
        "Waiting 待付": {"packets": 0, "amount": 0}, "Canceled 已取消": {"packets": 1, "amount": 888},
        "Returned to budget 退回预算": {"packets": 1, "amount": 888}, "Left of it 预算余额": {"amount": 9_812},
    },
    # Left are O-1 and G-1.
    "koc": {"all": {"first_share": 1 / 2}},
    "cross-brand-swap": {"spring": {"received": 0, "balance": 1}},
    "cross-brand-swap: brought": {"spring": {"first_order": 0}},
}  # fmt: skip

# Moon Co has the same plugins, and nothing of Acme's but what the swap told: Anna came and ordered, Hua went.
_MOONCO: Tables = {
    "wecom": {},
    "live-code": {},
    "live-code-reception": {}, "live-code-survival": {}, "live-code-personas": {}, "live-code-entries": {}, "live-code-asks": {},
    "tag-rules": _RULES | {"big order": _RULES["big order"] | {"hits": 1}},  # I-1
    "package-card": {}, "package-card: all": {}, "sms": {}, "sms-modes": {}, "sms-rescue": {}, "coupon-threshold": {},
    "coupon-threshold-counter": {}, "interaction-games": {}, "interaction-games-prizes": {},
    "interaction-value": _value(0, 0, None),
    "points": _points(earn=(2, 220)),  # 150 of I-1 and 70 of A-M
    "points: check": _SOUND,
    "red-packet": _packets((0, 0), due=(0, 0), paid=(0, 0), canceled=(0, 0), funded=0, left=0),
    "red-packet: check": _SOUND,
    "benefit-card": {},
    "benefit-card: check": _SOUND,
    "referral": {},
    "koc": {"all": _koc(0, 0, None, 0, 0, None)},
    "koc: ledger": {},
    "koc: statements": {},
    "koc: check": _SOUND,
    "cross-brand-swap": {
        "spring": {
            "partner": "acme", "state": "agreed", "unit": "first_order", "quota": 10, "given": 1, "received": 1,
            "balance": 0,
        },
    },
    "cross-brand-swap: brought": {"spring": {"click": 1, "add": 1, "retained_add": 0, "first_order": 1, "shown": 100}},
}  # fmt: skip
# What it gave was taken back at Acme; what it received stands.
_MOONCO_FRIENDS_BACK: Patch = {"cross-brand-swap": {"spring": {"given": 0, "balance": -1}}}

TABLES_OF = {
    "package-card": {"package-card", "package-card: all"},
    "tag-rules": {"tag-rules"},
    "sms": {"sms", "sms-modes", "sms-rescue"},
    "coupon-threshold": {"coupon-threshold", "coupon-threshold-counter"},
    "points": {"points", "points: check"},
    "red-packet": {"red-packet", "red-packet: check"},
    "benefit-card": {"benefit-card", "benefit-card: check"},
    "interaction-games": {"interaction-games", "interaction-games-prizes", "interaction-value"},
    "referral": {"referral"},
    "koc": {"koc", "koc: ledger", "koc: statements", "koc: check"},
    "cross-brand-swap": {"cross-brand-swap", "cross-brand-swap: brought"},
    "wechat-login": set(),
    "wecom": {"wecom"},
    "live-code": {
        "live-code", "live-code-reception", "live-code-survival", "live-code-personas", "live-code-entries",
        "live-code-asks",
    },
    "console": set(),
}

# Fields that honestly depend on another plugin, by the plugin that is switched off and the stage from which on.
_WITHOUT: dict[str, tuple[Patch, Patch, Patch]] = {
    # Nobody issues vouchers, so the wheel has packets of 1.00: two of them, which finance pays as well.
    "coupon-threshold": (
        {
            "interaction-games": {"wheel": {"spent_minor": 200}},
            "interaction-games-prizes": {"wheel mug": {"cost_minor": 200}},
            "red-packet": _packets((4, 1_276), due=(1, 888), paid=(3, 388), canceled=(0, 0), funded=10_000, left=8_724),
        },
        {},
        {"red-packet": {"Left of it 预算余额": {"amount": 9_612}}},
    ),
    # Nobody issues points, so a check-in brings 0.30: 4 x 30 = 120.
    "points": (
        {
            "interaction-games": {"checkin": {"spent_minor": 308}},
            "interaction-games-prizes": {"checkin five": {"cost_minor": 120}},
            "red-packet": _packets((6, 1_196), due=(1, 888), paid=(5, 308), canceled=(0, 0), funded=10_000, left=8_804),
        },
        {},
        {"red-packet": {"Left of it 预算余额": {"amount": 9_692}}},
    ),
    # Nobody pays packets, so the third day brings 188 points and the friend 888: 20 + 188 + 888 = 1,096, of which the
    # friend's go again: 359 + 888 = 1,247.
    "red-packet": (
        {"points": {"Rewards 奖励": {"entries": 6, "points": 1_096}, "Balance 余额": {"points": 1_705}}},
        {"points": {"Balance 余额": {"points": 1_505}}},
        {"points": {"Taken back 扣回": {"entries": 4, "points": -1_247}, "Balance 余额": {"points": 458}}},
    ),
    # Nobody plays: no points and no packet of the third day. The vouchers are given by hand and count the same.
    "interaction-games": (
        {
            "points": {"Rewards 奖励": {"entries": 0, "points": 0}, "Balance 余额": {"points": 609}},
            "red-packet": _packets((1, 888), due=(1, 888), paid=(0, 0), canceled=(0, 0), funded=10_000, left=9_112),
        },
        {"points": {"Balance 余额": {"points": 409}}},
        {"points": {"Balance 余额": {"points": 250}}, "red-packet": {"Left of it 预算余额": {"amount": 10_000}}},
    ),
    # Nobody is rewarded for the friend.
    "referral": (
        {"red-packet": _packets((1, 188), due=(0, 0), paid=(1, 188), canceled=(0, 0), funded=10_000, left=9_812)},
        {},
        {"red-packet": _packets((1, 188), due=(0, 0), paid=(1, 188), canceled=(0, 0), funded=10_000, left=9_812)},
    ),
}  # fmt: skip

# A plugin that is switched off in the middle hears of nothing meanwhile; switched on again, it catches up, and all is
# as if it had never been off. What differs until then, and what stays different:
_AWAY: dict[str, tuple[Patch, Patch]] = {
    # Nobody takes Anna's packet back while referral is off.
    "referral": (
        {"red-packet": _packets((2, 1_076), due=(1, 888), paid=(1, 188), canceled=(0, 0), funded=10_000, left=8_924)},
        {},
    ),
    # Nobody can take the packet back: it stays granted until red packets are on again, and then goes back unpaid.
    "red-packet": ({"referral": {"spring": {"cost": 888, "lost": 0}}}, {}),
}
# Who issues rewards may be switched off once the campaigns that give them are over.
ISSUERS = ("coupon-threshold", "points", "red-packet")
_OVER: Patch = {"interaction-games": {game: {"phase": "over"} for game in ("checkin", "wheel")}}


# Anna's score. Four people have anything to be ranked by: Anna paid 200.00, Bei 120.00, Fei 99.00, Bo 50.00. Of n, b
# below and t level give (2b + t) / 2n: money 7/8 of 15, floored to hundredths; one order each: 4/8 of 10; the only one
# with a friend: 1/2 of 6; four acts to Bo's two: 3/4 of 6; 2 of 365 days of 4.
_SCORE = {"money": 13.12, "orders": 5.0, "referrals": 3.0, "acts": 4.5, "tenure": 0.02, "sum": 25.64}


def score(off: str) -> dict[str, float]:
    """Anna's score and its parts; what nobody tells gives no points."""
    if off == "koc":
        return {}
    gone = {"interaction-games": "acts", "referral": "referrals"}.get(off, "")
    left = {part: points for part, points in _SCORE.items() if part != gone}
    return left | {"sum": {"acts": 21.14, "referrals": 22.64}.get(gone, 25.64)}


def expected(stage: int, brand: str = "acme", off: str = "") -> Tables:
    """Every table of a brand at a stage, with one plugin switched off from the beginning or none."""
    steps: tuple[Patch, Patch, Patch] = ({}, {}, _MOONCO_FRIENDS_BACK)
    without: tuple[Patch, Patch, Patch] = ({}, {}, {})
    if brand == "acme":
        steps, without = ({}, _FIRST_BACK, _FRIENDS_BACK), _WITHOUT.get(off, without)
    patches = [each for pair in zip(steps, without, strict=True) for each in pair]
    found = _patched(_BEFORE if brand == "acme" else _MOONCO, patches[: 2 * stage + 2])
    return {table: rows for table, rows in found.items() if table not in TABLES_OF.get(off, ())}


def expected_away(off: str, brand: str, *, again: bool) -> Tables:
    """The same when everything came back while one plugin was off; ``again``: after it was switched on again."""
    found = expected(2, brand)
    if brand == "acme":
        patches = [_OVER] if off in ISSUERS else []
        found = _patched(found, [*patches, _AWAY.get(off, ({}, {}))[int(again)]])
    return {table: rows for table, rows in found.items() if again or table not in TABLES_OF[off]}


def _patched(tables: Tables, patches: list[Patch]) -> Tables:
    found = copy.deepcopy(tables)
    for patch in patches:
        for table, rows in patch.items():
            for row, fields in rows.items():
                found[table].setdefault(row, {}).update(fields)
    return found
