"""What a game is handed: a turn of one person, or a desk for its own work without a person."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, Invalid, consumer_language, day_start, execute, mask

from . import means, records, registry
from .draws import Draws

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .campaigns import Campaigns
    from .definition import CampaignView, PrizeView
    from .fulfilment import Fulfilment
    from .records import AwardView, DrawView

NAME = "interaction-games"
_NAMELESS = {"zh": "一位朋友", "en": "A friend"}


class Engine:
    """The parts of the engine that turns are made of."""

    def __init__(self, brand: Brand, settings: dict[str, Any], campaigns: Campaigns, fulfilment: Fulfilment) -> None:
        self.brand = brand
        self.settings = settings
        self.campaigns = campaigns
        self.fulfilment = fulfilment

    @cached_property
    def games(self) -> dict[str, Any]:
        """An instance of each game that the brand may play, by its kind."""
        return registry.games(self.brand)

    def draws(self, campaign: CampaignView, now: int) -> Draws:
        """The draws of a campaign at an instant."""
        return Draws(self.brand, self.settings, self.campaigns, self.fulfilment, campaign, now)


class TurnTickets:
    """The chances of a turn's person; other persons are named with ``contact_id``."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._tickets = turn.engine_draws.tickets

    def balance(self, contact_id: int | None = None) -> int:
        """Chances that are there now, today's free ones included."""
        return self._tickets.balance(self._turn.person(contact_id))

    def grant(
        self, count: int, source: str, key: str, *, contact_id: int | None = None, expires_at: int | None = None
    ) -> bool:
        """Give chances once per source and key; False when they were given before."""
        return self._tickets.grant(self._turn.person(contact_id), count, source, key, expires_at=expires_at)

    def spend(self, key: str) -> None:
        """Spend the chance that expires soonest, once per key; raises Conflict (``no_ticket``)."""
        self._turn.engine_draws.spend(self._turn.person(None), key)

    def used_today(self) -> int:
        """The person's draws of today that cost a chance."""
        return self._tickets.used_today(self._turn.person(None))


class Turn:
    """One person at one campaign, now. ``contact_id`` is None for a visitor who only looks.

    ``day`` is the brand-local day (``date.toordinal()``), ``key`` the act's
    idempotency key, ``data`` the texts of the request, which never say who the
    person is. Everything that writes runs in the act's transaction.
    """

    def __init__(
        self,
        engine: Engine,
        campaign: CampaignView,
        contact_id: int | None,
        *,
        now: int,
        key: str = "",
        data: Mapping[str, str] | None = None,
        device: str = "",
        network: str = "",
        act: bool = False,
    ) -> None:
        self._act = act
        self.refused: Exception | None = None
        """Why the act's own draw was refused, and the act with it, whatever its game makes of that."""
        self.brand = engine.brand
        self.campaign = campaign
        self.settings = campaign.settings
        self.contact_id = contact_id
        self.now = now
        self.day = engine.brand.day(now)
        self.key = key
        self.data = dict(data or {})
        self.device = device
        self.network = network
        self.engine_draws = engine.draws(campaign, now)
        self.tickets = TurnTickets(self)
        self._campaigns = engine.campaigns

    def person(self, contact_id: int | None) -> int:
        """The person meant: the given one or the turn's own; raises Conflict for a visitor."""
        found = contact_id if contact_id is not None else self.contact_id
        if found is None:
            raise Conflict("join first: a visitor has no chances", code="visitor")
        return found

    def draw(self, *, client_seed: str = "", key: str | None = None, ticket: bool = True) -> DrawView:
        """Draw once per key (the act's when none is given); see :meth:`Draws.draw` for what it raises."""
        person, seed = self.person(None), client_seed or self.data.get("client_seed", "")
        # An act runs once per key, so the first draw under its own key needs no looking up.
        fresh = self._act and key in (None, self.key)
        if fresh:
            self._act = False
        try:
            return self.engine_draws.draw(
                person, key or self.key, client_seed=seed, ticket=ticket, device=self.device, network=self.network,
                fresh=fresh,
            )  # fmt: skip
        except Exception as exc:
            if fresh:
                self.refused = exc
            raise

    def award(self, prize_code: str, key: str, *, contact_id: int | None = None, reason: str = "") -> AwardView:
        """Give a certain prize once per person and key; raises Conflict (``sold_out``, ``prize_limit``)."""
        return self.engine_draws.award(
            self.person(contact_id), prize_code, key, reason=reason,
            device=self.device if contact_id in (None, self.contact_id) else "",
            network=self.network if contact_id in (None, self.contact_id) else "",
        )  # fmt: skip

    def reserve(self, prize_code: str, key: str, until: int) -> None:
        """Keep one win of a prize until an instant; ``award`` with the same key uses it."""
        self.engine_draws.reserve(self.person(None), prize_code, key, until)

    def release(self, key: str) -> bool:
        """Give a reservation back; False when there is none."""
        return self.engine_draws.release(self.person(None), key)

    def pay(self, kind: str, amount: int, reason: str) -> None:
        """Take points or the like from the person (see :mod:`means`); undone with the act. Conflict: ``not_enough``."""
        means.pay(self.brand, kind, self.person(None), amount, reason=f"{self.campaign.code}: {reason}")

    def prizes(self) -> list[PrizeView]:
        """The campaign's prizes with their stock as it is now."""
        return list(self._campaigns.prizes(self.campaign.id))

    def mine(self, limit: int = 20) -> list[DrawView]:
        """The person's wins in this campaign, newest first."""
        if self.contact_id is None:
            return []
        found = records.of_person(self._campaigns, self.contact_id, campaign_id=self.campaign.id, limit=limit)
        return [draw for _, draw in found]

    def emit(self, name: str, fields: Mapping[str, str | int] | None = None, contact_id: int | None = None) -> None:
        """Tell all plugins an event of this plugin; campaign and game are added to the fields."""
        told = {"campaign": self.campaign.code, "game": self.campaign.game, **(fields or {})}
        self.brand.emit(NAME, name, contact_id if contact_id is not None else self.contact_id, told)

    def shown_name(self, contact_id: int) -> str:
        """A person's name as others may see it: masked, and "a friend" where there is no name."""
        row = execute("SELECT name FROM contact WHERE id = ?", (contact_id,)).fetchone()
        name = row[0] if row is not None else ""
        return mask("name", name) or _NAMELESS[consumer_language()]

    def url(self, path: str = "") -> str:
        """The absolute address of the campaign's page, or of a page below it."""
        return page_url(self.brand, self.campaign.code, path)

    def day_start(self, day: int) -> int:
        """The first instant of a brand-local day."""
        return day_start(day, self.brand.zone)


class Desk:
    """A campaign without a person: for a game's periodic work and for events."""

    def __init__(self, engine: Engine, campaign: CampaignView, now: int) -> None:
        self._engine = engine
        self.brand = engine.brand
        self.campaign = campaign
        self.settings = campaign.settings
        self.now = now
        self.day = engine.brand.day(now)

    def turn(self, contact_id: int, key: str) -> Turn:
        """A turn of a person at this campaign, merged ones followed; raises NotFound for one who was erased."""
        if not key:
            raise Invalid("key: a turn has a key", field="key")
        person = self.brand.contacts.survivor(contact_id)
        return Turn(self._engine, self.campaign, person, now=self.now, key=key)

    def prizes(self) -> list[PrizeView]:
        """The campaign's prizes with their stock as it is now."""
        return list(self._engine.campaigns.prizes(self.campaign.id))

    def emit(self, name: str, fields: Mapping[str, str | int] | None = None, contact_id: int | None = None) -> None:
        """Tell all plugins an event of this plugin; campaign and game are added to the fields."""
        told = {"campaign": self.campaign.code, "game": self.campaign.game, **(fields or {})}
        self.brand.emit(NAME, name, contact_id, told)

    def url(self, path: str = "") -> str:
        """The absolute address of the campaign's page, or of a page below it."""
        return page_url(self.brand, self.campaign.code, path)


def page_url(brand: Brand, code: str, path: str = "") -> str:
    """The absolute address of a campaign's page."""
    base = brand.installation.config.base_url.rstrip("/")
    tail = f"/{path.lstrip('/')}" if path and not path.startswith("?") else path
    return f"{base}/p/{brand.id}/{NAME}/g/{code}{tail}"
