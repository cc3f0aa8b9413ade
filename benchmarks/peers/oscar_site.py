"""A django-oscar shop on SQLite whose customers redeem one voucher; runs in oscar's own environment.

Called by ``oscar_vouchers.py``: makes the tables, one voucher per round and the
customers, starts the clients, then runs a round for every line on stdin and
prints what it took as JSON.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FOLDER, PEOPLE, STOCK, ROUNDS, PROCESSES, THREADS = Path(sys.argv[1]), *map(int, sys.argv[2:7])


class NoMigrations:
    """Tables are made from the models at once."""

    def __contains__(self, name: str) -> bool:
        return True

    def __getitem__(self, name: str) -> None:
        return None


def setup() -> None:
    """Configure Django: oscar's own applications, WAL, a disk that is waited for, a minute of patience."""
    import django
    from django.conf import settings
    from oscar import defaults

    apps = [
        "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.sites",
        "django.contrib.messages", "django.contrib.flatpages", "oscar.config.Shop", "haystack", "treebeard",
        "django_tables2", "widget_tweaks",
    ]  # fmt: skip
    parts = (
        "analytics checkout address shipping catalogue catalogue.reviews communication partner basket payment offer "
        "order customer search voucher wishlists"
    )
    names = {"catalogue.reviews": "CatalogueReviewsConfig"}
    apps += [f"oscar.apps.{p}.apps.{names.get(p, p.capitalize() + 'Config')}" for p in parts.split()]
    boards = "Reports Users Orders Catalogue Offers Partners Pages Ranges Reviews Vouchers Communications Shipping"
    apps += ["oscar.apps.dashboard.apps.DashboardConfig"]
    apps += [f"oscar.apps.dashboard.{b.lower()}.apps.{b}DashboardConfig" for b in boards.split()]
    options = {"timeout": 60, "transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode = WAL"}
    known = {name: getattr(defaults, name) for name in dir(defaults) if name.startswith("OSCAR")}
    settings.configure(
        **known,
        SECRET_KEY="only-for-this-run",
        SITE_ID=1,
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=apps,
        MIGRATION_MODULES=NoMigrations(),
        HAYSTACK_CONNECTIONS={"default": {"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}},
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(FOLDER / "oscar.db"), "OPTIONS": options}
        },
    )
    django.setup()


def make() -> None:
    """Tables, customers and vouchers that each customer may use once."""
    from datetime import timedelta

    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.utils import timezone
    from oscar.core.loading import get_model

    call_command("migrate", run_syncdb=True, verbosity=0)
    users = get_user_model()
    users.objects.bulk_create([users(username=f"u{n}", email=f"u{n}@example.com") for n in range(PEOPLE)])
    now = timezone.now()
    for n in range(ROUNDS):
        get_model("voucher", "Voucher").objects.create(
            name=f"V{n}", code=f"V{n}", usage="Once per customer",
            start_datetime=now - timedelta(days=1), end_datetime=now + timedelta(days=1),
        )  # fmt: skip


def redeem(code: str, user_id: int) -> bool:
    """What oscar does with a voucher when an order is placed, with a limit by the voucher's own counter."""
    from django.contrib.auth import get_user_model
    from django.db import transaction
    from oscar.core.loading import get_model

    user = get_user_model().objects.get(pk=user_id)
    with transaction.atomic():
        voucher = get_model("voucher", "Voucher").objects.select_for_update().get(code=code)
        if not voucher.is_active() or voucher.num_orders >= STOCK or not voucher.is_available_to_user(user)[0]:
            return False
        order = get_model("order", "Order").objects.create(
            number=f"{code}-{user_id}", user=user, currency="CNY", total_incl_tax=99, total_excl_tax=99
        )
        voucher.record_usage(order, user)
    return True


def crowd(work: list[list[tuple[str, int]]], gate: object, told: object) -> None:
    """One process of clients."""
    setup()
    with ThreadPoolExecutor(THREADS) as pool:
        for round_ in work:
            gate.wait()  # type: ignore[attr-defined]
            shares = [round_[n::THREADS] for n in range(THREADS)]
            done = sum(pool.map(lambda share: sum(redeem(*each) for each in share), shares))
            told.put(done)  # type: ignore[attr-defined]


def main() -> None:
    """Make the shop, then a round per line of stdin."""
    setup()
    make()
    context = multiprocessing.get_context("spawn")
    gate, told = context.Barrier(PROCESSES + 1), context.Queue()
    asked = [*range(1, PEOPLE + 1), *range(1, PEOPLE + 1, 10)]
    rounds = [[(f"V{n}", person) for person in asked] for n in range(ROUNDS)]
    for n in range(PROCESSES):
        work = [round_[n::PROCESSES] for round_ in rounds]
        context.Process(target=crowd, args=(work, gate, told), daemon=True).start()
    print("ready", flush=True)
    for _ in sys.stdin:
        gate.wait(120)
        start = time.perf_counter()
        done = sum(told.get(timeout=600) for _ in range(PROCESSES))
        print(json.dumps([time.perf_counter() - start, done]), flush=True)


if __name__ == "__main__":
    main()
