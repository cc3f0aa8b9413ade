"""Why an act was refused, in Chinese: by the code of the error, and its field. In English the error speaks itself."""

from __future__ import annotations

from scrm_core.api import worded_by

REFUSALS = {
    # Of any form
    "changed": "您打开页面后状态已改变，请核对后再试。",
    "not_found": "没有找到，或已被删除。",
    "invalid": "输入的内容不符合要求。",
    "text": "请填写文字。",
    "text_length": "文字太长，请缩短。",
    "text_character": "文字中有不能使用的字符。",
    "invalid seen": "页面已过期，请重新打开后再试。",
    "invalid confirm": "请勾选确认：此操作无法撤回。",
    "invalid reason": "请填写原因，将留存记录。",
    "invalid code": "请填写编码：不超过 60 位字母、数字、- 和 _。",
    "invalid text": "请填写文字；群发不超过 4,000 字节，朋友圈不超过 2,000 字。",
    "invalid kind": "请选择类型：营销、品牌或通知。",
    # The connection and the full sync
    "no_secret": "请先设置应用的 Secret（密钥）。",
    "no_sync": "没有进行中的全量同步。",
    "sync_runs": "全量同步正在进行，会自动继续。",
    "archive_keys": "会话存档的私钥（archive_keys）不是有效的 PEM 格式 RSA 私钥。",
    # Group sends
    "segment": "人群表达式第 {line} 行第 {column} 个字符处有误，请检查字段名和写法。",
    "invalid segment": "请填写人群表达式。",
    "send_exists": "这个群发编码已被使用，请换一个。",
    "run_exists": "这个编码已被其他任务使用，请换一个。",
    "run_state": "当前状态不能执行此操作，请刷新页面核对。",
    "invalid content": "消息须包含文字或附件。",
    "invalid attachments": "附件不符合要求：消息最多 9 个；朋友圈为 9 张以内图片、1 个视频或 1 个链接。",
    # Moments
    "moment_exists": "这个朋友圈编码已被使用，请换一个。",
    "moments_a_day": "当天的朋友圈已达每日上限，请改天再发。",
    "invalid tags": "企业微信中没有这个标签，请按“组/标签”填写。",
    # Acquisition links and invitations
    "link_exists": "这个链接编码已被使用，请换一个。",
    "link_state": "链接当前状态不能执行此操作，请刷新页面核对。",
    "no_activity": "没有进行中或即将开始的活动：只引导添加好友的链接会被下架，请先设置活动。",
    "link_soon": "活动尚未开始。",
    "link_over": "活动已结束。",
    "link_paused": "活动暂停中，请稍后再试。",
    "invalid name": "请填写链接名称，不超过 30 字。",
    "invalid staff": "请填写 1 到 100 位成员的 userid，或填写部门编号。",
    "invalid departments": "部门编号为数字，多个用逗号分开。",
    "invalid channel": "请选择渠道：链接带来的客户归入该渠道。",
    "invalid state": "渠道编码太长或含有不能使用的字符：用于链接时最多 64 字节。",
    "invalid title": "请填写活动名称，不超过 100 字。",
    "invalid first": "请填写开始日，例如 2026-03-01。",
    "invalid last": "请填写结束日，例如 2026-03-01。",
    "invalid first_day": "开始日不早于 1970 年。",
    "invalid last_day": "结束日早于开始日。",
    "no_invites": "请先在设置中填写 invite_over：邀请所用的短信发送方。",
    "invite_exists": "这个邀请编码已被使用，请换一个。",
    # What is not expected of a form
    "vetoed": "插件规则不允许此操作。",
    "too_many": "操作太频繁，请稍后再试。",
    "other": "操作被拒绝，没有任何改动（{code}）。",
}

worded = worded_by(REFUSALS)
