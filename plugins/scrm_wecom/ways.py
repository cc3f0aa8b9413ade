"""Contact ways (联系我) for whoever plans codes: WeCom's side of the extension point ``live-code.contact-ways``.

The customer who added one member keeps them (``is_exclusive``); the State comes
back with every add and leads to the channel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from scrm_core.api import TooMany

from .client.codes import AWAY, CROWDED, RATE, WecomError

if TYPE_CHECKING:
    from .client.api import Api

R = TypeVar("R")
LATER_SECONDS = 60
NOT_DONE = frozenset({AWAY, CROWDED, RATE})


class ContactWays:
    """Contact ways of one brand's corporation; use it outside transactions."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def make(self, state: str, users: Sequence[str], remark: str) -> tuple[str, str]:
        """Make one; its config id, without which nobody can ever change it, and the address of its QR picture.

        Raises TooMany where WeCom was not asked or did nothing, WecomError otherwise.
        """
        return self._asked(lambda: self._api.contact_way(users, state, remark))

    def change(self, config_id: str, users: Sequence[str]) -> None:
        """Let these members answer it; raises as :meth:`make`."""
        self._asked(lambda: self._api.change_contact_way(config_id, users))

    @staticmethod
    def _asked(work: Callable[[], R]) -> R:
        try:
            return work()
        except WecomError as error:
            if error.kind in NOT_DONE:
                raise TooMany(str(error), LATER_SECONDS) from error
            raise
