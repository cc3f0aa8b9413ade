"""Sending ends when it is told to, also when a gateway never answers."""

from __future__ import annotations

import dataclasses
import threading

from scrm_core.limits import LIMITS
from scrm_core.outreach import loop
from scrm_core.outreach.loop import Sending


def test_a_gateway_that_never_answers_keeps_no_worker_from_ending(installation, monkeypatch):
    """Nobody watches any more when a worker ends, to be recycled or for good."""
    monkeypatch.setattr(loop, "LIMITS", dataclasses.replace(LIMITS, gateway_ms=100, stop_ms=100))
    stop, at_gateway, answer, sent = threading.Event(), threading.Event(), threading.Event(), []

    def send(brand):
        if brand.id == "acme":
            at_gateway.set()
            answer.wait(60)
        sent.append(brand.id)
        return False

    sending = Sending(installation, stop, send)
    sending.start()
    assert at_gateway.wait(10)
    stop.set()
    ending = threading.Thread(target=sending.join)
    ending.start()
    ending.join(10)
    ended, unanswered = not ending.is_alive(), "acme" not in sent
    answer.set()
    ending.join()
    assert (ended, unanswered) == (True, True)


def test_what_is_at_a_gateway_when_it_is_told_to_end_has_its_answer_first(installation):
    stop, at_gateway, sent = threading.Event(), threading.Event(), []

    def send(brand):
        if brand.id == "acme":
            at_gateway.set()
            stop.wait(10)
            sent.append(brand.id)
        return False

    sending = Sending(installation, stop, send)
    sending.start()
    assert at_gateway.wait(10)
    stop.set()
    sending.join()
    assert sent == ["acme"]
