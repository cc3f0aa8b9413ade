"""The chat archive: who agreed is archived, encrypted for the console's key, for five days; and who may ask who agreed."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from wecom_simulator_scene import ACME, corps

from scrm_core.errors import Invalid
from scrm_wecom.simulator import Simulator
from scrm_wecom.simulator.archive import decrypted


@pytest.fixture
def said():
    """A simulator, its private key, and a clock that a test may move."""
    key = rsa.generate_private_key(65_537, 2_048)
    simulator = Simulator(corps(), now=lambda: 1_767_225_600_000)
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    simulator.set_archive_key(ACME, pem, 3)
    return simulator, key


def chat(simulator: Simulator, person: str, text: str, **more: str) -> None:
    simulator.act(ACME, "chat", {"userid": "staff002", "person": person, "text": text, **more})


def test_only_who_agreed_is_archived_and_only_the_key_opens_it(said):
    simulator, key = said
    chat(simulator, "p1", "before")
    simulator.act(ACME, "agree_archive", {"userid": "staff002", "person": "p1"})
    chat(simulator, "p1", "你好")
    (row,) = simulator.archive_data(ACME, 0, 10)["chatdata"]
    assert (row["seq"], row["publickey_ver"]) == (1, 3)
    assert "你好" not in str(row)
    clear = key.decrypt(base64.b64decode(row["encrypt_random_key"]), padding.PKCS1v15()).decode()
    message = decrypted(clear, row["encrypt_chat_msg"])
    assert message is not None
    assert (message["from"], message["tolist"], message["text"]) == (
        simulator.corp(ACME).external_userid(1), ["staff002"], {"content": "你好"},
    )  # fmt: skip
    assert message["msgtime"] == 1_767_225_600_000
    assert decrypted("another key", row["encrypt_chat_msg"]) is None


def test_records_are_given_behind_a_number_and_for_five_days(said):
    simulator, _ = said
    simulator.act(ACME, "agree_archive", {"userid": "staff002", "person": "p1"})
    for number in range(3):
        chat(simulator, "p1", f"m{number}")
    assert [row["seq"] for row in simulator.archive_data(ACME, 1, 1)["chatdata"]] == [2]
    assert simulator.archive_data(ACME, 3, 10)["chatdata"] == []
    simulator.advance(5 * 86_400)
    assert simulator.archive_data(ACME, 0, 10)["chatdata"] == []


def test_an_app_without_the_archive_s_secret_may_not_ask_who_agreed(scene):
    for api, body in (("check_single_agree", {"info": []}), ("check_room_agree", {"roomid": "wr1"})):
        assert scene.acme.post(f"msgaudit/{api}", body)["errcode"] == 48002


def test_a_key_that_is_none_is_refused():
    with pytest.raises(Invalid, match="public_key"):
        Simulator(corps()).set_archive_key(ACME, "no key", 1)


def test_an_openid_is_a_wechat_user_s_at_the_corporation(scene):
    external = scene.external("p0")
    first, again = (scene.acme.post("externalcontact/convert_to_openid", {"external_userid": external}) for _ in range(2))
    assert (first["openid"], first["openid"][0]) == (again["openid"], "o")
    assert scene.acme.post("externalcontact/convert_to_openid", {"external_userid": "wmNOBODY"})["errcode"] == 40096
