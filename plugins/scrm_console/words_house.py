"""Words of the pages about the house: imports, jobs, the audit log, keys, users, settings."""

from __future__ import annotations

from typing import Any

HOUSE: dict[str, dict[str, Any]] = {
    "zh": {
        "imp": {
            "note": "用命令 scrm import 导入文件；中断后用同一命令继续，同一文件不会重复写入。",
            "file": "文件",
            "progress": "进度",
            "rows": "{} 行",
            "created": "新增",
            "updated": "更新",
            "unchanged": "无变化",
            "rejected": "拒收",
            "download": "下载 {} 行",
            "states": {"running": "进行中", "done": "完成", "stopped": "已中断"},
            "kinds": {
                "leads": "线索",
                "contacts": "客户",
                "orders": "订单",
                "tags": "标签",
                "products": "商品",
                "refunds": "退款",
            },
        },
    },
    "en": {
        "imp": {
            "note": (
                "Files are imported by the command scrm import; the same command goes on with one that was broken off, "
                "and nothing is written twice."
            ),
            "file": "File",
            "progress": "Progress",
            "rows": "{} rows",
            "created": "New",
            "updated": "Changed",
            "unchanged": "Unchanged",
            "rejected": "Rejected",
            "download": "Download {} rows",
            "states": {"running": "running", "done": "done", "stopped": "broken off"},
            "kinds": {},
        },
    },
}
