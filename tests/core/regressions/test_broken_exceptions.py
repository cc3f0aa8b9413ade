"""Exceptions that are broken themselves, or that name themselves as their cause, are failures like any other."""

from __future__ import annotations

import pytest

from scrm_core.api import Plugin, hookimpl
from scrm_core.db.faults import is_fault
from scrm_core.delivery import Delivery, parked_events
from scrm_core.services.contacts import IdentityIn, LeadIn

NOON = 1_767_268_800_000


class Mute(Exception):
    def __str__(self):
        raise SystemExit(3)


class Noted(Exception):
    @property
    def __notes__(self):
        raise SystemExit(3)


def its_own_cause():
    error = ValueError("its own cause")
    error.__cause__ = error  # what `raise error from error` does
    return error


def in_a_circle():
    first, second = ValueError("first"), KeyError("second")
    first.__context__, second.__cause__ = second, first
    return first


class Fussy(Plugin):
    name = "fussy"
    version = "1"
    summary = "Raises what a test gives it"
    requires_core = ">=0.0"
    raised: Exception
    seen: list[int]

    @hookimpl
    def on_lead(self, event):
        if not self.seen:
            self.seen.append(0)
            raise self.raised
        self.seen.append(event.event_id)


@pytest.mark.parametrize("make", [its_own_cause, in_a_circle])
def test_a_failure_that_comes_from_itself_is_looked_at_once(make):
    assert not is_fault(make())


@pytest.mark.parametrize("make", [Mute, Noted, its_own_cause, in_a_circle])
def test_an_event_whose_failure_cannot_be_told_is_parked_and_the_next_goes_through(new_installation, make):
    kind = type("Fussy", (Fussy,), {"raised": make(), "seen": []})
    brand = new_installation(plugins=[kind], acme="[plugins.fussy]\n").brand("acme")
    other = brand.installation.brand("moonco")
    with brand:
        for n in (1, 2):
            brand.contacts.capture_lead(LeadIn("form", (IdentityIn.of("phone", f"1380013800{n}"),), NOON, f"k{n}"))
        step = Delivery(brand).step()
        (parked,) = parked_events()
        assert step.parked == 1 and parked.error.startswith(type(make()).__name__) and "on_lead" in parked.traceback
    assert len(kind.seen) == 2
    with other:
        assert parked_events() == []


@pytest.mark.parametrize("make", [Mute, its_own_cause])
def test_whoever_is_written_together_with_a_broken_failure_is_answered(brand, other, make):
    raised = make()

    def fail():
        raise raised

    with brand:
        with pytest.raises(type(raised)):
            brand.group(fail)
        assert brand.group(lambda: 7) == 7
    with other:
        assert other.group(lambda: 8) == 8
