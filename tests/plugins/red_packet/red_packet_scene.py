"""A brand with red packets: people, rewards, the budget, and WeChat's side of a transfer on the loopback."""

from __future__ import annotations

import base64
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from scrm_core.brands import Brand
from scrm_core.db.bulk import execute
from scrm_core.services.contacts import IdentityIn, LeadIn
from scrm_red_packet.service import RedPackets

FREE = "\n[plugins.red-packet]\nmin_minor = 1\nmax_minor = 100000\n"
"""Settings of a brand that gives packets of every size."""

PATH = "/v3/fund-app/mch-transfer/transfer-bills"
_AUTHORIZATION = re.compile(r'(\w+)="([^"]*)"')

# Made once for all tests: a key takes a tenth of a second.
MERCHANT = rsa.generate_private_key(65537, 2048)
PLATFORM = rsa.generate_private_key(65537, 2048)


def private_pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public_pem(key: rsa.RSAPrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


OTHER_KEY = private_pem(PLATFORM)
"""A key that is not the merchant's."""


class Scene:
    """Acts on one brand; its methods enter the brand themselves."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    @property
    def packets(self) -> RedPackets:
        return self.brand.plugins["red-packet"].packets

    def person(self, name: str, *, openid: str = "", appid: str = "wx1") -> int:
        """The contact of a person known by a shop's buyer id, made if there is none."""
        with self.brand:
            lead = LeadIn(
                "wecom", (IdentityIn.of("buyer", name, "shop"),), self.brand.now(), reference=f"lead of {name}"
            )
            self.brand.contacts.capture_lead(lead)
            contact_id = self.brand.contacts.find("buyer", name, "shop").id
            if openid:
                self.brand.contacts.add_identity(contact_id, IdentityIn.of("openid", openid, appid), origin="test")
            return contact_id

    def fund(self, amount: int, key: str = "start") -> None:
        with self.brand:
            self.packets.budget.fund(amount, key=key, reason="campaign", actor="finance")

    def give(self, contact_id: int, key: str, amount: int = 1, item: str = "") -> dict[str, Any]:
        """A red packet as a reward; what was issued."""
        with self.brand:
            reward = self.brand.rewards.grant(
                "red-packet", contact_id, grant_key=key, quantity=amount, item=item, cost_minor=amount
            )
            return reward.issued

    def payout(self, key: str) -> Any:
        """The payout that a reward with this grant key owes."""
        with self.brand:
            (payout_id,) = execute("SELECT id FROM red_packet_payout WHERE grant_key = ?", (key,)).fetchone()
            return self.packets.payouts.by_id(payout_id)

    def steps(self, key: str) -> list[tuple[str, str]]:
        """(state, reason) of everything that happened to a payout."""
        with self.brand:
            return [(step.state, step.reason) for step in self.packets.payouts.steps(self.payout(key).id)]

    def pay(self) -> None:
        """What the job does."""
        with self.brand:
            self.brand.plugins["red-packet"].pay()

    def budget(self) -> tuple[int, int]:
        """(used, left)."""
        with self.brand:
            view = self.packets.budget.view()
            return view.used_minor, view.left_minor

    def adds_up(self) -> bool:
        """Whether the tables agree, computed here from the rows alone, and the plugin's own check agrees with it."""
        with self.brand:
            ((total, used),) = execute("SELECT total_minor, used_minor FROM red_packet_budget").fetchall()
            (entries,) = execute("SELECT coalesce(sum(amount_minor), 0) FROM red_packet_entry").fetchone()
            rows = execute("SELECT amount_minor FROM red_packet_payout WHERE state <> 'canceled'").fetchall()
            owed = sum(amount for (amount,) in rows)
            lying = 0
            for packet_id, handed in execute(
                "SELECT id, handed FROM red_packet_packet WHERE state = 'open'"
            ).fetchall():
                shares = execute(
                    "SELECT amount_minor FROM red_packet_share WHERE packet_id = ? ORDER BY place", (packet_id,)
                ).fetchall()
                lying += sum(amount for (amount,) in shares[handed:])
            return total - used == int(entries) and used == owed + lying and self.packets.differences() == []


class WechatPay:
    """Answers as the merchant transfers of API v3 do, errors included; remembers every transfer by its number.

    ``transfers`` are the bills that exist, ``asked`` lists (method, number). What the next calls meet is said by
    ``refuse`` ((status, code) or None), ``state`` (of new bills), ``hang`` (take it and never answer),
    ``drop`` (close without taking it), ``forge`` (sign answers with another key), ``stale`` (seconds that
    the answer's clock is off). ``paid`` counts the money that really moved, by openid.
    """

    def __init__(self) -> None:
        self.transfers: dict[str, dict[str, Any]] = {}
        self.asked: list[tuple[str, str]] = []
        self.bodies: list[dict[str, Any]] = []
        self.paid: list[tuple[str, int]] = []
        self.refuse: tuple[int, str] | None = None
        self.state = "SUCCESS"
        self.hang = self.drop = self.forge = False
        self.stale = 0
        self.lock = threading.Lock()
        self.release = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self._serve("POST")

            def do_GET(self) -> None:
                self._serve("GET")

            def _serve(self, method: str) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with outer.lock:
                    if outer.drop:
                        self.close_connection = True
                        return
                    given = dict(_AUTHORIZATION.findall(self.headers.get("Authorization", "")))
                    status, told = outer.answer(method, self.path, body, given)
                if outer.hang and method == "POST":
                    outer.release.wait(30)
                    self.close_connection = True
                    return
                content = json.dumps(told, ensure_ascii=False).encode()
                at, nonce = str(int(given.get("timestamp", "0")) + outer.stale), "n0nce"
                key = MERCHANT if outer.forge else PLATFORM
                signed = key.sign(f"{at}\n{nonce}\n".encode() + content + b"\n", PKCS1v15(), SHA256())
                self.send_response(status)
                self.send_header("Wechatpay-Timestamp", at)
                self.send_header("Wechatpay-Nonce", nonce)
                self.send_header("Wechatpay-Serial", "PUB_KEY_ID_1")
                self.send_header("Wechatpay-Signature", base64.b64encode(signed).decode())
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, method: str, path: str, body: bytes, given: dict[str, str]) -> tuple[int, dict[str, Any]]:
        message = f"{method}\n{path}\n{given.get('timestamp')}\n{given.get('nonce_str')}\n".encode() + body + b"\n"
        try:
            MERCHANT.public_key().verify(base64.b64decode(given["signature"]), message, PKCS1v15(), SHA256())
            assert (given["mchid"], given["serial_no"]) == ("1900001", "5157F09E")
        except (InvalidSignature, KeyError, AssertionError):
            self.asked.append((method, "unsigned"))
            return 401, {"code": "SIGN_ERROR", "message": "签名错误"}
        if method == "GET":
            number = path.removeprefix(PATH + "/out-bill-no/")
            self.asked.append(("GET", number))
            if number not in self.transfers:
                return 404, {"code": "NOT_FOUND", "message": "记录不存在"}
            return 200, self.transfers[number]
        asked = json.loads(body)
        self.bodies.append(asked)
        self.asked.append(("POST", asked["out_bill_no"]))
        return self._transfer(asked)

    def _transfer(self, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        known = self.transfers.get(asked["out_bill_no"])
        if known is not None:
            if (known["openid"], known["transfer_amount"]) != (asked["openid"], asked["transfer_amount"]):
                return 400, {"code": "ALREADY_EXISTS", "message": "商户单号已存在"}
            return 200, _brief(known)
        if self.refuse is not None:
            return self.refuse[0], {"code": self.refuse[1], "message": "说明"}
        bill = {
            "mch_id": "1900001",
            "appid": asked["appid"],
            "openid": asked["openid"],
            "out_bill_no": asked["out_bill_no"],
            "transfer_bill_no": f"13300{len(self.transfers):010}",
            "transfer_amount": asked["transfer_amount"],
            "state": self.state,
            "package_info": "affffddafdfafddffda==",
        }
        self.transfers[asked["out_bill_no"]] = bill
        if self.state == "SUCCESS":
            self.paid.append((asked["openid"], asked["transfer_amount"]))
        return 200, _brief(bill)

    def become(self, number: str, state: str, **more: str) -> None:
        """What became of a transfer later."""
        self.transfers[number] |= {"state": state, **more}
        if state == "SUCCESS":
            self.paid.append((self.transfers[number]["openid"], self.transfers[number]["transfer_amount"]))


def _brief(bill: dict[str, Any]) -> dict[str, Any]:
    """What the answer to a request tells; a question is told more."""
    names = ("out_bill_no", "transfer_bill_no", "state", "package_info", "fail_reason")
    return {name: bill[name] for name in names if name in bill} | {"create_time": "2026-05-01T12:00:00+08:00"}


def wechat_table(url: str, *, private_key: str = "", read_timeout: int = 1) -> str:
    """``[plugins.red-packet.wechat]`` of a brand that pays there."""
    return f'''
[plugins.red-packet.wechat]
url = "{url}"
appid = "wx1"
mchid = "1900001"
serial = "5157F09E"
private_key = """{private_key or private_pem(MERCHANT)}"""
platform_serial = "PUB_KEY_ID_1"
platform_key = """{public_pem(PLATFORM)}"""
read_timeout = {read_timeout}
reports = {{ "活动名称" = "五月抽奖", "奖励说明" = "红包" }}
'''
