"""The message crypt against the public vectors of shared documentation and Tencent's own sample, and hostile input."""

from __future__ import annotations

import base64
import random

import pytest

from scrm_core.errors import Invalid
from scrm_wecom.crypto import BadSignature, Crypt, Unreadable, WrongReceiver, key_of, read_fields, read_xml

A = Crypt("QDG6eK", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", "wx5823bf96d3bd56c7")
B = Crypt("hJqcu3uJ9Tn2gXPmxx2w9kkCkCE2EPYo", "6qkdMrq68nTKduznJYO1A37W2oEgpkMUvkttRToqhUt", "ww1436e0e65a779aee")
# (crypt, timestamp, nonce, signature, encrypted, 16 random bytes, message)
VECTORS = [
    (
        A, "1409659589", "263014780", "5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3",
        "P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ==",
        b"c41b64491c2468d0", "1616140317555161061",
    ),
    (
        A, "1409659813", "1372623149", "477715d11cdb4164915debcba66cb864d751f3e6",
        "RypEvHKD8QQKFhvQ6QleEB4J58tiPdvo+rtK1I9qca6aM/wvqnLSV5zEPeusUiX5L5X/0lWfrf0QADHHhGd3QczcdCUpj911L3vg3W/sYYvuJT"
        "s3TUUkSUXxaccAS0qhxchrRYt66wiSpGLYL42aM6A8dTT+6k4aSknmPj48kzJs8qLjvd4Xgpue06DOdnLxAUHzM6+kDZ+HMZfJYuR+LtwGc2hg"
        "f5gsijff0ekUNXZiqATP7PF5mZxZ3Izoun1s4zG4LUMnvw2r+KqCKIw+3IQH03v+BCA9nMELNqbSf6tiWSrXJB3LAVGUcallcrw8V2t9EL4Ehz"
        "JWrQUax5wLVMNS0+rUPA3k22Ncx4XXZS9o0MBH27Bo6BpNelZpS+/uh9KsNlY6bHCmJU9p8g7m3fVKn28H3KDYA5Pl/T8Z1ptDAVe0lXdQ2Yoy"
        "yH2uyPIGHBZZIs2pDBS8R07+qN+E7Q==",
        b"0960688932c47ef1",
        "<xml><ToUserName><![CDATA[wx5823bf96d3bd56c7]]></ToUserName>\n"
        "<FromUserName><![CDATA[mycreate]]></FromUserName>\n<CreateTime>1409659813</CreateTime>\n"
        "<MsgType><![CDATA[text]]></MsgType>\n<Content><![CDATA[hello]]></Content>\n"
        "<MsgId>4561255354251345929</MsgId>\n<AgentID>218</AgentID>\n</xml>",
    ),
    (
        B, "1476416373", "47744683", "012bc692d0a58dd4b10f8dfe5c4ac00ae211ebeb",
        "fsi1xnbH4yQh0+PJxcOdhhK6TDXkjMyhEPA7xB2TGz6b+g7xyAbEkRxN/3cNXW9qdqjnoVzEtpbhnFyq6SVHyA==",
        b"8908d0ff052afda0", "1288432023552776189",
    ),
    (
        B, "1476422779", "1597212914", "0c3914025cb4b4d68103f6bfc8db550f79dcf48e",
        "Kl7kjoSf6DMD1zh7rtrHjFaDapSCkaOnwu3bqLc5tAybhhMl9pFeK8NslNPVdMwmBQTNoW4mY7AIjeLvEl3NyeTkAgGzBhzTtRLNshw2AEew+k"
        "kYcD+Fq72Kt00fT0WnN87hGrW8SqGc+NcT3mu87Ha3dz1pSDi6GaUA6A0sqfde0VJPQbZ9U+3JWcoD4Z5jaU0y9GSh010wsHF8KZD24YhmZH4c"
        "h4Ka7ilEbjbfvhKkNL65HHL0J6EYJIZUC2pFrdkJ7MhmEbU2qARR4iQHE7wy24qy0cRX3Mfp6iELcDNfSsPGjUQVDGxQDCWjayJOpcwocugux0"
        "82f49HKYg84EpHSGXAyh+/oxwaWbvL6aSDPOYuPDGOCI8jmnKiypE+",
        b"694ce5a83ae07fe3",
        "<xml><ToUserName>ww1436e0e65a779aee</ToUserName><FromUserName>ChenJiaShun</FromUserName>"
        "<CreateTime>1476422779</CreateTime><MsgType>text</MsgType><Content>你好</Content>"
        "<MsgId>1456453720</MsgId><AgentID>1000002</AgentID></xml>",
    ),
]  # fmt: skip


@pytest.mark.parametrize("vector", VECTORS)
def test_a_documented_message_is_opened(vector):
    crypt, timestamp, nonce, signature, encrypted, _, message = vector
    assert crypt.open(signature, timestamp, nonce, encrypted).decode() == message


@pytest.mark.parametrize("vector", VECTORS)
def test_a_documented_message_is_encrypted_to_the_same_text(vector):
    crypt, timestamp, nonce, signature, encrypted, prefix, message = vector
    assert crypt.encrypt(message.encode(), prefix=prefix) == encrypted
    assert crypt.signature(timestamp, nonce, encrypted) == signature


@pytest.mark.parametrize("length", range(65))
def test_messages_of_every_length_come_back_whatever_their_pad(length):
    message = ("你" * 40).encode()[:length]
    assert B.decrypt(B.encrypt(message)) == message


def test_the_same_message_is_another_text_each_time():
    assert B.encrypt(b"hello") != B.encrypt(b"hello")


@pytest.mark.parametrize(
    ("signature", "timestamp", "nonce"),
    [
        ("0" * 40, "1476422779", "1597212914"),
        ("", "1476422779", "1597212914"),
        ("签名\ud800", "1476422779", "1597212914"),
        ("0c3914025cb4b4d68103f6bfc8db550f79dcf48e", "1476422780", "1597212914"),
        ("0c3914025cb4b4d68103f6bfc8db550f79dcf48e", "1476422779", "1597212915"),
        ("0C3914025CB4B4D68103F6BFC8DB550F79DCF48E", "1476422779", "1597212914"),
    ],
)
def test_a_signature_that_is_not_exactly_right_opens_nothing(signature, timestamp, nonce):
    with pytest.raises(BadSignature):
        B.open(signature, timestamp, nonce, VECTORS[3][4])


def test_a_message_for_another_corporation_is_refused():
    other = Crypt("hJqcu3uJ9Tn2gXPmxx2w9kkCkCE2EPYo", "6qkdMrq68nTKduznJYO1A37W2oEgpkMUvkttRToqhUt", "ww2")
    with pytest.raises(WrongReceiver):
        B.decrypt(other.encrypt(b"<xml/>"))


def test_a_message_of_another_key_is_not_read():
    with pytest.raises((Unreadable, WrongReceiver)):
        B.decrypt(A.encrypt(b"<xml/>"))


def _raw(plain: bytes) -> str:
    """Encrypted without a pad of its own, as only somebody with the key could."""
    cipher = B._cipher.encryptor()
    return base64.b64encode(cipher.update(plain) + cipher.finalize()).decode()


@pytest.mark.parametrize(
    "encrypted",
    [
        "", "=", "not base64!", "P9nA", base64.b64encode(bytes(15)).decode(), "你好",
        _raw(bytes(32)),  # a pad of 0
        _raw(bytes(31) + b"\x21"),  # a pad of 33
        _raw(bytes([32]) * 32),  # nothing but a pad
        _raw(bytes(16) + b"\xff\xff\xff\xff" + bytes(11) + b"\x01"),  # a length beyond the end
    ],
)  # fmt: skip
def test_a_damaged_message_is_unreadable(encrypted):
    with pytest.raises(Unreadable):
        B.decrypt(encrypted)


@pytest.mark.parametrize("key", ["", "short", "j" * 42, "j" * 44, "j" * 42 + "=", "你" * 43])
def test_a_key_that_is_none_is_told(key):
    with pytest.raises(Invalid, match="43 letters and digits"):
        key_of(key)


LAUGHS = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><xml>&b;</xml>'


@pytest.mark.parametrize(
    "data",
    [
        b"", b"<xml>", b"<xml></lmx>", b"\x00", b"\xff\xfe<", b"{}", b"<xml>&nbsp;</xml>", b"<?xml encoding='x'?><xml/>",
        LAUGHS,
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><xml/>',
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><xml>&a;</xml>',
        b"<!DOCTYPE x><xml/>",
        b'<?xml version="1.0" encoding="no-such"?><xml/>',
    ],
)  # fmt: skip
def test_xml_that_is_malformed_or_has_a_dtd_is_refused(data):
    with pytest.raises(Unreadable):
        read_xml(data)


def _parsed(data: bytes) -> object:
    """What the strict parser finds: paths and texts of the elements without children."""

    def leaves(element, path):
        for child in element:
            here = f"{path}/{child.tag}" if path else child.tag
            yield from leaves(child, here) if len(child) else ((here, (child.text or "").strip()),)

    try:
        return list(leaves(read_xml(data), ""))
    except Unreadable:
        return Unreadable


def _read(data: bytes) -> object:
    try:
        return read_fields(data)
    except Unreadable:
        return Unreadable


PIECES = (
    "<A>", "</A>", "<b>", "</b>", "<A>1</A>", "<A><![CDATA[x y]]></A>", "<b> 你好\t\n</b>", "<A/>", "<A></A>", "<![CDATA[", "]]>",
    "]", "x", "\n", " ", "\r\n", "<A>\r</A>", "&amp;", "<A>&amp;</A>", "<b><![CDATA[a&b<c>]]></b>", "<b>]]></b>", "<!-- -->",
    "<A a='1'>2</A>", "<L><I>1</I><I>2</I></L>", "<xml>", "</xml>", "\x00", "\x1f", "\ufffe", "\ufeff", "\x85", "\u2028", "😀",
    "<A>\x1c</A>", "<A>a<![CDATA[b]]>c</A>", "<A><![CDATA[b]]> </A>", "<名>1</名>", "<A1>1</A1>", "<a:b>1</a:b>", "<?p x?>",
)  # fmt: skip


def test_what_is_read_without_a_parser_is_what_the_parser_reads():
    draw = random.Random(19)
    cases = [b"", b"<xml>", b"<xml></xml>", b"<xml/>", b"<xml>\xff</xml>", b"<xml><A>\xed\xa0\x80</A></xml>", LAUGHS]
    for _ in range(4_000):
        inside = "".join(draw.choice(PIECES) for _ in range(draw.randrange(5)))
        whole = draw.choice(("<xml>{}</xml>", "<xml>{}</xml>", "<xml>{}</xml>", "<xml>{}</xml>\n", " <xml>{}</xml>", "<x>{}</x>"))
        cases.append(whole.format(inside).encode("utf-8", "surrogatepass"))
    different = [data for data in cases if _read(data) != _parsed(data)]
    assert different == []
    good = [data for data in cases if _parsed(data) is not Unreadable]
    assert len(good) > 500 and len(cases) - len(good) > 500
