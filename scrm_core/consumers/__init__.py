"""Customers on pages (消费者页面): signed sessions, one-person links, phone codes, joining, sign-ins elsewhere.

A page never believes a request's body about who somebody is: the session says
it, and a session begins only here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..clock import MS_PER_DAY
from ..db import transactional
from ..db.bulk import execute
from . import codes, joining, links, sessions, signins
from .codes import Challenge
from .joining import Agreement
from .links import LinkView
from .sealing import Seals
from .texts import ConsentText, consent_texts
from .types import Consumer, SignInNeeded, VerifiedIdentity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..brands import Brand

__all__ = [
    "Agreement",
    "Challenge",
    "ConsentText",
    "Consumer",
    "Consumers",
    "LinkView",
    "SignInNeeded",
    "VerifiedIdentity",
]

_KEPT_DAYS = 30


class Consumers:
    """The customers of a brand as its pages meet them; use it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand
        self.seals = Seals(brand)
        # Behind a proxy the installation may live below a path of its own.
        self.root = f"{urlsplit(brand.installation.config.base_url).path}/p/{brand.id}/"
        """The path below which the brand's pages lie, as browsers see it."""

    # Sessions ----------------------------------------------------------------

    def sign_in(self, contact_id: int, via: str, *, strong: bool, device: str = "") -> Consumer:
        """Begin a session; raises NotFound for a contact that is unknown or erased."""
        return sessions.open_session(self.brand, contact_id, via, strong=strong, device=device)

    def session(self, uid: str) -> Consumer | None:
        """Whom a session speaks for now; None once it ended, expired or its person was erased."""
        return sessions.find_session(self.brand, uid)

    def sign_out(self, uid: str) -> bool:
        """End a session; False when it was over already."""
        return sessions.end_session(self.brand, uid)

    def sign_out_everywhere(self, contact_id: int) -> int:
        """End every session of a contact; returns how many there were."""
        return sessions.end_sessions(self.brand, contact_id)

    # One-person links --------------------------------------------------------

    @transactional
    def link(self, contact_id: int, path: str, *, hours: int = 72) -> str:
        """The absolute address of a one-person link (专属链接) to a page of the brand.

        ``path`` lies below ``/p/<brand>/`` and may be given from there or whole.
        The link is good for one browser, for ``hours`` (1 to 8,760). Raises
        Invalid for another path or time, and NotFound for the contact.
        """
        return links.make(self.brand, contact_id, path, hours=hours)

    def look_at_link(self, token: str) -> LinkView:
        """What a one-person link shows; writes nothing. Raises NotFound for an unknown one."""
        return links.look(self.brand, token)

    def use_link(self, token: str, digits: str, *, device: str) -> tuple[LinkView, Consumer | None]:
        """Answer a link's question: the session that begins, or None for a wrong answer; raises Gone once over."""
        return links.use(self.brand, token, digits, device=device)

    # Joining -----------------------------------------------------------------

    def texts(self, language: str) -> tuple[ConsentText, ConsentText]:
        """The privacy text and the marketing text in ``zh`` or ``en``."""
        return consent_texts(self.brand, language)

    def sends_codes(self) -> bool:
        """Whether joining by a code is possible now; see :func:`scrm_core.consumers.codes.possible`."""
        return codes.possible(self.brand)

    def send_code(self, phone: str, *, uid: str, device: str, network: str, language: str) -> Challenge:
        """Send a code to a phone; see :func:`scrm_core.consumers.codes.ask`."""
        return codes.ask(self.brand, phone, uid=uid, device=device, network=network, language=language)

    @transactional
    def enter_code(
        self,
        challenge: Challenge,
        code: str,
        agreement: Agreement,
        *,
        device: str,
        known_as: Consumer | None = None,
    ) -> Consumer | int:
        """Join by a code: the session that begins, or how many tries are left after a wrong code.

        Raises Gone when the code is not good any more, Conflict when the words
        of the consent have changed meanwhile, Veto for an erased person.
        """
        if not codes.check(self.brand, challenge, code, device=device):
            return codes.tries_left(self.brand, challenge)
        return joining.join(
            self.brand,
            [VerifiedIdentity("phone", challenge.phone)],
            agreement,
            via="phone-code",
            reference=challenge.uid,
            device=device,
            known_as=known_as,
        )

    # Sign-ins elsewhere ------------------------------------------------------

    def sign_ins(self, agent: str) -> list[tuple[str, str]]:
        """(name, title) of the sign-ins of plugins that work in this browser."""
        return signins.offered(self.brand, agent)

    def begin_sign_in(self, name: str, *, device: str) -> tuple[str, str]:
        """Where to send the browser, and the nonce that comes back with it; raises NotFound."""
        return signins.begin(self.brand, name, device=device)

    def use_state(self, name: str, state: str, *, device: str) -> str:
        """Use up the state with which a browser came back; returns its nonce. Raises Forbidden or Gone."""
        return signins.use_state(self.brand, name, state, device=device)

    def finish_sign_in(
        self,
        name: str,
        nonce: str,
        args: Mapping[str, str],
        agreement: Agreement,
        *,
        device: str,
        known_as: Consumer | None = None,
    ) -> Consumer:
        """Ask the plugin who came back, outside any transaction, and sign that person in."""
        identities = signins.finish(self.brand, name, args)
        return joining.join(
            self.brand, identities, agreement, via=name, reference=nonce, device=device, known_as=known_as
        )

    # Housekeeping ------------------------------------------------------------

    @transactional
    def forget_old(self) -> int:
        """Delete sessions, links, codes and counts that ended more than 30 days ago; a daily job. Returns how many."""
        before = self.brand.now() - _KEPT_DAYS * MS_PER_DAY
        gone = 0
        for table, column in (
            ("consumer_session", "expires_at"),
            ("consumer_link", "expires_at"),
            ("consumer_code", "expires_at"),
            ("consumer_count", "ends_at"),
            ("consumer_state", "at"),
        ):
            gone += int(execute(f"DELETE FROM {table} WHERE {column} < ?", (before,)).rowcount)
        return gone
