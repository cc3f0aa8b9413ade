"""The engine of one brand: campaigns, acts, fulfilment, reviews, checks of draws, periodic work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, execute

from .engine import checking, erasing, means, merging, players, verifying
from .engine.acts import Acts
from .engine.campaigns import Campaigns
from .engine.desks import Desks
from .engine.fulfilment import Fulfilment
from .engine.reviews import Reviews
from .engine.turns import Engine, Turn
from .engine.verifying import CARRIED, Check
from .schemas import NAME

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .engine.definition import CampaignView

HOUR_MS = 3_600_000


class Games:
    """One brand's interaction games; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: dict[str, Any]) -> None:
        self.brand = brand
        self.settings = settings
        self.campaigns = Campaigns(brand, settings)
        self.fulfilment = Fulfilment(brand, settings, self.campaigns)
        self.reviews = Reviews(brand, settings, self.campaigns, self.fulfilment)
        self.engine = Engine(brand, settings, self.campaigns, self.fulfilment)

    @cached_property
    def acts(self) -> Acts:
        """Acting and looking."""
        return Acts(self.engine)

    @cached_property
    def desks(self) -> Desks:
        """Games at work without a person."""
        return Desks(self.engine)

    # Campaigns ---------------------------------------------------------------

    def create(self, definition: Any, *, actor: str = "") -> CampaignView:
        """Make a draft; see :meth:`Campaigns.create`."""
        return self.campaigns.create(definition, actor=actor)

    def publish(self, code: str, actor: str = "", *, confirm: bool = False) -> dict[str, Any]:
        """Publish a draft; returns its commitment, table hash and expected cost."""
        return self.campaigns.publish(code, actor=actor, confirm=confirm)

    def pause(self, code: str, *, actor: str = "", reason: str) -> CampaignView:
        """Stop a campaign for a while."""
        return self.campaigns.pause(code, actor=actor, reason=reason)

    def resume(self, code: str, *, actor: str = "") -> CampaignView:
        """Let a paused campaign go on."""
        return self.campaigns.resume(code, actor=actor)

    def end(self, code: str, *, actor: str = "", reason: str) -> CampaignView:
        """End a campaign now."""
        return self.campaigns.end(code, actor=actor, reason=reason)

    def reveal(self, code: str, *, actor: str = "") -> dict[str, Any]:
        """Publish the seed of a campaign that is over."""
        return self.campaigns.reveal(code, actor=actor)

    def verify(self, uid: str) -> tuple[CampaignView, list[Check]]:
        """Check one draw; see :func:`verifying.verify`."""
        return verifying.verify(self.campaigns, uid)

    def published_file(self, code: str) -> dict[str, Any]:
        """Everything that anybody needs to check the draws of a campaign, as a JSON value."""
        return verifying.published_file(self.campaigns, self.campaigns.get(code))

    # People ------------------------------------------------------------------

    def act(
        self,
        code: str,
        action: str,
        contact_id: int,
        *,
        key: str,
        data: Mapping[str, Any] | None = None,
        device: str = "",
        network: str = "",
    ) -> dict[str, Any]:
        """Let a person act at a game; see :meth:`Acts.act`."""
        return self.acts.act(code, action, contact_id, key=key, data=data, device=device, network=network)

    def share(self, code: str, contact_id: int, *, key: str) -> dict[str, int]:
        """Chances for sharing, as a trusted server reports it; see :meth:`Acts.share`."""
        return self.acts.share(code, contact_id, key=key)

    def view(self, code: str, contact_id: int | None, *, data: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What a person sees of a campaign now."""
        return self.acts.view(code, contact_id, data=data)

    def problems(self) -> Iterator[str]:
        """Why campaigns that are not over cannot be played with the brand's configuration as it is."""
        standing = self.campaigns.list(states=("published", "paused"))
        yield from checking.problems(self.brand, standing)
        yield from means.problems(self.brand, standing)

    def warnings(self) -> Iterator[str]:
        """Prizes of campaigns that are not over which their issuers would refuse now."""
        return checking.warnings(self.brand, self.campaigns.list(states=("published", "paused")))

    def turn(self, code: str, contact_id: int, key: str) -> Turn:
        """A turn outside an act, for what the brand's own people or another part of the plugin do; in a transaction."""
        person = self.brand.contacts.survivor(contact_id)
        return Turn(self.engine, self.campaigns.get(code), person, now=self.brand.now(), key=key)

    def grant_tickets(
        self, code: str, contact_id: int, count: int, *, key: str, source: str = "staff", actor: str = "",
        expires_at: int | None = None,
    ) -> int:  # fmt: skip
        """Give a person chances once per key; returns the balance afterwards."""
        with self.brand.transaction():
            contact_id = self.brand.contacts.survivor(contact_id)
            campaign = self.campaigns.get(code)
            if campaign.phase(self.brand.now()) in ("draft", "over", "revealed"):
                raise Conflict(f"campaign {code!r} takes no chances now", code="state")
            tickets = self.engine.draws(campaign, self.brand.now()).tickets
            tickets.grant(contact_id, count, source, key, actor=actor, expires_at=expires_at)
            return tickets.balance(contact_id)

    # Events ------------------------------------------------------------------

    def hear(self, hook: str, event: Any) -> None:
        """Tell the games of all campaigns an event that they listen to; see :meth:`Desks.hear`."""
        self.desks.hear(hook, event)

    def take_order(self, event: Any) -> None:
        """Chances for a paid order: one entry per order and campaign, for orders paid while it runs."""
        contact_id = self.brand.contacts.present(event.contact_id)
        if contact_id is None:
            return
        for campaign in self.campaigns.list(states=("published",)):
            chances = campaign.chances
            if not chances.order or event.paid_minor < max(1, chances.order_min_minor):
                continue
            if campaign.phase(event.at) != "running" or campaign.phase(self.brand.now()) != "running":
                continue
            tickets = self.engine.draws(campaign, self.brand.now()).tickets
            tickets.grant(contact_id, chances.order, "order", str(event.order_id))

    def take_refund(self, event: Any) -> None:
        """Chances of an order that was refunded are revoked as far as they are unused.

        All of them when everything went back, or when what is left of the
        payment no longer reaches what an order has to pay for chances.
        """
        rows = execute(*chances_of_order(event.order_id)).fetchall()
        for campaign_id, contact_id in rows:
            campaign = self.campaigns.by_id(campaign_id)
            (paid,) = execute("SELECT paid_minor FROM orders WHERE id = ?", (event.order_id,)).fetchone()
            if event.full or paid - event.total_minor < max(1, campaign.chances.order_min_minor):
                tickets = self.engine.draws(campaign, self.brand.now()).tickets
                tickets.revoke(contact_id, str(event.order_id), "order")

    def take_event(self, event: Any) -> None:
        """Chances for a check-in (签到) in any campaign: once per day, for every running campaign that gives them."""
        if event.plugin != NAME or event.name != "checked-in":
            return
        contact_id = self.brand.contacts.present(event.contact_id)
        if contact_id is None:
            return
        now = self.brand.now()
        for campaign in self.campaigns.list(states=("published",)):
            if campaign.chances.check_in and campaign.phase(now) == "running" and campaign.phase(event.at) == "running":
                tickets = self.engine.draws(campaign, now).tickets
                tickets.grant(contact_id, campaign.chances.check_in, "check-in", str(self.brand.day(event.at)))

    def take_merge(self, event: Any) -> None:
        """Two players became one: their draws lie together and their counters are added up.

        Undoing a merge gives the draws back and leaves the counters as they are.
        """
        if event.undone:
            merging.hand_back(event.merge_id, event.winner_id, event.loser_id)
            return
        merging.take_over(event.merge_id, event.winner_id, event.loser_id)
        for each in players.fold(event.winner_id, event.loser_id):
            detail = {"person": each.uid, "other": each.other, "after": each.after, "misses": each.misses}
            self.campaigns.note(each.campaign_id, CARRIED, NAME, detail=detail)

    def forget(self, contact_ids: Sequence[int]) -> None:
        """Before the core deletes a person's rows; see :func:`erasing.forget`."""
        erasing.forget(self.desks, contact_ids)

    # Periodic work -----------------------------------------------------------

    def settle(self) -> dict[str, int]:
        """What time brings: retries of grants, forfeits, expired reservations, reveals, and the games' own work."""
        done = {"granted": self.fulfilment.retry(), "forfeited": self.fulfilment.forfeit()}
        done["released"], done["settled"], done["failed"] = self.desks.settle()
        done["forgotten"] = self.acts.forget()
        done["returned"] = means.return_unused(self.brand, self.campaigns)
        done["revealed"] = self._reveal_due(self.brand.now())
        return done

    def _reveal_due(self, now: int) -> int:
        due = 0
        for campaign in self.campaigns.list(states=("published", "ended")):
            ended = campaign.ended_at if campaign.state == "ended" and campaign.ended_at else campaign.ends_at
            if campaign.phase(now) == "over" and ended + self.settings["reveal_hours"] * HOUR_MS <= now:
                with self.brand.transaction():
                    self.campaigns.mark_revealed(campaign, "interaction-games")
                due += 1
        return due


def chances_of_order(order_id: int) -> tuple[str, tuple[str]]:
    """The statement for (campaign, contact) of every entry of chances that an order gave."""
    return (
        "SELECT t.campaign_id, t.contact_id FROM interaction_games_ticket t WHERE t.key = ? AND t.source = 'order'",
        (f"order:{order_id}",),
    )


def games_of(brand: Brand) -> Games:
    """The engine of a brand; raises NotFound where the plugin is switched off."""
    found: Games = brand.plugin(NAME).games  # type: ignore[attr-defined]
    return found
