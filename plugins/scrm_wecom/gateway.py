"""The sender ``wecom-welcome``: hands a welcome to WeCom, once; what its answer leaves known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from scrm_core.api import OutMessage, SendResult

from .client.codes import AWAY, BUSY, CROWDED, UNCERTAIN, Limited, WecomError
from .media import GONE, Media, certainly_unsent

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .client.api import Api

WIDTH = 8


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
        media, content = Media(self.brand), json.loads(message.params["content"])
        try:
            ready = media.ready(self.api, content)
        except WecomError as exc:
            if certainly_unsent(exc):
                return SendResult.retry(str(exc), code=str(exc.errcode), after_s=1)
            return SendResult.refused(str(exc.errcode), str(exc))
        try:
            self.api.welcome(message.template, ready)
        except Limited as exc:
            return SendResult.refused("45009", str(exc))
        except WecomError as exc:
            if exc.errcode == GONE:
                media.forget(content)
                return SendResult.retry(str(exc), code=str(exc.errcode), after_s=1)
            if exc.kind in (AWAY, BUSY, CROWDED):
                return SendResult.retry(str(exc), code=str(exc.errcode), after_s=1)
            if exc.kind == UNCERTAIN:
                return SendResult.unknown(str(exc))
            return SendResult.refused(str(exc.errcode), str(exc))
        return SendResult.delivered()
