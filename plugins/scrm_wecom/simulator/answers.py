"""What the server answers: error codes with their meaning, and the shape of every answer.

Source: wecom section 14 and the sections of each endpoint. A code is the only
thing that a client may look at. The text of a failure carries a hint that
differs each time and the caller's address, as the platform's does, so that a
client which compares texts is found here and not in production.
"""

from __future__ import annotations

from typing import Any

MEANINGS: dict[int, str] = {
    -1: "system is busy",
    40001: "invalid credential: bad corpsecret",
    40003: "invalid userid",
    40004: "invalid media type",
    40005: "invalid type parameter",
    40006: "invalid media size",
    40007: "invalid media_id",
    40013: "invalid corpid",
    40014: "invalid access_token",
    40033: "invalid charset: please check your request, if include \\uxxxx will create fail",
    40056: "invalid agentid",
    40058: "invalid request parameter",
    40063: "some parameters are empty",
    40068: "invalid tag id or tag group id",
    40071: "tag name has existed",
    40072: "invalid tag name length",
    40088: "jobid does not exist",
    40091: "corpsecret belongs to another corp",
    40096: "invalid external userid",
    40097: "the member has not left the corp",
    40098: "member is not real-name verified",
    40099: "the member's number of external contacts is at its limit",
    40100: "the external contact is being transferred already",
    40126: "the number of corp tags is at its limit",
    40128: "customer transferred too often: twice in 90 days",
    40129: "the customer is being transferred",
    40130: "handover_userid and takeover_userid are the same",
    40131: "handover_userid does not follow the customer",
    41001: "access_token missing",
    41002: "corpid missing",
    41004: "corpsecret missing",
    41006: "media_id missing",
    41009: "userid missing",
    41035: "external userid missing",
    41037: "contact way type missing",
    41038: "contact way scene missing",
    41039: "invalid contact way type",
    41040: "invalid contact way scene",
    41041: "contact way has too many users",
    41042: "invalid contact way style",
    41043: "contact way config_id missing",
    41044: "invalid contact way config_id",
    41045: "the number of contact ways made by API is at its limit",
    41046: "group message id missing",
    41047: "invalid group message id",
    41048: "no customer to send to",
    41049: "welcome code missing",
    41050: "invalid welcome code",
    41051: "customer and member have started chatting",
    41053: "customer has not agreed to chat archiving",
    41054: "the member is not activated",
    41055: "the number of group welcome templates is at its limit",
    41059: "moment_id missing",
    41060: "invalid moment_id",
    41061: "the moment is not one of this member's",
    41062: "the member has not published the moment",
    41063: "the group message is being dispatched, try again later",
    41064: "too many attachments",
    41065: "invalid attachment type",
    41072: "media of another scene",
    41078: "too many moment tasks at once",
    41079: "the moment is being dispatched, try again later",
    41080: "attachment is too large",
    41089: "text and attachments of a moment are both empty",
    41093: "the group message was cancelled",
    41094: "reminded too often",
    41095: "the number of acquisition links is at its limit",
    41096: "the welcome message is being sent",
    42001: "access_token expired",
    44001: "empty media data",
    45009: "api freq out of limit",
    45033: "api concurrent out of limit",
    48002: "api forbidden for this app",
    50003: "app is disabled",
    60003: "department not found",
    60011: "no privilege to access member, party or agent",
    60020: "not allow to access from your ip",
    60111: "userid not found",
    81017: "too much data: give an owner_filter",
    84061: "not an external contact relation",
    84074: "no external contact permission",
    84084: "not a following user",
    90500: "the owner of the group has not left",
    90502: "the owner of the group has left",
    40050: "chat id does not exist",
    41067: "wrong type of moment_id",
}
"""The words of codes; a fault on command may answer any other code too."""


class Refused(Exception):
    """A call that the platform refuses with ``errcode``; ``hint`` says which parameter or rule."""

    def __init__(self, errcode: int, hint: str = "") -> None:
        super().__init__(f"{errcode} {hint}".strip())
        self.errcode = errcode
        self.hint = hint


def refusal(refused: Refused, *, number: int, ip: str) -> dict[str, Any]:
    """The body of a failure; ``number`` makes the hint differ from call to call."""
    meaning = MEANINGS.get(refused.errcode, "error made on command")
    detail = f"{meaning} ({refused.hint})" if refused.hint else meaning
    return {
        "errcode": refused.errcode,
        "errmsg": f"{detail}, hint: [{number:010d}_simulator], from ip: {ip}, "
        f"more info at https://open.work.weixin.qq.com/devtool/query?e={refused.errcode}",
    }
