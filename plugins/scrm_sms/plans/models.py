"""Tables of plans: the plan, what each step decided, its interception tests, its history."""

from __future__ import annotations

import peewee as pw

from scrm_core.api import BrandModel, InstantField, JSONField


class OutreachRun(BrandModel):
    """The core's run of messages, as far as a foreign key needs it."""

    id = pw.BigAutoField()

    class Meta:
        table_name = "outreach_run"


class Plan(BrandModel):
    """A plan (短信计划): one audience, one copy, one run of messages.

    ``state`` is the step that comes next (``steps.STEPS``), then ``running``,
    and at the end ``done``, ``expired`` or ``canceled``. Every change raises
    ``version``, and asks for the one it has read. ``run`` is the run that holds
    the queued messages; ``round`` counts the runs that were filled, ``tests``
    the interception tests. While it runs, ``phase`` is ``canary`` or ``all``;
    ``canary_from`` is the instant from which the canary's answers are waited
    for, null until the last of it was sent; ``seen`` is what the history says
    of the run's state.
    """

    id = pw.BigAutoField()
    code = pw.TextField()
    name = pw.TextField()
    state = pw.TextField()
    version = pw.BigIntegerField(default=1)
    author = pw.TextField()
    run = pw.ForeignKeyField(OutreachRun, null=True)
    round = pw.BigIntegerField(default=0)
    tests = pw.BigIntegerField(default=0)
    start_at = InstantField(null=True)
    phase = pw.TextField(default="")
    canary_from = InstantField(null=True)
    seen = pw.TextField(default="")
    created_at = InstantField()
    updated_at = InstantField()

    class Meta:
        table_name = "sms_plan"


class PlanStep(BrandModel):
    """What a step of a plan decided (``data`` as in ``steps``), by whom and when."""

    plan = pw.ForeignKeyField(Plan)
    step = pw.TextField()
    data = JSONField()
    actor = pw.TextField()
    at = InstantField()

    class Meta:
        table_name = "sms_plan_step"
        primary_key = pw.CompositeKey("plan", "step")


class PlanTest(BrandModel):
    """An interception test (拦截测试): one text of the copy, sent to the seed numbers as the run ``run``.

    ``digest`` names the exact copy that was sent. ``state``: running,
    delivered, failed, or void when the copy changed under it.
    """

    id = pw.BigAutoField()
    plan = pw.ForeignKeyField(Plan)
    number = pw.BigIntegerField()
    arm = pw.TextField()
    run = pw.ForeignKeyField(OutreachRun)
    digest = pw.TextField()
    state = pw.TextField()
    seeds = pw.BigIntegerField()
    actor = pw.TextField()
    at = InstantField()

    class Meta:
        table_name = "sms_plan_test"


class PlanHistory(BrandModel):
    """Append-only: who did what to a plan, or what was decided by which numbers."""

    id = pw.BigAutoField()
    plan = pw.ForeignKeyField(Plan)
    at = InstantField()
    actor = pw.TextField()
    action = pw.TextField()
    detail = JSONField()

    class Meta:
        table_name = "sms_plan_history"


PLAN_MODELS = (Plan, PlanStep, PlanTest, PlanHistory)
