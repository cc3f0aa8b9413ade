"""What a task and a KOC would cost at worst, told before; tasks changed within their rules. By API and command."""

from __future__ import annotations

import json

import pytest
from koc_scene import TASK

from scrm_core.api import execute

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
PROGRAMMES = """
[plugins.koc]
rate_s_bp = 1500
[[plugins.koc.programmes]]
code = "serum"
category = "skin"
situation = 2
rate_bp = 700
[[plugins.koc.programmes]]
code = "rest"
situation = 3
"""


def notes(told):
    return [each["code"] for each in told["notes"]]


def test_a_task_is_told_at_worst_for_every_koc_at_work_and_nothing_is_made(scene):
    call = scene.api()
    for name in ("ann", "bob", "cat"):
        scene.enrol(name, name.upper())
    call("PATCH", "/members/CAT", {"state": "paused"})
    scene.goods("S", 9_900)
    body = {**TASK, "fee_minor": 5_000, "sku": "S", "sample": True, "sample_cost_minor": 2_000, "dry_run": True}
    told = call("POST", "/tasks", body, "koc:manage")
    assert told.status_code == 200 and call("GET", "/tasks").json["tasks"] == []
    # 50.00 and a sample of 20.00, for the two who are at work: 140.00.
    figures = {name: told.json[name] for name in ("fee_minor", "sample_minor", "each_most_minor", "kocs", "worst_minor", "taken")}
    assert figures == {
        "fee_minor": 5_000, "sample_minor": 2_000, "each_most_minor": 7_000, "kocs": 2, "worst_minor": 14_000, "taken": False,
    }  # fmt: skip
    assert notes(told.json) == ["commission"]
    assert call("POST", "/tasks", {**body, "sample": False}).json["each_most_minor"] == 5_000
    assert "free" in notes(call("POST", "/tasks", {**TASK, "dry_run": True}).json)
    assert call("POST", "/tasks", {**body, "brief": "五星好评"}).json["code"] == "positive_wording"
    scene.task(fee_minor=5_000)
    assert call("POST", "/tasks", body).json["taken"] is True
    invited = call("POST", "/tasks/try/invite", {"members": ["ann", "BOB"], "dry_run": True}).json
    assert (invited["kocs"], invited["worst_minor"]) == (2, 10_000)
    scene.invite("ANN")
    invited = call("POST", "/tasks/try/invite", {"members": ["ANN", "BOB"], "dry_run": True}).json
    assert (invited["kocs"], invited["worst_minor"]) == (1, 5_000)
    with scene.brand:
        assert execute("SELECT count(*) FROM koc_work").fetchone() == (1,)


def test_a_koc_is_told_by_programme_and_highest_tier_and_nobody_is_enrolled(scenes):
    acme, moonco = scenes(PROGRAMMES)
    call, uid = acme.api(), acme.uid(acme.person("ann"))
    body = {"contact": uid, "target": "https://shop.example/x", "code": "ANN", "dry_run": True}
    told = call("POST", "/members", body, "koc:manage").json
    assert [(each["programme"], each["rate_bp"], each["most_bp"], each["first_only"]) for each in told["rates"]] == [
        ("serum", 700, 700, True), ("rest", 500, 1_500, False),
    ]  # fmt: skip
    assert (told["most_bp"], notes(told)) == (1_500, ["unlimited", "tier"])
    own = call("POST", "/members", {**body, "rate_bp": 900}).json
    assert ([each["rate_bp"] for each in own["rates"]], notes(own)) == ([900, 900], ["unlimited"])
    assert call("POST", "/members", {**body, "target": "ftp://x"}).json["field"] == "target"
    assert call("GET", "/members").json["members"] == []
    printed = acme.run("enrol", "acme", uid, "--target", "https://shop.example/x", "--dry-run", "--as", "lin")
    assert printed.exit_code == 0 and "serum" in printed.stdout and "佣金总额没有上限" in printed.stdout
    acme.enrol("bob", "ANN")
    assert call("POST", "/members", body).json["code"] == "taken"
    other = {**body, "contact": moonco.uid(moonco.person("ann"))}
    assert moonco.api()("POST", "/members", other).json["most_bp"] == 1_500


def test_a_task_is_changed_until_somebody_is_invited_and_then_only_put_off(scene):
    scene.now("2026-01-05T10:00")
    scene.enrol("ann", "ANN")
    scene.task(fee_minor=5_000)
    call = scene.api()
    changed = call("PATCH", "/tasks/try", {"fee_minor": 9_000, "title": "试用二"}, "koc:manage").json
    assert (changed["fee_minor"], changed["title"], changed["brief"]) == (9_000, "试用二", TASK["brief"])
    assert call("PATCH", "/tasks/try", {"fee_minor": 100, "dry_run": True}).json["worst_minor"] == 100
    for wrong in ({"brief": "五星好评"}, {"due_on": "2025-12-31"}, {"sku": "NOPE"}, {"sample": True}, {"code": "other"}):
        assert call("PATCH", "/tasks/try", wrong).status_code == 422, wrong
    uid = scene.invite("ANN")
    assert call("PATCH", "/tasks/try", {"fee_minor": 1}).json["code"] == "invited"
    assert call("PATCH", "/tasks/try", {"due_on": "2026-01-19"}).json["field"] == "due_on"
    assert call("PATCH", "/tasks/try", {"due_on": "2026-01-25", "fee_minor": 9_000}).json["due_on"] == "2026-01-25"
    assert call("GET", f"/works/{uid}").json["due_on"] == "2026-01-25"
    scene.now("2026-01-22T10:00")
    with scene.brand:
        assert scene.koc.works.note_late() == 0
    assert scene.move(uid, "accept") == "accepted"
    call("POST", "/tasks/try/close")
    assert call("PATCH", "/tasks/try", {"due_on": "2026-02-25"}).json["code"] == "task_over"
    with scene.brand:
        acts = [(entry.action, entry.actor[:4]) for entry in scene.brand.audit.page(target="koc_task:try")]
    assert acts == [
        ("koc_task.close", "key:"), ("koc_task.change", "key:"), ("koc_task.invite", "lin"), ("koc_task.change", "key:"),
        ("koc_task.create", "lin"),
    ]  # fmt: skip


def test_tasks_are_tried_changed_and_closed_by_command(scene, tmp_path):
    scene.enrol("ann", "ANN")
    file, less = tmp_path / "task.json", tmp_path / "less.json"
    file.write_text(json.dumps({**TASK, "fee_minor": 5_000}), encoding="utf-8")
    less.write_text(json.dumps({"fee_minor": 4_000}), encoding="utf-8")
    tried = scene.run("task", "acme", str(file), "--dry-run", "--json", "--as", "lin")
    assert json.loads(tried.stdout)["worst_minor"] == 5_000
    assert "no task" in scene.run("close-task", "acme", "try", "--as", "lin").output
    assert scene.run("task", "acme", str(file), "--as", "lin").exit_code == 0
    assert "4,000" in scene.run("change-task", "acme", "try", str(less), "--dry-run", "--as", "lin").stdout
    assert json.loads(scene.run("change-task", "acme", "try", str(less), "--json", "--as", "lin").stdout)["fee_minor"] == 4_000
    assert "4,000" in scene.run("invite", "acme", "try", "ANN", "--dry-run", "--as", "lin").stdout
    assert scene.run("works", "acme", "--json").stdout.strip() == "[]"
    assert json.loads(scene.run("close-task", "acme", "try", "--json", "--as", "lin").stdout)["state"] == "closed"
