"""Contact ways (联系我) and acquisition links (获客链接) for whoever plans codes.

WeCom's side of the extension points ``live-code.contact-ways`` and ``live-code.acquisition-links``.

The customer who added one member keeps them (``is_exclusive``); the State comes
back with every add and leads to the channel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from scrm_core.api import Conflict, NotFound, TooMany

from .client.codes import AWAY, CROWDED, RATE, WecomError
from .link_making import LinkMaking
from .links import OWN, checked_state

if TYPE_CHECKING:
    from .client.answers import LinkCustomerPage
    from .client.api import Api
    from .links import Links

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
        return asked(lambda: self._api.contact_way(users, state, remark))

    def change(self, config_id: str, users: Sequence[str]) -> None:
        """Let these members answer it; raises as :meth:`make`."""
        asked(lambda: self._api.change_contact_way(config_id, users))


def asked(work: Callable[[], R]) -> R:
    """What ``work`` returns; raises TooMany where WeCom was not asked or did nothing, else what it raised."""
    try:
        return work()
    except WecomError as error:
        if error.kind in NOT_DONE:
            raise TooMany(str(error), LATER_SECONDS) from error
        raise


class AcquisitionLinks:
    """Acquisition links of one brand's corporation for another plugin; use it outside transactions."""

    def __init__(self, api: Api, links: Links) -> None:
        self._api = api
        self._links = links

    def make(self, state: str, users: Sequence[str], remark: str) -> tuple[str, str]:
        """The link of a state, made when there is none: its id, and its address, whose adds bring ``state``.

        Asked again with the same state it is the same link, also when the first answer was lost. Raises TooMany
        while it is not known to be made (ask again), Invalid for what WeCom would refuse, Conflict (``link_state``)
        for one that was deleted here (one that somebody deleted in WeCom is made anew), WecomError (``wecom_link``)
        with WeCom's reason otherwise.
        """
        code = f"{OWN}{checked_state(state)}"
        wanted = self._links.wanted(code, name=remark, staff=users, state=state)
        LinkMaking(self._links.brand, self._api).settle_now(wanted)
        made = self._links.get(code)
        if made.state == "live":
            assert made.link_id is not None
            return made.link_id, made.address()
        if made.state in ("waiting", "making", "unknown"):
            raise TooMany(made.note or "the link is being made", LATER_SECONDS)
        if made.state == "failed":
            raise WecomError(made.note, kind="link")
        raise Conflict(f"the link of {state!r} is {made.state}", code="link_state")

    def change(self, link_id: str, users: Sequence[str]) -> None:
        """Let these members answer it from now on; twice is as good as once. Raises as :meth:`ContactWays.make`."""
        asked(lambda: self._links.change(self._api, link_id, users))

    def remove(self, link_id: str) -> None:
        """Delete it in WeCom for ever; twice is as good as once. The job does it; from now on it is not usable."""
        self._links.delete(self._links.by_link_id(link_id).code)

    def usable(self, link_id: str) -> bool:
        """Whether it may be handed out: made, not paused, not deleted, not taken out of use by WeCom. Asks nobody.

        False also for an id that is not, or not any more, a link's: one that was made anew has another.
        """
        try:
            return self._links.by_link_id(link_id).usable(self._links.brand.now())
        except NotFound:
            return False

    def address(self, link_id: str, state: str) -> str:
        """Its address with another state (at most 64 bytes), such as the code of a person's short link."""
        return self._links.by_link_id(link_id).address(state)

    def customers(self, link_id: str, cursor: str = "") -> LinkCustomerPage:
        """A page of those who came through it (at most 1,000), as WeCom tells it now; raises as :meth:`change`."""
        return asked(lambda: self._api.link_customers(link_id, cursor))
