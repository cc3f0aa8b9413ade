"""The message crypt of callbacks (企业微信回调加解密): signature, AES-256-CBC, the receiver's id, strict XML.

WeCom's scheme as its documentation gives it (developer pages 90238, 90968, 101033)::

    key       = base64(EncodingAESKey + "=")                    32 bytes; its first 16 are the IV
    plain     = 16 random bytes + length (4 bytes, big endian) + message + receiver's id
    encrypted = base64(AES-256-CBC(PKCS#7 to blocks of 32))     the pad is 1..32, not 1..16
    signature = sha1 of token, timestamp, nonce and encrypted, sorted as strings and joined

Whoever receives compares signature and receiver in constant time. Nothing of a
message is read before its signature was right. What is flat and plain, as WeCom
writes it, is read without a parser, a fifth of its time; whatever else comes, the
strict parser reads or refuses.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from scrm_core.api import Forbidden, Invalid, PluginError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

BLOCK = 32
PREFIX = 16
_LENGTH = 4
_AES_KEY = re.compile(r"[A-Za-z0-9]{43}\Z")
_PLAIN = r"[\t\n -%'-;=?-\\^-\ufffd]*"
_ELEMENT = re.compile(rf"<([A-Za-z]+)>(?:<!\[CDATA\[({_PLAIN})\]\]>|({_PLAIN}))</\1>[ \t\n]*")
"""An element of text alone which every XML parser reads alike: no entity, no end of line that it would change.

What its text may have is said, and not what it may not have: that is read a third faster.
"""
_OPEN, _CLOSE = "<xml>", "</xml>"
_NEEDS = "callbacks of WeCom need {}: pip install 'scrm[wecom]'"


class BadSignature(Forbidden):
    """The signature is not that of the console's token: somebody else sent it, or the token is another one."""

    code = "wecom_signature"


class WrongReceiver(Forbidden):
    """The message is signed rightly and meant for another corporation."""

    code = "wecom_receiver"


class Unreadable(Invalid):
    """What was received cannot be decrypted or parsed."""

    status = 400
    code = "wecom_unreadable"


def key_of(aes_key: str) -> bytes:
    """The 32 bytes of an EncodingAESKey; raises Invalid for anything but 43 letters and digits."""
    if not _AES_KEY.match(aes_key):
        raise Invalid("an EncodingAESKey is 43 letters and digits", field="callback_aes_key")
    # Its last character carries two bits that mean nothing: strict decoders refuse keys which WeCom's console makes.
    return base64.b64decode(aes_key + "=")


class Crypt:
    """Signs, encrypts and decrypts for one callback address.

    ``token`` and ``aes_key`` (43 characters) are those of the console;
    ``receiver`` is the corporation's id for an application of its own.
    """

    def __init__(self, token: str, aes_key: str, receiver: str) -> None:
        self._token = token
        self._key = key_of(aes_key)
        self._receiver = receiver.encode()

    @cached_property
    def _cipher(self) -> Any:
        try:
            from cryptography.hazmat.primitives.ciphers import Cipher
            from cryptography.hazmat.primitives.ciphers.algorithms import AES
            from cryptography.hazmat.primitives.ciphers.modes import CBC
        except ImportError:
            raise PluginError(_NEEDS.format("cryptography")) from None
        return Cipher(AES(self._key), CBC(self._key[:PREFIX]))

    def signature(self, timestamp: str, nonce: str, encrypted: str) -> str:
        """``msg_signature`` of a message."""
        text = "".join(sorted((self._token, timestamp, nonce, encrypted)))
        return hashlib.sha1(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()

    def verify(self, signature: str, timestamp: str, nonce: str, encrypted: str) -> None:
        """Raise BadSignature unless the signature is right; compared in constant time."""
        right = self.signature(timestamp, nonce, encrypted).encode()
        if not hmac.compare_digest(signature.encode("utf-8", "surrogatepass"), right):
            raise BadSignature("the signature does not fit the token of this callback address")

    def encrypt(self, message: bytes, *, prefix: bytes | None = None) -> str:
        """``Encrypt`` of a message; ``prefix`` (16 bytes) makes it the same each time, for comparison."""
        prefix = secrets.token_bytes(PREFIX) if prefix is None else prefix
        if len(prefix) != PREFIX:
            raise Invalid(f"the prefix has {PREFIX} bytes", field="prefix")
        plain = prefix + len(message).to_bytes(_LENGTH, "big") + message + self._receiver
        pad = BLOCK - len(plain) % BLOCK
        cipher = self._cipher.encryptor()
        return base64.b64encode(cipher.update(plain + bytes([pad]) * pad) + cipher.finalize()).decode()

    def decrypt(self, encrypted: str) -> bytes:
        """The message in ``encrypted``; raises Unreadable, and WrongReceiver for another corporation's.

        Whatever is wrong inside the cipher is told in the same words: they help nobody to guess.
        """
        try:
            data = base64.b64decode(encrypted, validate=True)
        except (binascii.Error, ValueError):
            raise Unreadable("Encrypt is no base64") from None
        if not data or len(data) % PREFIX:
            raise Unreadable("Encrypt is no whole number of cipher blocks")
        cipher = self._cipher.decryptor()
        plain = cipher.update(data) + cipher.finalize()
        pad = plain[-1]
        start = PREFIX + _LENGTH
        plain = plain[:-pad] if 1 <= pad <= BLOCK else b""
        end = start + int.from_bytes(plain[PREFIX:start], "big")
        if len(plain) < start or end > len(plain):
            raise Unreadable("the message cannot be decrypted with the EncodingAESKey of this callback address")
        if not hmac.compare_digest(plain[end:], self._receiver):
            raise WrongReceiver("the message is meant for another corporation")
        return plain[start:end]

    def open(self, signature: str, timestamp: str, nonce: str, encrypted: str) -> bytes:
        """The message behind a right signature; raises what :meth:`verify` and :meth:`decrypt` raise."""
        self.verify(signature, timestamp, nonce, encrypted)
        return self.decrypt(encrypted)


def read_xml(data: bytes) -> Element:
    """The root of an XML document; raises Unreadable, also for one with a DTD, an entity or a foreign reference."""
    try:
        from defusedxml.common import DefusedXmlException
        from defusedxml.ElementTree import ParseError, fromstring
    except ImportError:
        raise PluginError(_NEEDS.format("defusedxml")) from None
    try:
        root: Element = fromstring(data, forbid_dtd=True)
    except DefusedXmlException:
        raise Unreadable("the body has a DTD or an entity, which no callback of WeCom has") from None
    except (ParseError, ValueError, LookupError, RecursionError):  # LookupError: an encoding nobody knows
        raise Unreadable("the body is no XML") from None
    return root


def read_fields(data: bytes) -> list[tuple[str, str]]:
    """Every element of an XML document with its path below the root and its text, in order; containers have none.

    Raises what :func:`read_xml` raises, and gives what its elements say.
    """
    found = _plain_fields(data)
    return _fields_of(read_xml(data)) if found is None else found


def encrypted_in(envelope: bytes) -> str:
    """The text of ``Encrypt`` in a body that nobody has proved yet, "" for none; raises what :func:`read_xml` raises.

    Nothing else is kept of it: paths of elements deep in one another would be a thousand times as long as they are.
    """
    found = _plain_fields(envelope)
    if found is None:
        return (read_xml(envelope).findtext("Encrypt") or "").strip()
    return first_of(found).get("Encrypt", "")


def first_of(fields: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The first text of each path."""
    return dict(reversed(fields))


def _plain_fields(data: bytes) -> list[tuple[str, str]] | None:
    """What :func:`read_fields` gives; None for a document that is to be parsed."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    if not (text.startswith(_OPEN) and text.endswith(_CLOSE)):
        return None
    found = []
    place, end, match = len(_OPEN), len(text) - len(_CLOSE), _ELEMENT.match
    while place < end:
        element = match(text, place, end)
        if element is None:
            return None
        name, marked, bare = element.groups()
        found.append((name, (bare if marked is None else marked).strip()))
        place = element.end()
    return found


def _fields_of(root: Element) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    waiting = [(child.tag, child) for child in reversed(root)]
    while waiting:
        path, element = waiting.pop()
        if len(element):
            waiting += [(f"{path}/{child.tag}", child) for child in reversed(element)]
        else:
            found.append((path, (element.text or "").strip()))
    return found
