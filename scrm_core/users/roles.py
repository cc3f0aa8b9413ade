"""Roles (角色): what a user may do in a brand, in the words of the scopes that routes need."""

from __future__ import annotations

ROLES = {
    "owner": "everything, users and API keys too",
    "operator": "everything but users and API keys",
    "clerk": "contacts, their tags, orders and rewards, to look at",
    "analyst": "reports, counts of segments and how plugins fare; no single person",
}
# Who gives others a way in gives them more than a session: what a key may do outlives its maker's role.
_OWNERS_AREAS = frozenset(("users", "keys"))
STAFF_PERMISSIONS = {
    "users:write": "make users, give roles, disable and sign out",
    "keys:read": "see API keys, never their secrets",
    "keys:write": "make and revoke API keys",
    "settings:read": "see the settings of plugins, never secrets",
    "settings:write": "change the settings of plugins in the brand's file",
    "imports:write": "send files in, try and import them",
    "privacy:write": "export all that is known of a person, and erase them",
}
"""Permissions of roles alone: no API key can have them, so none can give itself or others more than it was given."""
_READS = {
    "clerk": frozenset(("contacts:read", "tags:read", "orders:read", "rewards:read")),
    "analyst": frozenset(("reports:read", "segments:read", "plugins:read")),
}


def role_allows(role: str, permission: str) -> bool:
    """Whether a role includes a permission (scope) of a route, the core's or a plugin's."""
    if role == "owner":
        return True
    if role == "operator":
        return permission.partition(":")[0] not in _OWNERS_AREAS
    return permission in _READS.get(role, ())
