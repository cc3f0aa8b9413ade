"""One customer's way through every plugin, step by step, through the public doors alone.

Anna gets a card in a parcel, becomes a friend, a member, a player, a buyer, an inviter and a KOC of Acme, and is
shown Moon Co, with which Acme swaps. The others are there so that figures are more than 0 and 1: Bei, a KOC of old;
Bo and Cai, who scanned cards too; Fei, whom Anna invites; Gao, who buys with her code; Hua, who comes from Moon Co;
Ivo, who is Moon Co's alone. With a plugin left out its steps are left out, and what the others need of it is done by
hand.
"""

from __future__ import annotations

import copy
import json
import random
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from doors import WECHAT_BROWSER, Api, Browser, Doors
from story_project import BRANDS, MUG, SIGNATURE, START, TEA, Outside
from story_reports import Tables, figures

DAY_MS = 86_400_000
_CART = ((1, "TEA", TEA), (2, "MUG", MUG))


@dataclass
class Person:
    """Somebody: how others know them, and the browser that they hold."""

    name: str
    phone: str
    unionid: str
    uid: str = ""
    browser: Browser = field(init=False)


class Story:
    """Plays the story at a project's doors; ``on`` are the plugins that its brands have."""

    def __init__(self, doors: Doors, on: tuple[str, ...], outside: Outside) -> None:
        self.doors, self.on, self.outside = doors, on, outside
        self._api: dict[str, Api] = {}
        self.score: dict[str, float] = {}
        self._keys = 0
        chance = random.Random(2026)
        # Nobody's number begins like anybody else's: neighbours are a sign of cheating.
        starts = chance.sample(range(1_000, 9_999), 8)
        self.people = {
            name: Person(name, f"+86138{start}{chance.randrange(1_000, 9_999)}", f"union-{start}")
            for name, start in zip(("安娜", "贝", "博", "蔡", "飞", "高", "花", "伊"), starts, strict=True)
        }
        self.anna, self.bei, self.bo, self.cai, self.fei, self.gao, self.hua, self.ivo = self.people.values()

    def behind(self, doors: Doors, on: tuple[str, ...]) -> Story:
        """The same story, to go on behind the doors of a copy of its project."""
        found = copy.copy(self)
        found.doors, found.on = doors, on
        found._api = {brand: Api(doors, brand, key) for brand, key in self.doors.keys.items()}
        doors.keys = self.doors.keys
        return found

    # Doors ----------------------------------------------------------------------------

    def has(self, plugin: str) -> bool:
        return plugin in self.on

    def api(self, brand: str = "acme") -> Api:
        return self._api[brand]

    def plugin(self, plugin: str, path: str, body: Any = None, *, brand: str = "acme", method: str = "POST") -> Any:
        """A write at a plugin's route."""
        return self.api(brand).tell(f"/plugins/{plugin}{path}", body, method)

    def look(self, plugin: str, path: str, *, brand: str = "acme") -> Any:
        """A reading of a plugin's route."""
        return self.api(brand).ask(f"/plugins/{plugin}{path}")

    def iso(self, *, days: int = 0) -> str:
        moment = datetime.fromtimestamp((self.doors.now() + days * DAY_MS) / 1000, START.tzinfo)
        return moment.isoformat(timespec="milliseconds")

    def lead(self, person: Person, *, state: str = "", agrees: bool = False, brand: str = "acme") -> None:
        """Somebody becomes a friend, as the brand's WeCom tells."""
        self._keys += 1
        told = {
            "source": "wecom", "phone": person.phone, "unionid": person.unionid, "name": person.name, "state": state,
            "key": f"add-{self._keys}",
            "consents": [{"purpose": "marketing_sms", "text_version": "2026-01"}] if agrees else [],
        }  # fmt: skip
        uid = self.api(brand).tell("/leads", told)["contact"]
        if brand == "acme":
            person.uid = uid

    def order(
        self, person: Person, number: str, paid: int, *, source: str = "mini", brand: str = "acme", days: int = 0
    ) -> None:
        """An order is paid and handed over."""
        at = self.iso(days=days)
        told = {"source": source, "number": number, "status": "completed", "paid_at": at, "paid_minor": paid}
        lines = [{"sku": "TEA", "qty": 1, "paid_minor": paid}]
        self.api(brand).tell("/orders", {**told, "phone": person.phone, "lines": lines})

    def refund(self, number: str, amount: int, *, source: str = "mini", brand: str = "acme") -> None:
        """An order comes back whole."""
        told = {"source": source, "order_number": number, "number": f"R-{number}", "amount_minor": amount}
        self.api(brand).tell("/refunds", told)
        self.doors.settle()

    def state_of(self, address: str) -> str:
        """What stands behind /l/ in an address."""
        return address.rpartition("/")[2]

    # The story -------------------------------------------------------------------------

    def play(self) -> None:
        """Everything up to the day before the first order comes back."""
        self.open_shop()
        self.agree_to_swap()
        self.scan_cards()
        self.receive_sms()
        self.join()
        self.claim_cards()
        self.check_in(self.anna, self.bo)
        self.doors.later(days=1)
        self.check_in(self.anna)
        self.doors.later(days=1)
        self.check_in(self.anna)
        self.spin(self.anna, self.bo)
        self.doors.later(minutes=10)
        self.redeem()
        self.pay_out()
        self.doors.later(minutes=60)
        self.invite()
        self.be_scored()
        self.see_partner()
        self.doors.later(minutes=60)
        self.doors.work()

    def open_shop(self) -> None:
        """What staff prepares, and who was there before."""
        for brand in BRANDS:
            key = json.loads(self.doors.scrm("key", "create", brand, "--name", "shop", "--json"))["key"]
            self.doors.keys[brand] = key
            self._api[brand] = Api(self.doors, brand, key)
        for person in self.people.values():
            person.browser = Browser(self.doors)
        file = self.doors.folder / "products.csv"
        file.write_text(f"sku,title,category,price_minor\nTEA,茶,food/tea,{TEA}\nMUG,杯,home/cup,{MUG}\n", "utf-8")
        self.doors.scrm("import", "products", "acme", str(file))
        self.lead(self.bei)
        self.order(self.bei, "B-1", 12_000, days=-3)
        self.lead(self.ivo, brand="moonco")
        self.order(self.ivo, "I-1", 15_000, brand="moonco")
        self.doors.settle()
        if self.has("koc"):
            about = {"contact": self.bei.uid, "code": "BEI", "target": f"{self.doors.base}/healthz"}
            self.plugin("koc", "/members", about)
        if self.has("coupon-threshold"):
            self._coupons()
        if self.has("red-packet"):
            self.plugin("red-packet", "/budget/funds", {"amount_minor": 10_000, "key": "march", "reason": "March"})
        if self.has("interaction-games"):
            self._games()
        if self.has("referral"):
            self._referral()

    def _coupons(self) -> None:
        """A voucher for a mug, ten of them, and the shop where it is good."""
        mug = {"code": "MUG", "title": "马克杯券", "rule": {"kind": "exchange", "sku": "MUG"}, "stock": 10}
        self.plugin("coupon-threshold", "/batches", {**mug, "validity": {"kind": "rolling", "days": 30}})
        self.plugin("coupon-threshold", "/batches/MUG/state", {"state": "open"})
        self.plugin("coupon-threshold", "/stores", {"code": "NJ", "name": "南京路店"})
        self.plugin("coupon-threshold", "/clerks", {"code": "li", "pin": "271828", "store": "NJ", "name": "Lee"})

    def cash(self, points: int, minor: int) -> dict[str, Any]:
        """A reward of money or, where nobody pays red packets, of points."""
        if self.has("red-packet"):
            return {"kind": "red-packet", "quantity": minor, "value_minor": minor}
        return {"kind": "points", "quantity": points, "value_minor": minor}

    def _games(self) -> None:
        five: dict[str, Any] = {"kind": "points", "quantity": 5, "value_minor": 5}
        if not self.has("points"):
            five = {"kind": "red-packet", "quantity": 30, "value_minor": 30}
        three = self.cash(188, 188)
        mug: dict[str, Any] = {"kind": "product-voucher", "item": "MUG", "value_minor": MUG}
        if not self.has("coupon-threshold"):
            mug = self.cash(100, 100)
        self.campaign(
            "checkin", [{"code": "five", "title": "5", **five}, {"code": "three", "title": "满三天", **three}],
            settings={"daily": ["five"], "milestones": [{"days": 3, "prize": "three"}]}, total_weight=0,
        )  # fmt: skip
        # One prize has all the odds: who spins wins it.
        self.campaign(
            "wheel", [{"code": "mug", "title": "马克杯", "weight": 1, "stock": 5, **mug}], total_weight=1,
            chances={"daily": 1}, budget_minor=20_000,
        )  # fmt: skip

    def campaign(self, game: str, prizes: list[dict[str, Any]], **more: Any) -> None:
        about = {
            "code": game, "game": game, "title": game, "surface": "h5", "ends_at": self.iso(days=30), "rules": "每天一次。",
            "organiser": SIGNATURE, "organiser_contact": "400-000-0000", "prizes": prizes, **more,
        }  # fmt: skip
        self.plugin("interaction-games", "/campaigns", about)
        self.plugin("interaction-games", f"/campaigns/{game}/publish", {"confirm": True})

    def _referral(self) -> None:
        ladder = [{"invites": 1, "title": "谢谢", **self.cash(888, 888)}]
        about = {
            "code": "spring", "title": "老带新", "surface": "offline_code", "ends_at": self.iso(days=30), "ladder": ladder,
            "gates": [{"gate": "first_order", "min_minor": 1_000}], "observation_days": 0, "budget_minor": 5_000,
        }  # fmt: skip
        self.plugin("referral", "/campaigns", about)
        self.plugin("referral", "/campaigns/spring/publish")

    def agree_to_swap(self) -> None:
        """Acme and Moon Co agree that each shows the other; what counts is the first order of who comes."""
        if not self.has("cross-brand-swap"):
            return
        for brand, partner in (BRANDS, BRANDS[::-1]):
            self.plugin("cross-brand-swap", "/profile", {"partner": partner}, brand=brand)
        self.doors.until(lambda: self._known("acme") and self._known("moonco"), "the profiles did not arrive")
        now = self.doors.now()
        terms = {"deal": "spring", "kind": "traffic", "unit": "first_order", "quota": 10, "imbalance": 5}
        terms |= {"from_at": now - 1_000, "until_at": now + 20 * DAY_MS}
        target = f"{self.doors.base}/healthz"
        offer = {"partner": "moonco", "terms": terms, "target": target, "despite": "both are small"}
        self.plugin("cross-brand-swap", "/deals", offer)
        self.doors.until(lambda: self._deal("moonco")["state"] == "open", "the offer did not arrive")
        answer = {"answer": "accept", "target": target, "despite": "both are small"}
        self.plugin("cross-brand-swap", "/deals/spring/answer", answer, brand="moonco")
        shown = "/plugins/cross-brand-swap/deals/spring/show"
        self.doors.until(lambda: all(self.api(brand).status(shown) == 200 for brand in BRANDS), "no deal was agreed")

    def _known(self, brand: str) -> bool:
        partner = BRANDS[BRANDS.index(brand) - 1]
        return self.api(brand).status(f"/plugins/cross-brand-swap/fit/{partner}") == 200

    def _deal(self, brand: str) -> dict[str, Any]:
        deals = self.look("cross-brand-swap", "/deals", brand=brand)["deals"]
        return dict(deals[0]) if deals else {"state": ""}

    def scan_cards(self) -> None:
        """Four parcels with a card each; three people scan theirs and become friends, and are tagged for it."""
        codes = [self.state_of(url) for url in self._cards()]
        scanned = zip((self.anna, self.bo, self.cai), codes, (True, True, False), strict=False)
        for person, code, agrees in scanned:
            person.browser.open(f"{self.doors.base}/l/{code}")
            self.lead(person, state=code, agrees=agrees)
            self.doors.settle()
            if not self.has("tag-rules"):
                tag = {"contact": person.uid, "group": "origin", "tag": "card", "plan": "write to them"}
                self.api().tell("/tags", tag)
        (tag,) = [each for each in self.api().ask(f"/contacts/{self.anna.uid}")["tags"] if each["group"] == "origin"]
        assert tag["tag"] == "card"
        self.doors.later(minutes=10)

    def _cards(self) -> list[str]:
        if not self.has("package-card"):
            self.api().tell("/channels", {"code": "card", "name": "包裹卡"})
            link = {"channel": "card", "target": f"{self.doors.base}/healthz"}
            return [self.api().tell("/links", link)["code"] for _ in range(4)]
        about = {"code": "SPRING", "source": "tmall", "automatic": False, "from_stock": True}
        self.plugin("package-card", "/campaigns", about)
        batch = {
            "code": "CARD", "campaign": "SPRING", "kind": "marketing", "printed": 5, "unit_cost_minor": 12,
            "channel": "card", "unique": True, "target": f"{self.doors.base}/healthz?state={{code}}",
        }  # fmt: skip
        self.plugin("package-card", "/batches", batch)
        self.plugin("package-card", "/batches/CARD/moves", {"kind": "received", "quantity": 5, "key": "lorry"})
        cards = self.look("package-card", "/batches/CARD/cards")["cards"][:4]
        at = self.iso()
        shipped = [{"serial": c["serial"], "order_number": f"T-{c['number']}", "shipped_at": at} for c in cards]
        self.plugin("package-card", "/campaigns/SPRING/shipments", {"shipments": shipped})
        return [card["url"] for card in cards]

    def receive_sms(self) -> None:
        """Who came by a card and agreed gets an SMS; Anna and Bo open it, and Anna adds the adviser that it names."""
        if not self.has("sms"):
            return
        self.api().tell("/channels", {"code": "sms-may", "name": "短信"})
        self.plugin("sms", "/plans", {"code": "MAY"})
        self.plugin("sms", "/plans/MAY/goal", {"goal": "acquire"})
        self.plugin("sms", "/plans/MAY/audience", {"segment": "tag = card"})
        ready = ["product picture", "landing copy", "welcome"]
        policy = {"offer": "新茶试饮", "materials": ready, "budget_minor": 10_000}
        self.plugin("sms", "/plans/MAY/policy", policy)
        self.plugin("sms", "/plans/MAY/pack", {})
        page = {
            "title": "新茶试饮", "activity": "新茶到店，满 99 减 30", "starts_at": self.iso(days=-1), "ends_at": self.iso(days=20),
            "text": "添加茶艺顾问", "welcome": "您好，我是您的茶艺顾问", "button": "添加顾问",
            "target": "https://work.weixin.example/ca/1?customer_channel={state}",
        }  # fmt: skip
        self.plugin("sms", "/plans/MAY/landing", page, method="PUT")
        self.plugin("sms", "/plans/MAY/path", {"channel": "sms-may"})
        self.plugin("sms", "/plans/MAY/copy", {"arms": [{"name": "A", "body": "新茶到店 {link} 拒收请回复R"}]})
        self.plugin("sms", "/plans/MAY/test")
        self.doors.until(lambda: self._plan("state") == "approval", "the test did not pass")
        self.plugin("sms", "/plans/MAY/approval")
        self.plugin("sms", "/plans/MAY/schedule", {"at": "now"})
        self.doors.until(lambda: self._delivered() == 2, "the messages were not delivered")
        for person in (self.anna, self.bo):
            self._open_sms(person)
        self.lead(self.anna, state=self._sms_state)
        self.doors.later(minutes=10)

    def _plan(self, what: str) -> Any:
        return self.look("sms", "/plans/MAY")[what]

    def _delivered(self) -> int:
        return sum(each["count"] for each in self._plan("messages") if each["state"] == "delivered")

    def _open_sms(self, person: Person) -> None:
        (address,) = re.findall(r"http://\S+/l/\w+", "".join(self.outside.received(person.phone)))
        page = person.browser.open(address)
        assert "新茶到店" in page.text
        if person is self.anna:
            go = re.search(r'<a class="button"[^>]*href="([^"]+)"', page.text)
            assert go is not None
            left = person.browser.open(go[1].replace("&amp;", "&"))
            self._sms_state = parse_qs(urlsplit(left.location).query)["customer_channel"][0]

    def join(self) -> None:
        """Anna joins with the code that an SMS brings her, Bo with WeChat; each the other's way where theirs is not."""
        self._join(self.anna, ("sms", "wechat-login"))
        self._join(self.bo, ("wechat-login", "sms"))

    def _join(self, person: Person, ways: tuple[str, str]) -> None:
        way = next(each for each in ways if self.has(each))
        if way == "sms":
            here = person.browser
            here.open("/p/acme/-/join")
            before = len(self.outside.received(person.phone))
            privacy = self._box(here, "privacy")
            here.press("/-/join", phone=person.phone, privacy=privacy)
            self.doors.until(lambda: len(self.outside.received(person.phone)) > before, "the code did not arrive")
            (code,) = re.findall(r"(?<!\d)\d{6}(?!\d)", self.outside.received(person.phone)[-1])
            here.press("/-/code", code=code)
        else:
            here = person.browser = Browser(self.doors, WECHAT_BROWSER)
            here.open("/p/acme/-/join")
            page = here.press("/-/with/", privacy=self._box(here, "privacy"))
            leaving = page.text.partition('content="0; url=')[2].partition('">')[0].replace("&amp;", "&")
            self.outside.wechat.codes[person.unionid] = {"openid": f"o-{person.unionid}", "unionid": person.unionid}
            state = parse_qs(urlsplit(leaving).query)["state"][0]
            here.open(f"/p/acme/-/back/wechat?code={person.unionid}&state={state}")
        assert "退出登录" in here.open("/p/acme/-/me").text, here.page
        self.doors.settle()

    @staticmethod
    def _box(here: Browser, name: str) -> str:
        found = re.search(rf'name="{name}" value="([^"]+)"', here.page.text)
        assert found is not None, here.page.text
        return found[1]

    def claim_cards(self) -> None:
        """Whoever got the SMS claims a card on a page, and nobody else; Anna looks at hers, Bo does not.

        Where nobody sends SMS, staff gives them.
        """
        if not self.has("benefit-card"):
            return
        pool = {"code": "VIDEO", "title": "视频会员月卡", "cost_minor": 1_800, "face_minor": 2_500}
        # One card is left in the end, of which doctor would warn.
        self.plugin("benefit-card", "/pools", {**pool, "warn_below": 0})
        codes = [f"VIP-000{n}" for n in range(3)]
        self.plugin("benefit-card", "/pools/VIDEO/cards", {"rows": [{"code": code, "pin": "4711"} for code in codes]})
        people = (self.anna, self.bo)
        if self.has("sms"):
            gift = {"code": "may", "pool": "VIDEO", "title": "会员礼", "plan": "MAY", "until": self.iso(days=20)[:10]}
            place = urlsplit(self.plugin("benefit-card", "/gifts", gift)["url"]).path
            for person in people:
                for _ in range(2):
                    person.browser.open(place)
                    if person.browser.page.text.count("/claim"):
                        assert "查看卡号" in person.browser.press("/claim").text, person.browser.page.text
            assert self.look("benefit-card", "/gifts/may")["claimed"] == 2
        else:
            for person in people:
                given = {"kind": "benefit-card", "item": "VIDEO", "contact": person.uid, "grant_key": person.phone}
                self.api().tell("/rewards", given)
        card = self.look("benefit-card", f"/issues?contact={self.anna.uid}")["issues"][0]["uid"]
        self.bo.browser.open(f"/p/acme/benefit-card/c/{card}")
        assert self.bo.browser.page.status == 404
        masked = self.anna.browser.open(f"/p/acme/benefit-card/c/{card}").text
        shown = self.anna.browser.press("/show").text
        assert [code in masked for code in codes] == [False] * 3 and sum(code in shown for code in codes) == 1
        self.doors.settle()

    def check_in(self, *people: Person) -> None:
        """Somebody opens the check-in page and presses its button."""
        if self.has("interaction-games"):
            for person in people:
                person.browser.open("/p/acme/interaction-games/g/checkin")
                assert person.browser.press("/sign").status == 200
            self.doors.settle()

    def spin(self, *people: Person) -> None:
        """Somebody draws the wheel; where there is none, staff gives the voucher that it would have brought."""
        for person in people:
            if self.has("interaction-games"):
                person.browser.open("/p/acme/interaction-games/g/wheel")
                assert person.browser.press("/play").status == 200
            elif self.has("coupon-threshold"):
                given = {"batch": "MUG", "contact": person.uid, "key": f"won {person.phone}", "reason": "won a game"}
                self.plugin("coupon-threshold", "/coupons", given)
        self.doors.settle()

    def vouchers(self, person: Person) -> list[dict[str, Any]]:
        """A person's coupons, oldest first."""
        return list(self.look("coupon-threshold", f"/coupons?contact={person.uid}")["coupons"])

    def redeem(self) -> None:
        """Anna's first order, in a shop, with the voucher that she won; Bo's is redeemed by a clerk by hand."""
        if self.has("koc"):
            # Bei had told her of the tea, and she says so at the till.
            self.plugin("koc", "/uses", {"code": "BEI", "source": "store", "number": "S-1"})
        if self.has("coupon-threshold"):
            lines = [{"id": str(n), "sku": sku, "qty": 1, "unit_minor": price} for n, sku, price in _CART]
            cart = {"lines": lines, "contact": self.anna.uid, "codes": [self.vouchers(self.anna)[0]["code"]]}
            order = {"key": "S-1", "source": "store", "order_number": "S-1", "store": "NJ", "channel": "store"}
            assert self.plugin("coupon-threshold", "/orders", cart | order)["payable_minor"] == TEA
            press = {"code": self.vouchers(self.bo)[0]["code"], "store": "NJ", "terminal": "T1", "clerk": "li"}
            done = self.plugin("coupon-threshold", "/counter/redemptions", press | {"ticket": "7", "amount_minor": MUG})
            assert done["redeemed"], done
        self.order(self.anna, "S-1", TEA, source="store")
        self.order(self.bo, "O-1", 5_000)
        self.doors.settle()

    def pay_out(self) -> None:
        """Finance pays by a file what is owed by the third evening."""
        if self.has("red-packet") and self.look("red-packet", "/payouts?state=due")["payouts"]:
            self.plugin("red-packet", "/payouts/files", {})
            owed = self.look("red-packet", "/payouts?state=sending")["payouts"]
            rows = [{"number": each["number"], "result": "paid", "reference": "bank"} for each in owed]
            self.plugin("red-packet", "/payouts/confirmations", {"rows": rows})

    def invite(self) -> None:
        """Anna signs up on the page and hands her code on; Fei comes by it and orders; Anna's reward is approved."""
        code = ""
        if self.has("referral"):
            self.anna.browser.open("/p/acme/referral/c/spring")
            assert self.anna.browser.press("/join").status == 200
            link = self.look("referral", f"/campaigns/spring/inviters/{self.anna.uid}")["link"]
            self.fei.browser.open(link)
            code = self.state_of(link)
        self.lead(self.fei, state=code)
        self.doors.later(minutes=10)
        self.order(self.fei, "F-1", 9_900)
        self.doors.settle()
        if self.has("referral"):
            (reward,) = self.look("referral", "/rewards?state=due")["rewards"]
            verdict = {"verdict": "approve", "reason": "telephoned"}
            self.plugin("referral", f"/rewards/{reward['uid']}/review", verdict)

    def be_scored(self) -> None:
        """Anna is scored, becomes a KOC, and Gao buys with her code."""
        if self.has("koc"):
            self.doors.scrm("koc", "score", "acme")
            told = self.look("koc", f"/scores/{self.anna.uid}")
            self.score = {part["part"]: part["points"] for part in told["parts"] if part["points"]}
            self.score["sum"] = told["score"]
            about = {"contact": self.anna.uid, "code": "ANNA", "target": f"{self.doors.base}/healthz"}
            self.plugin("koc", "/members", about)
            self.plugin("koc", "/uses", {"code": "ANNA", "source": "mini", "number": "G-1"})
        self.lead(self.gao)
        self.doors.later(minutes=10)
        self.order(self.gao, "G-1", 8_000)
        self.doors.settle()
        self.doors.later(minutes=10)
        self.doors.work()
        if self.has("koc"):
            self.doors.until(lambda: len(self._entries()) == 2, "no commission was earned")
            self.settle_commission()

    def settle_commission(self) -> None:
        """Finance makes KOCs' statements and pays them."""
        if self.has("koc"):
            for each in self.plugin("koc", "/settle", {})["statements"]:
                if each["state"] == "due":
                    self.plugin("koc", f"/statements/{each['number']}/paid", {"reference": "bank"})

    def _entries(self) -> list[dict[str, Any]]:
        return list(self.look("koc", "/entries")["entries"])

    def see_partner(self) -> None:
        """Anna is shown Moon Co's code and orders there; Hua is shown Acme's at Moon Co and orders at Acme."""
        for person, shown_at, goes_to, number, paid in (
            (self.anna, "acme", "moonco", "A-M", 7_000), (self.hua, "moonco", "acme", "H-1", 6_000),
        ):  # fmt: skip
            state = ""
            if self.has("cross-brand-swap"):
                address = self.look("cross-brand-swap", "/deals/spring/show", brand=shown_at)["url"]
                person.browser.open(address)
                state = self.state_of(address)
                self.plugin("cross-brand-swap", "/deals/spring/shown", {"quantity": 100, "key": "d3"}, brand=shown_at)
            self.lead(person, state=state, brand=goes_to)
            self.doors.later(minutes=10)
            self.order(person, number, paid, brand=goes_to)
            self.doors.settle()

    def end_campaigns(self) -> None:
        """What gives out rewards ends: before that nobody may switch their issuer off."""
        for game in ("checkin", "wheel"):
            self.plugin("interaction-games", f"/campaigns/{game}/end", {"reason": "the season is over"})
        self.plugin("referral", "/campaigns/spring/close")

    def first_order_comes_back(self) -> None:
        """Anna sends the tea back that she bought with her voucher."""
        self.refund("S-1", TEA, source="store")
        self.doors.later(minutes=10)
        self.doors.work()
        if self.has("koc"):
            self.doors.until(lambda: len(self._entries()) == 3, "no commission was clawed back")
            self.settle_commission()

    def friends_orders_come_back(self) -> None:
        """Fei's, for which Anna was rewarded, and Hua's, who came from Moon Co."""
        self.refund("F-1", 9_900)
        self.refund("H-1", 6_000)
        self.doors.later(minutes=10)
        self.doors.work()

    def figures(self, brand: str = "acme") -> Tables:
        """Every report of the brand's plugins, by table and row."""
        return figures(self.api(brand), self.on)
