"""The sender ``wecom-welcome``: hands a welcome to WeCom, once; what its answer leaves known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from scrm_core.api import OutMessage, SendResult

from .client.calls import log
from .client.codes import AWAY, BUSY, CROWDED, TOKEN, UNCERTAIN, Limited, WecomError
from .greetings import Greetings
from .media import GONE, SPOILED, Media, certainly_unsent, without_media

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from scrm_core.api import Brand

    from .client.api import Api

WIDTH = 8
TOKEN_TRIES = 2
"""How often a welcome is begun of which WeCom refuses the token: each time it is fetched anew once, and no more."""


class WelcomeGateway:
    """Welcomes go side by side: each has its own 20 seconds."""

    batch = WIDTH

    def __init__(self, brand: Brand, api: Api) -> None:
        self.brand = brand
        self.api = api

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
        content = json.loads(message.params["content"])
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
