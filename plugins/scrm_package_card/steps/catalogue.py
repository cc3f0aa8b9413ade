"""The seven steps and what each of them needs, as data.

The names are stored and spoken by routes and commands; the titles are for
people, in English and Chinese.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

STEPS: Mapping[str, str] = MappingProxyType(
    {
        "goal": "goal 目标",
        "policy": "policy 政策敲定",
        "test": "policy test 政策测试",
        "design": "design 样式设计",
        "print": "proof and print 批量打印",
        "launch": "launch 上线",
        "monitor": "monitoring 数据监测",
    }
)
"""Every step in its order, with its title."""

ORDER = tuple(STEPS)
FIRST, LAST = ORDER[0], ORDER[-1]

GOALS: Mapping[str, str] = MappingProxyType({"acquire": "acquire 拉新", "repurchase": "repurchase 复购"})

HOOKS: Mapping[str, str] = MappingProxyType(
    {
        "cash": "cash red packet 现金红包",
        "physical": "cheap physical product 低价实物",
        "coupon": "coupon 优惠券",
        "virtual": "virtual service 虚拟服务",
    }
)
"""Kinds of hook product (钩子), the most attractive first."""

IMAGES: Mapping[str, str] = MappingProxyType(
    {
        "product_picture": "product picture 产品图",
        "mini_program_cover": "mini-program cover 小程序封面",
        "banner": "banner 横幅图",
    }
)
COPY: Mapping[str, str] = MappingProxyType(
    {
        "product_title": "product title 产品标题",
        "scan_reply": "reply after scan 扫码回复",
        "group_invitation": "group invitation 入群邀请",
    }
)
MATERIALS: Mapping[str, str] = MappingProxyType({**IMAGES, **COPY})
"""The material of step policy, wanted for each channel."""

DESIGN: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "attention 吸引注意": {
            "size": "size and bleed 尺寸与出血",
            "colours": "colours 颜色",
            "layout": "layout 版式",
        },
        "interest 引起兴趣": {
            "benefit": "benefit 利益点",
            "copy_zh": "copy in Chinese 中文文案",
            "copy_en": "copy in English 英文文案",
            "structure": "structure 结构",
        },
        "entry 入口": {
            "acquire_entry": "acquire entry 拉新入口",
            "group_channel": "group channel 社群渠道",
        },
    }
)
"""The checklist of step design: three points with their items."""

TEXTS: Mapping[str, str] = MappingProxyType({"faq": "FAQ 常见问题", "sop": "SOP 操作流程"})
"""What each department needs in its hands before a launch."""

PILOT, PRODUCTION = "pilot", "production"
PROOF, APPROVAL, ORDERED = "proof", "proof approval", "print order"
WINNER, ARRIVAL, ACKNOWLEDGED, LAUNCHED = "winner", "arrival", "acknowledgement", "launch"
"""Acts that somebody signs for (:class:`.models.StepSignoff`); a proof is one of the pilot or of production."""

_OF_TEST = ((WINNER, ""), (PROOF, PILOT), (APPROVAL, PILOT))
_OF_PROOF = ((PROOF, PRODUCTION), (APPROVAL, PRODUCTION))
_OF_LAUNCH = ((ARRIVAL, ""), (ACKNOWLEDGED, None))
_END = ((LAUNCHED, ""),)

VOIDED_BY: Mapping[str, tuple[tuple[str, str | None], ...]] = MappingProxyType(
    {
        "goal": (*_OF_TEST, *_OF_PROOF, (ORDERED, ""), *_OF_LAUNCH, *_END),
        "policy": (*_OF_TEST, *_OF_PROOF, (ORDERED, ""), *_OF_LAUNCH, *_END),
        "test": (*_OF_TEST, *_OF_PROOF, (ORDERED, ""), *_OF_LAUNCH, *_END),
        "design": (*_OF_PROOF, (ORDERED, ""), *_OF_LAUNCH, *_END),
        "print": ((ORDERED, ""), *_OF_LAUNCH, *_END),
        "launch": _END,
    }
)
"""Which sign-offs (act, subject; None is every subject) going back to a step makes void.

They rest on what is about to change: a proof shows one design, cards that
arrived are those of one print, a department acknowledged one launch. Going
back to ``print`` keeps the approved proof: the same card is printed again.
"""

VOIDS_TRIAL = ("goal", "policy", "test")
"""Going back to one of these ends the A/B trial: its cards tested something that is no longer settled."""


def position(step: str) -> int:
    """The place of a step, 0 to 6."""
    return ORDER.index(step)
