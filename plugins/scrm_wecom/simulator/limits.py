"""The platform's limits as data, and the counting of calls.

Source: wecom section 13 (dev:90454) and the section of each endpoint. The
platform changes them, so each installation may give others. A limit that no
page numbers says so beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .answers import Refused

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR

AS_OF = "2025-11"
"""The month of the documentation that the numbers were read from."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of each thing; seconds, days and numbers as named."""

    corp_api_minute: int = 10_000
    corp_api_hour: int = 150_000
    ip_api_minute: int = 20_000
    ip_api_hour: int = 600_000
    debug_minute: int = 5
    # 45033 is documented, its number is not: None counts nothing, a number is of one corp and one API.
    concurrent: int | None = None
    # "Repeating a wrong secret" bans the address for an hour; how often is not documented.
    wrong_secrets: int = 10

    token_seconds: int = 7_200
    trusted_ip_seconds: int = 60
    welcome_seconds: int = 20
    welcome_attachments: int = 9
    text_bytes: int = 4_000

    corp_tags: int = 3_000
    contact_ways: int = 500_000
    contact_way_people: int = 100
    temporary_ways_a_day: int = 100_000
    # 41095 is documented, its number is not.
    acquisition_links: int = 3_000
    # A member's capacity of customers is sold with the account: 40099.
    customers_of_member: int = 20_000

    send_customers: int = 10_000
    # None: as many group sends a month as the month has days (2025-11); 4 until 2022.
    sends_a_month: int | None = None
    sends_a_week: int | None = None
    sends_a_day: int | None = None
    reminders_a_day: int = 3
    # How long a new task is "being dispatched" (41063); documented without a number.
    dispatch_seconds: float = 1.0

    # 41078 is documented, its number is not; a job is done after job_seconds.
    moment_jobs: int = 10
    job_seconds: float = 1.0
    # "The exact number has changed": None shows a customer every moment of a member.
    moments_a_day: int | None = None

    transfer_hours: int = 24
    transfers_in_90_days: int = 2
    groups_transferred_a_day: int = 300

    media_days: int = 3
    uploaded_images_a_day: int = 1_000
    uploaded_images_a_month: int = 3_000


@dataclass(slots=True)
class _Window:
    minute: int = -1
    in_minute: int = 0
    hour: int = -1
    in_hour: int = 0
    blocked_until: int = 0

    def take(self, now: int, minute_most: int, hour_most: int) -> None:
        if now < self.blocked_until:
            raise Refused(45009, f"blocked for another {(self.blocked_until - now + 999) // 1_000} s")
        if now // MINUTE != self.minute:
            self.minute, self.in_minute = now // MINUTE, 0
        if now // HOUR != self.hour:
            self.hour, self.in_hour = now // HOUR, 0
        self.in_minute += 1
        self.in_hour += 1
        if self.in_hour > hour_most:
            self.blocked_until = now + HOUR
            raise Refused(45009, f"more than {hour_most} calls in an hour")
        if self.in_minute > minute_most:
            self.blocked_until = now + MINUTE
            raise Refused(45009, f"more than {minute_most} calls in a minute")


@dataclass
class Rates:
    """Counts calls by corp and by address, each for one API.

    A minute is a minute of the clock. Who goes over it is blocked for 60 s, over
    the hour for 60 minutes; calls while blocked do not make it longer.
    """

    limits: Limits
    _windows: dict[tuple[str, str, str], _Window] = field(default_factory=dict)
    _wrong: dict[str, list[int]] = field(default_factory=dict)
    _running: dict[tuple[str, str], int] = field(default_factory=dict)

    def take(self, api: str, corpid: str, ip: str, now: int, *, debug: bool) -> None:
        """Count a call; raises Refused 45009 when it is one too many."""
        limits = self.limits
        self._window("corp", corpid, api).take(now, limits.corp_api_minute, limits.corp_api_hour)
        self._window("ip", ip, api).take(now, limits.ip_api_minute, limits.ip_api_hour)
        if debug:
            self._window("debug", corpid, api).take(now, limits.debug_minute, limits.corp_api_hour)

    def begin(self, api: str, corpid: str) -> bool:
        """A call begins; False when too many of it run already. :meth:`end` it in either case."""
        running = self.running(api, corpid)
        self._running[corpid, api] = running + 1
        return self.limits.concurrent is None or running < self.limits.concurrent

    def end(self, api: str, corpid: str) -> None:
        """A call has ended."""
        self._running[corpid, api] -= 1

    def running(self, api: str, corpid: str) -> int:
        """How many calls run now."""
        return self._running.get((corpid, api), 0)

    def wrong_secret(self, ip: str, now: int) -> None:
        """Note a wrong secret: too many of them within an hour ban the address for an hour."""
        found = [at for at in self._wrong.get(ip, []) if now - at < HOUR]
        self._wrong[ip] = [*found, now]

    def check_ban(self, ip: str, now: int) -> None:
        """Raises Refused 45009 for an address that gave too many wrong secrets within the last hour."""
        found = [at for at in self._wrong.get(ip, []) if now - at < HOUR]
        if len(found) >= self.limits.wrong_secrets:
            raise Refused(45009, "this address gave too many wrong secrets; it is banned for an hour")

    def forgive(self) -> None:
        """Forget every block and every count."""
        self._windows.clear()
        self._wrong.clear()

    def blocked(self, now: int) -> list[dict[str, object]]:
        """Who is blocked now, for the status page."""
        return [
            {"by": kind, "who": who, "api": api, "seconds": (window.blocked_until - now + 999) // 1_000}
            for (kind, who, api), window in self._windows.items()
            if window.blocked_until > now
        ]

    def _window(self, kind: str, who: str, api: str) -> _Window:
        return self._windows.setdefault((kind, who, api), _Window())
