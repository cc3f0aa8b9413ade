"""Passwords: what is accepted, and the hash that is kept (scrypt, RFC 7914)."""

from __future__ import annotations

import unicodedata

from werkzeug.security import check_password_hash, generate_password_hash

from ..errors import Invalid
from ..limits import LIMITS

# 32 MiB and about a fifth of a second; OWASP's cheat sheet on storing passwords names this triple.
_METHOD = "scrypt:32768:8:3"
# Compared with where there is no such user, so that both refusals take the same work.
_NOBODY = f"{_METHOD}$0000000000000000${'0' * 128}"


def hashed(password: str, name: str) -> str:
    """The hash of a new password of the user ``name``; raises Invalid for one that is too short, too long or the name.

    No character has to be of some kind (NIST SP 800-63B): length is what counts.
    """
    password = _normal(password)
    if not LIMITS.password_chars <= len(password) <= LIMITS.name:
        raise Invalid(
            f"a password has {LIMITS.password_chars} to {LIMITS.name} characters; a sentence is a good one",
            field="password",
        )
    if name in password.lower() and len(name) * 2 > len(password):
        raise Invalid("the password is mostly the user's name; choose another", field="password")
    if len(set(password)) < 5:
        raise Invalid("the password has fewer than five different characters; choose another", field="password")
    return generate_password_hash(password, _METHOD)


def fits(stored: str | None, password: str) -> bool:
    """Whether a password is the one of a stored hash; without one the answer is no, after the same work."""
    good = check_password_hash(stored or _NOBODY, _normal(password[: LIMITS.name]))
    return good and stored is not None and len(password) <= LIMITS.name


def _normal(password: str) -> str:
    # The same word typed on two keyboards is the same password.
    return unicodedata.normalize("NFKC", password)
