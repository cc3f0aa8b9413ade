"""The test kit: an app of given classes, two brands, the queue stepped by hand, a clock that stands."""

from __future__ import annotations

import contextlib
import socket

import flask
import pytest
from marshmallow import Schema, fields

from scrm_core.api import (
    ContactMerged,
    Job,
    LeadCaptured,
    MessageReceived,
    Metric,
    MetricsQuery,
    MetricValue,
    OrderPaid,
    Plugin,
    PluginError,
    RefundMade,
    Rendered,
    TagAdded,
    execute,
    hookimpl,
    permission,
)
from scrm_core.errors import ConfigError
from scrm_core.testing import App
from scrm_core.testing.network import NetworkInHandler

blueprint = flask.Blueprint("diary", __name__)


@blueprint.get("/count")
@permission("diary:read")
def count():
    return {"count": execute("SELECT count(*) FROM contact").fetchone()[0]}


class Diary(Plugin):
    name = "diary"
    version = "1.0"
    summary = "Writes down what it hears"
    requires_core = ">=0.1.0.dev0"
    blueprint = blueprint
    permissions = {"diary:read": "count people"}
    jobs = (Job("daily", 86_400, "run_daily"),)

    class Settings(Schema):
        word = fields.String(load_default="heard")
        break_on = fields.String(load_default="")

    def __init__(self, brand, settings):
        super().__init__(brand, settings)
        self.heard = []
        self.days = []

    def hear(self, what):
        if what == self.settings["break_on"]:
            raise RuntimeError("broken on purpose")
        self.heard.append(what)

    @hookimpl
    def on_lead(self, event: LeadCaptured) -> None:
        self.hear("lead")

    @hookimpl
    def on_order(self, event: OrderPaid) -> None:
        self.hear(f"order {event.paid_minor}")

    @hookimpl
    def on_refund(self, event: RefundMade) -> None:
        self.hear(f"refund {event.amount_minor}")

    @hookimpl
    def on_tag(self, event: TagAdded) -> None:
        self.hear(f"tag {event.tag}")

    @hookimpl
    def on_message_in(self, event: MessageReceived) -> None:
        self.hear(f"message {event.text}")

    @hookimpl
    def on_contact_merged(self, event: ContactMerged) -> None:
        self.hear("merge")

    def run_daily(self):
        self.days.append(self.brand.now())

    def render_messages(self, batch):
        return [Rendered(f"{self.settings['word']} {each.address[-2:]}") for each in batch.recipients]


@pytest.fixture
def app(scrm_app):
    return scrm_app(Diary)


def test_what_happens_to_a_brand_reaches_its_plugin_and_no_other_brands(app):
    shop = app.brand
    ada, bob = shop.lead(), shop.lead()
    order = shop.order(ada, 1_000, skus=("A", "B"))
    shop.refund(order, 300)
    shop.refund(order)
    shop.tag(ada, "interest", "tea")
    shop.message_in(bob, "hello")
    shop.merge(ada, bob)
    assert shop.deliver()["diary"].delivered == 8
    told = ["lead", "lead", "order 1000", "refund 300", "refund 700", "tag tea", "message hello", "merge"]
    assert shop.plugin("diary").heard == told
    assert shop.person(ada).money == 0
    assert app.second_brand.deliver()["diary"].delivered == 0
    assert app.second_brand.plugin("diary").heard == []


def test_a_handler_that_raises_fails_the_test_with_its_traceback_unless_it_is_expected(scrm_app):
    shop = scrm_app(Diary, settings={"break_on": "lead"}).brand
    shop.lead()
    with pytest.raises(AssertionError, match=r"diary could not handle lead(?s:.*)broken on purpose"):
        shop.deliver()
    shop.lead()
    outcome = shop.deliver(failing=True)["diary"]
    assert outcome.parked == ("RuntimeError: broken on purpose",)
    assert outcome.state == "active"


def test_what_failed_is_handed_out_again_when_its_time_has_come(scrm_app):
    app = scrm_app(Diary, settings={"break_on": "lead"})
    app.brand.lead()
    app.brand.deliver(failing=True)
    app.configure({"break_on": ""})
    assert app.brand.deliver()["diary"].delivered == 0
    app.clock.advance(seconds=11)
    assert app.brand.deliver()["diary"].delivered == 1
    assert app.brand.plugin("diary").heard == ["lead"]


class Counting(Plugin):
    name = "counting"
    version = "1.0"
    summary = "Counts orders in a tag's name, once or every time"
    requires_core = ">=0.1.0.dev0"

    class Settings(Schema):
        every_time = fields.Boolean(load_default=False)

    @hookimpl
    def on_order(self, event: OrderPaid) -> None:
        key = f"{event.event_id}" if not self.settings["every_time"] else f"{event.event_id}-{execute(COUNTED).fetchone()[0]}"
        execute("INSERT INTO meta (key, value) VALUES (?, 'x') ON CONFLICT DO NOTHING", (f"counted-{key}",))


COUNTED = "SELECT count(*) FROM meta WHERE key LIKE 'counted-%'"


def test_delivering_twice_tells_a_handler_that_adds_each_time_from_one_that_does_not(scrm_app):
    shop = scrm_app(Counting).brand
    shop.order(shop.lead(), 100)
    assert shop.deliver_twice()["counting"].delivered == 1
    adding = scrm_app(Counting, settings={"every_time": True}).brand
    adding.order(adding.lead(), 100)
    with pytest.raises(AssertionError, match="the same events again changed meta"):
        adding.deliver_twice()


def test_who_is_inside_a_brand_may_deliver_twice_and_change_its_settings(scrm_app):
    app = scrm_app(Diary)
    with app.brand as brand:
        app.brand.lead()
        assert app.brand.deliver_twice()["diary"].delivered == 1
        app.configure({"word": "told"})
        with app.brand as inside:
            assert inside.plugin("diary").settings["word"] == "told"
        assert len(brand.contacts.known_by("+8617700000001")) == 1


class Calling(Plugin):
    name = "calling"
    version = "1.0"
    summary = "Calls the network where it must not"
    requires_core = ">=0.1.0.dev0"

    @hookimpl
    def on_lead(self, event: LeadCaptured) -> None:
        with contextlib.suppress(BaseException):  # who swallows everything is found out all the same
            socket.create_connection(("127.0.0.1", 9), timeout=1)


def test_a_handler_that_opens_a_connection_is_told_to_leave_it_to_a_job(scrm_app):
    shop = scrm_app(Calling).brand
    shop.lead()
    with pytest.raises(NetworkInHandler, match=r"127\.0\.0\.1.*job"):
        shop.deliver()


class Asking(Plugin):
    name = "asking"
    version = "1.0"
    summary = "Looks a name up where it must not"
    requires_core = ">=0.1.0.dev0"

    @hookimpl
    def on_lead(self, event: LeadCaptured) -> None:
        with contextlib.suppress(OSError):  # where there is no network the name is not found, and nothing is opened
            socket.create_connection(("shop.invalid", 443), timeout=1)


def test_a_handler_that_only_gets_as_far_as_looking_a_name_up_is_told_too(scrm_app):
    shop = scrm_app(Asking).brand
    shop.lead()
    with pytest.raises(NetworkInHandler, match=r"shop\.invalid"):
        shop.deliver(failing=True)


def test_a_key_opens_the_routes_of_its_scope_and_a_switched_off_plugin_has_none(app):
    shop = app.brand
    shop.lead()
    assert shop.client("diary:read").get("plugins/diary/count").json == {"count": 1}
    assert app.second_brand.client("diary:read").get("plugins/diary/count").json == {"count": 0}
    assert shop.client("contacts:read").get("plugins/diary/count").status_code == 403
    assert shop.stranger().get("plugins/diary/count").status_code == 401
    reader = shop.client("diary:read")
    app.switch_off("diary")
    assert reader.get("plugins/diary/count").status_code == 404
    assert app.second_brand.client("diary:read").get("plugins/diary/count").status_code == 200
    app.switch_on("diary")
    assert reader.get("plugins/diary/count").status_code == 200


def test_jobs_run_when_the_clock_says_so_and_once(app):
    assert app.brand.run_jobs() == ["diary/daily"]
    assert app.brand.run_jobs() == []
    app.clock.advance(days=1)
    assert app.brand.run_jobs() == ["diary/daily"]
    first, second = app.brand.plugin("diary").days
    assert second - first == 86_400_000


def test_messages_end_in_the_outbox_and_only_those_that_the_policy_lets_through(scrm_app):
    shop = scrm_app(Diary, settings={"word": "Hi"}).brand
    shop.lead(phone="+8613800000042", consent=True)
    shop.lead(phone="+8613800000043")
    app_time = shop.clock
    app_time.set(1_767_240_000_000)  # noon in Shanghai: commercial messages have hours
    with shop as brand:
        run = brand.outreach.open_run("all", owner="diary", channel="sms", kind="marketing", sender="outbox")
        brand.outreach.queue_segment(run.id, "orders = 0")
        brand.outreach.release(run.id, 10_000)
        brand.outreach.start(run.id)
    assert [(each.address, each.body) for each in shop.send()] == [("+8613800000042", "Hi 42")]
    assert shop.send() == []
    shop.app.configure({"word": "Bye"})
    assert len(shop.outbox) == 1
    assert shop.app.second_brand.outbox == []


def test_a_command_of_the_project_runs_and_a_failing_one_says_how(app):
    app.brand.lead()
    assert app.command("segment", "count", "acme", "orders = 0").strip() == "1"
    with pytest.raises(AssertionError, match=r"scrm segment count nobody orders = 0: exit 3"):
        app.command("segment", "count", "nobody", "orders = 0")


def test_settings_that_the_plugin_refuses_are_a_configuration_error(scrm_app):
    with pytest.raises(ConfigError, match="wrod"):
        scrm_app(Diary, settings={"wrod": "x"})
    with pytest.raises(ValueError, match="settings of dairy: the app has counting, diary"):
        scrm_app(Diary, Counting, settings={"dairy": {}})


def test_settings_of_one_plugin_change_and_those_of_another_stay(scrm_app):
    class Second(Diary):
        name = "second"
        blueprint = None
        permissions = {}
        jobs = ()

    app = scrm_app(Diary, Second, settings={"diary": {"word": "one"}, "second": {"word": "two"}})
    app.configure({"diary": {"word": "three"}})
    assert [app.brand.plugin(name).settings["word"] for name in ("diary", "second")] == ["three", "two"]


def test_who_is_given_no_phone_is_nobody_else(scrm_app):
    shop = scrm_app(Diary).brand
    ada = shop.lead(phone="+8613800000002")
    assert shop.lead().uid != ada.uid


def test_a_metric_is_told_for_each_of_its_dimensions(scrm_app):
    class Counted(Diary):
        metrics = {"cups": Metric("Cups")}

        @hookimpl
        def collect_metrics(self, query: MetricsQuery):
            yield MetricValue("cups", query.first_day, 3, "tea")
            yield MetricValue("cups", query.first_day, 5, "coffee")
            yield MetricValue("cups", query.first_day, 8)

    assert scrm_app(Counted).brand.metrics("diary") == {"cups": 8, "cups:coffee": 5, "cups:tea": 3}


def test_a_route_without_a_permission_is_refused(scrm_app):
    open_routes = flask.Blueprint("open", __name__)
    open_routes.get("/")(lambda: {})

    class Open(Plugin):
        name = "open"
        version = "1.0"
        summary = "Forgot its guard"
        requires_core = ">=0.1.0.dev0"
        blueprint = open_routes

    with pytest.raises(PluginError, match="permission"):
        scrm_app(Open).brand.client()


def test_the_same_app_on_postgresql_leaves_nothing_behind(empty_postgres_url, scrm_app):
    shop = scrm_app(Diary, database_url=empty_postgres_url)
    shop.brand.lead()
    assert shop.brand.deliver()["diary"].delivered == 1
    shop.close()
    with App(Diary, database_url=empty_postgres_url) as again:
        assert again.brand.client().get("plugins/diary/count").json == {"count": 0}


def test_a_database_that_holds_the_brand_already_is_refused_and_left_as_it_is(empty_postgres_url, scrm_app):
    shop = scrm_app(Diary, database_url=empty_postgres_url)
    shop.brand.lead()
    with pytest.raises(ValueError, match="holds brand 'acme' already; give an empty one"):
        App(Diary, database_url=empty_postgres_url)
    assert shop.brand.deliver()["diary"].delivered == 1


def test_pytest_finds_the_fixture_by_itself_and_imports_nothing_for_it(tmp_path):
    import subprocess
    import sys

    (tmp_path / "test_nothing.py").write_text(
        "import sys\n\ndef test_nothing():\n    assert 'scrm_core.pytest_plugin' in sys.modules\n"
        "    assert not {'flask', 'peewee', 'marshmallow', 'pluggy._x'} & sys.modules.keys()\n"
    )
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
