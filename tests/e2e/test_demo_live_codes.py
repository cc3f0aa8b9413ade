"""What the page of live codes types at the demo: in a file, and so a demo, of its own, since it brings a lead of today."""

from __future__ import annotations

from demo_commands import shell


def test_the_commands_of_live_codes_show_the_demo_s_and_bring_an_add_from_the_simulated_wecom(demo, readme_commands):
    try:
        assert readme_commands("docs/live-code.md") == 2
    finally:
        shell("kill $(cat data/wecom.pid) 2> /dev/null", demo.folder)
