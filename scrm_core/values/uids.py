"""Ids by which rows are named outside: in addresses, files and other systems."""

from __future__ import annotations

import secrets


def new_uid(at: int) -> str:
    """A new id of 24 hexadecimal digits for a row made at the instant ``at``: 60 random bits behind the time.

    Ids of one moment lie side by side in their index: wholly random ones cost a
    page of the database each. Whoever knows one cannot guess another.
    """
    return f"{at >> 6:09x}{secrets.token_hex(8)[1:]}"
