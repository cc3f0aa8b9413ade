"""Steps design and print: the checklist, the proof with its second person, the gate before the press."""

from __future__ import annotations

import pytest
from steps_campaign import ANNA, BEN, CARD, DESIGN, Walk, one_database

from scrm_core.errors import Conflict, Invalid
from scrm_package_card import PackageCard
from scrm_package_card.steps.design import CardDesign, Size
from scrm_package_card.steps.gate import require_approved_proof
from scrm_package_card.steps.records import By
from scrm_package_card.stock.batches import BatchIn

DIGEST = "0f" * 32


@pytest.fixture
def walk(new_installation):
    return Walk(new_installation(plugins=(PackageCard,), acme=CARD).brand("acme")).begin()


@pytest.fixture
def at_print(walk):
    return walk.to("print")


def make(walk, file="proof.pdf", by=ANNA, **more):
    with walk.brand:
        return walk.steps.proofs.make("MAY", file, by, **more)


def approve(walk, number=1, by=BEN):
    with walk.brand:
        return walk.steps.proofs.approve("MAY", number, by)


def gate(walk):
    with walk.brand:
        require_approved_proof(walk.brand, walk.cards.campaign("MAY").id)


def print_batch(walk):
    with walk.brand:
        return walk.cards.stock.create(BatchIn("MAY-1", "MAY", "marketing", 500, 12))


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize("lacking", DESIGN)
def test_the_design_needs_every_item_of_attention_interest_and_entry(walk, lacking):
    walk.to("design")
    with walk.brand:
        walk.steps.design.set_items("MAY", {item: v for item, v in DESIGN.items() if item != lacking}, ANNA)
    (line,) = walk.missing("design")
    with pytest.raises(Conflict) as refused:
        walk.advance("print")
    assert f"design: {line}" in refused.value.message
    with walk.brand:
        walk.steps.design.set_items("MAY", {lacking: DESIGN[lacking]}, ANNA)
    walk.advance("print")


def test_size_bleed_colours_and_copy_in_both_languages_are_kept_for_the_printer(walk):
    with walk.brand:
        assert walk.steps.design.design("MAY") is None
        walk.steps.design.set_items("MAY", DESIGN, ANNA)
        design = walk.steps.design.design("MAY")
    assert design == CardDesign(
        Size(90.0, 54.0, 3.0),
        ("#C8102E", "C0 M80 Y95 K0"),
        "picture left, code right",
        "8.88 yuan at once",
        "扫码领 8.88 元红包",
        "Scan and get a red packet of 8.88",
        "benefit, code, steps",
        "WeCom contact-me code",
        "mothers of spring",
    )


def test_the_bleed_is_the_setting_unless_the_design_says_otherwise(walk):
    wide = Walk(walk.brand, bleed_mm=5.0)
    with wide.brand:
        wide.steps.design.set_items("MAY", DESIGN, ANNA)
        assert wide.steps.design.design("MAY").size.bleed_mm == 5.0
        wide.steps.design.set_items("MAY", {"size": {"width_mm": 85.6, "height_mm": 54, "bleed_mm": 2}}, ANNA)
        assert wide.steps.design.design("MAY").size == Size(85.6, 54.0, 2.0)


@one_database
@pytest.mark.parametrize(
    ("items", "field"),
    [
        ({}, "items"),
        ({"shape": "round"}, "shape"),
        ({"size": "90x54"}, "size"),
        ({"size": {"width_mm": 90}}, "size"),
        ({"size": {"width_mm": 90, "height_mm": 54, "depth_mm": 1}}, "size"),
        ({"size": {"width_mm": float("nan"), "height_mm": 54}}, "width_mm"),
        ({"size": {"width_mm": 90, "height_mm": 5_400}}, "height_mm"),
        ({"size": {"width_mm": True, "height_mm": 54}}, "width_mm"),
        ({"size": {"width_mm": 90, "height_mm": 54, "bleed_mm": -3}}, "bleed_mm"),
        ({"size": {"width_mm": 90, "height_mm": 54, "bleed_mm": None}}, "bleed_mm"),
        ({"colours": "red"}, "colours"),
        ({"colours": []}, "colours"),
        ({"colours": ["#C8102E", 7]}, "colours"),
        ({"copy_zh": "Scan me"}, "copy_zh"),
        ({"copy_en": "扫码"}, "copy_en"),
        ({"layout": ["left"]}, "layout"),
        ({"benefit": "a\x07b"}, "benefit"),
    ],
)
def test_a_design_that_makes_no_sense_is_refused_whole(walk, items, field):
    with walk.brand, pytest.raises(Invalid) as refused:
        walk.steps.design.set_items("MAY", {**({"structure": "fine"} if items else {}), **items}, ANNA)
    assert refused.value.field == field
    assert "interest 引起兴趣: structure 结构" in walk.missing("design")


def test_the_print_is_ordered_after_a_proof_was_made_and_approved_by_somebody_named(at_print):
    with at_print.brand, pytest.raises(Conflict, match="missing are a proof of the production cards and its approval"):
        at_print.steps.proofs.order("MAY", 500, ANNA, printer="Fast Print")
    make(at_print, sha256=DIGEST)
    with at_print.brand, pytest.raises(Conflict, match="missing is the approval of the production proof") as refused:
        at_print.steps.proofs.order("MAY", 500, ANNA, printer="Fast Print")
    assert refused.value.code == "proof"
    approved = approve(at_print)
    assert (approved.who, approved.detail["number"], approved.detail["sha256"]) == ("Ben", 1, DIGEST)
    with at_print.brand:
        at_print.steps.proofs.order("MAY", 500, ANNA, printer="Fast Print")
    made, signed, ordered = at_print.history()[-3:]
    assert [h.action for h in (made, signed, ordered)] == ["proof", "proof approval", "print order"]
    assert (signed.who, signed.what["made_by"], signed.what["file"]) == ("Ben", "Anna 安娜", "proof.pdf")
    assert ordered.what["quantity"] == 500
    assert at_print.missing("print") == []


@pytest.mark.parametrize(
    ("maker", "approver"),
    [
        (By("Anna"), By("Anna")),
        (By("Anna"), By(" aNNA ", "key:two")),
        (By("Ａnna"), By("Anna")),
        (By("Anna", "key:one"), By("Ben", "key:one")),
    ],
)
def test_who_made_the_proof_does_not_approve_it(at_print, maker, approver):
    make(at_print, by=maker)
    with pytest.raises(Conflict) as refused:
        approve(at_print, by=approver)
    assert refused.value.code == "two_person"
    assert at_print.missing("print")[0] == "approval of the proof 打样确认"
    approve(at_print, by=By("Carl", "key:three"))


def test_two_person_approval_can_be_switched_off(at_print):
    alone = Walk(at_print.brand, two_person_approval=False)
    make(alone)
    assert approve(alone, by=ANNA).who == ANNA.name


def test_a_new_proof_voids_the_approval_of_the_one_before(at_print):
    make(at_print)
    approve(at_print)
    second = make(at_print, "proof-2.pdf")
    assert second.detail["number"] == 2
    assert at_print.missing("print") == ["approval of the proof 打样确认", "print order 印刷下单"]
    with pytest.raises(Conflict, match="proof 1 is not the latest: proof 2 .proof-2.pdf. is"):
        approve(at_print, 1)
    with pytest.raises(Conflict, match="missing is the approval"):
        gate(at_print)
    approve(at_print, 2)
    gate(at_print)


def test_a_proof_is_approved_once(at_print):
    make(at_print)
    approve(at_print)
    with pytest.raises(Conflict, match="signed by Ben already") as refused:
        approve(at_print, by=By("Carl"))
    assert refused.value.code == "signed"


def test_without_a_proof_there_is_nothing_to_approve(at_print):
    with pytest.raises(Conflict, match="has no proof of its production cards"):
        approve(at_print)


@one_database
@pytest.mark.parametrize("more", [{"file": ""}, {"file": "x" * 301}, {"sha256": "abc"}, {"sha256": "0F" * 32}])
def test_a_proof_names_its_file_and_a_whole_digest(at_print, more):
    with pytest.raises(Invalid):
        make(at_print, **more)


@one_database
@pytest.mark.parametrize("quantity", [0, -1, 100_000_001, 1.5])
def test_a_print_order_has_a_sensible_quantity(at_print, quantity):
    with at_print.brand, pytest.raises(Invalid) as refused:
        at_print.steps.proofs.order("MAY", quantity, ANNA, printer="P")
    assert refused.value.field == "quantity"


@pytest.mark.parametrize("step", ["goal", "policy", "design"])
def test_no_batch_is_printed_before_the_step_print(walk, step):
    walk.to(step)
    with pytest.raises(Conflict, match="missing are a proof and its approval") as refused:
        print_batch(walk)
    assert refused.value.code == "proof"


def test_a_batch_is_printed_with_an_approved_proof_and_not_without(at_print):
    with pytest.raises(Conflict, match="missing are a proof of the production cards and its approval"):
        print_batch(at_print)
    make(at_print)
    with pytest.raises(Conflict, match="missing is the approval of the production proof"):
        print_batch(at_print)
    approve(at_print)
    assert print_batch(at_print).printed == 500


def test_a_pilot_is_printed_for_the_trial_with_a_proof_of_its_own_which_is_none_of_the_production(walk):
    walk.to("test")
    make(walk, "pilot.pdf")
    with pytest.raises(Conflict, match="missing is the approval of the pilot proof"):
        gate(walk)
    approve(walk)
    gate(walk)
    walk.to("print")
    with pytest.raises(Conflict, match="missing are a proof of the production cards"):
        gate(walk)


def test_going_back_to_the_design_closes_the_gate_again(at_print):
    at_print.fill_print()
    gate(at_print)
    at_print.back("design", "wrong red")
    at_print.advance("print")
    with pytest.raises(Conflict, match="missing are a proof"):
        gate(at_print)


def test_a_campaign_made_without_the_steps_prints_as_before(walk):
    with walk.brand:
        walk.cards.create_campaign("QUICK", source="shop")
        require_approved_proof(walk.brand, walk.cards.campaign("QUICK").id)
        assert walk.cards.stock.create(BatchIn("QUICK-1", "QUICK", "notice", 10, 5)).printed == 10
