"""Experiments in the console: whoever makes them; counts, rates, differences, intervals, P values, no winner too early."""

from __future__ import annotations

import re

import pytest
from console_scene import EVIL

ARMS = {"plain": 5_000, EVIL: 5_000}


@pytest.fixture
def tests(brands):
    acme, moonco = brands
    with acme:
        for name in ("cups", "few", "odd", "spilt"):
            acme.experiments.create(name, ARMS, minimum=1_000, owner="tea-room")
        acme.experiments.create("of our own", {"a": 5_000, "b": 5_000}, minimum=3)
        persons = [f"p{nth}" for nth in range(40)]
        arms = acme.experiments.expose_many("of our own", persons)
        for person, arm in zip(persons, arms, strict=True):
            if arm == "b":
                acme.experiments.record("of our own", person, "bought", at=acme.now())
    with moonco:
        moonco.experiments.create("moonshine", {"a": 5_000, "b": 5_000}, minimum=3)
    return arms.count("a"), arms.count("b")


def verdict(text):
    return re.search(r'data-verdict="([^"]+)"', text)[1]


def test_arms_are_compared_with_intervals_and_p_values_as_the_field_computes_them(browser, tests):
    text = browser("ana").get("b/acme/experiments", name="cups").text
    for words in ("120 / 2,000", "156 / 2,000", "6.00%", "7.80%", "+1.80%", "0.23% – 3.37%", "0.0247"):
        assert words in text, words
    assert verdict(text) == "winner" and "<script>alert" not in text and "{{7*7}}" in text
    assert text.count("winner</span>") == 1


def test_no_winner_is_named_below_the_minimum_nor_where_people_do_not_fit_the_plan(browser, tests):
    ana = browser("ana")
    few, odd = ana.get("b/acme/experiments", name="few").text, ana.get("b/acme/experiments", name="odd").text
    assert verdict(few) == "too few persons" and "before each arm has 1,000" in few and "winner</span>" not in few
    assert verdict(odd) == "sample ratio mismatch" and "P = 0.0001" in odd and "winner</span>" not in odd


def test_what_the_core_recorded_is_compared_without_a_plugin(browser, tests):
    ana = browser("ana")
    text = ana.get("b/acme/experiments").text
    assert 'data-measure="bought"' in text, "the newest is shown first"
    assert f"0 / {tests[0]}" in text and f"{tests[1]} / {tests[1]}" in text and verdict(text) == "winner"
    assert re.findall(r'/experiments\?name=([\w+]+)"', text) == ["of+our+own", "spilt", "odd", "few", "cups"]


def test_a_plugin_that_fails_costs_its_own_experiment_alone(browser, tests, caplog):
    answer = browser("ana").get("b/acme/experiments", name="spilt")
    assert answer.status_code == 200 and "The plugin tea-room failed" in answer.text and "no cups" not in answer.text
    assert "plugin tea-room failed" in caplog.text


def test_experiments_of_another_brand_and_for_roles_without_reports_are_not_there(browser, tests):
    ana = browser("ana")
    assert ana.get("b/acme/experiments", name="moonshine").status_code == 404
    assert "moonshine" not in ana.get("b/acme/experiments").text and "moonshine" in browser("luna").get("b/moonco/experiments").text
    assert ana.get("b/acme/experiments", name=EVIL).text.count("<script>alert") == 0
    assert browser("cleo").get("b/acme/experiments").status_code == 403


def test_experiments_ask_few_queries_with_many_of_them(browser, brands, tests, asked):
    with brands[0] as acme:
        for nth in range(60):
            acme.experiments.create(f"n{nth}", {"a": 5_000, "b": 5_000}, minimum=3)
    ana = browser("ana")
    for name in ("", "of our own", "cups"):
        asked.clear()
        assert ana.get("b/acme/experiments", name=name).status_code == 200
        assert 2 <= len(asked) <= 15, name
