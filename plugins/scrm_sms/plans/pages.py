"""What plans ask the results about: landing pages and adds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scrm_core.api import Brand


def problems(brand: Brand, plan_code: str, at: int) -> list[str]:
    return []


def url_of(brand: Brand, plan_code: str) -> str:
    return f"{brand.installation.config.base_url}/p/{brand.id}/sms/{plan_code}"


def added(brand: Brand, plan_code: str) -> int:
    return 0
