"""``SCRM_TRACE=1`` tells each call of a hook in a line, and nothing of anybody."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from scrm_core.api import Cart, CartLine, LeadCaptured, LeadDraft, MetricsQuery, Plugin, Veto, hookimpl


class Doorkeeper(Plugin):
    name = "doorkeeper"
    version = "1.0"
    summary = "Refuses some and breaks over others"
    requires_core = ">=0.1"

    @hookimpl
    def check_lead(self, draft: LeadDraft) -> None:
        if draft.state == "unwanted":
            raise Veto(f"{draft.identities} is not wanted", "unwanted")

    @hookimpl
    def on_lead(self, event: LeadCaptured) -> None:
        if event.state == "odd":
            raise RuntimeError("call 13800138000, password=hunter2")

    @hookimpl
    def filter_cart(self, cart: Cart) -> Cart | None:
        return None


TIME = re.compile(r"  \d+\.\d ms$")


def traced(capsys):
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("trace: ")]
    assert all(TIME.search(line) for line in lines)
    return [TIME.sub("", line) for line in lines]


@pytest.fixture
def app(scrm_app, monkeypatch):
    monkeypatch.setenv("SCRM_TRACE", "1")
    return scrm_app(Doorkeeper)


def test_each_call_is_a_line_with_brand_event_plugin_hook_and_outcome(app, capsys):
    app.brand.lead()
    app.second_brand.lead()
    app.brand.deliver()
    with app.second_brand as brand:
        brand.carts.quote(Cart((CartLine("1", "TEA", 1, 100),), brand.now()))
    assert traced(capsys) == [
        "trace: acme  LeadDraft  doorkeeper  check_lead  ok",
        "trace: moonco  LeadDraft  doorkeeper  check_lead  ok",
        "trace: acme  event 1  doorkeeper  on_lead  ok",
        "trace: moonco  Cart  doorkeeper  filter_cart  ok",
    ]


def test_a_refusal_and_an_error_are_told_by_code_and_type_without_their_words(app, capsys):
    with pytest.raises(Veto):
        app.brand.lead(phone="+8613900139000", state="unwanted")
    app.brand.lead(state="odd")
    app.brand.deliver(failing=True)
    told = capsys.readouterr().err
    lines = [TIME.sub("", line) for line in told.splitlines() if line.startswith("trace: ")]
    assert lines == [
        "trace: acme  LeadDraft  doorkeeper  check_lead  veto (unwanted)",
        "trace: acme  LeadDraft  doorkeeper  check_lead  ok",
        "trace: acme  event 1  doorkeeper  on_lead  raised RuntimeError",
    ]
    for word in ("13800138000", "hunter2", "13900139000"):
        assert word not in "\n".join(lines)


class Gone:
    def write(self, text):
        raise BrokenPipeError(32, "Broken pipe")


@pytest.mark.parametrize("stream", [Gone(), None])
def test_a_reader_of_the_traces_who_goes_away_is_no_failure_of_a_plugin(app, monkeypatch, stream):
    app.brand.lead()
    monkeypatch.setattr("scrm_core.trace.sys.stderr", stream)
    outcome = app.brand.deliver()["doorkeeper"]
    monkeypatch.undo()
    assert (outcome.delivered, outcome.parked) == (1, ())


@pytest.mark.parametrize("value", [None, "", "0"])
def test_without_it_the_functions_called_are_the_plugins_own(scrm_app, monkeypatch, capsys, value):
    monkeypatch.delenv("SCRM_TRACE", raising=False)
    if value is not None:
        monkeypatch.setenv("SCRM_TRACE", value)
    shop = scrm_app(Doorkeeper).brand
    ((name, function, _),) = shop.brand.hooks.implementations("on_lead")
    assert (name, function) == ("doorkeeper", shop.plugin("doorkeeper").on_lead)
    shop.lead()
    shop.deliver()
    assert traced(capsys) == []


def test_an_imported_past_still_reaches_only_those_who_asked_for_it(scrm_app, monkeypatch):
    class Historian(Plugin):
        name = "historian"
        version = "1.0"
        summary = "Hears of the past"
        requires_core = ">=0.1"
        metrics = {}

        @hookimpl(backfill=True)
        def on_lead(self, event: LeadCaptured) -> None: ...

    monkeypatch.setenv("SCRM_TRACE", "1")
    hooks = scrm_app(Historian).brand.brand.hooks
    assert [backfill for _, _, backfill in hooks.implementations("on_lead")] == [True]
    assert hooks.collect("collect_metrics", MetricsQuery(1, 1)) == []


def test_a_worker_of_its_own_process_tells_them_too(tmp_path):
    (tmp_path / "brands").mkdir()
    (tmp_path / "scrm.toml").write_text('plugins_dir = "plugins"\n')
    for brand in ("acme", "moonco"):
        text = f'[brand]\nid = "{brand}"\nname = "{brand}"\ntimezone = "Asia/Shanghai"\ncurrency = "CNY"\n'
        (tmp_path / "brands" / f"{brand}.toml").write_text(text + "[plugins.quiet]\n")
    (tmp_path / "plugins" / "scrm_quiet").mkdir(parents=True)
    (tmp_path / "plugins" / "scrm_quiet" / "__init__.py").write_text(
        "from scrm_core.api import *\n\n\nclass Quiet(Plugin):\n"
        "    name, version, summary, requires_core = 'quiet', '1', 'hears leads', '>=0.1'\n\n"
        "    @hookimpl\n    def on_lead(self, event):\n        pass\n"
    )
    (tmp_path / "leads.csv").write_text("source,key,phone\nform,k1,+8613800138000\n")
    code = (
        "import sys\nfrom scrm_core.cli.root import root\n"
        "for words in (['migrate'], ['import', 'leads', 'acme', 'leads.csv'], ['worker', '--once']):\n"
        "    root(words, standalone_mode=False)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PATH": "/usr/bin:/bin", "SCRM_TRACE": "1"}, capture_output=True, text=True, check=False
    )
    lines = [TIME.sub("", line) for line in done.stderr.splitlines()]
    assert "trace: acme  event 1  quiet  on_lead  ok" in lines, done.stderr
    assert "13800138000" not in done.stderr
