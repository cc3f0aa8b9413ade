"""What the plugin does in one brand."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, Poster, draw_poster

from .asks import Asks
from .codes import Code, Codes
from .desk import Desk
from .entries import Entries
from .personas import Personas
from .planner import Planner
from .reception import Reception
from .schemas import NAME
from .staff import StaffList
from .ways import LINK, Ways

if TYPE_CHECKING:
    from scrm_core.api import Brand

EXTRA = "livecode"


class LiveCodes:
    """One brand's codes, staff, and who is sent to whom; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: dict[str, Any]) -> None:
        self.brand = brand
        self.settings = settings

    @cached_property
    def codes(self) -> Codes:
        """Codes."""
        return Codes(self.brand)

    @cached_property
    def staff(self) -> StaffList:
        """Staff."""
        return StaffList(self.brand, self.settings["per_account"])

    @cached_property
    def desk(self) -> Desk:
        """Who receives whom."""
        return Desk(self.brand, self.settings["per_network"])

    @cached_property
    def planner(self) -> Planner:
        """How many accounts are needed."""
        return Planner(self.codes, self.settings["per_account"])

    @cached_property
    def entries(self) -> Entries:
        """Where codes are met, and who shares them."""
        return Entries(self.brand, self.codes)

    @cached_property
    def asks(self) -> Asks:
        """People who were asked by their phone."""
        return Asks(self.brand, self.codes)

    @cached_property
    def personas(self) -> Personas:
        """Who people think they add."""
        return Personas(self.brand, self.settings)

    @cached_property
    def reception(self) -> Reception:
        """How fast who was added is received."""
        return Reception(self.brand, self.desk, self.settings)

    @cached_property
    def ways(self) -> Ways:
        """Contact ways of codes."""
        return Ways(self.brand, self.codes, self.desk)

    @cached_property
    def links(self) -> Ways:
        """Acquisition links of codes."""
        return Ways(self.brand, self.codes, self.desk, LINK)

    def link_address(self, code: Code) -> str:
        """What is sent to people instead of WeCom's address; see :meth:`.ways.Ways.handed_out`."""
        return f"{self.codes.base}/p/{self.brand.id}/{NAME}/a/{code.link}"

    def poster(self, channel: str) -> bytes:
        """A code's poster as PNG; its QR code is the printed address.

        Raises NotFound, Conflict (``no_activity``) while it has none or it is over, and what
        :func:`scrm_core.api.draw_poster` raises.
        """
        code = self.codes.get(channel)
        if code.ends_at is None or code.ends_at <= self.brand.now():
            raise Conflict("there is no activity that a poster could announce; set one first", code="no_activity")
        return self._draw(code)

    def _draw(self, code: Code) -> bytes:
        consumer = self.brand.config.consumer
        return draw_poster(
            Poster(
                url=self.codes.address(code),
                brand=consumer.title or self.brand.name,
                title=code.activity,
                line="",
                person=code.title,
                scan="扫一扫 Scan",
                colour=consumer.colour,
                extra=EXTRA,
            )
        )


def live_codes_of(brand: Brand) -> LiveCodes:
    """The brand's live codes; raises NotFound where the plugin is switched off."""
    return LiveCodes(brand, brand.plugin(NAME).settings)
