"""A plan from goal to schedule, the people it goes to, and a gateway that writes down what it is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from scrm_core.api import MessageView, OutMessage, Plugin, Sender, SendResult
from scrm_core.brands import Brand
from scrm_core.clock import MS_PER_DAY
from scrm_core.db.bulk import execute
from scrm_core.delivery import Delivery
from scrm_core.services.contacts import IdentityIn, LeadIn
from scrm_sms.plans.service import Plans
from scrm_sms.plans.steps import Arm, Policy
from scrm_sms.results import landing

SEEDS = ("+8613900000001", "+8613900000002")
SETTINGS = """
[plugins.sms]
signature = "示例旗舰店"
seed_numbers = ["+8613900000001", "+8613900000002"]
two_persons_above = {two_persons}
canary_minimum = {canary}
canary_measure = "click"
canary_recall = {recall}
[plugins.bench]
"""
FREE = '\n[outreach]\none_to_one_per_week = "none"\nquiet_hours = {quiet}\n[outreach.channels.sms]\n' \
    'per_7_days = "none"\nper_30_days = "none"\n'
BODY = "亲爱的{name}，新品券3天后到期 {link} 拒收请回复R"
_LOG_IS_READABLE = "SELECT coalesce(max(event.xid), '0'::xid8) < pg_snapshot_xmin(pg_current_snapshot()) FROM event"
EVERYBODY = "lead_at >= 2000-01-01"
POLICY = Policy(
    "新客立减券",
    "coupon",
    "纸尿裤 S",
    cost_minor=500,
    margin_minor=1_200,
    claimants=10,
    budget_minor=1_000_000,
    materials=("product picture", "landing copy", "welcome"),
)


def configured(*, two_persons: int = 1_000, canary: int = 10_000, recall: int = 0, quiet: str = '"none"') -> str:
    """The tables of a brand file: no caps, and quiet hours only where a test names them."""
    return FREE.format(quiet=quiet) + SETTINGS.format(two_persons=two_persons, canary=canary, recall=recall)


class Recorder:
    """A gateway that keeps what it is given; ``answer`` decides what it says of a message."""

    def __init__(self) -> None:
        self.batch = 10
        self.sent: list[OutMessage] = []
        self.answer: Callable[[OutMessage], SendResult] = lambda message: SendResult.accepted(f"ref-{message.uid}")

    def send(self, messages: Sequence[OutMessage]) -> list[SendResult]:
        self.sent += messages
        return [self.answer(message) for message in messages]

    def of(self, kind: str) -> list[OutMessage]:
        return [message for message in self.sent if message.kind == kind]


class Bench(Plugin):
    """Offers the recorder of the brand as a sender."""

    name = "bench"
    version = "1"
    summary = "Test plugin that records what is sent"
    requires_core = ">=0.1.0.dev0"
    senders = {"recorder": Sender("sms", "Recorder", "recorder")}

    def recorder(self) -> Recorder:
        return recorder_of(self.brand)


def recorder_of(brand: Brand) -> Recorder:
    """The recorder of a brand's installation."""
    found: Recorder | None = getattr(brand.installation, "test_recorder", None)
    if found is None:
        found = brand.installation.test_recorder = Recorder()  # type: ignore[attr-defined]
    return found


# The gateway's file is the world outside: one line per message that was really sent.
FILE_PLUGIN = '''
import os, signal
from scrm_core.api import Plugin, Sender, SendResult


class File:
    batch = int(os.environ.get("POST_BATCH", "1"))

    def __init__(self, path):
        self.path = path

    def send(self, messages):
        commercial = [message for message in messages if message.kind != "test"]
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for message in commercial:
            os.write(handle, f"{message.address} {message.uid}\\n".encode())
        os.close(handle)
        if commercial and len(open(self.path).readlines()) == int(os.environ.get("POST_KILL_AT", "0")):
            os.kill(os.getpid(), signal.SIGKILL)
        return [SendResult.accepted() for _ in messages]


class Post(Plugin):
    name = "post"
    version = "1"
    summary = "Sends into a file"
    requires_core = ">=0.1.0.dev0"
    senders = {"file": Sender("sms", "File", "make")}

    def make(self):
        return File(str(self.brand.installation.config.root / "sent.txt"))
'''


def sent_lines(brand: Brand) -> list[list[str]]:
    """What the file gateway really sent: [address, uid] per message."""
    path = brand.installation.config.root / "sent.txt"
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


class Scene:
    """Acts on one brand as its people do."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    @property
    def plans(self) -> Plans:
        plans: Plans = self.brand.plugins["sms"].plans  # type: ignore[attr-defined]
        return plans

    @property
    def gateway(self) -> Recorder:
        return recorder_of(self.brand)

    def person(self, phone: str, *, name: str = "", agrees: bool = True, state: str = "") -> int:
        contact = self.brand.contacts.capture_lead(
            LeadIn(
                source="test",
                reference=f"{phone} {self.brand.now()}",
                identities=(IdentityIn.of("phone", phone, ""),),
                at=self.brand.now(),
                state=state,
                name=name,
                fields={},
            )
        ).contact_id
        if agrees:
            self.brand.consent.record(contact, "marketing_sms", granted=True, source="test")
        return int(contact)

    def tag(self, contact_id: int, name: str) -> None:
        self.brand.tags.define("lot", name, kind="system")
        self.brand.tags.add(contact_id, ("lot", name))

    def people(self, count: int, *, first: int = 0) -> list[int]:
        return [self.person(f"+86138{number:08d}") for number in range(first, first + count)]

    def upto(self, step: str, code: str = "MAY", *, actor: str = "ann", **more: object) -> None:
        """Do every step from ``since`` (the first) up to ``step``, that one excluded; "running" for all of them."""
        acts = {
            "goal": lambda: self._goal(code, actor, more),
            "audience": lambda: self.plans.set_audience(code, segment=str(more.get("segment", EVERYBODY)), actor=actor),
            "policy": lambda: self.plans.set_policy(code, POLICY, actor=actor),
            "pack": lambda: self.plans.packing.build(code, actor=actor),
            "path": lambda: self._path(code, actor),
            "copy": lambda: self.plans.wordings.set_copy(
                code, more.get("arms", [Arm("A", BODY)]), actor=actor  # type: ignore[arg-type]
            ),
            "test": lambda: self.passed_test(code, actor),
            "approval": lambda: self.plans.launching.approve(code, actor=str(more.get("approver", "bob"))),
            "schedule": lambda: self.plans.launching.schedule(code, str(more.get("at", "now")), actor=actor),
        }
        names = [*acts, "running"]
        for name in names[names.index(str(more.get("since", "goal"))) : names.index(step)]:
            acts[name]()

    def _goal(self, code: str, actor: str, more: dict[str, object]) -> None:
        self.plans.create(code, actor=actor)
        self.plans.set_goal(
            code, "acquire", kind=str(more.get("kind", "marketing")), sender=str(more.get("sender", "recorder")),
            actor=actor,
        )  # fmt: skip

    def _path(self, code: str, actor: str) -> None:
        self.page(code)
        self.brand.channels.ensure("sms-may", "SMS May")
        self.plans.paths.set_path(code, channel="sms-may", actor=actor)

    def page(self, code: str, *, days: int = 30) -> None:
        """A landing page whose activity runs for so many days from now."""
        now = self.brand.now()
        landing.set_landing(
            self.brand, code, actor="ann", title="五月新客", target="https://work.weixin.qq.com/ca/x?s={state}",
            starts_at=now, ends_at=now + days * MS_PER_DAY, activity="新客券", text="领券", welcome="欢迎", button="领取",
        )  # fmt: skip

    def passed_test(self, code: str = "MAY", actor: str = "ann") -> None:
        """The interception test, with every seed's receipt saying delivered."""
        self.plans.interception.start(code, actor=actor)
        self.brand.outreach.drain()
        sent = execute(
            "SELECT m.uid FROM message m JOIN outreach_run r ON r.id = m.run_id WHERE r.kind = 'test' "
            "AND m.state IN ('sent', 'delivered')"
        ).fetchall()
        assert len(sent) >= len(SEEDS)
        for (uid,) in sent:
            self.brand.outreach.receipt(uid, "delivered")
        self.deliver()

    def messages(self, code: str = "MAY") -> list[MessageView]:
        """The messages of the plan's run as they are kept."""
        run = self.plans.get(code).run
        assert run is not None
        return self.brand.outreach.messages(run.id, limit=1_000)

    def code_in(self, place: int) -> str:
        """The code of the short link in a marketing message that was sent."""
        return self.gateway.of("marketing")[place].body.split("/l/")[1].split()[0]

    def deliver(self) -> None:
        """Hand every event to the plugins.

        PostgreSQL shows the log only below the oldest transaction that runs on the
        server, so on a shared one its end has to be waited for.
        """
        while True:
            while self.brand.handle.engine == "postgresql" and not execute(_LOG_IS_READABLE).fetchone()[0]:
                execute("SELECT pg_sleep(0.02)")
            step = Delivery(self.brand).drain()
            assert step.errors == []
            if step.delivered == 0:
                return

    def control(self) -> None:
        """What the plugin's job does every minute."""
        self.brand.plugins["sms"].control()  # type: ignore[attr-defined]

    def open(self, link: str, *, agent: str = "Mozilla/5.0 (iPhone)") -> None:
        """Somebody, or a program, opens a short link (its code or an SMS that has it)."""
        code = link.split("/l/")[-1].split()[0]
        self.brand.links.visit(code, at=self.brand.now(), visitor=f"visitor of {code}", agent=agent)

    def receipts(self, state: str = "delivered", *, code: str = "", kind: str = "marketing") -> None:
        """A receipt for every message of a kind that was sent and has none yet."""
        for message in self.gateway.of(kind):
            self.brand.outreach.receipt(message.uid, state, code=code)
        self.deliver()

    def state(self, code: str = "MAY") -> str:
        return self.plans.get(code).row.state

    def run_state(self, code: str = "MAY") -> str:
        run = self.plans.get(code).run
        assert run is not None
        return run.state

    def counts(self, code: str = "MAY") -> dict[tuple[str, str], int]:
        return self.plans.get(code).counts

    def history(self, code: str = "MAY") -> list[str]:
        return [entry.action for entry in self.plans.history(code)]

    def last(self, code: str = "MAY") -> dict[str, object]:
        return self.plans.history(code)[-1].detail
