"""Joining (入会): from a verified identity to a contact with a session, its consents with the words that were shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..db import transactional
from ..errors import Conflict
from ..services.consent import ConsentIn
from ..services.leads import LeadIn
from ..services.resolving import IdentityIn
from ..services.survivors import begin_writing
from .sessions import open_session
from .texts import MARKETING, consent_texts
from .types import Consumer, VerifiedIdentity

if TYPE_CHECKING:
    from ..brands import Brand

SOURCE = "consumer"


@dataclass(frozen=True, slots=True)
class Agreement:
    """What a person agreed to, and where: the language of the words, marketing or not, the page they came from.

    ``privacy`` and ``marketing`` are the versions (hashes) of the words on the
    page; an empty ``marketing`` says that the box was not ticked.
    """

    language: str
    page: str
    privacy: str
    marketing: str = ""


@transactional
def join(
    brand: Brand,
    identities: Sequence[VerifiedIdentity],
    agreement: Agreement,
    *,
    via: str,
    reference: str,
    device: str,
    known_as: Consumer | None = None,
) -> Consumer:
    """Sign a person in who proved ``identities``: found or made, consents recorded, member if the brand wants that.

    ``known_as`` is who the browser is signed in as: a person without a phone,
    known from a strong sign-in, gets the new identity. ``reference`` names this
    joining once. Raises Conflict (``text_changed``) when the words are not those
    agreed to, Veto for an erased person.
    """
    begin_writing()
    now = brand.now()
    consents = tuple(_consents(brand, agreement))
    region = brand.config.phone_region
    proven = [
        IdentityIn.of(each.kind, each.value, each.namespace, verified=True, region=region) for each in identities
    ]
    rows = [*proven, *_own(brand, known_as)]
    if any(brand.contacts.find(each.kind, each.value, each.namespace) is not None for each in rows):
        contact_id = brand.contacts.resolve(rows, at=now, origin=SOURCE).contact_id
        for consent in consents:
            brand.consent.record(
                contact_id,
                consent.purpose,
                granted=True,
                at=now,
                source=SOURCE,
                text_version=consent.text_version,
                evidence=consent.evidence,
            )
    else:
        lead = LeadIn(SOURCE, tuple(rows), now, reference=f"{via}:{reference}", consents=consents)
        contact_id = brand.contacts.capture_lead(lead).contact_id
    if brand.config.consumer.membership and brand.membership.current(contact_id) is None:
        brand.membership.join(contact_id, at=now, source=SOURCE)
    return open_session(brand, contact_id, via, strong=True, device=device)


def _consents(brand: Brand, agreement: Agreement) -> list[ConsentIn]:
    wanted = {"privacy": agreement.privacy, MARKETING: agreement.marketing}
    found = []
    for text in consent_texts(brand, agreement.language):
        version = wanted[text.purpose]
        if not version:
            continue
        if version != text.version:
            raise Conflict("the words have changed meanwhile; please read and agree again", code="text_changed")
        evidence = {"text": text.shown, "language": agreement.language, "page": agreement.page}
        found.append(ConsentIn(text.purpose, text_version=version, evidence=evidence))
    return found


def _own(brand: Brand, known_as: Consumer | None) -> list[IdentityIn]:
    """The identities of whoever is signed in already, when only the phone is missing.

    With a phone on file it may be somebody else's telephone in their hand: two people stay two.
    """
    if known_as is None or not known_as.strong:
        return []
    held = brand.contacts.identities(known_as.contact_id)
    if any(each.kind == "phone" for each in held):
        return []
    return [IdentityIn(each.kind, each.value, each.namespace, verified=True) for each in held if each.verified]
