"""Words of the pages about ways and means: consent, links, rewards, experiments, files that are sent in."""

from __future__ import annotations

from typing import Any

TRADE: dict[str, dict[str, Any]] = {
    "zh": {
        "con": {
            "change": "记录同意或撤回",
            "note": "只记录客户本人的决定，立即生效；记录不会被修改，审计中可以看到是谁记录的。",
            "purpose": "用途",
            "channel": "渠道（可留空）",
            "source": "客户在哪里表示的",
            "source_hint": "如 门店、电话、书面",
            "reason": "为什么由人工记录",
            "decision": "决定",
            "give": "同意",
            "withdraw": "撤回",
            "save": "记录",
            "done": {"recorded": "已记录，立即生效。"},
        },
    },
    "en": {
        "con": {
            "change": "Record a consent or its withdrawal",
            "note": "What the person decided. It holds at once and is never overwritten; the audit log has who did it.",
            "purpose": "Purpose",
            "channel": "Channel (may stay empty)",
            "source": "Where they said so",
            "source_hint": "counter, call, letter",
            "reason": "Why it is recorded by hand",
            "decision": "Decision",
            "give": "agreed",
            "withdraw": "withdrawn",
            "save": "Record it",
            "done": {"recorded": "It is recorded and holds now."},
        },
    },
}
