"""Words of the console's pages that stand for what is written down: states, roles, steps, items of a profile."""

from __future__ import annotations

from scrm_core.api import worded_by

from .codes import DRAFT, IDLE, OVER, PAUSED
from .desk import FULL, NOBODY
from .ways import UNOFFERED

REFUSALS = {
    "code_exists": "这个渠道已有活码：一个渠道一个活码。",
    "channel_tags": "这个渠道已存在，标签与所填不同（或没有标签）；请去掉标签，或用这些标签新建渠道。",
    "no_tag": "没有这个标签，请先建立：scrm tag define。",
    "no_activity": "没有进行中的活动：只引导添加好友的页面会被下架，请先设置活动。",
    "no_staff": "还没有主接待员工，请先安排。",
    "no_contact_ways": "没有已开启并配置好的插件可以生成，例如企业微信（wecom）。",
    "hours": "时段写法有误，例如 1-5 09:00-18:00; 6 10:00-16:00（1 为周一）；跨夜请写成两段。",
    "changed": "您打开页面后有人修改过，请核对后再试。",
    "persona_exists": "这个人设代码已存在，请修改它，或换一个代码。",
    "not_found": "没有这位员工、活码或人设，或已离开。",
    "invalid first_day": "开始日不早于 1970 年。",
    "invalid last_day": "结束日早于开始日。",
    "invalid first": "请填写开始日，例如 2026-03-01。",
    "invalid last": "请填写结束日，例如 2026-03-01。",
    "invalid at": "时间写法有误，例如 2026-03-01T09:30 或 2026-03-01。",
    "invalid title": "请填写名称，不超过 100 字。",
    "invalid name": "请填写名称，不超过 100 字。",
    "invalid channel": "请填写渠道代码，不超过 100 字。",
    "invalid userid": "请填写员工账号。",
    "target": "个人二维码内容须为 http:// 或 https:// 开头的地址。",
    "invalid daily_cap": "每日上限为 0 到 10000 的整数。",
    "invalid peak": "峰值日人数为 1 到 1,000,000,000 的整数。",
    "invalid place": "请选择场景。",
    "invalid sharer_role": "请选择转发者。",
    "invalid sharer": "转发者与其身份不符，请核对。",
    "invalid code": "人设代码为 1 到 40 位小写字母、数字、- 和 _。",
    "personas_full": "一个品牌的人设数量已达上限。",
    "invalid kind": "请选择账号类型：企业微信或个人微信。",
    "invalid role": "请选择角色：主接待或备用。",
    "invalid profile": "人设档案中没有这一项。",
    "not_open": "此码当前不接待：没有进行中的活动，或尚未上线。",
    "all_busy": "接待员工今天都已满，请稍后再试。",
    "network_busy": "同一网络今天分配的次数已满。",
    "invalid": "输入的内容不符合要求。",
    "text": "请填写文字。",
    "text_length": "文字太长，请缩短。",
    "text_character": "文字中有不能使用的字符。",
    "other": "操作被拒绝，没有任何改动（{code}）。",
}
"""Why an act was refused, in Chinese: by the code of the error, and its field. In English the error speaks itself."""

worded = worded_by(REFUSALS)


WORDS: dict[str, tuple[str, str]] = {
    OVER: (OVER, "活动已结束"),
    DRAFT: (DRAFT, "活码尚未上线"),
    PAUSED: (PAUSED, "活码已暂停"),
    IDLE: (IDLE, "没有进行中的活动"),
    NOBODY: (NOBODY, "没有员工在岗"),
    FULL: (FULL, "在岗员工今日均已满"),
    UNOFFERED: (UNOFFERED, "没有已配置好的插件可以生成"),
    "open": ("open", "接待中"),
    "paused": ("paused", "已暂停"),
    "draft": ("draft", "草稿"),
    "idle": ("live, no activity now", "已上线，活动未进行"),
    "main": ("main", "主接待"),
    "backup": ("backup", "备用"),
    "wanted": ("asked for", "待生成"),
    "making": ("being made", "生成中"),
    "made": ("made", "已生成"),
    "failed": ("failed", "生成失败"),
    "": ("–", "–"),
    "offline": ("offline", "线下"),
    "online": ("online", "线上"),
    "owner": ("owner", "老板"),
    "core": ("core team", "核心团队"),
    "staff": ("staff", "员工"),
    "customer": ("customer", "客户"),
    "channel": ("channel", "渠道"),
    "approve": ("approval", "通过"),
    "reply": ("first reply", "首次回复"),
    "tag": ("first tag", "首次打标"),
    "wecom": ("WeCom account", "企业微信"),
    "personal": ("personal WeChat", "个人微信"),
    "aspiration": ("Aspiration", "向往"),
    "conflict": ("Conflict", "冲突"),
    "truth": ("Truth", "真实"),
    "look": ("Look", "形象"),
    "story": ("Story", "故事"),
    "moments": ("Moments", "朋友圈"),
}
