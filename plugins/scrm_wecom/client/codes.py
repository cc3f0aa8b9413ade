"""What WeCom's error codes mean (全局错误码, developer page 90313 as of 2024-04, and the pages of each API).

Success is ``errcode`` 0, whatever the HTTP status; the text beside a code is
never compared. Codes copied from WeChat's official accounts mislead: there 40001
is a stale token, here it is a wrong secret, and asking again with a wrong secret
gets the machine's address banned for an hour.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from scrm_core.api import ScrmError

CONFIG, DATA, CAPACITY, TOKEN, BUSY, CROWDED, RATE, LATER, FINAL, DROP, CALL = (
    "config", "data", "capacity", "token", "busy", "crowded", "rate", "later", "final", "drop", "call",
)  # fmt: skip
UNKNOWN, UNCERTAIN, AWAY, SHAPE = "unknown", "uncertain", "away", "shape"


class Meaning(NamedTuple):
    """Kind of an error, what happened, and what to do about it."""

    kind: str
    says: str
    remedy: str


_RANGE = "let WeCom's console show the member to this application (可见范围)"
CODES: Mapping[int, Meaning] = {
    -1: Meaning(BUSY, "WeCom is busy", "nothing: it is tried again"),
    6000: Meaning(BUSY, "somebody changed the same data at this moment", "nothing: it is tried again"),
    40001: Meaning(CONFIG, "the secret is wrong, was reset, or its application is disabled", "set `secret` anew"),
    40003: Meaning(DATA, "no such member", "look the userid up in WeCom's console"),
    40004: Meaning(DATA, "a file is of a kind that WeCom does not take", "an image is JPEG or PNG, a video MP4"),
    40006: Meaning(DATA, "a file is too large or too small", "see docs/wecom.md"),
    40007: Meaning(DATA, "no such media, or not any more", "name a file that is kept here: it is uploaded anew"),
    40013: Meaning(CONFIG, "no such corporation", "set `corp_id` as WeCom's console shows it (我的企业)"),
    40014: Meaning(TOKEN, "the access token is not good any more", "nothing: it is fetched anew"),
    40033: Meaning(CALL, "the request has characters that WeCom refuses", "look at the text that was sent"),
    40050: Meaning(DATA, "no such chat group", "nothing: it is gone"),
    40056: Meaning(CONFIG, "no such application", "look the AgentId up in WeCom's console"),
    40058: Meaning(CALL, "a parameter is wrong", "look at what was sent"),
    40063: Meaning(CALL, "a parameter is empty", "look at what was sent"),
    40068: Meaning(DATA, "no such tag or tag group", "nothing: the tags are read anew"),
    40071: Meaning(DATA, "a tag of this name exists", "nothing: the tags are read anew"),
    40072: Meaning(DATA, "the tag's name is too long", "a name has 30 characters at most"),
    40091: Meaning(CONFIG, "the secret belongs to another corporation", "take `corp_id` and `secret` of one"),
    40096: Meaning(DATA, "no such customer of this corporation", "nothing: the customer is gone"),
    40098: Meaning(CONFIG, "the member has not proved their real name", "let them do so in WeCom (实名认证)"),
    40099: Meaning(CAPACITY, "the member has as many customers as they may", "take them out of the code's staff"),
    40126: Meaning(CAPACITY, "the corporation has as many tags as it may", "delete tags in WeCom's console"),
    41001: Meaning(CALL, "the access token is missing", "tell the plugin's authors"),
    41035: Meaning(CALL, "the customer is missing", "tell the plugin's authors"),
    41037: Meaning(CALL, "the contact way has no type", "look at what was sent"),
    41038: Meaning(CALL, "the contact way has no scene", "look at what was sent"),
    41039: Meaning(CALL, "the contact way's type is wrong", "look at what was sent"),
    41040: Meaning(CALL, "the contact way's scene is wrong", "look at what was sent"),
    41041: Meaning(CAPACITY, "the contact way has too many members", "a contact way has 100 members at most"),
    41042: Meaning(CALL, "the contact way's style is wrong", "look at what was sent"),
    41043: Meaning(CALL, "the contact way's id is missing", "tell the plugin's authors"),
    41044: Meaning(DATA, "no such contact way", "somebody deleted it in WeCom"),
    41045: Meaning(CAPACITY, "the corporation has as many contact ways as it may", "delete those that nobody uses"),
    41048: Meaning(DATA, "there is nobody to send to", "nothing: none can get it"),
    41049: Meaning(DROP, "the welcome code is missing", "tell the plugin's authors"),
    41050: Meaning(DROP, "the welcome code is over", "nothing: a welcome is sent within 20 seconds or not at all"),
    41051: Meaning(DROP, "somebody else has greeted, or the chat has begun", "let one application greet alone"),
    41052: Meaning(DROP, "a parameter of the welcome is wrong", "look at what was sent"),
    41053: Meaning(DROP, "the customer has not agreed to the chat archive", "nothing: consent brings another code"),
    41054: Meaning(CONFIG, "the member is not active, or not known by real name", "let them sign in to WeCom"),
    41055: Meaning(CAPACITY, "the corporation has as many group welcomes as it may", "delete those nobody uses"),
    41063: Meaning(LATER, "it is being handed out", "ask again later"),
    41064: Meaning(DATA, "too many attachments", "a message has 9 attachments at most"),
    41065: Meaning(DATA, "an attachment is of a kind that cannot go here", "see docs/wecom.md"),
    41072: Meaning(DATA, "the media was uploaded for another use", "upload it for this one"),
    41078: Meaning(LATER, "too many tasks wait", "ask again later"),
    41079: Meaning(LATER, "it is being handed out", "ask again later"),
    41080: Meaning(DATA, "an attachment is too large", "see docs/wecom.md"),
    41081: Meaning(DATA, "a picture or film has too many points", "make it smaller"),
    41082: Meaning(DATA, "a film is too long", "make it shorter"),
    41093: Meaning(FINAL, "the group send was cancelled", "nothing"),
    41094: Meaning(FINAL, "staff were reminded three times in 24 hours", "wait a day"),
    41095: Meaning(CAPACITY, "the corporation has as many acquisition links as it may", "delete those nobody uses"),
    41096: Meaning(DROP, "somebody else is greeting at this moment", "let one application greet alone"),
    42001: Meaning(TOKEN, "the access token is over", "nothing: it is fetched anew"),
    45009: Meaning(RATE, "the API was called more often than WeCom allows", "nothing: it is left alone for a while"),
    45033: Meaning(CROWDED, "too many calls at one moment", "nothing: it is tried again; else lower `at_once`"),
    48002: Meaning(CONFIG, "the application may not use this API", "give it that in WeCom's console (API 权限)"),
    49008: Meaning(DATA, "the chat group was dismissed", "nothing: it is gone"),
    50002: Meaning(CONFIG, "the member is outside the application's range", _RANGE),
    50003: Meaning(CONFIG, "the application is disabled", "enable it in WeCom's console"),
    60011: Meaning(CONFIG, "the member is outside the application's range", _RANGE),
    60020: Meaning(CONFIG, "this machine's address is not trusted", "add it in WeCom's console (企业可信 IP)"),
    60030: Meaning(CONFIG, "the application may not do this", _RANGE),
    60111: Meaning(DATA, "no such member", "look the userid up in WeCom's console"),
    81017: Meaning(CALL, "too much is asked for at once", "ask for the groups of some members"),
    84061: Meaning(DATA, "member and customer are no friends", "nothing: the relation is over"),
    84074: Meaning(CONFIG, "no permission for customers", "let the console give them 客户联系"),
    84084: Meaning(DATA, "the member does not have the customer", "nothing: the relation is over"),
    301002: Meaning(CONFIG, "the member is outside the application's range", _RANGE),
}  # fmt: skip
"""Every code that the plugin meets. Others are ``unknown``, told with their number and never retried."""

PASSING = frozenset({AWAY, BUSY, CROWDED, LATER, UNCERTAIN})
"""Kinds of what is over in a while without anybody's help."""

NO_API = 48002
TOO_MUCH = 81017
NO_CHAT = frozenset({40050, 49008})
HIDDEN = frozenset({50002, 60011, 301002})
"""Outside what the application is shown (可见范围)."""

LEFT = frozenset({*HIDDEN, 40003, 60111, 41054, 40098})
"""A member who left, was taken out of the application's range, or is not active any more: of them alone."""

OF_ONE = frozenset({NO_API, 40098, 41054, 50002, 60011, 60030, 84074, 301002})
"""Of kind config, but of one API or one member: anything else may be asked for."""

_BY_RANGE = (
    (range(90500, 90512), Meaning(DATA, "the chat group cannot be handed over", "look at the group in WeCom")),
    (range(301_042, 301_061), Meaning(CONFIG, "the chat archive refuses", "look at its settings in WeCom's console")),
)


def meaning_of(errcode: int) -> Meaning:
    """What a code means."""
    found = CODES.get(errcode)
    if found is not None:
        return found
    for codes, meaning in _BY_RANGE:
        if errcode in codes:
            return meaning
    return Meaning(UNKNOWN, "WeCom refuses for a reason that is not known here", "look the code up on dev:90313")


class WecomError(ScrmError):
    """WeCom refused, or nobody knows what it did: ``kind`` says which, ``errcode`` is WeCom's (0: none).

    Kinds are those of :data:`CODES`, and away (no connection: nothing was done),
    uncertain (no whole answer: it may have been done), shape (an answer that
    cannot be read), unknown (a code that is in no table).
    """

    status = 502
    code = "wecom"

    def __init__(self, message: str, *, kind: str, errcode: int = 0) -> None:
        super().__init__(message, code=f"wecom_{kind}")
        self.kind = kind
        self.errcode = errcode


class Limited(WecomError):
    """An API is left alone until ``until`` (an instant): WeCom's limit is reached, by its word or by our count."""

    status = 429

    def __init__(self, message: str, until: int, *, errcode: int = 0) -> None:
        super().__init__(message, kind=RATE, errcode=errcode)
        self.until = until


def refused(api: str, errcode: int) -> WecomError:
    """The error of a code, as a sentence with what to do. WeCom's own words hold the caller's address: not told."""
    meaning = meaning_of(errcode)
    return WecomError(f"{api}: {meaning.says} ({errcode}); {meaning.remedy}", kind=meaning.kind, errcode=errcode)
