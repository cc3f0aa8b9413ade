"""Shops (门店), their tills and the clerks (店员) who redeem, each with a PIN."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, Forbidden, Invalid, NotFound, clean_text, execute, transactional

from .guessing import Guesses

if TYPE_CHECKING:
    from scrm_core.api import Brand

ROLES = ("clerk", "manager")
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}\Z")
_PIN = re.compile(r"[0-9]{4,12}\Z", re.ASCII)
# 4 MiB and a hundredth of a second a guess: a sign-in shares its transaction with others, who wait for it. What keeps
# a short PIN from being tried out is the count of wrong ones, not this.
_COST = 2**12


@dataclass(frozen=True, slots=True)
class StoreView:
    """A shop; ``state`` is active or closed."""

    id: int
    code: str
    name: str
    state: str


@dataclass(frozen=True, slots=True)
class ClerkView:
    """A clerk or manager; ``store`` is the code of their shop, None when they work in every one."""

    id: int
    code: str
    name: str
    store: str | None
    role: str
    state: str
    contact_id: int | None


@dataclass(frozen=True, slots=True)
class TerminalView:
    """A till of a shop."""

    id: int
    code: str
    store_id: int


class Stores:
    """Shops and clerks of one brand; call it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: dict[str, Any]) -> None:
        self.brand = brand
        self.guesses = Guesses(brand, settings)

    # Shops ---------------------------------------------------------------------

    @transactional
    def add_store(self, code: str, name: str = "") -> StoreView:
        """Add a shop or rename it; the same one again changes nothing."""
        code = _code(code, "store")
        execute(
            "INSERT INTO coupon_threshold_store (code, name, state, created_at) VALUES (?, ?, 'active', ?) "
            "ON CONFLICT (code) DO UPDATE SET name = excluded.name, state = 'active'",
            (code, clean_text(name, field="name", max_length=100), self.brand.now()),
        )
        return self.store(code)

    @transactional
    def close_store(self, code: str) -> StoreView:
        """Close a shop: nothing is redeemed in it any more; raises NotFound."""
        self.store(code, any_state=True)
        execute("UPDATE coupon_threshold_store SET state = 'closed' WHERE code = ?", (code,))
        return self.store(code, any_state=True)

    def store(self, code: str, *, any_state: bool = False) -> StoreView:
        """A shop that is open; raises NotFound, and Conflict when it is closed."""
        row = execute("SELECT id, code, name, state FROM coupon_threshold_store WHERE code = ?", (code,)).fetchone()
        if row is None:
            raise NotFound(f"no shop {code[:60]!r}")
        store = StoreView(*row)
        if store.state != "active" and not any_state:
            raise Conflict(f"the shop {code!r} is closed", code="store_closed")
        return store

    def stores(self) -> list[StoreView]:
        """All shops, by code."""
        rows = execute("SELECT id, code, name, state FROM coupon_threshold_store ORDER BY code").fetchall()
        return [StoreView(*row) for row in rows]

    def terminal(self, code: str, store: StoreView) -> TerminalView:
        """The till of a shop, noted when it is first used; raises Conflict when it belongs to another shop."""
        code = _code(code, "terminal")
        execute(
            "INSERT INTO coupon_threshold_terminal (code, store_id, state, created_at) VALUES (?, ?, 'active', ?) "
            "ON CONFLICT (code) DO NOTHING",
            (code, store.id, self.brand.now()),
        )
        row = execute(
            "SELECT id, code, store_id, state FROM coupon_threshold_terminal WHERE code = ?", (code,)
        ).fetchone()
        if row[2] != store.id:
            raise Conflict(f"the till {code!r} belongs to another shop", code="terminal_elsewhere")
        if row[3] != "active":
            raise Conflict(f"the till {code!r} is closed", code="terminal_closed")
        return TerminalView(*row[:3])

    # Clerks --------------------------------------------------------------------

    @transactional
    def add_clerk(
        self,
        code: str,
        pin: str,
        *,
        name: str = "",
        store: str | None = None,
        role: str = "clerk",
        contact: str | None = None,
    ) -> ClerkView:
        """Add a clerk, or give an existing one a new PIN, shop, role and name; the PIN has 4 to 12 digits.

        ``contact`` is the uid of the clerk as a customer: they cannot redeem their own coupons.
        """
        code = _code(code, "clerk")
        if not isinstance(pin, str) or not _PIN.match(pin):
            raise Invalid("pin: 4 to 12 digits", field="pin")
        if len(set(pin)) == 1 or pin in "01234567890123456789 98765432109876543210":
            raise Invalid("pin: not the same digit again and again, and no sequence", field="pin")
        if role not in ROLES:
            raise Invalid(f"role is one of {', '.join(ROLES)}", field="role")
        store_id = None if store is None else self.store(store).id
        contact_id = None if contact is None else self.brand.contacts.get(contact).id
        name = clean_text(name, field="name", max_length=100)
        execute(
            "INSERT INTO coupon_threshold_clerk (code, name, store_id, contact_id, role, digest, state, created_at) "
            "VALUES (?, ?, ?, ?, ?, ?, 'active', ?) ON CONFLICT (code) DO UPDATE SET name = excluded.name, "
            "store_id = excluded.store_id, contact_id = excluded.contact_id, role = excluded.role, "
            "digest = excluded.digest, state = 'active'",
            (code, name, store_id, contact_id, role, _hashed(pin), self.brand.now()),
        )
        return self.clerk(code)

    @transactional
    def disable_clerk(self, code: str) -> ClerkView:
        """Let a clerk redeem no more; raises NotFound."""
        self.clerk(code)
        execute("UPDATE coupon_threshold_clerk SET state = 'closed' WHERE code = ?", (code,))
        return self.clerk(code)

    def clerk(self, code: str) -> ClerkView:
        """A clerk by code; raises NotFound."""
        found = self._clerks("k.code = ?", code)
        if not found:
            raise NotFound(f"no clerk {code[:60]!r}")
        return found[0]

    def clerks(self) -> list[ClerkView]:
        """All clerks, by code."""
        return self._clerks("1 = 1")

    @staticmethod
    def _clerks(where: str, *values: Any) -> list[ClerkView]:
        rows = execute(
            "SELECT k.id, k.code, k.name, s.code, k.role, k.state, k.contact_id FROM coupon_threshold_clerk k "
            f"LEFT JOIN coupon_threshold_store s ON s.id = k.store_id WHERE {where} ORDER BY k.code",
            values,
        ).fetchall()
        return [ClerkView(*row) for row in rows]

    def pin_mark(self, code: str) -> str:
        """What tells a clerk's present PIN from every earlier one, and nothing of either; raises NotFound."""
        row = execute("SELECT digest FROM coupon_threshold_clerk WHERE code = ?", (code,)).fetchone()
        if row is None:
            raise NotFound(f"no clerk {code[:60]!r}")
        return hashlib.sha256(row[0].encode()).hexdigest()[:32]

    def at_work(self, code: str, store: StoreView) -> ClerkView:
        """A clerk who may act in a shop; raises Forbidden for one who is disabled, unknown or of another shop."""
        found = self._clerks("k.code = ?", code)
        if not found or found[0].state != "active" or found[0].store not in (None, store.code):
            raise Forbidden(f"no clerk {code[:60]!r} works in shop {store.code!r}", code="clerk")
        return found[0]

    @transactional
    def sign_in(self, store: str, clerk: str, pin: str, *, network: str = "") -> ClerkView | None:
        """The clerk whose PIN this is, or None: wrong, unknown, disabled, of another shop or locked, all alike.

        Wrong PINs are counted per clerk and per network; ten lock it, so that
        nobody tries them out. Ask :meth:`locked_until` for how long. The answer
        is None and no error, because an error would take the count back.
        """
        subjects = _subjects(clerk, network)
        if self.guesses.locked_until(subjects) is not None:
            return None
        row = execute(
            "SELECT k.digest FROM coupon_threshold_clerk k JOIN coupon_threshold_store s ON s.code = ? "
            "WHERE k.code = ? AND k.state = 'active' AND s.state = 'active' "
            "AND (k.store_id IS NULL OR k.store_id = s.id)",
            (store, clerk),
        ).fetchone()
        # An unknown clerk takes as long as a known one.
        if not _matches(pin, row[0] if row is not None else _NOBODY) or row is None:
            self.guesses.failed(subjects)
            return None
        self.guesses.forgive(subjects[0])
        return self.clerk(clerk)

    def locked_until(self, clerk: str, network: str = "") -> int | None:
        """Until when a clerk or network is locked, or None."""
        return self.guesses.locked_until(_subjects(clerk, network))


def _subjects(clerk: str, network: str) -> list[str]:
    return [f"pin:{clerk[:100]}", *([f"pin-network:{network}"] if network else [])]


def _code(value: str, field: str) -> str:
    if not isinstance(value, str) or not _CODE.match(value):
        raise Invalid(f"{field}: 1 to 40 letters, digits, '-' or '_'", field=field)
    return value


def _hashed(pin: str) -> str:
    salt = secrets.token_bytes(16)
    return f"scrypt${_COST}${salt.hex()}${_scrypt(pin, salt, _COST).hex()}"


def _scrypt(pin: str, salt: bytes, cost: int) -> bytes:
    return hashlib.scrypt(pin.encode(), salt=salt, dklen=32, n=cost, r=8, p=1)


def _matches(pin: str, digest: str) -> bool:
    _, cost, salt, hashed = digest.split("$")
    computed = _scrypt(pin, bytes.fromhex(salt), int(cost))
    return hmac.compare_digest(computed, bytes.fromhex(hashed)) and bool(_PIN.match(pin))


_NOBODY = f"scrypt${_COST}${'00' * 16}${'00' * 32}"
