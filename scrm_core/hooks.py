"""Every hook a plugin can implement, by section, with its contract.

The prefix says when a hook runs and what an exception means:

``on_*``
    After commit, from the event log, in the worker. The plugin's writes and
    its cursor commit together. An exception rolls the plugin's work on the
    event back; the event is parked and retried; other plugins are unaffected.
``check_*``
    Inside the request's transaction. Raise :class:`scrm_core.api.Veto` to
    refuse; anything else is an error that names the plugin.
``filter_*``
    Inline, in the order of the brand's configuration. Returns a new value, or
    None to leave it as it is. An exception makes the operation fail.
``collect_*``
    Inline, on read paths. An exception is logged and that plugin's part is
    shown as unavailable.

A hook takes exactly one argument besides ``self``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar, overload

import pluggy

from .carts import Cart
from .facts import (
    ContactMerged,
    ExperimentMeasure,
    ExperimentQuery,
    LeadCaptured,
    LeadDraft,
    LinkVisited,
    MemberJoined,
    MessageDraft,
    MessageReceived,
    MessageStatus,
    MetricsQuery,
    MetricValue,
    OrderDraft,
    OrderEffect,
    OrderPaid,
    OrderQuery,
    PartnerMessage,
    PersonQuery,
    PluginEvent,
    RefundMade,
    TagAdded,
    TagRemoved,
)

PROJECT = "scrm"
_marker = pluggy.HookspecMarker(PROJECT)
_impl = pluggy.HookimplMarker(PROJECT)
F = TypeVar("F", bound=Callable[..., Any])


@overload
def hookimpl(function: F) -> F: ...
@overload
def hookimpl(*, backfill: bool = False) -> Callable[[F], F]: ...
def hookimpl(function: F | None = None, *, backfill: bool = False) -> F | Callable[[F], F]:
    """Mark a plugin's method as the implementation of the hook of the same name.

    ``backfill=True`` on an ``on_*`` hook also delivers events that an import
    wrote as history; without it they pass the plugin by.
    """

    def mark(target: F) -> F:
        marked: F = _impl(target)
        marked.scrm_backfill = backfill  # type: ignore[attr-defined]
        return marked

    return mark if function is None else mark(function)


def _spec(since: str) -> Callable[[F], F]:
    """Declare a hook that is there since a version."""

    def mark(function: F) -> F:
        marked: F = _marker(function)
        marked.scrm_since = since  # type: ignore[attr-defined]
        return marked

    return mark


class HookSpecs:
    """The hooks. ``Plugin`` inherits them, so a wrong argument type is a type error."""

    # Events ------------------------------------------------------------------

    @_spec("0.1.0")
    def on_lead(self, event: LeadCaptured) -> None:
        """A lead was captured. Not sent again when the same lead is posted or imported again."""

    @_spec("0.1.0")
    def on_tag(self, event: TagAdded) -> None:
        """A contact got a tag. Not sent when the contact already had it."""

    @_spec("0.1.0")
    def on_untag(self, event: TagRemoved) -> None:
        """A contact lost a tag. Not sent for merges, which move tags silently."""

    @_spec("0.1.0")
    def on_order(self, event: OrderPaid) -> None:
        """An order is paid. Sent once per order, when it is first seen paid; not for later changes.

        Nothing is sent when the order is closed later, or when its buyer becomes known after it was sent without one:
        what depends on that is looked at by a job (``self.brand.orders``, ``valid``).
        """

    @_spec("0.1.0")
    def on_refund(self, event: RefundMade) -> None:
        """A refund succeeded for a known order. A refund that came first is sent once its order is there.

        Not sent for an order that is told as closed or refunded without a refund: only a refund has an amount.
        """

    @_spec("0.1.0")
    def on_visit(self, event: LinkVisited) -> None:
        """A short link was opened by a person. Not sent for bots and link previews."""

    @_spec("0.1.0")
    def on_message_in(self, event: MessageReceived) -> None:
        """Somebody wrote to the brand. Not sent for opt-outs and re-subscriptions, nor for repetitions."""

    @_spec("0.1.0")
    def on_message_status(self, event: MessageStatus) -> None:
        """A message was delivered, failed, expired or became unknown. Not sent when a gateway accepts it."""

    @_spec("0.1.0")
    def on_contact_merged(self, event: ContactMerged) -> None:
        """Two contacts became one, or a merge was undone. Foreign keys to Contact are already re-pointed."""

    @_spec("0.1.0")
    def on_member(self, event: MemberJoined) -> None:
        """A contact became a member. Sent again when it joins again after leaving."""

    @_spec("0.1.0")
    def on_event(self, event: PluginEvent) -> None:
        """A plugin told an event of its own (``brand.emit``). Every plugin hears it, the one that told it too."""

    @_spec("0.1.0")
    def on_partner_message(self, event: PartnerMessage) -> None:
        """A partner's message came. Not sent for one that was refused, nor again for a repetition."""

    # Guards ------------------------------------------------------------------

    @_spec("0.1.0")
    def check_lead(self, draft: LeadDraft) -> None:
        """A lead is about to be written; raise Veto to refuse it."""

    @_spec("0.1.0")
    def check_order(self, draft: OrderDraft) -> None:
        """A new order is about to be written; raise Veto to refuse it. Not asked for updates."""

    @_spec("0.1.0")
    def check_message(self, draft: MessageDraft) -> None:
        """A message of any plugin is about to be sent; raise Veto to keep it back. Asked in the claim, per message."""

    # Pipelines ---------------------------------------------------------------

    @_spec("0.1.0")
    def filter_cart(self, cart: Cart) -> Cart | None:
        """A cart is priced: return it with the plugin's discounts, refusals and gifts added. Writes nothing."""

    # Gathering ---------------------------------------------------------------

    @_spec("0.1.0")
    def collect_metrics(self, query: MetricsQuery) -> Iterable[MetricValue]:  # type: ignore[empty-body]
        """Values of the plugin's declared metrics per day; core stores them as day rollups."""

    @_spec("0.1.0")
    def collect_experiment(self, query: ExperimentQuery) -> Iterable[ExperimentMeasure]:  # type: ignore[empty-body]
        """What the arms of an experiment brought, where its owner counts that itself; it only reads.

        What was recorded with ``brand.experiments.record`` is counted by the core and needs no answer.
        """

    @_spec("0.1.0")
    def collect_order(self, query: OrderQuery) -> Iterable[OrderEffect]:  # type: ignore[empty-body]
        """What the plugin did because of an order and took back again, oldest first; it only reads."""

    @_spec("0.1.0")
    def collect_personal_data(self, query: PersonQuery) -> dict[str, Any]:  # type: ignore[empty-body]
        """What the plugin holds about a person outside models with a foreign key to Contact."""


HOOK_NAMES = tuple(name for name in vars(HookSpecs) if hasattr(getattr(HookSpecs, name), f"{PROJECT}_spec"))
EVENT_HOOKS = tuple(name for name in HOOK_NAMES if name.startswith("on_"))

# (version, hook, what changed): every change behind a hook's first version, oldest first.
HOOK_CHANGES: tuple[tuple[str, str, str], ...] = ()


def hook_history() -> list[tuple[str, str, str]]:
    """(version, hook, change) of every hook since it is there, by version and in the order of the hooks."""
    new = [(getattr(HookSpecs, name).scrm_since, name, "new") for name in HOOK_NAMES]
    return sorted([*new, *HOOK_CHANGES], key=lambda row: tuple(map(int, row[0].split("."))))
