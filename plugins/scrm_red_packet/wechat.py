"""WeChat Pay merchant transfers (商家转账, API v3): a signed request, and what its answer lets us know.

Every request is signed with the merchant's RSA key (WECHATPAY2-SHA256-RSA2048)
and every answer is checked with WeChat Pay's public key: one that is not signed
rightly says nothing. What is known after a call:

=========  =====================================================================
kind       meaning
=========  =====================================================================
paid       the money is with the person
failed     the transfer ended without money moving
pending    the transfer exists and goes on (or waits for the person's consent)
refused    WeChat answered the request with an error: ask before anything else
missing    WeChat knows no transfer with this number
silent     no answer, or none that can be believed: it may have gone
unsent     no connection: nothing left this host
=========  =====================================================================
"""

from __future__ import annotations

import base64
import json
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

ANSWER_BYTES = 64 * 1024
CLOCK_SECONDS = 300
"""How far WeChat's clock may be from ours before its answer counts as a replay."""

PATH = "/v3/fund-app/mch-transfer/transfer-bills"
SCHEMA = "WECHATPAY2-SHA256-RSA2048"

GOING_ON = frozenset({"ACCEPTED", "PROCESSING", "WAIT_USER_CONFIRM", "TRANSFERING", "CANCELING"})
ENDED = frozenset({"FAIL", "CANCELLED"})

SILENT = frozenset(
    {"timeout", "broken_answer", "bad_signature", "bad_answer", "mismatch", "system_error", "already_exists"}
)
"""Codes of calls after which the transfer may exist."""

SIGN_ERROR = "SIGN_ERROR"

log = logging.getLogger("scrm.plugin.red-packet")


@dataclass(frozen=True, slots=True)
class Told:
    """What a call lets us know: ``kind`` as above, WeChat's code and words, its own number, what the page needs."""

    kind: str
    code: str = ""
    detail: str = ""
    reference: str = ""
    package: str = ""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: dict[str, Any]


class WechatTransfers:
    """One merchant's transfers; ``now`` gives the instant in milliseconds."""

    def __init__(self, table: dict[str, Any], now: Callable[[], int]) -> None:
        self._table = table
        self._now = now
        self._url = table["url"].rstrip("/")

    def problem(self) -> str | None:
        """Why the keys cannot be used, or None."""
        try:
            from cryptography.exceptions import UnsupportedAlgorithm
        except ImportError:
            return "paying through WeChat needs cryptography: pip install 'scrm[redpacket]'"
        try:
            import httpx  # noqa: F401 (only whether it is there)
        except ImportError:
            return "paying through WeChat needs httpx: pip install 'scrm[redpacket]'"
        for name in ("_private_key", "_platform_key"):
            try:
                getattr(self, name)
            except (ValueError, TypeError, UnsupportedAlgorithm):
                # The library's words may quote the key: they are not told.
                return f"wechat.{name.removeprefix('_')} is no RSA key in PEM without a password"
        return None

    def pay(self, number: str, openid: str, amount_minor: int) -> Told:
        """Ask WeChat to transfer the money once under this number: the same number is never paid twice."""
        body: dict[str, Any] = {
            "appid": self._table["appid"],
            "out_bill_no": number,
            "transfer_scene_id": self._table["scene"],
            "openid": openid,
            "transfer_amount": amount_minor,
            "transfer_remark": self._table["remark"],
            "transfer_scene_report_infos": [
                {"info_type": kind, "info_content": content} for kind, content in self._table["reports"].items()
            ],
        }
        if self._table["perception"]:
            body["user_recv_perception"] = self._table["perception"]
        answer = self._call("POST", PATH, json.dumps(body, ensure_ascii=False))
        if isinstance(answer, Told):
            return answer
        if answer.status == 200:
            return self._state(answer.body, number, amount_minor)
        return _refusal(answer)

    def ask(self, number: str, amount_minor: int) -> Told:
        """What became of the transfer with this number."""
        answer = self._call("GET", f"{PATH}/out-bill-no/{number}", "")
        if isinstance(answer, Told):
            return answer
        if answer.status == 200:
            return self._state(answer.body, number, amount_minor)
        if answer.status == 404 and _text(answer.body, "code") == "NOT_FOUND":
            return Told("missing")
        refusal = _refusal(answer)
        return Told("silent", refusal.code, refusal.detail)

    def _state(self, body: dict[str, Any], number: str, amount_minor: int) -> Told:
        """What a transfer's description says; one of another transfer says nothing."""
        expected = {
            "out_bill_no": number,
            "transfer_amount": amount_minor,
            "appid": self._table["appid"],
            "mch_id": self._table["mchid"],
        }
        if body.get("out_bill_no") != number or any(
            body.get(name, value) != value for name, value in expected.items()
        ):
            return Told("silent", "mismatch", "the answer describes another transfer")
        state, reference = _text(body, "state"), _text(body, "transfer_bill_no")
        if state == "SUCCESS":
            return Told("paid", state, "", reference)
        if state in ENDED:
            return Told("failed", _text(body, "fail_reason") or state, "", reference)
        if state in GOING_ON:
            return Told("pending", state, "", reference, _text(body, "package_info", 2_000))
        return Told("silent", "bad_answer", f"unknown state {state[:40]!r}")

    def _call(self, method: str, path: str, content: str) -> _Answer | Told:
        import httpx

        # httpx notes every address at level INFO.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        body = bytearray()
        data = content.encode()
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "scrm-red-packet",
            "Wechatpay-Serial": self._table["platform_serial"],
            "Authorization": self._authorization(method, path, data),
        }
        timeout = httpx.Timeout(self._table["read_timeout"], connect=self._table["connect_timeout"])
        try:
            with (
                httpx.Client(timeout=timeout, follow_redirects=False, trust_env=False) as client,
                client.stream(method, self._url + path, headers=headers, content=data or None) as response,
            ):
                for chunk in response.iter_raw():
                    body += chunk
                    if len(body) > ANSWER_BYTES:
                        return Told("silent", "broken_answer", f"the answer is longer than {ANSWER_BYTES} bytes")
        except (httpx.ConnectError, httpx.ConnectTimeout) as exc:
            return Told("unsent", "no_connection", type(exc).__name__)
        except httpx.TimeoutException as exc:
            return Told("silent", "timeout", type(exc).__name__)
        except httpx.HTTPError as exc:
            return Told("silent", "broken_answer", type(exc).__name__)
        if not self._signed(response.headers, bytes(body)):
            return Told("silent", "bad_signature", f"status {response.status_code}, not signed by WeChat")
        try:
            told = json.loads(bytes(body))
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            return Told("silent", "bad_answer", f"status {response.status_code} without a JSON object")
        return _Answer(response.status_code, told)

    # Signatures ---------------------------------------------------------------

    @cached_property
    def _private_key(self) -> Any:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        key = load_pem_private_key(self._table["private_key"].encode(), None)
        if not isinstance(key, RSAPrivateKey):
            raise ValueError("not an RSA key")
        return key

    @cached_property
    def _platform_key(self) -> Any:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
        from cryptography.x509 import load_pem_x509_certificate

        pem = self._table["platform_key"].encode()
        certificate = b"BEGIN CERTIFICATE" in pem
        key = load_pem_x509_certificate(pem).public_key() if certificate else load_pem_public_key(pem)
        if not isinstance(key, RSAPublicKey):
            raise ValueError("not an RSA key")
        return key

    def _authorization(self, method: str, path: str, body: bytes) -> str:
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        at, nonce = str(self._now() // 1_000), secrets.token_hex(16)
        message = f"{method}\n{path}\n{at}\n{nonce}\n".encode() + body + b"\n"
        signature = base64.b64encode(self._private_key.sign(message, PKCS1v15(), SHA256())).decode()
        return (
            f'{SCHEMA} mchid="{self._table["mchid"]}",nonce_str="{nonce}",signature="{signature}",'
            f'timestamp="{at}",serial_no="{self._table["serial"]}"'
        )

    def _signed(self, headers: Any, body: bytes) -> bool:
        """Whether WeChat Pay signed this answer just now, with the key that is configured."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        at, nonce = headers.get("Wechatpay-Timestamp", ""), headers.get("Wechatpay-Nonce", "")
        if headers.get("Wechatpay-Serial", "") != self._table["platform_serial"]:
            return False
        if not (at.isascii() and at.isdigit() and len(at) < 12):
            return False
        if abs(self._now() // 1_000 - int(at)) > CLOCK_SECONDS:
            return False
        try:
            signature = base64.b64decode(headers.get("Wechatpay-Signature", ""), validate=True)
            self._platform_key.verify(signature, f"{at}\n{nonce}\n".encode() + body + b"\n", PKCS1v15(), SHA256())
        except (ValueError, InvalidSignature):
            return False
        return True


def _refusal(answer: _Answer) -> Told:
    """What an error says. It speaks of this request alone, never of the transfer (微信支付文档: 不能代表订单状态)."""
    code, detail = _text(answer.body, "code", 60), _text(answer.body, "message", 300)
    if answer.status == 401:
        return Told("refused", SIGN_ERROR, detail)
    if answer.status >= 500:
        return Told("silent", "system_error", f"{code} {detail}".strip())
    if code == "ALREADY_EXISTS":
        return Told("silent", "already_exists", detail)
    if not code or not 400 <= answer.status < 500:
        return Told("silent", "bad_answer", f"status {answer.status} {code}".strip())
    return Told("refused", code.upper(), detail)


def _text(told: dict[str, Any], name: str, most: int = 200) -> str:
    value = told.get(name)
    return "".join(c for c in value if c.isprintable())[:most] if isinstance(value, str) else ""
