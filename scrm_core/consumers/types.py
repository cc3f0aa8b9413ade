"""What the consumer frame hands out: who is signed in, and that nobody is."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ScrmError


@dataclass(frozen=True, slots=True)
class Consumer:
    """The customer a page request speaks for.

    ``contact_id`` is the active contact, ``session`` the unguessable id of the
    signed-in session. ``via`` is how it began: "link", "phone-code" or the name
    of a plugin's sign-in. ``strong`` says that the person proved possession of
    a phone or an account, and not only knowledge of four digits.
    """

    contact_id: int
    session: str
    via: str
    strong: bool


@dataclass(frozen=True, slots=True)
class VerifiedIdentity:
    """An identity that a sign-in elsewhere vouches for: kind, value and, for openid and the like, the namespace."""

    kind: str
    value: str
    namespace: str = ""


class SignInNeeded(ScrmError):
    """The page needs a signed-in customer and has none; a person is shown the join page."""

    status = 401
    code = "sign_in_needed"

    def __init__(self) -> None:
        super().__init__("sign in first: this is for people the shop knows")
