"""A brand with live codes: staff, a code of a poster in a shop, and browsers that scan it."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date
from typing import Any
from urllib.parse import urlsplit

import zxingcpp
from flask.testing import FlaskClient
from PIL import Image
from signing import PAGE, fields
from werkzeug.test import TestResponse

from scrm_core.brands import Brand
from scrm_core.db.bulk import execute
from scrm_core.installation import Installation
from scrm_core.services.contacts import IdentityIn, LeadIn
from scrm_core.web import create_app
from scrm_live_code.service import LiveCodes, live_codes_of

FIRST, LAST = date(2025, 12, 31), date(2026, 1, 31)


def scanned(picture: bytes) -> str:
    """What a scanner reads from a PNG."""
    return zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)).convert("RGB"))[0].text


class Scene:
    """Acts on one brand; its methods enter the brand themselves."""

    def __init__(self, installation: Installation, name: str, deliver: Callable[[Brand], None]) -> None:
        self.installation = installation
        self.brand = installation.brand(name)
        self.app = create_app(installation)
        self._deliver = deliver

    @property
    def here(self) -> LiveCodes:
        return live_codes_of(self.brand)

    def staff(self, *userids: str, cap: int = 100) -> None:
        with self.brand:
            for userid in userids:
                self.here.staff.put(
                    userid, name=userid.title(), address=f"https://work.example/{userid}", daily_cap=cap, actor="lin"
                )

    def code(self, channel: str = "poster-01", **seats: str) -> str:
        """A live code whose staff (userid = rota, or "backup") receive people until the end of January; its printed path."""
        with self.brand:
            made = self.here.codes.create(channel, title=f"Code {channel}", actor="lin")
            for userid, hours in seats.items():
                role = "backup" if hours == "backup" else "main"
                self.here.codes.seat(channel, userid, role=role, hours="" if role == "backup" else hours, actor="lin")
            self.here.codes.set_activity(channel, title="新年礼", first_day=FIRST, last_day=LAST, actor="lin")
            self.here.codes.publish(channel, actor="lin")
            return f"/l/{made.link}"

    def browser(self, address: str = "127.0.0.1") -> FlaskClient:
        client = self.app.test_client()
        client.environ_base["REMOTE_ADDR"] = address
        return client

    def open(self, browser: FlaskClient, path: str) -> TestResponse:
        """Scan a printed code: the short link, and the page that it leads to."""
        to = browser.get(path, headers=PAGE)
        assert to.status_code == 302, to.text
        return browser.get(urlsplit(to.headers["Location"]).path, headers=PAGE)

    def scan(self, path: str, browser: FlaskClient | None = None) -> str:
        """Scan a code and press the button, if there is one; the member of staff, or the code of the refusal."""
        browser = browser or self.browser()
        page = self.open(browser, path)
        if 'id="host"' not in page.text:
            if "/staff" not in page.text:
                return "closed"
            place = page.request.path
            answer = browser.post(f"{place}/staff", data=fields(page, "/staff"), headers={"Accept": "application/json"})
            if answer.status_code != 200:
                return str(answer.json["code"])
            page = browser.get(place, headers=PAGE)
        return page.text.split('id="host">')[1].split("<")[0].lower()

    def taken(self) -> dict[str, int]:
        """How many people each member of staff took, over all days."""
        with self.brand:
            rows = execute(
                "SELECT s.userid, sum(l.taken) FROM live_code_load l JOIN live_code_staff s ON s.id = l.staff_id "
                "GROUP BY s.userid"
            ).fetchall()
        return {userid: int(taken) for userid, taken in rows}

    def lead(self, name: str, state: str, staff: str = "", nth: int = 1, **more: str) -> int:
        """Somebody adds through a code, as an import or another plugin tells it; their contact's id."""
        with self.brand:
            made = self.brand.contacts.capture_lead(
                LeadIn(
                    source="shop", reference=f"{name} {state} {nth}", identities=(IdentityIn.of("buyer", name, "shop"),),
                    at=self.brand.now(), state=state, fields={**({"staff": staff} if staff else {}), **more},
                )
            )  # fmt: skip
        self.deliver()
        return int(made.contact_id)

    def deliver(self) -> None:
        self._deliver(self.brand)

    def tags(self, contact_id: int) -> list[str]:
        with self.brand:
            return sorted(tag.name for tag in self.brand.tags.of(contact_id))

    def row(self, channel: str = "poster-01") -> dict[str, Any]:
        """The code's row of the report."""
        with self.brand:
            (row,) = [dict(row) for row in self.brand.reports.run("live-code").rows if row["channel"] == channel]
        return row
