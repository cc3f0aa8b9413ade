"""The users of one brand as its owner keeps them: what an owner may do to people who work for other brands too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import Forbidden, NotFound

if TYPE_CHECKING:
    from . import SignedIn, Users, UserView


class Staffing:
    """Acts of a signed-in owner on the users of a brand; the same acts as ``scrm user``, with less reach.

    A role concerns the brand alone. Disabling concerns every brand that the person
    works for, so it takes an owner of each of them. The brand keeps an owner who
    may sign in. Call it outside any transaction of a brand.
    """

    def __init__(self, users: Users, owner: SignedIn, brand_id: str) -> None:
        if not owner.allows(brand_id, "users:write"):
            raise Forbidden("only an owner keeps the users of a brand", code="role")
        self._users = users
        self._owner = owner
        self._brand_id = brand_id

    def create(self, name: str, password: str, role: str) -> str:
        """Make a user with a role in the brand; raises Invalid, and Conflict for a name that is taken."""
        self._users.check_role(self._brand_id, role)
        name = self._users.create(name, password, actor=self._owner.actor)
        self._users.set_role(name, self._brand_id, role, actor=self._owner.actor)
        return name

    def give(self, name: str, role: str | None) -> None:
        """Give a user of the installation a role in the brand, or with None take it away.

        Raises NotFound for an unknown name, Invalid for an unknown role, Conflict (``last_owner``).
        """
        self._users.set_role(name, self._brand_id, role, actor=self._owner.actor, keep_owner=True)

    def disable(self, name: str) -> None:
        """Let a user sign in no more; raises Forbidden (``other_brands``), NotFound, Conflict (``last_owner``)."""
        self._demand_all_of(name)
        self._users.disable(name, actor=self._owner.actor, keep_owner=self._brand_id)

    def enable(self, name: str) -> None:
        """Let a disabled user sign in again; raises Forbidden (``other_brands``) and NotFound."""
        self._demand_all_of(name)
        self._users.enable(name, actor=self._owner.actor)

    def end_sessions(self, name: str) -> None:
        """End every session of a user of the brand, who may sign in again; raises NotFound."""
        self._of_brand(name)
        self._users.end_sessions(name, actor=self._owner.actor)

    def _of_brand(self, name: str) -> UserView:
        found = next((user for user in self._users.list() if user.name == name), None)
        if found is None or self._brand_id not in found.roles:
            raise NotFound(f"no user {name!r} works for this brand")
        return found

    def _demand_all_of(self, name: str) -> None:
        if any(not self._owner.allows(brand, "users:write") for brand in self._of_brand(name).roles):
            raise Forbidden(
                f"{name!r} works for another brand too; take the role of this one away instead", code="other_brands"
            )
