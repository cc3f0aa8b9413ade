"""The KOC's own pages, ``/p/<brand>/koc/...``: code, link, tasks with their briefs, what to hand in, earnings.

Who somebody is comes from the session; work that is another KOC's is not there
for them. Nothing needs a script: with one, a photo is made small before it is sent.
"""

from __future__ import annotations

import contextlib
from typing import Any

import flask

from scrm_core.api import (
    Conflict,
    Invalid,
    NotFound,
    code_picture,
    consumer_answer,
    consumer_language,
    consumer_page,
    consumer_refusals,
    current_brand,
    from_instant,
    need_consumer,
    prepared_by,
    show_minor,
)

from .briefs import LABEL, MARKERS
from .members import Member
from .models import NAME
from .pictures import MOST, Drawn, redraw
from .schemas import SubmissionBody
from .service import Koc
from .views import link_address
from .words import ENTRIES, KINDS, REFUSALS, STATEMENTS, STATES, WORDS
from .work import WAITING, WorkView

pages = flask.Blueprint(
    "koc_pages", __name__, template_folder="templates", static_folder="static", static_url_path="/static"
)
consumer_refusals(pages, REFUSALS)

EXTRA = "koc"
SHOWN = 50
MARKS = dict(zip(("ad", "partner", "interest"), MARKERS, strict=True))
STEPS = ("accept", "decline", "receive", "publish")
"""What a KOC does by a button; handing in has a form of its own."""


class Here:
    """The KOC who looks, and their words; raises NotFound for everybody else."""

    def __init__(self) -> None:
        person = need_consumer()
        self.contact_id = person.contact_id
        self.brand = current_brand()
        self.koc = Koc(self.brand, self.brand.plugins[NAME].settings)
        self.language = consumer_language()
        self.words = WORDS[self.language]
        self.root = f"{self.brand.consumers.root}{NAME}/"
        found = self.koc.members.find(person.contact_id)
        if found is None:
            raise NotFound("nobody but a KOC has this page")
        self.member: Member = found

    def work(self, uid: str) -> WorkView:
        """A piece of this KOC's work; another's is as if it were not there."""
        work = self.koc.works.get(uid)
        if self.koc.members.standing(work.member_id).id != self.member.id:
            raise NotFound("no such work")
        return work

    def active(self) -> Here:
        """This KOC, who may act; raises Conflict for one who has left."""
        if self.member.state == "left":
            raise Conflict("you have left the programme; ask the shop", code="not_active")
        return self

    @property
    def actor(self) -> str:
        """Who acts, in steps."""
        return f"koc:{self.member.code}"

    def day(self, instant: int) -> str:
        return f"{from_instant(instant, self.brand.zone):%Y-%m-%d}"

    def last_day(self, due_at: int) -> str:
        """The last day of something that ends at an instant."""
        return self.day(due_at - 1)

    def money(self, minor: int) -> str:
        return show_minor(minor, self.brand.currency)

    def page(self, template: str, **context: Any) -> Any:
        return consumer_page(
            template, t=self.words, states=STATES[self.language], here=self.root, day=self.day,
            last_day=self.last_day, money=self.money, member=self.member, **context,
        )  # fmt: skip


@pages.get("/mine")
def mine() -> Any:
    """Code, link with its QR code, tasks, and what was earned."""
    here = Here()
    link = link_address(here.member, here.brand)
    qr = ""
    # Without the library that draws it the page has everything else.
    with contextlib.suppress(Invalid):
        qr = code_picture(link, extra=EXTRA) if link else ""
    tasks = [(work, here.koc.tasks.by_id(work.task_id)) for work in here.koc.works.of_payee(here.member.id, SHOWN)]
    return here.page(
        "koc_mine.html", link=link, qr=qr, tasks=tasks, kinds=KINDS[here.language], waiting=WAITING,
        earned=here.koc.statements.balance(here.member.id),
    )  # fmt: skip


@pages.get("/money")
def money() -> Any:
    """Earnings: what waits, what was earned, what was paid."""
    here = Here()
    entries = here.koc.ledger.latest(here.member.id, SHOWN)
    statements = here.koc.statements.latest(here.member.id, SHOWN)
    return here.page(
        "koc_money.html", entries=entries, statements=statements, of=ENTRIES[here.language],
        paid=STATEMENTS[here.language], earned=here.koc.statements.balance(here.member.id),
    )  # fmt: skip


@pages.get("/w/<uid>")
def work(uid: str) -> Any:
    """A task: brief, last day, the label that must be there, and what is to be done now."""
    here = Here()
    return _work(here, here.work(uid), said=flask.request.args.get("said", ""))


def _work(here: Here, work: WorkView, *, said: str = "", problem: str = "", given: dict[str, Any] | None = None) -> Any:
    task = here.koc.tasks.by_id(work.task_id)
    handed = here.koc.works.submissions(work.id)
    last = handed[-1] if handed else None
    if given is None:
        again = last is not None and work.state == "returned"
        given = {"text": last.text, "link": last.link, "marker": last.marker} if last and again else {}
    can_submit = work.state in (("received", "returned") if task.sample else WAITING) and here.member.state != "left"
    keep = work.published_at + task.keep_days * 86_400_000 if work.published_at and task.keep_days else None
    return here.page(
        "koc_work.html", work=work, task=task, last=last, given=given, problem=problem,
        said=said if said in STATES[here.language] else "", can_submit=can_submit, keep=keep,
        pictures=here.koc.pictures.of(work.id), most=MOST, markers=MARKS, label=LABEL,
        kinds=KINDS[here.language], over=work.due_at <= here.brand.now(),
    )  # fmt: skip


@pages.post("/w/<uid>/<action>")
def step(uid: str, action: str) -> Any:
    """Accept, decline, say that the sample came, or where it was published."""
    if action not in STEPS:
        raise NotFound("no such step")
    here = Here().active()
    work, link = here.work(uid), ""
    if action == "publish":
        link = flask.request.form.get("link", "").strip()[:2_000]
        if not link:
            raise Invalid("give the address where it stands", field="link", code="link_missing")
    moved = here.koc.works.move(work.uid, action, actor=here.actor, link=link)
    return consumer_answer({"state": moved.state}, f"{here.root}w/{uid}?said={moved.state}")


@pages.post("/w/<uid>/submit")
def submit(uid: str) -> Any:
    """Hand in; what is refused comes back with the words as they were typed."""
    here = Here().active()
    work, form = here.work(uid), flask.request.form
    given = {
        "text": form.get("text", "").replace("\r\n", "\n").strip(), "link": form.get("link", "").strip(),
        "marker": MARKS.get(form.get("marker", ""), ""), "sells": "sells" in form,
    }  # fmt: skip
    refused = SubmissionBody().validate(given)
    try:
        if refused:
            raise Invalid(f"{next(iter(refused))} is missing or too long", field=next(iter(refused)), code="incomplete")
        here.koc.hand_in(work, given, actor=here.actor)
    except (Invalid, Conflict) as error:
        # 200 and the page itself: with an error's page the words would be lost.
        words = REFUSALS.get(error.code, REFUSALS["invalid"])[here.language]
        return _work(here, here.work(uid), problem=words, given=given)
    return flask.redirect(f"{here.root}w/{uid}?said=submitted", 303)


def _redrawn(uid: str) -> Drawn:
    """The picture that was sent for a piece of one's own work, drawn anew while nobody waits to write."""
    Here().active().work(uid)
    file = flask.request.files.get("picture")
    data = file.read() if file is not None else b""
    if not data:
        raise Invalid("choose a picture first", field="picture", code="picture_missing")
    return redraw(data)


@pages.post("/w/<uid>/picture")
@prepared_by(_redrawn)
def add_picture(uid: str, prepared: Drawn) -> Any:
    """Add a picture to what will be handed in."""
    here = Here().active()
    work = here.work(uid)
    if work.state not in WAITING:
        raise Conflict(f"the work is {work.state}; no picture is wanted", code="state")
    here.koc.pictures.add(work.id, here.contact_id, prepared)
    return flask.redirect(f"{here.root}w/{uid}#pictures", 303)


@pages.post("/w/<uid>/picture/<sha256>/drop")
def drop_picture(uid: str, sha256: str) -> Any:
    """Take a picture out again."""
    here = Here().active()
    work = here.work(uid)
    if work.state not in WAITING:
        raise Conflict(f"the work is {work.state}; what was handed in stays", code="state")
    here.koc.pictures.take_out(work.id, sha256)
    return flask.redirect(f"{here.root}w/{uid}#pictures", 303)


@pages.get("/w/<uid>/picture/<sha256>.jpg")
def picture(uid: str, sha256: str) -> Any:
    """A picture of one's own work."""
    here = Here()
    data = here.koc.pictures.bytes_of(here.work(uid).id, sha256)
    return flask.Response(data, mimetype="image/jpeg", headers={"X-Content-Type-Options": "nosniff"})
