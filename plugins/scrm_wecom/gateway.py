"""The sender ``wecom-welcome``: hands a welcome to WeCom, once; what its answer leaves known.

Before that, where it may change what somebody hears, WeCom is asked who they are (:meth:`WelcomeGateway._greeting`).
That is a courtesy: it has a short time, and whatever stands in its way, the text of who was known at the add goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from scrm_core.api import OutMessage, ScrmError, SendResult, transactional

from .client.calls import log
from .client.codes import AWAY, BUSY, CROWDED, DATA, TOKEN, UNCERTAIN, Limited, WecomError
from .content import text_of
from .follows import pair
from .greetings import Greeting, Greetings
from .media import GONE, SPOILED, Media, certainly_unsent, without_media

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from scrm_core.api import Brand

    from .client.api import Api
    from .follows import Follow
    from .work import Work

WIDTH = 8
TOKEN_TRIES = 2
"""How often a welcome is begun of which WeCom refuses the token: each time it is fetched anew once, and no more."""

READ_SECONDS = 2.0
"""How long a welcome waits for WeCom to tell who somebody is."""

SEND_SECONDS = 3.0
"""What has to be left behind that, to hand the welcome over."""

REST_MS = 30_000
"""How long nobody is asked about after WeCom did not answer: those who wait behind would be greeted too late."""


class WelcomeGateway:
    """Welcomes go side by side: each has its own 20 seconds."""

    batch = WIDTH

    def __init__(self, brand: Brand, api: Api, work: Work) -> None:
        """``work`` reads who somebody is."""
        self.brand = brand
        self.api = api
        self._work = work
        self._rests_until = 0

    def send(self, messages: Sequence[OutMessage]) -> list[SendResult]:
        """One call per message."""
        if len(messages) == 1:
            return [self._one(messages[0])]
        with ThreadPoolExecutor(WIDTH, thread_name_prefix="wecom-welcome") as pool:
            return list(pool.map(self._inside, messages))

    def _inside(self, message: OutMessage) -> SendResult:
        with self.brand:  # a thread enters the brand itself
            return self._one(message)

    def _one(self, message: OutMessage) -> SendResult:
        """A welcome without what WeCom does not take is better than none: who is not greeted now never is."""
        content = self._greeting(message).content
        if not content:
            return SendResult.refused("no_welcome", "no welcome is set for this person")
        told = self._ask(message.template, content)
        if told is not None and told.errcode == GONE and Media(self.brand).forget(content):
            told = self._ask(message.template, content)  # once more, with files that are uploaded anew
        if told is not None and told.errcode in SPOILED:
            less = without_media(content)
            if less != content:
                Greetings(self.brand).spoiled(content, told, greets=bool(less))
                log.warning("a welcome goes without its media: %s", told)
                told = self._ask(message.template, less) if less else told
        return _result_of(told, message.attempt)

    def _greeting(self, message: OutMessage) -> Greeting:
        """What somebody hears: that of their add, unless they are known by now, or by WeCom, to be more."""
        greeting = Greeting.of(message.params)
        greetings = Greetings(self.brand)
        follow = pair(message.address, greeting.staff) if greeting.audience and greetings.varies() else None
        if follow is None:
            return greeting
        audience = greetings.audience_now(follow, greeting.audience)
        if greetings.may_hear_more(follow, audience) and self._has_time(greeting):
            self._read(follow)
            follow = pair(message.address, greeting.staff) or follow  # of another contact by now, it may be
            audience = greetings.audience_now(follow, greeting.audience)
        return greeting if audience == greeting.audience else self._for(message, greeting, follow, audience)

    def _has_time(self, greeting: Greeting) -> bool:
        now = self.brand.now()
        return now >= self._rests_until and greeting.until - now >= (READ_SECONDS + SEND_SECONDS) * 1_000

    def _read(self, follow: Follow) -> None:
        """Have WeCom tell who somebody is, so that they are one with whom the brand knows already."""
        try:
            self._work.read_ahead(follow, READ_SECONDS)
        except WecomError as error:
            if error.kind != DATA:
                self._rests_until = self.brand.now() + REST_MS
            log.info("a welcome goes to whom nobody could tell: %s", error)
        except ScrmError as error:
            log.warning("a welcome goes to whom nobody could tell: %s", error)

    @transactional
    def _for(self, message: OutMessage, greeting: Greeting, follow: Follow, audience: str) -> Greeting:
        """The greeting for whom somebody turned out to be; the message keeps what is really said."""
        content = Greetings(self.brand).content_for(follow, audience) or greeting.content
        chosen = replace(greeting, content=content, audience=audience)
        self.brand.outreach.reword(message.uid, text_of(content), chosen.params())
        return chosen

    def _ask(self, code: str, content: Mapping[str, Any]) -> WecomError | None:
        """What WeCom, or an upload before it, refuses; None where it took the welcome."""
        try:
            ready = Media(self.brand).ready(self.api, content)
        except WecomError as error:
            # Whatever became of the upload, the welcome behind it was not begun.
            return WecomError(str(error), kind=AWAY, errcode=error.errcode) if certainly_unsent(error) else error
        try:
            self.api.welcome(code, ready)
        except WecomError as error:
            return error
        return None


def _result_of(error: WecomError | None, attempt: int) -> SendResult:
    if error is None:
        return SendResult.delivered()
    if isinstance(error, Limited):
        return SendResult.refused("45009", str(error))
    if error.kind in (AWAY, BUSY, CROWDED) or (error.kind == TOKEN and attempt < TOKEN_TRIES):
        return SendResult.retry(str(error), code=str(error.errcode), after_s=1)
    if error.kind == UNCERTAIN:
        return SendResult.unknown(str(error))
    return SendResult.refused(str(error.errcode), str(error))
