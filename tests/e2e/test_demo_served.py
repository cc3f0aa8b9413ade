"""What a newcomer sees and types after ``make run``."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "docs"))

import docs_pages  # noqa: E402
from demo_commands import shell  # noqa: E402

SCRM = [sys.executable, "-m", "scrm_core.cli"]


def test_the_start_page_shows_both_brands_and_the_figures_of_the_one_with_the_plugin(demo, page):
    page.goto(demo.url + "/")
    shown = page.inner_text("#brand-demo")
    for figure in ("3,267", "235", "7.19 %", "156", "$6,131.30", "$1.8767"):
        assert figure in shown
    quiet = page.inner_text("#brand-quiet")
    assert "3,267" not in quiet
    assert "SPRING97" not in quiet


@pytest.mark.parametrize("path", ["/", "/api/docs"])
def test_pages_load_nothing_from_elsewhere_and_raise_no_error(demo, page, path):
    page.goto(demo.url + path, wait_until="networkidle")
    assert page.asked
    assert all(url.startswith(demo.url) for url in page.asked)
    assert page.complaints == []


def test_the_viewer_of_the_api_shows_every_path_of_the_document(demo, page):
    page.goto(demo.url + "/api/docs", wait_until="networkidle")
    document = page.request.get(demo.url + "/api/openapi.json").json()
    shown = page.inner_text("body")
    assert len(document["paths"]) > 10
    assert [path for path in document["paths"] if path not in shown] == []


def test_the_start_page_is_readable_on_a_phone(demo, page):
    page.set_viewport_size({"width": 375, "height": 800})
    page.goto(demo.url + "/")
    assert page.evaluate("document.documentElement.scrollWidth") <= 375


def test_the_commands_of_the_readme_do_what_it_says(readme_commands):
    assert readme_commands("README.md") == 5


def test_the_chinese_readme_gives_the_same_commands():
    english, chinese = (
        [b for b in docs_pages.blocks((ROOT / name).read_text("utf-8")) if b.act == "demo"]
        for name in ("README.md", "README.zh.md")
    )
    assert english == chinese


def test_the_three_commands_of_the_start_page_work_as_they_stand(demo, page, readme_commands):
    page.goto(demo.url + "/")
    commands = page.locator("pre").all_inner_texts()
    assert len(commands) == 3
    answers = [shell(command.replace("curl ", "curl -sS "), demo.folder) for command in commands]
    assert [done.returncode for done in answers] == [0, 0, 0]
    assert '"lead":"curl:first"' in answers[0].stdout
    assert answers[1].stdout == '{"count":1}'
    assert '"rows":[]' in answers[2].stdout


def test_the_route_of_a_plugin_appears_and_goes_with_its_table(demo):
    key = (demo.folder / "data" / "keys" / "quiet.txt").read_text("utf-8").strip()
    brand = demo.folder / "brands" / "quiet.toml"
    ask = f"curl -sS -o /dev/null -w '%{{http_code}}' -H 'Authorization: Bearer {key}' "
    ask += f"{demo.url}/api/v1/quiet/plugins/package-card/report"
    before = brand.read_text("utf-8")
    codes = [shell(ask, demo.folder).stdout]
    brand.write_text(before + "\n[plugins.package-card]\n", "utf-8")
    codes.append(shell(ask, demo.folder).stdout)
    brand.write_text(before, "utf-8")
    codes.append(shell(ask, demo.folder).stdout)
    assert codes == ["404", "200", "404"]


def test_a_busy_port_is_named_with_its_remedy(demo):
    done = subprocess.run(
        [*SCRM, "run", "--port", str(demo.port)],
        cwd=demo.folder,
        env=docs_pages.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert f"port {demo.port} is in use" in done.stderr
    assert re.search(r"make run PORT=\d+", done.stderr)


def test_serving_outside_a_project_says_how_to_make_one(tmp_path):
    done = subprocess.run(
        [*SCRM, "run"], cwd=tmp_path, env=docs_pages.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "scrm init NAME && cd NAME" in done.stderr


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_making_the_demo_again_changes_nothing(demo_project):
    before = contents(demo_project)
    subprocess.run([*SCRM, "init", str(demo_project), "--demo"], check=True, capture_output=True)
    assert contents(demo_project) == before


def test_a_demo_whose_making_was_cut_short_is_completed(demo_project, tmp_path):
    folder = tmp_path / "demo-project"
    shutil.copytree(demo_project, folder)
    (folder / "data" / "demo-complete").unlink()
    done = subprocess.run([*SCRM, "init", str(folder), "--demo"], check=True, capture_output=True, text=True)
    assert '"unchanged": 6919' in done.stdout
    report = subprocess.run(
        [*SCRM, "report", "demo", "package-card"], cwd=folder, check=True, capture_output=True, text=True
    )
    assert "3,267" in report.stdout
