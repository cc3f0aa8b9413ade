"""Whether a message may go to somebody: consent, do-not-contact, caps. One set of rules for queue, preview and claim.

The claim that precedes each send asks again, whatever was true when the message
was queued; only what it answers decides. A reason is a stable word that stays
with the message.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from ..clock import MS_PER_DAY, day_start, from_instant
from ..db import current_handle
from ..db.bulk import execute, fetch_in
from ..errors import Invalid
from ..values.identities import is_mobile, normalise
from ..values.masking import mask
from .hours import Quiet

if TYPE_CHECKING:
    from ..brands import Brand
    from ..config import ChannelPolicy

ADDRESS_KINDS = {"sms": "phone", "wecom": "external_userid"}
"""The identity kind whose value is a channel's address."""


def normal_address(channel: str, raw: object, region: str) -> str:
    """An address as it is kept; an empty channel means phones. Raises Invalid."""
    try:
        return normalise(ADDRESS_KINDS.get(channel, "phone"), raw, region=region)
    except Invalid as exc:
        raise Invalid(exc.message, field="address", code=exc.code) from None


def shown_address(channel: str, address: str) -> str:
    """An address masked."""
    return mask(ADDRESS_KINDS.get(channel, "phone"), address) or ""


COUNTED = "('sending', 'sent', 'delivered', 'unknown')"
"""States of messages that reached a person, or may have: what caps count."""

Party = tuple[int | None, str | None]
"""Whom a message is for: a contact's id or None, and the address."""


class Judge:
    """The rules for one channel and kind of message of a brand; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, channel: str, kind: str) -> None:
        self.brand = brand
        self.channel = channel
        self.address_kind = ADDRESS_KINDS[channel]
        self.commercial = kind in brand.config.outreach.opt_in
        self.policy: ChannelPolicy = brand.config.outreach.of(channel)

    @property
    def quiet(self) -> Quiet | None:
        """The quiet hours that hold for these messages; None for none."""
        return self.policy.quiet if self.commercial else None

    @property
    def purpose(self) -> str:
        """The consent that commercial messages of the channel need."""
        return f"marketing_{self.channel}"

    def owners(self, addresses: Sequence[str]) -> dict[str, int]:
        """The contact behind each address that is somebody's identity."""
        rows = fetch_in(
            "SELECT value, contact_id FROM identity WHERE kind = ? AND namespace = '' AND value IN ({in})",
            sorted(set(addresses)),
            [self.address_kind],
        )
        return dict(rows)

    def reasons(self, parties: Sequence[Party]) -> list[str]:
        """Why each may not be written to, apart from caps; an empty text where nothing speaks against it."""
        contacts = sorted({contact for contact, _ in parties if contact is not None})
        addresses = sorted({address for _, address in parties if address is not None})
        standing = fetch_in("SELECT id FROM contact WHERE state = 'active' AND id IN ({in})", contacts)
        active = {row[0] for row in standing}
        agreed = self._agreed(contacts) if self.commercial else set()
        listed = self._listed(addresses)
        strangers = [address for contact, address in parties if contact is None and address is not None]
        erased = self.brand.contacts.suppressions.among([(self.address_kind, "", each) for each in strangers])
        return [self._reason(party, active, agreed, listed, {key[2] for key in erased}) for party in parties]

    def _reason(
        self, party: Party, active: set[int], agreed: set[int], listed: set[str], erased: set[str]
    ) -> str:
        contact, address = party
        if address is None:
            return "no_address"
        if self.address_kind == "phone" and not is_mobile(address):
            return "not_mobile"
        if contact is not None and contact not in active:
            return "inactive"
        if address in listed or (contact is None and address in erased):
            return "do_not_contact"
        return "no_consent" if self.commercial and contact not in agreed else ""

    def _agreed(self, contacts: Sequence[int]) -> set[int]:
        rows = fetch_in(
            "SELECT contact_id, granted FROM consent WHERE purpose = ? AND channel = '' AND contact_id IN ({in}) "
            "ORDER BY at, id",
            contacts,
            [self.purpose],
        )
        # SQLite asks in chunks of contacts, each of them in order: the last row of a contact is its last word.
        return {contact for contact, granted in dict(rows).items() if granted == 1}

    def _listed(self, addresses: Sequence[str]) -> set[str]:
        scopes = "('commercial', 'all')" if self.commercial else "('all')"
        rows = fetch_in(
            f"SELECT address FROM do_not_contact WHERE channel IN (?, '') AND scope IN {scopes} "
            "AND lifted_at IS NULL AND address IN ({in})",
            addresses,
            [self.channel],
        )
        return {row[0] for row in rows}

    def capped(self, contacts: Sequence[int], now: int) -> dict[int, str]:
        """Those of the contacts that have had all that the caps allow, with the cap's name.

        Call it with the contacts locked: two claims must not count at the same time.
        """
        if not self.commercial:
            return {}
        kinds = sorted(self.brand.config.outreach.opt_in)
        marks = ", ".join("?" * len(kinds))
        sent: dict[int, list[tuple[int, str]]] = {}
        for contact, at, channel in fetch_in(
            f"SELECT m.contact_id, m.sent_at, r.channel FROM message m JOIN outreach_run r ON r.id = m.run_id "
            f"WHERE m.sent_at > ? AND m.state IN {COUNTED} AND r.kind IN ({marks}) AND m.contact_id IN ({{in}})",
            sorted(set(contacts)),
            [now - 31 * MS_PER_DAY, *kinds],
        ):
            sent.setdefault(contact, []).append((at, channel))
        named = ((contact, self._cap_of(sent.get(contact, []), now)) for contact in contacts)
        return {contact: cap for contact, cap in named if cap}

    def _cap_of(self, sent: list[tuple[int, str]], now: int) -> str:
        here = [at for at, channel in sent if channel == self.channel]
        for name, cap, times, since in (
            ("cap_week", self.brand.config.outreach.one_to_one_per_week, [at for at, _ in sent], self.week_start(now)),
            ("cap_7_days", self.policy.per_7_days, here, now - 7 * MS_PER_DAY),
            ("cap_30_days", self.policy.per_30_days, here, now - 30 * MS_PER_DAY),
        ):
            if cap is not None and sum(at > since for at in times) >= cap:
                return name
        return ""

    def week_start(self, now: int) -> int:
        """The instant after which messages count for the weekly cap."""
        if not self.brand.config.outreach.calendar_week:
            return now - 7 * MS_PER_DAY
        today = from_instant(now, self.brand.zone).date()
        return day_start(today - timedelta(days=today.weekday()), self.brand.zone) - 1


def hold_contacts(contacts: Sequence[int]) -> None:
    """Lock contacts in one order, so that claims of one person's messages follow one another."""
    if contacts and current_handle().engine != "sqlite":
        execute("SELECT id FROM contact WHERE id = ANY(?) ORDER BY id FOR NO KEY UPDATE", [sorted(set(contacts))])
