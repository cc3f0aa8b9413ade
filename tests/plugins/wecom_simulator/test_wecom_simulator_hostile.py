"""Whatever is asked, the answer is one of the platform's: no exception, no status but 200, no state half changed."""

from __future__ import annotations

import json
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st
from wecom_simulator_scene import ACME, SECRETS, corps

from scrm_core.api import ScrmError
from scrm_core.clock import ManualClock
from scrm_wecom.simulator import ACTS, Simulator
from scrm_wecom.simulator.api import ENDPOINTS
from scrm_wecom.simulator.simulator import Request

NAMES = (
    "access_token add_tag agentid attachments chat_id chat_id_list chat_type config_id conclusions cursor department_id "
    "description end_time expires_in external_userid fetch_child filter_type group_id group_list group_name handover_userid "
    "id image is_exclusive is_temp jobid limit link link_id link_name media_id moment_id msgid msgtype name need_name "
    "new_owner order owner_filter page_id page_size party partyid priority_option range remark remark_mobiles remove_tag "
    "scene sender skip_verify start_time state status_filter style tag tag_filter tag_id tag_list takeover_userid text "
    "transfer_success_msg type unionid user user_list userid userid_list visible_range welcome_code content"
).split()
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=8),
    st.sampled_from(["staff001", "staff002", "", "p3", "image", "single", "group"]),
)  # fmt: skip
TEXTS = st.sampled_from(["staff001", "staff002", "p0", "p3", "new", "", "来源", "no", "like", "x/y", "\x00", "wr"])
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=8,
)
BODIES = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6)


def asked(simulator: Simulator, method: str, path: str, query: dict[str, str], body: bytes = b"") -> dict:
    answer = simulator.answer(Request(method, path, query, "127.0.0.1", body, url="http://simulator"))
    assert answer.status == 200
    return json.loads(answer.body)


@cache
def kept() -> tuple[Simulator, str]:
    """A simulator that many examples ask one after the other, whatever the ones before left, and a token."""
    simulator = Simulator(corps(), now=ManualClock().now)
    query = {"corpid": ACME, "corpsecret": SECRETS[ACME]}
    return simulator, asked(simulator, "GET", "gettoken", query)["access_token"]


@settings(max_examples=120)
@given(path=st.sampled_from(sorted(ENDPOINTS)), body=BODIES)
def test_any_parameters_get_an_answer_of_the_platform(path, body):
    simulator, token = kept()
    external = simulator.corp(ACME).external_userid(3)
    body = {"external_userid": external, "userid": "staff001", **body}
    data = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    texts = {name: str(value) for name, value in body.items()}
    told = asked(simulator, ENDPOINTS[path].method, path, texts | {"access_token": token}, data)
    assert type(told["errcode"]) is int


@settings(max_examples=100)
@given(body=st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace")))
def test_any_bytes_get_an_answer_of_the_platform(body):
    simulator, token = kept()
    told = asked(simulator, "POST", "externalcontact/mark_tag", {"access_token": token}, body)
    assert told["errcode"] != 0


def test_a_body_that_is_very_deep_is_refused(scene):
    assert scene.acme.code("externalcontact/mark_tag", b"[" * 200_000) == 40058
    assert scene.acme.code("externalcontact/mark_tag", b'{"userid": NaN}') == 40058


ARGUMENTS = sorted({name for act in ACTS.values() for name in act.arguments.types})


@settings(max_examples=40)
@given(name=st.sampled_from(sorted(ACTS)), body=st.dictionaries(st.sampled_from(ARGUMENTS), VALUES))
def test_any_arguments_of_an_act_are_done_or_refused_with_words(name, body):
    simulator, _ = kept()
    try:
        simulator.act(ACME, name, body)
    except ScrmError as error:
        assert error.message


@settings(max_examples=200)
@given(data=st.data(), name=st.sampled_from(sorted(ACTS)))
def test_arguments_of_the_right_types_are_done_or_refused_with_words(data, name):
    simulator, _ = kept()
    body = {}
    for argument, kind in ACTS[name].arguments.types.items():
        body[argument] = data.draw(
            {str: TEXTS, int: st.integers(-5, 5), bool: st.booleans()}.get(kind, st.lists(TEXTS, max_size=3))
            if kind != dict[str, str]
            else st.dictionaries(st.sampled_from(["ChangeType", "X"]), TEXTS)
        )
    try:
        simulator.act(ACME, name, body)
    except ScrmError as error:
        assert error.message
