"""The chat archive (会话内容存档): what the platform's C library gives and decrypts (wecom section 12; dev:91774).

The random key of each message is encrypted as documented: RSA, PKCS#1 v1.5, base64.
How the library then decrypts ``encrypt_chat_msg`` is not documented; here it is
AES-256-CTR with a hash of the random key, an invention that only this simulator
reads. Who has not agreed is not archived, as on the platform.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from scrm_core.api import Invalid

DAYS_MS = 5 * 86_400_000
"""How long the platform gives messages."""

MOST = 1_000
_NONCE = 16


@dataclass(frozen=True, slots=True)
class Archived:
    """A message as the library gives it."""

    seq: int
    msgid: str
    key_version: int
    key: str
    text: str
    at: int


@dataclass
class ChatArchive:
    """The archive of one corp; ``key`` is the public key that its console was given last, as PEM."""

    key: str = ""
    version: int = 0
    messages: list[Archived] = field(default_factory=list)

    def set_key(self, pem: str, version: int) -> None:
        """Give the console a public key; later messages are for it. Raises Invalid."""
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        try:
            load_pem_public_key(pem.encode())
        except ValueError as exc:
            raise Invalid(f"public_key is an RSA public key in PEM: {exc}", field="public_key") from None
        self.key, self.version = pem, version

    def keep(self, message: dict[str, Any], now: int) -> str:
        """Archive a message, encrypted; returns its id, empty where no key was given."""
        if not self.key:
            return ""
        from cryptography.hazmat.primitives.asymmetric import padding, rsa
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        seq = len(self.messages) + 1
        msgid = base64.b64encode(hashlib.sha256(f"{now}:{seq}".encode()).digest()[:20]).decode()
        random_key = secrets.token_hex(16)
        public = load_pem_public_key(self.key.encode())
        assert isinstance(public, rsa.RSAPublicKey)
        sealed = base64.b64encode(public.encrypt(random_key.encode(), padding.PKCS1v15())).decode()
        text = _seal(random_key, json.dumps({"msgid": msgid, **message}, ensure_ascii=False))
        self.messages.append(Archived(seq, msgid, self.version, sealed, text, now))
        return msgid

    def data(self, seq: int, limit: int, now: int) -> dict[str, Any]:
        """``GetChatData``: messages behind ``seq`` of the last five days."""
        found = [each for each in self.messages if each.seq > seq and each.at > now - DAYS_MS]
        rows = [
            {"seq": m.seq, "msgid": m.msgid, "publickey_ver": m.key_version, "encrypt_random_key": m.key,
             "encrypt_chat_msg": m.text}
            for m in found[: min(limit, MOST)]
        ]  # fmt: skip
        return {"errcode": 0, "errmsg": "ok", "chatdata": rows}


def decrypted(key: str, text: str) -> dict[str, Any] | None:
    """``DecryptData``: the message, None for a wrong key."""
    try:
        sealed = base64.b64decode(text)
        found = json.loads(_crypt(key, sealed[:_NONCE], sealed[_NONCE:]))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _seal(key: str, text: str) -> str:
    nonce = secrets.token_bytes(_NONCE)
    return base64.b64encode(nonce + _crypt(key, nonce, text.encode())).decode()


def _crypt(key: str, nonce: bytes, data: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    work = Cipher(algorithms.AES(hashlib.sha256(key.encode()).digest()), modes.CTR(nonce)).encryptor()
    return work.update(data) + work.finalize()
