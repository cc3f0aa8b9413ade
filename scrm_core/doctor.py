"""``scrm doctor``: looks at everything an installation stands on and says what to do.

Nothing is repaired by itself. Plugins are imported in a process of their own,
so that one that hangs or ends its process is a finding like any other.
"""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import peewee

from . import eventlog
from .brands import Brand
from .config import BrandConfig, ProjectConfig, load_brand
from .db.bulk import execute
from .db.migrations import CORE_MIGRATIONS, pending
from .delivery import parked_counts, read_cursors
from .errors import ConfigError, PluginError, ScrmError
from .installation import Installation
from .loader import Candidate, Loader
from .partner_config import shared_secrets

OK, WARNING, FAILED = "ok", "warning", "failed"
IMPORT_SECONDS = 30
LOW_DISK = 1_000_000_000
NO_DISK = 100_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: where, its state (ok, warning or failed), what was found, what to do."""

    place: str
    state: str
    found: str
    remedy: str = ""


def examine(installation: Installation, *, deep: bool = False) -> Iterator[Finding]:
    """Every finding, as it is made. ``deep`` also reads every page of SQLite files."""
    yield _disk(installation.config.data_dir)
    yield _address(installation.config.base_url)
    if installation.config.queue_url:
        yield _queue(installation.config)
    candidates = installation.loader.candidates()
    configs: list[BrandConfig] = []
    for brand_id in installation.brand_ids():
        path = installation.config.brands_dir / f"{brand_id}.toml"
        try:
            configs.append(load_brand(path))
        except ConfigError as exc:
            yield from (Finding(f"brand {brand_id}", FAILED, problem, "correct the file") for problem in exc.problems)
    if not installation.brand_ids():
        yield Finding("brands", FAILED, f"no brand in {installation.config.brands_dir}", "write brands/NAME.toml")
    importable = True
    for finding in _plugins(installation, configs, candidates):
        importable = importable and finding.state != FAILED
        yield finding
    for config in configs:
        yield from _brand(installation, config, deep)
        if importable:
            yield from _configured(installation, config)
    for own, name, what, remedy in shared_secrets({config.id: config.partners for config in configs}):
        yield Finding(f"brand {own}, partner {name}", WARNING, what, remedy)


def _disk(folder: Path) -> Finding:
    place = folder if folder.exists() else folder.parent
    try:
        free = shutil.disk_usage(place).free
    except OSError as exc:
        return Finding("disk", FAILED, f"{place}: {exc.strerror}", "make the folder readable")
    words = f"{free / 1e9:.1f} GB free for {folder}"
    if free < NO_DISK:
        return Finding("disk", FAILED, words, "free space: writes are refused when none is left")
    return Finding("disk", WARNING if free < LOW_DISK else OK, words, "free space" if free < LOW_DISK else "")


def _address(base_url: str) -> Finding:
    """Short links, posters and printed QR codes carry it: what only this machine reaches is of use to nobody else."""
    if urlsplit(base_url).hostname in ("127.0.0.1", "localhost", "::1"):
        remedy = "before anything is printed or sent: set base_url in scrm.toml to the public address"
        return Finding("base_url", WARNING, f"{base_url} in links and QR codes is of use to this machine alone", remedy)
    return Finding("base_url", OK, f"links and QR codes begin with {base_url}")


def _queue(config: ProjectConfig) -> Finding:
    """Redis only saves time: without it a sweep finds the events."""
    from .jobs import redis_problem

    problem = redis_problem(config)
    if problem:
        found = f"Redis does not answer, events are found about a second late: {problem}"
        return Finding("queue", WARNING, found, "start it, or correct queue_url in scrm.toml")
    return Finding("queue", OK, "Redis answers")


def _plugins(
    installation: Installation, configs: Sequence[BrandConfig], candidates: dict[str, Candidate]
) -> Iterator[Finding]:
    enabled: dict[str, list[str]] = {}
    for config in configs:
        for name, entry in config.plugins.items():
            if entry.enabled:
                enabled.setdefault(name, []).append(config.id)
    reasons = import_problems(installation.config.root, sorted({*enabled, *candidates}))
    for name, reason in reasons.items():
        place = f"plugin {name}"
        users = ", ".join(enabled.get(name, ()))
        if not reason:
            yield Finding(place, OK, f"on for {users}" if users else "installed, on for no brand")
        elif users:
            yield Finding(place, FAILED, reason, f"repair it, or set enabled = false for {users}")
        else:
            remedy = "mend it before a brand has it on; until then it harms nobody"
            yield Finding(place, WARNING, f"{reason} (on for no brand)", remedy)


def import_problems(root: Path, names: Sequence[str]) -> dict[str, str]:
    """Why each plugin cannot be used, empty where it can; imported in another process."""
    answers: dict[str, str] = {}
    waiting = list(names)
    while waiting:
        lines, ended = _import_in_child(root, waiting)
        answers.update(lines)
        left = [name for name in waiting if name not in lines]
        if left:
            answers[left[0]] = f"plugin {left[0]!r}: importing it {ended}"
        waiting = left[1:]
    return {name: answers[name] for name in names}


def _import_in_child(root: Path, names: Sequence[str]) -> tuple[dict[str, str], str]:
    mark = secrets.token_hex(8)  # tells answers from what a plugin prints itself
    command = [sys.executable, "-m", "scrm_core.doctor", mark, str(root), *names]
    try:
        done = subprocess.run(command, capture_output=True, timeout=IMPORT_SECONDS, check=False)
        out, ended = done.stdout, f"ended the process with exit code {done.returncode}"
    except subprocess.TimeoutExpired as exc:
        out, ended = exc.stdout or b"", f"took more than {IMPORT_SECONDS} s"
    answers: dict[str, str] = {}
    for line in out.decode("utf-8", "replace").splitlines():
        if line.startswith(mark):
            name, problem = json.loads(line.removeprefix(mark))
            answers[name] = problem
    return answers, ended


def _brand(installation: Installation, config: BrandConfig, deep: bool) -> Iterator[Finding]:
    place = f"brand {config.id}"
    # Without its plugins: none of them is imported here, and a broken one hides nothing.
    brand = Brand(replace(config, plugins={}), installation, installation.engine.handle(config.id), {})
    try:
        if not installation.engine.exists(config.id):
            yield _missing(installation, config.id)
            return
        waiting = pending(brand.handle, "core", CORE_MIGRATIONS)
        if waiting:
            yield Finding(place, FAILED, f"{len(waiting)} migrations wait", "run: scrm migrate")
            return
        with brand:
            yield from _database(brand, deep)
            yield from _delivery(brand, config)
            yield from _outreach(brand)
            yield from _sums(brand)
            yield from _partners(brand)
            yield from _jobs(brand, config)
    except (ScrmError, peewee.PeeweeException) as exc:
        away = isinstance(exc, peewee.OperationalError) and not installation.config.sqlite
        remedy = "start the server, or correct database_url in scrm.toml" if away else "see docs/operations.md"
        yield Finding(place, FAILED, " ".join(str(exc).split()), remedy)


def _missing(installation: Installation, brand_id: str) -> Finding:
    place = f"brand {brand_id}"
    left = installation.config.data_dir / f"{brand_id}.db"
    if installation.config.sqlite or not left.is_file():
        return Finding(place, FAILED, "no database yet", "run: scrm migrate")
    # scrm.toml was changed before the brand was moved: migrating would begin anew beside all its customers.
    found = f"no database yet in {installation.engine.place(brand_id)}, but {left} is there"
    remedy = f"name its folder in scrm.toml again (database_url), then: scrm move {brand_id} --to URL; "
    return Finding(place, FAILED, found, remedy + "scrm migrate would make an empty brand")


def _configured(installation: Installation, config: BrandConfig) -> Iterator[Finding]:
    """What keeps the brand from being served though its plugins can be imported, or soon will: they say it."""
    try:
        there = installation.engine.exists(config.id)
    except peewee.PeeweeException:
        return  # the database is away, as was said
    if there:
        problem = installation.problem(config.id)
        for each in problem.problems if problem is not None else ():
            yield Finding(f"brand {config.id}", FAILED, each, "correct it: scrm run does not start with it")
        if problem is None:
            try:
                warnings = installation.warnings(config.id)
            except (ScrmError, peewee.PeeweeException) as exc:
                yield Finding(f"brand {config.id}", FAILED, str(exc), "see docs/operations.md")
                return
            for name, warning in warnings:
                yield Finding(f"brand {config.id}, {name}", WARNING, warning, "see to it; the brand goes on meanwhile")


def _database(brand: Brand, deep: bool) -> Iterator[Finding]:
    place = f"brand {brand.id}"
    contacts, orders = (execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("contact", "orders"))
    yield Finding(place, OK, f"database answers: {contacts:,} contacts, {orders:,} orders")
    if deep and brand.handle.engine == "sqlite":
        problems = [row[0] for row in execute("PRAGMA integrity_check(10)").fetchall() if row[0] != "ok"]
        if problems:
            yield Finding(place, FAILED, "; ".join(problems), "restore a backup; nothing is repaired by itself")


def _delivery(brand: Brand, config: BrandConfig) -> Iterator[Finding]:
    enabled = {name for name, entry in config.plugins.items() if entry.enabled}
    parked = parked_counts()
    (held,) = execute("SELECT count(*) FROM plugin_cursor WHERE lease_until > ?", (brand.now(),)).fetchone()
    for cursor in read_cursors():
        if cursor.plugin not in enabled:
            continue
        place = f"brand {brand.id}, {cursor.plugin}"
        behind = eventlog.lag(cursor.position)
        count = parked.get(cursor.plugin, 0)
        if cursor.state == "paused":
            remedy = f"then: scrm plugin resume {brand.id} {cursor.plugin}"
            yield Finding(place, WARNING, f"paused, {behind:,} events wait: {cursor.reason}", remedy)
        elif behind and not held:
            yield Finding(place, WARNING, f"{behind:,} events wait and no worker runs", "run: scrm run, or scrm worker")
        else:
            yield Finding(place, OK, f"{behind:,} events wait")
        if count:
            yield Finding(place, WARNING, f"{count:,} events are parked", f"see: scrm events {brand.id} parked")


def _outreach(brand: Brand) -> Iterator[Finding]:
    if reason := brand.outreach.stopped():
        remedy = f"look at: scrm outreach runs {brand.id}; then: scrm outreach go-on {brand.id}"
        yield Finding(f"brand {brand.id}, outreach", WARNING, f"nothing is sent: {reason}", remedy)


_WRONG_CONTACTS = """
SELECT count(*) FROM contact c LEFT JOIN (
  SELECT contact_id, count(*) AS orders, sum(paid_minor - refund_minor) AS money
  FROM orders WHERE valid = 1 AND contact_id IS NOT NULL GROUP BY contact_id
) o ON o.contact_id = c.id
WHERE c.orders <> coalesce(o.orders, 0) OR c.money <> coalesce(o.money, 0)
"""
_WRONG_ORDERS = """
SELECT count(*) FROM orders o LEFT JOIN (
  SELECT order_id, sum(amount_minor) AS refunds FROM refund WHERE order_id IS NOT NULL GROUP BY order_id
) r ON r.order_id = o.id
WHERE o.refund_minor <> coalesce(r.refunds, 0)
"""


def _sums(brand: Brand) -> Iterator[Finding]:
    """What is kept beside the orders must be what the orders say."""
    place = f"brand {brand.id}"
    for sql, what in ((_WRONG_CONTACTS, "contacts' order columns"), (_WRONG_ORDERS, "orders' refunds")):
        (wrong,) = execute(sql).fetchone()
        if wrong:
            yield Finding(place, FAILED, f"{wrong:,} of the {what} do not add up", "report this with the log")
        else:
            yield Finding(place, OK, f"{what} add up")


def _partners(brand: Brand) -> Iterator[Finding]:
    for name, partner in brand.config.partners.items():
        if not partner.url and partner.brand not in brand.installation.brand_ids():
            yield Finding(f"brand {brand.id}, partner {name}", FAILED, f"there is no brand {partner.brand!r} here",
                          f"name its url in [partners.{name}], or correct `brand`")  # fmt: skip
    errors = brand.partners.last_errors()
    for (partner, state), count in sorted(brand.partners.counts().items()):
        place = f"brand {brand.id}, partner {partner}"
        if state == "dead":
            remedy = f"see: scrm partner dead {brand.id}; then: scrm partner replay {brand.id} --all"
            yield Finding(place, WARNING, f"{count:,} messages were given up", remedy)
        elif state == "waiting" and partner not in brand.config.partners:
            yield Finding(place, WARNING, f"{count:,} messages wait for a partner that the file does not name",
                          f"name it again in [partners.{partner}]")  # fmt: skip
        elif state == "waiting" and partner in errors:
            remedy = "behind a 401 the partner's log says which of name, key, secret and clock is wrong"
            yield Finding(place, WARNING, f"{count:,} messages wait; the last try ended: {errors[partner]}", remedy)


_LAST_RUNS = """
SELECT plugin, job, state, error FROM job_run WHERE id IN (
  SELECT max(id) FROM job_run WHERE state <> 'running' GROUP BY plugin, job
) ORDER BY plugin, job
"""


def _jobs(brand: Brand, config: BrandConfig) -> Iterator[Finding]:
    enabled = {name for name, entry in config.plugins.items() if entry.enabled}
    for plugin, job, state, error in execute(_LAST_RUNS).fetchall():
        if state == "failed" and (plugin == "core" or plugin in enabled):
            yield Finding(f"brand {brand.id}, {plugin}", WARNING, f"the job {job} failed: {error}",
                          "the log has where; it is tried again by itself")  # fmt: skip


def _report_imports(mark: str, root: Path, names: Sequence[str]) -> None:
    """The other process: one JSON line per plugin, written as soon as it is known."""
    from .config import load_project

    loader = Loader(load_project(root).plugins_dir)
    for name in names:
        try:
            loader.load(name)
            problem = ""
        except PluginError as exc:
            problem = str(exc)
        sys.stdout.write(f"\n{mark}{json.dumps([name, problem])}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _report_imports(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
