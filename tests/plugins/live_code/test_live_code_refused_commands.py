"""Commands of live codes that are refused say why in words, and change nothing."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner
from live_scene import Scene

from scrm_core.cli.session import Session
from scrm_core.errors import ScrmError
from scrm_live_code.commands import group


@pytest.fixture
def refused(scene: Scene):
    """A function that runs a command, which the framework refuses; the words."""

    def run(*words: Any) -> str:
        result = CliRunner().invoke(group, [str(word) for word in words], obj=Session(installation=scene.installation))
        assert isinstance(result.exception, ScrmError), result.output + repr(result.exception)
        return result.exception.message

    return run


def test_tags_that_a_channel_which_exists_has_not_are_refused_with_those_it_has(scene: Scene, refused):
    with scene.brand as brand:
        brand.tags.define("source", "poster", plan="greet them")
        brand.tags.define("place", "east", kind="channel")
        brand.channels.create("door")
        brand.channels.create("gate", tags=[("place", "east")])
    do = "; make its code without tags, or give them to a new channel (scrm channel create --tag)"
    words = ("--title", "Door", "--tag", "source/poster", "--as", "lin")
    assert refused("create", "acme", "door", *words) == f"the channel 'door' exists and its tags are others: none{do}"
    assert refused("create", "acme", "gate", *words) == f"the channel 'gate' exists and its tags are others: place/east{do}"
    with scene.brand:
        assert scene.here.codes.page() == []
        scene.here.codes.create("gate", title="Gate", tags=[("place", "east")], actor="lin")


def test_a_poster_that_cannot_be_written_is_refused_in_words(scene: Scene, refused, tmp_path):
    scene.staff("ann")
    scene.code(ann="")
    path = tmp_path / "none" / "door.png"
    assert refused("poster", "acme", "poster-01", path) == f"{path} cannot be written: No such file or directory"


def test_a_step_told_of_staff_whom_nobody_knows_is_refused_and_of_one_who_left_is_told(scene: Scene, refused):
    scene.staff("ann")
    scene.code(ann="")
    with scene.brand as brand:
        key = brand.keys.create("shop", ("live-code:write",))[1]
        uid = brand.contacts.get_by_id(scene.lead("one", "poster-01", staff="ann")).uid
        scene.here.staff.leave("ann", actor="lin")
    assert refused("tell", "acme", uid, "muted", "--staff", "ghost") == "no member of staff 'ghost'"
    call = scene.app.test_client().post
    told = {"contact": uid, "step": "muted"}
    place, headers = "/api/v1/acme/plugins/live-code/reception", {"Authorization": f"Bearer {key}"}
    assert call(place, json={**told, "staff": "ghost"}, headers=headers).status_code == 404
    assert call(place, json={**told, "staff": "ann"}, headers=headers).json == {"noted": 1}


def test_an_item_of_a_persona_without_its_text_is_refused_and_an_empty_text_empties_it(scene: Scene, refused):
    words = ("persona", "put", "acme", "mei", "--name", "小美", "--as", "lin", "--item")
    with scene.brand:
        scene.here.personas.put("mei", name="小美", profile={"truth": "两个孩子的妈妈"}, actor="lin")
    assert refused(*words, "truth") == "'truth' is no item with its text: write ITEM=TEXT"
    with scene.brand:
        assert scene.here.personas.get("mei").texts["truth"] == "两个孩子的妈妈"
    done = CliRunner().invoke(group, [*words, "truth="], obj=Session(installation=scene.installation))
    assert done.exit_code == 0
    with scene.brand:
        assert scene.here.personas.get("mei").texts["truth"] == ""
