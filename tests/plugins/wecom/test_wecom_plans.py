"""Pages look up what they show, and who erases a person finds them, by an index: tables grow, looks do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from wecom_scene import YAN, ZOE, Scene

from scrm_core.api import execute
from scrm_wecom import console_figures as figures
from scrm_wecom import tasks


def asked(scene: Scene, monkeypatch: pytest.MonkeyPatch, work: Callable[[Any], None]) -> list[tuple[str, Any]]:
    """What ``work`` asks of the plugin's tables."""
    found: list[tuple[str, Any]] = []
    with scene.brand as brand:
        database = type(brand.handle.database)
        run = database.execute_sql

        def noted(self: Any, sql: str, params: Any = ()) -> Any:
            found.append((sql, params))
            return run(self, sql, params)

        monkeypatch.setattr(database, "execute_sql", noted)
        work(brand)
        monkeypatch.undo()
    return [(sql, params) for sql, params in found if "wecom_" in sql and not sql.startswith(("SAVEPOINT", "INSERT"))]


def plans(scene: Scene, every: list[tuple[str, Any]]) -> dict[str, str]:
    with scene.brand as brand:
        if brand.handle.engine == "sqlite":
            ask = "EXPLAIN QUERY PLAN "
        else:
            # A server reads a table of a few rows whole, whatever index it has.
            execute("SET enable_seqscan = off")
            ask = "EXPLAIN "
        told = {
            sql: "\n".join(str(row[-1]) for row in execute(ask + sql, params).fetchall()) for sql, params in every
        }
        if brand.handle.engine != "sqlite":
            execute("RESET enable_seqscan")
    return told


def look(brand: Any) -> None:
    figures.members(0, 50), figures.staff_totals(), figures.alone(0, 50), figures.of_member("zhangsan", 0, 50)
    figures.push_counts(), figures.unmade_tags(), figures.pushes(0, 50, refused=True), tasks.waiting()
    figures.callback_counts(), figures.callback_kinds()


def test_figures_of_pages_are_read_from_indexes(scene, monkeypatch):
    scene.tell("add_external_contact")
    scene.tell("del_follow_user")
    scene.tell("add_external_contact", YAN)
    found = plans(scene, asked(scene, monkeypatch, look))
    assert len(found) >= 10
    big = ("wecom_follow", "wecom_task", "wecom_mark", "wecom_callback")
    for sql, plan in found.items():
        for line in plan.splitlines():
            whole = line.strip().removeprefix("->").strip()
            # A count reads the index of what it counts, in its order, and no row of the table.
            wide = whole.startswith("SCAN") and "COVERING INDEX" not in whole and " USING INDEX wecom_callback" not in whole
            assert not ("Seq Scan on wecom_" in whole and any(f"on {name} " in whole for name in big)), (sql, plan)
            assert not (wide and any(f"SCAN {name}" in whole for name in (*big, "f", "o"))), (sql, plan)
    used = "\n".join(found.values())
    for index in ("wecom_follow_counts", "wecom_follow_person", "wecom_follow_lost", "wecom_task_errors", "wecom_mark_unmade"):
        assert index in used, (index, used)


def test_whom_nobody_has_any_more_is_who_has_no_relation_that_stands(scene, clock):
    for staff in ("zhangsan", "lisi"):
        scene.tell("add_external_contact", staff=staff)
        scene.tell("add_external_contact", YAN, staff=staff)
    clock.advance(seconds=5)
    scene.tell("del_follow_user")
    scene.tell("del_follow_user", YAN)
    scene.tell("del_follow_user", staff="lisi")
    with scene.brand as brand:
        (row,) = figures.alone(0, 50)
        assert (row.id, row.told["had"]) == (brand.contacts.find("external_userid", ZOE).id, 2)
        assert figures.staff_totals() == {"staff": 2, "active": 1, "left": 0, "alone": 1}


def test_who_erases_a_person_reads_no_table_whole(scene, monkeypatch):
    scene.tell("add_external_contact")
    scene.tell("add_external_contact", YAN)
    with scene.brand as brand:
        zoe = brand.contacts.find("external_userid", ZOE).id
    every = asked(scene, monkeypatch, lambda brand: brand.privacy.erase(zoe, actor="ann"))
    found = plans(scene, [(sql, params) for sql, params in every if "WHERE" in sql])
    assert sum(sql.startswith(("DELETE", "UPDATE")) for sql in found) >= 3
    for sql, plan in found.items():
        assert "SCAN wecom_" not in plan and "Seq Scan on wecom_" not in plan, (sql, plan)
