"""Roles (角色): what a user may do in a brand, in the words of the scopes that routes need."""

from __future__ import annotations

ROLES = {
    "owner": "everything, users too",
    "operator": "everything but users",
    "clerk": "contacts, their tags, orders and rewards, to look at",
    "analyst": "reports, counts of segments and how plugins fare; no single person",
}
_OWNERS_AREA = "users"
_READS = {
    "clerk": frozenset(("contacts:read", "tags:read", "orders:read", "rewards:read")),
    "analyst": frozenset(("reports:read", "segments:read", "plugins:read")),
}


def role_allows(role: str, permission: str) -> bool:
    """Whether a role includes a permission (scope) of a route, the core's or a plugin's."""
    if role == "owner":
        return True
    if role == "operator":
        return permission.partition(":")[0] != _OWNERS_AREA
    return permission in _READS.get(role, ())
