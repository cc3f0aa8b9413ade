"""The worked cases at the checkout's door: batches made, coupons given, carts quoted and orders refunded over HTTP.

The numbers are those of the worked table, in cents; nothing here is computed by the code under test.
"""

from __future__ import annotations

from typing import Any

import pytest
from coupon_scene import PLUGIN, PLUGINS, CouponScene

from scrm_core.web import create_app

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)

Rule = dict[str, Any]


def off(least: int, amount: int) -> Rule:
    return {"kind": "threshold", "min_minor": least, "off_minor": amount}


def steps(*pairs: tuple[int, int]) -> Rule:
    return {"kind": "ladder", "steps": [{"min_minor": least, "off_minor": amount} for least, amount in pairs]}


LADDER = steps((30_000, 3_000), (50_000, 6_000))
EACH_300 = {"kind": "repeat", "min_minor": 30_000, "off_minor": 3_000, "max_times": 3}
TWELVE = {"kind": "percent", "rate_bp": 1_200}
CASE_9 = (19_999, 8_950, 1_999)
CASE_10 = (25_900, 12_900, 9_900)
SHOP_AND_PLATFORM = [({"kind": "cash", "off_minor": 4_000}, {}), ({"kind": "percent", "rate_bp": 500}, {"step": "brand"})]
FLOORS = [{"unit_minor": 10_000, "floor_minor": 9_000}, {"unit_minor": 10_000, "floor_minor": 6_000}]


class Till:
    """Acme's checkout with the settings of a test; moonco has the plugin, and no coupons."""

    def __init__(self, new_installation: Any, clock: Any, settings: str) -> None:
        self.scene = CouponScene(new_installation(plugins=PLUGINS, acme=PLUGIN + settings, moonco=PLUGIN), clock)
        self.client = create_app(self.scene.installation).test_client()
        self.owner = self.scene.uid(self.scene.person())
        self.made = 0
        self.secrets = {}
        for brand in (self.scene.acme, self.scene.moonco):
            with brand:
                self.secrets[brand.id] = brand.keys.create("test", ("*",))[1]

    def post(self, path: str, body: Any, brand: str = "acme") -> Any:
        headers = {"Authorization": f"Bearer {self.secrets[brand]}"}
        return self.client.post(f"/api/v1/{brand}/plugins/coupon-threshold{path}", json=body, headers=headers)

    def coupon(self, rule: Rule, **more: Any) -> str:
        """A batch of this rule and a coupon of it for the owner; returns its code."""
        self.made += 1
        batch = {"code": f"b{self.made}", "title": "券", "rule": rule, "validity": {"kind": "rolling", "days": 7}, **more}
        assert self.post("/batches", batch).status_code == 201
        assert self.post(f"/batches/b{self.made}/state", {"state": "open"}).status_code == 200
        given = {"batch": f"b{self.made}", "contact": self.owner, "key": f"b{self.made}", "reason": "case"}
        coupon = self.post("/coupons", given)
        assert coupon.status_code == 201
        return coupon.json["code"]

    def cart(self, goods: Any, codes: list[str]) -> dict[str, Any]:
        lines = []
        for name, each in zip("ABCDEF", goods):
            more = each if isinstance(each, dict) else {"qty": each[0], "unit_minor": each[1]} if isinstance(
                each, tuple) else {"unit_minor": each}  # fmt: skip
            lines.append({"id": name, "sku": name, "qty": 1, **more})
        return {"lines": lines, "contact": self.owner, "codes": codes}

    def quote(self, goods: Any, *offers: tuple[Rule, dict[str, Any]]) -> dict[str, Any]:
        codes = [self.coupon(rule, **({"stacking": stacking} if stacking else {})) for rule, stacking in offers]
        answer = self.post("/quotes", self.cart(goods, codes))
        assert answer.status_code == 200, answer.json
        return answer.json


@pytest.fixture
def till(new_installation, clock):
    return lambda settings="": Till(new_installation, clock, settings)


def shares(quoted: dict[str, Any]) -> list[list[int]]:
    return [each["shares"] for each in quoted["discounts"]]


def paid(quoted: dict[str, Any]) -> list[int]:
    return [line["payable_minor"] for line in quoted["lines"]]


@pytest.mark.parametrize(
    ("rule", "totals"),
    [
        (LADDER, {29_999: 0, 30_000: 3_000, 49_999: 3_000, 50_000: 6_000, 100_000: 6_000}),
        (EACH_300, {29_999: 0, 65_000: 6_000, 90_000: 9_000, 130_000: 9_000}),
        ({"kind": "percent", "rate_bp": 1_500}, {1_010: 152}),
        ({"kind": "cash", "off_minor": 2_000}, {1_550: 1_550}),
        ({"kind": "percent", "rate_bp": 500}, {10: 1, 9: 0}),
        ({"kind": "percent", "zhe": "88折", "cap_minor": 4_000}, {26_000: 3_120, 100_000: 4_000}),
    ],
    ids=["case 1", "case 2", "case 6", "case 11", "case 23", "case 21"],
)
def test_one_coupon_on_one_line(till, rule, totals) -> None:
    here = till()
    code = here.coupon(rule)
    for total, discount in totals.items():
        quoted = here.post("/quotes", here.cart([total], [code])).json
        assert (quoted["discount_minor"], quoted["payable_minor"]) == (discount, total - discount)
    # Nobody else's: moonco knows neither the coupon nor its owner.
    lines = here.cart([30_000], [code]) | {"contact": None}
    assert here.post("/quotes", lines, "moonco").json["refusals"][0]["reason"] == "unknown"


@pytest.mark.parametrize(
    ("rule", "goods", "share", "left"),
    [
        (LADDER, [19_900, (2, 8_900), 12_990], [2_355, 2_107, 1_538], [17_545, 15_693, 11_452]),
        (off(9_900, 1_000), [3_333, 3_333, 3_333], [334, 333, 333], [2_999, 3_000, 3_000]),
        ({"kind": "percent", "zhe": "85折", "cap_minor": 3_000}, [9_980, 9_980, 5_900], [1_158, 1_158, 684],
         [8_822, 8_822, 5_216]),
        ({"kind": "cheapest-free", "n": 3}, [5_900, 3_990, 3_990], [0, 0, 3_990], [5_900, 3_990, 0]),
        ({"kind": "second-half"}, [(2, 4_555)], [2_278], [6_832]),
        ({"kind": "pieces", "n": 2, "zhe": "8折"}, [(2, 3_990), 2_990], [1_596, 598], [6_384, 2_392]),
        ({"kind": "cash", "off_minor": 10}, [1_000] * 4, [3, 3, 2, 2], [997, 997, 998, 998]),
        ({"kind": "cash", "off_minor": 1_000}, [999] * 6, [167, 167, 167, 167, 166, 166], [832, 832, 832, 832, 833, 833]),
    ],
    ids=["case 3", "case 4", "case 5", "case 12", "case 13", "case 14", "case 24", "six equal lines"],
)  # fmt: skip
def test_one_coupon_on_several_lines(till, rule, goods, share, left) -> None:
    quoted = till().quote(goods, (rule, {}))
    assert (shares(quoted), paid(quoted)) == ([share], left)
    assert quoted["payable_minor"] == sum(left)


def test_case_7_only_goods_of_the_category_count(till) -> None:
    here = till()
    code = here.coupon(off(20_000, 4_000), scope={"categories": ["S"]})
    goods = [{"unit_minor": 15_000, "category": "S"}, {"unit_minor": 4_999, "category": "S/below"},
             {"unit_minor": 30_000, "category": "other"}]  # fmt: skip
    refused = here.post("/quotes", here.cart(goods, [code])).json
    assert (refused["discount_minor"], refused["refusals"][0]["message"]) == (0, "还差¥0.01可用（满¥200.00）")
    goods[1]["unit_minor"] = 5_000
    assert shares(here.post("/quotes", here.cart(goods, [code])).json) == [[3_000, 1_000, 0]]


@pytest.mark.parametrize(("basis", "payable"), [("after_previous", 29_000), ("after_item", 27_000), ("original", 27_000)])
def test_case_8_the_basis_of_a_threshold(till, basis, payable) -> None:
    promo, coupon = (off(30_000, 3_000), {"step": "order"}), (off(30_000, 2_000), {"basis": basis})
    assert till().quote([32_000], promo, coupon)["payable_minor"] == payable


def test_case_9_an_amount_then_a_percentage(till) -> None:
    quoted = till().quote(CASE_9, (off(30_000, 3_000), {"step": "order"}), (TWELVE, {}))
    assert shares(quoted) == [[1_939, 867, 194], [2_167, 970, 217]]
    assert (paid(quoted), quoted["payable_minor"]) == ([15_893, 7_113, 1_588], 24_594)


@pytest.mark.parametrize(
    ("basis", "share", "payable"),
    [("after_previous", [[2_400, 1_074, 240]], 27_234), ("original", [[2_400, 1_074, 240], [1_939, 867, 194]], 24_234)],
)
def test_case_9b_a_percentage_then_an_amount(till, basis, share, payable) -> None:
    quoted = till().quote(CASE_9, (TWELVE, {"step": "order"}), (off(30_000, 3_000), {"basis": basis}))
    assert (shares(quoted), quoted["payable_minor"]) == (share, payable)


@pytest.mark.parametrize(
    ("settings", "platform", "payable"),
    [("parallel = true\n", [1_295, 645, 495], 42_265), ("", [1_189, 592, 454], 42_465)],
    ids=["平行", "递进"],
)
def test_case_10_parallel_and_sequential(till, settings, platform, payable) -> None:
    quoted = till(settings).quote(CASE_10, *SHOP_AND_PLATFORM)
    assert (shares(quoted), quoted["payable_minor"]) == ([[2_127, 1_060, 813], platform], payable)


def test_case_11_a_channel_that_cannot_take_nothing_takes_a_cent(till) -> None:
    quoted = till("min_payable_minor = 1\n").quote([1_550], ({"kind": "cash", "off_minor": 2_000}, {}))
    assert (quoted["discount_minor"], quoted["payable_minor"]) == (1_549, 1)


def test_a_shipping_coupon_pays_the_post_up_to_its_cap_and_nothing_of_the_goods(till) -> None:
    here = till()
    code = here.coupon({"kind": "shipping", "min_minor": 9_900, "cap_minor": 800})
    for goods, discount, payable in ((9_899, 0, 10_899), (9_900, 800, 10_100)):
        quoted = here.post("/quotes", here.cart([goods], [code]) | {"shipping_minor": 1_000}).json
        assert (quoted["discount_minor"], quoted["payable_minor"], paid(quoted)) == (discount, payable, [goods])
    cheap = here.post("/quotes", here.cart([9_900], [code]) | {"shipping_minor": 500}).json
    assert (cheap["discount_minor"], cheap["payable_minor"]) == (500, 9_900)


@pytest.mark.parametrize(
    ("settings", "share"), [("", [1_000, 2_500]), ("redistribute = true\n", [1_000, 4_000])], ids=["lost", "redistributed"]
)
def test_case_22_price_floors(till, settings, share) -> None:
    assert shares(till(settings).quote(FLOORS, ({"kind": "cash", "off_minor": 5_000}, {}))) == [share]


@pytest.mark.parametrize(
    ("policy", "goods", "rule", "returned", "expected"),
    [
        ("allocation", [19_900, (2, 8_900), 12_990], LADDER, [{"B": 1}, {"B": 1}], [7_846, 7_847]),
        ("allocation", [19_900, (2, 8_900), 12_990], LADDER, [{"A": 1}], [17_545]),
        ("recompute", [19_900, (2, 8_900), 12_990], LADDER, [{"A": 1}], [16_900]),
        ("allocation", [19_900, (2, 8_900), 12_990], LADDER, [{"B": 2, "C": 1}], [27_145]),
        ("recompute", [19_900, (2, 8_900), 12_990], LADDER, [{"B": 2, "C": 1}], [24_790]),
        ("allocation", [29_000, 1_500], off(30_000, 3_000), [{"B": 1}], [1_352]),
        ("recompute", [29_000, 1_500], off(30_000, 3_000), [{"B": 1}], [0]),
        ("allocation", [(3, 4_000)], {"kind": "cash", "off_minor": 2_000}, [{"A": 1}] * 3, [3_333, 3_333, 3_334]),
        ("allocation", [(3, 4_000)], {"kind": "cash", "off_minor": 1_993}, [{"A": 1}] * 3, [3_335, 3_336, 3_336]),
    ],
    ids=["case 15", "16 A", "16 B", "17 A", "17 B", "18 A", "18 B", "19", "19 of 100.07"],
)  # fmt: skip
def test_refunds(till, policy, goods, rule, returned, expected) -> None:
    here = till()
    body = here.cart(goods, [here.coupon(rule)]) | {"key": "k", "source": "shop", "order_number": "1", "policy": policy}
    assert here.post("/orders", body).status_code == 201
    told = []
    for number, lines in enumerate(returned):
        refund = {"source": "shop", "order_number": "1", "key": f"r{number}", "lines": lines}
        told.append(here.post("/refunds", refund).json["refund_minor"])
    assert told == expected


def test_two_coupons_of_a_batch_pay_for_one_order_only_where_it_is_stackable(till) -> None:
    here = till()
    for group, discount, refused in (("", 500, ["group"]), ("*", 1_000, [])):
        cash = {"kind": "cash", "off_minor": 500}
        stacking = {"group": group, "payer": "platform"}
        first = here.coupon(cash, stacking=stacking, limits={"per_person": None})
        again = {"batch": f"b{here.made}", "contact": here.owner, "key": f"again {group}", "reason": "case"}
        second = here.post("/coupons", again).json["code"]
        quoted = here.post("/quotes", here.cart([3_000], [first, second])).json
        assert (quoted["discount_minor"], [each["reason"] for each in quoted["refusals"]]) == (discount, refused)
        # Who bears it is told with each discount by itself.
        assert [(each["discount_minor"], each["payer"]) for each in quoted["discounts"]] == [
            (500, "platform")
        ] * (discount // 500)
    body = here.cart([3_000], [first, second]) | {"key": "k", "source": "shop", "order_number": "1"}
    used = here.post("/orders", body).json["redemptions"]
    assert [(each["discount_minor"], each["shares"]) for each in used] == [(500, [500]), (500, [500])]
