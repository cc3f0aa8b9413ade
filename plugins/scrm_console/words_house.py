"""Words of the pages about the house: imports, jobs, the audit log, keys, users, settings."""

from __future__ import annotations

from typing import Any

HOUSE: dict[str, dict[str, Any]] = {
    "zh": {
        "job": {
            "job": "任务",
            "every": "间隔",
            "newest": "最近一次",
            "next": "下次运行",
            "asked": "{} 已要求运行，一分钟内开始",
            "ask": "立即运行",
            "runs": "运行记录",
            "started": "开始",
            "finished": "结束",
            "states": {"": "未运行", "running": "运行中", "done": "完成", "failed": "失败"},
            "done": {"asked": "任务将在一分钟内运行。", "already": "已有人要求运行这个任务。"},
        },
        "aud": {
            "note": "谁在什么时候改了什么；个人信息已脱敏。",
            "actor": "操作者",
            "action": "操作",
            "target": "对象",
            "change": "之前 → 之后",
            "download": "导出 CSV",
        },
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
        "job": {
            "job": "Job",
            "every": "Every",
            "newest": "Newest run",
            "next": "Next run",
            "asked": "asked for by {}, begins within a minute",
            "ask": "Run now",
            "runs": "Runs",
            "started": "Began",
            "finished": "Ended",
            "states": {"": "never ran", "running": "running", "done": "done", "failed": "failed"},
            "done": {"asked": "The job runs within a minute.", "already": "Somebody has asked for this job already."},
        },
        "aud": {
            "note": "Who changed what and when; what is personal is masked.",
            "actor": "Who",
            "action": "Act",
            "target": "Thing",
            "change": "Before → after",
            "download": "Export as CSV",
        },
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
