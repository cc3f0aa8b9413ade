"""The welcome message of a new customer (wecom section 5; dev:92137, 92599)."""

from __future__ import annotations

from ..answers import Refused
from .call import Call, endpoint
from .content import content_of


@endpoint("POST", "externalcontact/send_welcome_msg")
def send_welcome_msg(call: Call) -> None:
    """Welcome the customer of a code, once and within 20 s of the event.

    41050: unknown, another app's or too late. 41051: welcomed already, by
    whichever app, or they have started to chat. 41053: archive consent is missing.
    A refused content leaves the code as it was.
    """
    corp = call.corp
    code = call.asked.text("welcome_code", missing=41049)
    welcome = corp.welcomes.get(f"{call.app.agentid}:{code}")
    if welcome is None or call.now >= welcome.issued_at + corp.limits.welcome_seconds * 1_000:
        raise Refused(41050)
    content = content_of(call)
    if corp.pairs.get(welcome.userid, welcome.person) is None:
        raise Refused(84061)
    pair = corp.pairs.edit(welcome.userid, welcome.person)
    if pair.welcomed or pair.chatted_at is not None:
        raise Refused(41051)
    if corp.account.archive and not pair.archived:
        raise Refused(41053)
    pair.welcomed = True
    corp.note(
        call.now,
        "welcome",
        userid=welcome.userid,
        external_userid=corp.external_userid(welcome.person),
        after_ms=call.now - welcome.issued_at,
        **content,
    )
