"""``scrm init``: a whole project, made once."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from scrm_core.cli.root import root
from scrm_core.config import load_brand, load_project
from scrm_core.installation import Installation
from scrm_core.project import NewBrand, make_project, store_key
from scrm_core.scaffold import write_plugin

PLUGINS = Path(__file__).resolve().parents[3] / "plugins"


def init(*arguments, code=0):
    done = CliRunner().invoke(root, ["init", *map(str, arguments)], prog_name="scrm")
    assert done.exit_code == code, done.output
    return done


def scrm(folder, *words):
    done = CliRunner().invoke(root, ["--project", *map(str, (folder, *words))], prog_name="scrm")
    assert done.exit_code == 0, done.output
    return done.stdout


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_file_of_a_new_brand_names_every_plugin_that_comes_with_the_framework(tmp_path):
    folder = tmp_path / "shop"
    init(folder)
    named = re.findall(r"^# \[plugins\.([a-z-]+)\]", (folder / "brands" / "shop.toml").read_text("utf-8"), re.M)
    shipped = {path.name.removeprefix("scrm_").replace("_", "-") for path in PLUGINS.glob("scrm_*") if path.is_dir()}
    assert sorted(named) == sorted(shipped)


@pytest.mark.usefixtures("doctor_of_data")
def test_doctor_warns_of_an_address_that_only_this_machine_reaches(tmp_path):
    folder = tmp_path / "shop"
    init(folder)

    def found():
        done = CliRunner().invoke(root, ["--project", str(folder), "doctor", "--json"], prog_name="scrm")
        (finding,) = [each for each in json.loads(done.stdout) if each["place"] == "base_url"]
        return finding["state"]

    assert found() == "warning"
    file = folder / "scrm.toml"
    lines = [line for line in file.read_text("utf-8").splitlines() if not line.startswith("base_url")]
    file.write_text("\n".join(['base_url = "https://s.example"', *lines]) + "\n", "utf-8")
    assert found() == "ok"


def test_a_new_project_has_one_brand_its_tables_and_a_key_that_is_shown_once(tmp_path):
    folder = tmp_path / "My Shop 2"
    done = init(folder)
    (key,) = re.findall(r"scrm_my-shop-2\.\S+", done.stdout)
    assert "scrm run" in done.stdout
    installation = Installation.open(folder)
    assert installation.brand_ids() == ["my-shop-2"]
    with installation.brand("my-shop-2") as brand:
        assert brand.keys.authenticate(key).allows("leads:write")
    installation.close()
    assert not any(key.encode() in data for data in content(folder).values())


def test_the_second_run_changes_nothing(tmp_path):
    folder = tmp_path / "shop"
    init(folder)
    before = {path: data for path, data in content(folder).items() if "data" not in path.parts}
    assert "nothing was changed" in init(folder).stdout
    assert before == {path: data for path, data in content(folder).items() if "data" not in path.parts}


@pytest.fixture
def forget():
    """A plugin that is written here is imported once."""
    yield
    sys.modules.pop("scrm_third_order", None)


def test_a_plugin_of_ones_own_is_what_plugin_new_writes_and_hears_the_first_lead(tmp_path, forget):
    plain, own = tmp_path / "plain", tmp_path / "own"
    init(plain, "--brand", "acme")
    init(own, "--brand", "acme", "--plugin", "third-order")
    alone = write_plugin("third-order", tmp_path, minimal=True, year=2026)
    ((path, text),) = [each for each in content(own / "plugins").items() if each[0].suffix == ".py"]
    assert path.relative_to(own / "plugins") == (alone.folder / "__init__.py").relative_to(tmp_path)
    assert text == (alone.folder / "__init__.py").read_bytes()
    files = [(place / "brands" / "acme.toml").read_text("utf-8") for place in (plain, own)]
    assert files[1] == f"{files[0]}\n[plugins.third-order]\n"
    (tmp_path / "leads.csv").write_text("source,key,phone\nform,1,+8613800000001\n")
    for place, tagged in ((plain, "0\n"), (own, "1\n")):
        scrm(place, "import", "leads", "acme", tmp_path / "leads.csv")
        scrm(place, "worker", "--once")
        assert scrm(place, "segment", "count", "acme", 'tag = "third-order"') == tagged


def test_where_the_plugin_lies_is_told_and_what_it_is_called(tmp_path):
    done = init(tmp_path / "shop", "--plugin", "hello")
    assert f"\nIts plugin 'hello' is yours to change: {tmp_path}/shop/plugins/scrm_hello/__init__.py\n" in done.stdout


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Third_Order", "'Third_Order' is not a plugin name"),
        ("run", "'run' is reserved by the core"),
        ("points", "a plugin 'points' is installed already (distribution scrm); choose another name"),
    ],
)
def test_a_plugin_that_cannot_be_is_refused_before_anything_is_written(tmp_path, name, words):
    assert words in init(tmp_path / "shop", "--plugin", name, code=1).stderr
    assert not (tmp_path / "shop").exists()


def test_a_plugin_is_for_a_project_of_ones_own_that_is_new(tmp_path):
    folder = tmp_path / "shop"
    assert "not for --demo" in init(folder, "--demo", "--plugin", "hello", code=2).stderr
    init(folder)
    before = content(folder / "brands")
    assert "a plugin: scrm plugin new NAME --minimal --in plugins" in init(folder, "--plugin", "hello").stdout
    assert content(folder / "brands") == before
    assert not (folder / "plugins").exists()


def test_options_reach_the_brands_file(tmp_path):
    folder = tmp_path / "x"
    options = ["--brand", "moon", "--title", "Moon 母婴", "--timezone", "America/New_York", "--currency", "USD"]
    init(folder, *options)
    brand = load_brand(folder / "brands" / "moon.toml")
    assert (brand.name, brand.timezone, brand.currency) == ("Moon 母婴", "America/New_York", "USD")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--timezone", "Asia/Shangai"], "did you mean 'Asia/Shanghai'"),
        (["--currency", "yuan"], "ISO 4217"),
        (["--currency", "RMB"], "such as CNY"),
        (["--brand", "Big Shop"], "must match"),
        (["--brand", "../up"], "must match"),
        (["--brand", "pg_x"], "reserved"),
        (["--title", 'a"b'], "not valid TOML"),
    ],
)
def test_a_brand_that_cannot_be_is_refused_before_anything_is_written(tmp_path, arguments, words):
    folder = tmp_path / "shop"
    assert words in init(folder, *arguments, code=1).stderr
    assert not folder.exists()


@pytest.mark.parametrize("name", ["123", "中文", "public"])
def test_a_folder_whose_name_makes_no_brand_id_asks_for_one(tmp_path, name):
    assert "--brand" in init(tmp_path / name, code=1).stderr


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(b"x")
    assert "photo.jpg" in init(tmp_path, "--brand", "shop", code=1).stderr
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


def test_making_a_project_goes_on_where_it_stopped(tmp_path):
    folder = tmp_path / "shop"
    make_project(folder, [NewBrand("shop", "Shop")])
    for missing in ("scrm.toml", "README.md"):
        (folder / missing).unlink()
    written = make_project(folder, [NewBrand("shop", "Shop")])
    assert sorted(path.name for path in written) == ["README.md", "scrm.toml"]
    load_project(folder)


def test_the_demo_does_not_take_over_a_project(tmp_path):
    folder = tmp_path / "shop"
    init(folder)
    assert "not the demo" in init(folder, "--demo", code=1).stderr


def test_the_demo_without_its_examples_says_where_it_looked(tmp_path):
    done = init(tmp_path / "demo", "--demo", "--examples", tmp_path / "nowhere", code=1)
    assert "nowhere" in done.stderr
    assert not (tmp_path / "demo").exists()


def test_a_kept_key_is_private_works_and_is_replaced_when_it_does_not(installation):
    brand = installation.brand("acme")
    with brand:
        path = store_key(brand, "demo")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        first = path.read_text()
        assert store_key(brand, "demo").read_text() == first
        brand.keys.revoke(brand.keys.authenticate(first.strip()).key_id)
        second = store_key(brand, "demo").read_text()
        assert second != first
        assert brand.keys.authenticate(second.strip()).brand == "acme"


def test_init_killed_at_any_file_can_be_given_again(tmp_path):
    folder = tmp_path / "shop"
    for stop_after in (1, 2, 3):
        code = (
            "import os, sys\n"
            "from pathlib import Path\n"
            "from scrm_core import project\n"
            "count = 0\n"
            "replace = os.replace\n"
            "def dying(a, b):\n"
            "    global count\n"
            "    count += 1\n"
            f"    if count == {stop_after}:\n"
            "        os.kill(os.getpid(), 9)\n"
            "    replace(a, b)\n"
            "os.replace = dying\n"
            f"project.make_project(Path({str(folder)!r}), [project.NewBrand('shop', 'Shop')])\n"
        )
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
        assert not (folder / "scrm.toml").exists()
    written = make_project(folder, [NewBrand("shop", "Shop")])
    assert folder / "scrm.toml" in written
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert names == {".gitignore", "README.md", "brands/shop.toml", "scrm.toml"}
