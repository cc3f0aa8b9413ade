"""Growth curves: what one event, lead and query cost as an installation grows, drawn as SVG.

::

    python benchmarks/growth.py [--small] [--most N] [--out docs/growth.svg]

SQLite. Every point is measured beside the smallest size of its curve, in turns,
and drawn as the ratio to it: a flat line at 1 does not grow.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from bar16_log_growth import Looking, grow, rounds
from brand_scene import open_brands
from engines import SQLITE
from measure import paired, size

from scrm_core.db import brand_db
from scrm_core.installation import Installation
from scrm_core.services.contacts import IdentityIn, LeadIn

PAIRS = size(5, 2)
EVENTS = size([10_000, 100_000, 1_000_000, 5_000_000], [100, 1_000])  # type: ignore[call-overload]
CONTACTS = size([1_000, 10_000, 100_000, 1_000_000], [100, 1_000])  # type: ignore[call-overload]
BRANDS = size([1, 3, 10, 30, 100], [1, 3])  # type: ignore[call-overload]
LEADS = size(100, 20)
PEOPLE = (
    "INSERT INTO contact (id, uid, name, state, origin, created_at, updated_at) "
    "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?) "
    "SELECT n, 'u' || n, '', 'active', '', 1, 1 FROM n",
    "INSERT INTO identity (contact_id, kind, namespace, value, verified, origin, created_at) "
    "SELECT id, 'phone', '', '+86139' || substr(CAST(100000000 + id AS text), 2), 0, '', 1 FROM contact",
)

Curve = list[tuple[int, float]]
_numbers = itertools.count()


def leads(installation: Installation, names: list[str]) -> Callable[[], None]:
    """Captures leads of new people, brand after brand."""

    def run() -> None:
        for n, name in zip(range(LEADS), itertools.cycle(names)):
            number = next(_numbers)
            person = (IdentityIn("phone", f"+86138{number:08d}"),)
            with installation.brand(name) as brand:
                brand.contacts.capture_lead(LeadIn("bench", person, n, f"k{number}"))

    return run


def curve(sizes: list[int], work: Callable[[int], Callable[[], None]]) -> Curve:
    """The ratio of each size's work to the smallest one's."""
    works = [work(each) for each in sizes]
    for each in works:
        each()
    points = [(sizes[0], 1.0)]
    for each, run in zip(sizes[1:], works[1:], strict=True):
        points.append((each, paired(run, works[0], pairs=PAIRS).time))
        print(f"  {each:,}: {points[-1][1]:.2f}", file=sys.stderr)
    return points


def of_events(root: Path) -> Curve:
    """An event appended and delivered, as the log grows."""
    installation = open_brands(root, [f"b{n}" for n in EVENTS], (Looking,))
    installation.close()
    for n in EVENTS:
        grow(SQLITE, root, f"b{n}", n)
    return curve(EVENTS, lambda n: rounds(installation.brand(f"b{n}")))


def of_contacts(root: Path) -> Curve:
    """A lead of a new person, as the contacts grow."""
    installation = open_brands(root, [f"b{n}" for n in CONTACTS])
    for n in CONTACTS:
        with installation.brand(f"b{n}") as brand, brand.transaction():
            brand_db.execute_sql(PEOPLE[0], (n,))
            brand_db.execute_sql(PEOPLE[1])
    return curve(CONTACTS, lambda n: leads(installation, [f"b{n}"]))


def of_brands(root: Path) -> Curve:
    """A lead, spread over more and more brands of one process."""
    names = [f"b{n}" for n in range(max(BRANDS))]
    installation = open_brands(root, names)
    return curve(BRANDS, lambda n: leads(installation, names[:n]))


def svg(curves: dict[str, Curve]) -> str:
    """Small charts side by side: sizes on a logarithmic axis, the ratio from 0 upwards."""
    wide, high, gap, top = 260, 160, 40, 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {(wide + gap) * len(curves) + gap} {high + 80}" '
        'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="#fff"/>'
    ]
    for place, (title, points) in enumerate(curves.items()):
        left = gap + place * (wide + gap)
        low, span = math.log10(points[0][0]), math.log10(points[-1][0]) - math.log10(points[0][0])

        def x(value: int, left: int = left, low: float = low, span: float = span) -> float:
            return left + (math.log10(value) - low) / span * wide

        most = max(3, math.ceil(max(ratio for _, ratio in points)))

        def y(ratio: float, most: int = most) -> float:
            return top + high - ratio / most * high

        parts.append(f'<text x="{left}" y="18" font-weight="bold">{title}</text>')
        for mark in range(most + 1):
            parts.append(f'<line x1="{left}" x2="{left + wide}" y1="{y(mark)}" y2="{y(mark)}" stroke="#ddd"/>')
            parts.append(f'<text x="{left - 6}" y="{y(mark) + 4}" text-anchor="end">{mark}</text>')
        line = " ".join(f"{x(n):.1f},{y(r):.1f}" for n, r in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="#0a58ca" stroke-width="2"/>')
        for n, r in points:
            parts.append(f'<circle cx="{x(n):.1f}" cy="{y(r):.1f}" r="3" fill="#0a58ca"/>')
            parts.append(f'<text x="{x(n):.1f}" y="{y(r) - 8:.1f}" text-anchor="middle">{r:.2f}</text>')
            parts.append(f'<text x="{x(n):.1f}" y="{top + high + 16}" text-anchor="middle">{short(n)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def short(number: int) -> str:
    """10000 as 10k."""
    for unit, sign in ((1_000_000, "M"), (1_000, "k")):
        if number >= unit:
            return f"{number / unit:g}{sign}"
    return str(number)


def main() -> None:
    """Measure the curves, draw them and print them as JSON."""
    parser = argparse.ArgumentParser(description="Draws growth curves.")
    parser.add_argument("--small", action="store_true", help="sizes that prove it runs")
    parser.add_argument("--out", type=Path, default=Path("growth.svg"), metavar="FILE")
    parser.add_argument("--most", type=int, default=5_000_000, metavar="N", help="leave out sizes above N")
    arguments = parser.parse_args()
    for sizes in (EVENTS, CONTACTS, BRANDS):
        sizes[:] = [each for each in sizes if each <= arguments.most]
    curves: dict[str, Curve] = {}
    for title, measure in (
        ("cost of an event / events in the log", of_events),
        ("cost of a lead / contacts", of_contacts),
        ("cost of a lead / brands", of_brands),
    ):
        print(title, file=sys.stderr)
        with TemporaryDirectory() as folder:
            curves[title] = measure(Path(folder) / "shop")
    arguments.out.write_text(svg(curves), encoding="utf-8")
    print(json.dumps(curves))


if __name__ == "__main__":
    main()
