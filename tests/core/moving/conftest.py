"""Databases of their own for brands that are moved away: a sealed one is of no use to another test."""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit, urlunsplit

import pytest
from moving_scene import Mailer, Scene


@pytest.fixture(scope="session")
def _postgres_apart(_postgres_server):
    """URL of a PostgreSQL database in which only brands that are moved live."""
    import psycopg

    if _postgres_server is None:
        yield None
        return
    name = f"scrm_move_{secrets.token_hex(6)}"
    with psycopg.connect(_postgres_server, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
        admin.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    yield urlunsplit(urlsplit(_postgres_server)._replace(path=f"/{name}"))
    with psycopg.connect(_postgres_server, autocommit=True) as admin:
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def postgres_place(postgres_url, _postgres_apart):
    """URL of a PostgreSQL database without any brand."""
    import psycopg

    yield _postgres_apart
    with psycopg.connect(_postgres_apart, autocommit=True) as admin:
        admin.execute("SET lock_timeout = '10s'")
        found = admin.execute("SELECT nspname FROM pg_namespace WHERE nspname ~ '^(_?staging_)?(acme|moonco)'").fetchall()
        for (schema,) in found:
            admin.execute(f'DROP SCHEMA "{schema}" CASCADE')


@pytest.fixture
def scene(engine, tmp_path, clock, postgres_place, deliver, monkeypatch):
    """A project on one engine with a place on the other; runs in both directions."""
    Mailer.sent.clear()
    monkeypatch.setattr(Mailer, "broken", False)
    made = Scene(tmp_path / "shop", {"sqlite": "sqlite:data", "postgresql": postgres_place}, engine, clock, deliver)
    yield made
    made.close()
