"""Users (账号) of an installation: people who sign in to pages for staff, each with a role (角色) per brand.

They lie in a database of their own beside the brands': a person works for
several brands, and no brand's backup should carry another's people. Every
method enters that database by itself, so none may be called while a transaction
of a brand is open.

A session is a row; the browser holds a random secret and the row its hash. It
ends when it was not used for a while, when it is too old, when its user signs
out, gets another password or is disabled. Roles are read at each request.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import secrets
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..db import brand_db, in_brand
from ..db.bulk import execute
from ..db.migrations import migrate
from ..errors import Conflict, Invalid, NotFound, TooMany, Unauthorized
from ..limits import LIMITS
from ..services import audit
from ..services.counting import counted
from . import passwords
from .roles import ROLES, role_allows
from .staffing import Staffing

if TYPE_CHECKING:
    from ..installation import Installation

__all__ = ["DATABASE", "ROLES", "SignedIn", "UserView", "Users", "role_allows"]

DATABASE = "_users"
"""The database's name beside those of the brands, whose ids begin with a letter."""

_MIGRATIONS = Path(__file__).parent / "migrations"
_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{1,63}\Z")
_MINUTE, _HOUR, _DAY = 60_000, 3_600_000, 86_400_000
_WINDOW_MS = 15 * _MINUTE
# A session's last use is written this often: a page should not cost a write.
_SEEN_MS = 5 * _MINUTE


@dataclass(frozen=True, slots=True)
class UserView:
    """A user as listed: the role per brand; instants are epoch milliseconds."""

    name: str
    roles: Mapping[str, str]
    created_at: int
    signed_in_at: int | None
    disabled_at: int | None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who a session belongs to, with the role per brand as it is now."""

    user_id: int
    name: str
    roles: Mapping[str, str]

    @property
    def actor(self) -> str:
        """How the user is named in records of who did what."""
        return f"user:{self.name}"

    def allows(self, brand_id: str, permission: str) -> bool:
        """Whether the user's role in a brand includes a permission."""
        return role_allows(self.roles.get(brand_id, ""), permission)


class Users:
    """The users of one installation."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._lock = threading.Lock()
        self._ready = False

    def now(self) -> int:
        """The current instant, from the installation's clock."""
        return self._installation.clock.now()

    # Keeping users -----------------------------------------------------------

    def create(self, name: str, password: str, *, actor: str = "operator") -> str:
        """Make a user, who has no role yet; returns the name as it is kept (lower case).

        Raises Invalid for a name or password that is not accepted, Conflict for a name that is taken.
        """
        name = _folded(name)
        if not _NAME.match(name):
            raise Invalid(
                "a user's name has 2 to 64 of the characters a-z 0-9 . _ @ - and begins with a letter or digit",
                field="name",
            )
        stored = passwords.hashed(password, name)
        with self._changing():
            made = execute(
                "INSERT INTO account (name, password, created_at) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING",
                (name, stored, self.now()),
            )
            if made.rowcount != 1:
                raise Conflict(f"there is a user {name!r} already", code="user_taken")
            audit.record(self, actor, "user.create", f"user:{name}")
        return name

    def set_role(
        self, name: str, brand_id: str, role: str | None, *, actor: str = "operator", keep_owner: bool = False
    ) -> None:
        """Give a user a role in a brand, or with None take it away; it holds from the next request on.

        Raises Invalid for an unknown role, NotFound for an unknown user or brand; with
        ``keep_owner`` Conflict (``last_owner``) when the brand would have no owner left who may sign in.
        """
        name = _folded(name)
        if role is not None:
            self.check_role(brand_id, role)
        with self._changing():
            user_id = self._id(name)
            before = execute(
                "SELECT role FROM account_role WHERE account_id = ? AND brand = ?", (user_id, brand_id)
            ).fetchone()
            if role is None:
                execute("DELETE FROM account_role WHERE account_id = ? AND brand = ?", (user_id, brand_id))
            else:
                execute(
                    "INSERT INTO account_role (account_id, brand, role) VALUES (?, ?, ?) "
                    "ON CONFLICT (account_id, brand) DO UPDATE SET role = excluded.role",
                    (user_id, brand_id, role),
                )
            if keep_owner:
                self._demand_owner(brand_id)
            told = {"brand": brand_id, "before": before[0] if before else None, "after": role}
            audit.record(self, actor, "user.role", f"user:{name}", told)

    def check_role(self, brand_id: str, role: str) -> None:
        """Raise Invalid for an unknown role, NotFound for an unknown brand."""
        if role not in ROLES:
            raise Invalid(f"unknown role {role!r}; roles are {', '.join(ROLES)}", field="role")
        self._installation.brand_file(brand_id)

    def set_password(self, name: str, password: str, *, actor: str = "operator") -> None:
        """Give a user another password; every session of the user ends. Raises Invalid and NotFound."""
        name = _folded(name)
        stored = passwords.hashed(password, name)
        with self._changing():
            user_id = self._id(name)
            execute("UPDATE account SET password = ? WHERE id = ?", (stored, user_id))
            self._end_sessions(user_id)
            audit.record(self, actor, "user.password", f"user:{name}")

    def disable(self, name: str, *, actor: str = "operator", keep_owner: str = "") -> None:
        """Let a user sign in no more; every session of the user ends. Raises NotFound.

        With ``keep_owner``, a brand's id, Conflict (``last_owner``) when it would have no owner left who may sign in.
        """
        name = _folded(name)
        with self._changing():
            user_id = self._id(name)
            execute("UPDATE account SET disabled_at = ? WHERE id = ? AND disabled_at IS NULL", (self.now(), user_id))
            if keep_owner:
                self._demand_owner(keep_owner)
            self._end_sessions(user_id)
            audit.record(self, actor, "user.disable", f"user:{name}")

    def end_sessions(self, name: str, *, actor: str = "operator") -> None:
        """End every session of a user, who may sign in again. Raises NotFound."""
        name = _folded(name)
        with self._changing():
            self._end_sessions(self._id(name))
            audit.record(self, actor, "user.end_sessions", f"user:{name}")

    def enable(self, name: str, *, actor: str = "operator") -> None:
        """Let a disabled user sign in again. Raises NotFound."""
        name = _folded(name)
        with self._changing():
            execute("UPDATE account SET disabled_at = NULL WHERE id = ?", (self._id(name),))
            audit.record(self, actor, "user.enable", f"user:{name}")

    def staffing(self, owner: SignedIn, brand_id: str) -> Staffing:
        """The users of a brand as a signed-in owner keeps them; raises Forbidden for anybody else."""
        return Staffing(self, owner, brand_id)

    def audit(self, *, before: int | None = None, limit: int = LIMITS.page_rows) -> list[audit.AuditEntry]:
        """Who changed which user, and who signed in, newest first."""
        with self._entered():
            return audit.page(before=before, limit=limit)

    def list(self, brand_id: str | None = None) -> list[UserView]:
        """Users by name; of one brand those who have a role in it, and only that role."""
        with self._entered():
            roles: dict[int, dict[str, str]] = {}
            for user_id, brand, role in execute("SELECT account_id, brand, role FROM account_role ORDER BY brand"):
                if brand_id in (None, brand):
                    roles.setdefault(user_id, {})[brand] = role
            rows = execute("SELECT id, name, created_at, signed_in_at, disabled_at FROM account ORDER BY name")
            return [
                UserView(row[1], roles.get(row[0], {}), *row[2:])
                for row in rows.fetchall()
                if brand_id is None or row[0] in roles
            ]

    # Sessions ----------------------------------------------------------------

    def sign_in(self, name: str, password: str, *, network: str) -> str:
        """Begin a session; returns its secret, which is kept nowhere.

        Raises Unauthorized, in the same words and after the same work whether the
        name is unknown, the password wrong or the user disabled, and TooMany when
        the name, the network or both together tried too often.
        """
        name = _folded(name)[:64]
        pair = f"{name} {network}"
        with self._changing():
            execute("DELETE FROM sign_in_count WHERE ends_at <= ?", (self.now(),))
            for key, limit in (
                (f"pair {pair}", LIMITS.sign_ins),
                (f"network {network}", LIMITS.network_sign_ins),
                (f"name {name}", LIMITS.name_sign_ins),
            ):
                # Counted before the password is looked at: however many try at once, no more than the limit are.
                wait = counted("sign_in_count", key, self.now(), _WINDOW_MS, limit)
                if wait:
                    raise TooMany(f"too many tries to sign in; try again in {-(-wait // 60)} minutes", wait)
        with self._entered():
            row = execute("SELECT password FROM account WHERE name = ? AND disabled_at IS NULL", (name,)).fetchone()
        stored = None if row is None else str(row[0])
        if not passwords.fits(stored, password):
            raise Unauthorized("this name and password do not fit", code="sign_in")
        return self._begin(name, str(stored), f"pair {pair}")

    def _begin(self, name: str, stored: str, count: str) -> str:
        secret, now = secrets.token_hex(32), self.now()
        with self._changing():
            begun = execute(
                "INSERT INTO account_session (digest, account_id, created_at, seen_at, expires_at) "
                # A password that was changed, or a user disabled, since it was looked at begins nothing.
                "SELECT ?, id, ?, ?, ? FROM account WHERE name = ? AND password = ? AND disabled_at IS NULL",
                (_digest(secret), now, now, now + LIMITS.session_days * _DAY, name, stored),
            )
            if begun.rowcount != 1:
                raise Unauthorized("this name and password do not fit", code="sign_in")
            execute("DELETE FROM sign_in_count WHERE key = ?", (f"{_WINDOW_MS}:{count}",))
            execute("DELETE FROM account_session WHERE expires_at <= ?", (now,))
            execute("UPDATE account SET signed_in_at = ? WHERE name = ?", (now, name))
            audit.record(self, f"user:{name}", "user.sign_in")
        return secret

    def session(self, secret: str) -> SignedIn | None:
        """Who the session with this secret belongs to; None for one that is unknown or over."""
        now, digest = self.now(), _digest(secret)
        with self._entered():
            rows = execute(
                "SELECT a.id, a.name, s.seen_at, r.brand, r.role FROM account_session s "
                "JOIN account a ON a.id = s.account_id LEFT JOIN account_role r ON r.account_id = a.id "
                "WHERE s.digest = ? AND s.expires_at > ? AND s.seen_at > ? AND a.disabled_at IS NULL",
                (digest, now, now - LIMITS.session_idle_hours * _HOUR),
            ).fetchall()
            if not rows:
                return None
            user_id, name, seen_at = rows[0][:3]
            if now - seen_at >= _SEEN_MS:
                execute("UPDATE account_session SET seen_at = ? WHERE digest = ?", (now, digest))
        return SignedIn(user_id, name, {brand: role for *_, brand, role in rows if brand is not None})

    def sign_out(self, secret: str) -> None:
        """End one session."""
        with self._changing():
            execute("DELETE FROM account_session WHERE digest = ?", (_digest(secret),))

    def sign_out_everywhere(self, user: SignedIn) -> None:
        """End every session of a user."""
        with self._changing():
            self._end_sessions(user.user_id)
            audit.record(self, user.actor, "user.sign_out_everywhere")

    # The database ------------------------------------------------------------

    @contextlib.contextmanager
    def _entered(self) -> Iterator[None]:
        engine = self._installation.engine
        handle = engine.handle(DATABASE)
        if not self._ready:
            with self._lock:
                if not self._ready:
                    engine.create(DATABASE)
                    migrate(handle, "users", _MIGRATIONS)
                    self._ready = True
        with in_brand(handle):
            yield

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        with self._entered(), brand_db.atomic():
            yield

    def _id(self, name: str) -> int:
        row = execute("SELECT id FROM account WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise NotFound(f"no user {name!r}")
        return int(row[0])

    def _demand_owner(self, brand_id: str) -> None:
        held = "" if self._installation.engine.kind == "sqlite" else " FOR UPDATE"
        owner = execute(
            "SELECT r.account_id FROM account_role r JOIN account a ON a.id = r.account_id "
            f"WHERE r.brand = ? AND r.role = 'owner' AND a.disabled_at IS NULL{held}",
            (brand_id,),
        ).fetchall()
        if not owner:
            raise Conflict("the brand would have no owner left who may sign in; name another first", code="last_owner")

    def _end_sessions(self, user_id: int) -> None:
        execute("DELETE FROM account_session WHERE account_id = ?", (user_id,))


def _folded(name: str) -> str:
    return name.strip().lower()


def _digest(secret: str) -> str:
    # 256 random bits need no slow hash.
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
