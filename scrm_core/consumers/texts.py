"""What people agree to when they join: the exact words, and the hash by which a consent names them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..brands import Brand

PRIVACY, MARKETING = "privacy", "marketing_sms"
"""Purposes: the first is needed to join, the second is free and never ticked beforehand (PIPL articles 14 and 16)."""

_PRIVACY = {
    "zh": (
        "我们收集您的手机号，用于识别您的身份、发放和核销您的优惠券与奖品，以及履行您的订单。"
        "我们不会向他人提供您的手机号。您可以随时联系我们查阅、更正或删除您的信息，或撤回同意。"
    ),
    "en": (
        "We collect your phone number to know that you are you, to give you your coupons and prizes and let you use "
        "them, and to fulfil your orders. We give it to nobody else. You may ask us at any time to see, correct or "
        "delete what we hold about you, or withdraw this consent."
    ),
}
_PRIVACY_LABEL = {
    "zh": "我已阅读并同意 {brand} 的隐私说明",
    "en": "I have read and agree to the privacy text of {brand}",
}
_MARKETING = {
    "zh": "我愿意接收 {brand} 的优惠短信（可随时回复退订）",
    "en": "{brand} may send me offers by SMS (I can opt out at any time)",
}


@dataclass(frozen=True, slots=True)
class ConsentText:
    """The words of one consent as they are shown: the label beside the box, and a longer text or none."""

    purpose: str
    language: str
    label: str
    text: str = ""

    @property
    def shown(self) -> str:
        """Everything that is shown."""
        return f"{self.label}\n\n{self.text}" if self.text else self.label

    @property
    def version(self) -> str:
        """SHA-256 of what is shown, as 64 hexadecimal digits."""
        return hashlib.sha256(self.shown.encode()).hexdigest()


def consent_texts(brand: Brand, language: str) -> tuple[ConsentText, ConsentText]:
    """The privacy text and the marketing text of a brand in ``zh`` or ``en``."""
    config, name = brand.config.consumer, brand.config.consumer.title or brand.name
    privacy, marketing = (
        (config.privacy_zh, config.marketing_zh) if language == "zh" else (config.privacy_en, config.marketing_en)
    )
    return (
        ConsentText(
            PRIVACY, language, _PRIVACY_LABEL[language].format(brand=name), (privacy or _PRIVACY[language]).strip()
        ),
        ConsentText(MARKETING, language, (marketing or _MARKETING[language].format(brand=name)).strip()),
    )
