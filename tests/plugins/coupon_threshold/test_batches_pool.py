"""Code pools: every line of a file is added, known or refused with its reason; no code is given twice."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
from coupon_scene import CouponScene, definition

from scrm_core.errors import Conflict, Invalid
from scrm_coupon_threshold.batches.codes import drawn_codes
from scrm_coupon_threshold.rules import is_code


def test_drawn_codes_hold_what_printed_codes_promise() -> None:
    codes = list(drawn_codes(5_000))
    assert len(set(codes)) == 5_000 and all(len(code) == 13 and is_code(code) for code in codes)
    assert not set("".join(codes)) & set("0O1I")


def test_a_file_of_codes_is_read_line_by_line(scene: CouponScene, tmp_path: Path) -> None:
    file = tmp_path / "codes.csv"
    file.write_text(
        "Code,note\nabcd-efgh-jkmn,ok\nSHORT1234,\nABCDEFGHJKMN,same\n,empty\nQWER TYUP ASDF2,ok\n"
        "ABCDEFGHJKM!,mark\n满三百减三十,letters\nTAKENBYOTHER2,other\n",
        encoding="utf-8",
    )
    with scene.acme:
        here = scene.coupons()
        here.batches.create(definition("p", codes="pool"))
        here.batches.create(definition("o", codes="pool"))
        here.batches.create(definition("made"))
        here.pools.add("o", ["TAKENBYOTHER2"])
        with pytest.raises(Conflict) as empty:
            here.batches.open("p")
        assert empty.value.code == "no_codes"
        dry = here.pools.import_file("p", file, dry_run=True)
        assert (dry.added, dry.rejected) == (2, 6)
        assert here.batches.get("p").stock_total == 0
        outcome = here.pools.import_file("p", file)
        assert (outcome.added, outcome.unchanged, outcome.rejected) == (2, 0, 6)
        reasons = dict(outcome.rejects)
        assert reasons[3].startswith("has 9 characters") and reasons[4] == "is the same as on line 2"
        assert reasons[5] == "is empty" and reasons[7] == "may hold letters A-Z and digits only"
        assert reasons[8].startswith("has 6 characters") and reasons[9] == "is a code of another batch or coupon"
        assert here.pools.import_file("p", file).unchanged == 2
        batch = here.batches.open("p")
        assert (batch.stock_total, batch.stock_left) == (2, 2)
        with pytest.raises(Invalid):
            here.pools.import_file("made", file)
        with pytest.raises(Invalid) as column:
            here.pools.import_file("p", file, column="number")
        assert column.value.field == "column"
    ann, bob = scene.person(), scene.person()
    assert {scene.claim("p", ann).code, scene.claim("p", bob).code} == {"ABCDEFGHJKMN", "QWERTYUPASDF2"}
    with pytest.raises(Conflict) as sold:
        scene.claim("p", scene.person())
    assert sold.value.code == "sold_out"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_many_codes_are_drawn_in_flat_memory_and_a_second_run_draws_none(scene: CouponScene) -> None:
    with scene.acme:
        here = scene.coupons()
        here.batches.create(definition("p", codes="pool"))
        here.pools.draw("p", 5_000)
        tracemalloc.start()
        here.pools.draw("p", 25_000)
        _, small = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        here.pools.draw("p", 65_000)
        _, large = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert large < 1.5 * small
        batch = here.pools.draw("p", 65_000)
        assert (batch.stock_total, batch.stock_left) == (65_000, 65_000)
    assert scene.rows("SELECT count(*), sum(taken) FROM coupon_threshold_code") == [(65_000, 0)]
    with scene.acme, pytest.raises(Invalid):
        scene.coupons().pools.draw("p", 0)
