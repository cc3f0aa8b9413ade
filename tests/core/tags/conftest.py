"""Contacts to hang tags on."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import pytest

from scrm_core.brands import Brand
from scrm_core.db.bulk import insert_returning
from scrm_core.models import Contact


@pytest.fixture
def people() -> Callable[[Brand, int], list[int]]:
    """A function that makes contacts in the brand that is entered, and returns their ids."""

    def make(brand: Brand, count: int) -> list[int]:
        columns = ("uid", "name", "state", "origin", "created_at", "updated_at")
        rows = [(secrets.token_hex(8), "", "active", "test", brand.now(), brand.now()) for _ in range(count)]
        with brand.transaction():
            return sorted(row[0] for row in insert_returning(Contact, columns, rows, returning=("id",)))

    return make
