"""The words of the console's pages, in English and Chinese."""

from __future__ import annotations

from scrm_core.api import NOT_SENT

STEP_WORDS: dict[str, tuple[str, str]] = {
    "goal": ("Aim", "目的"), "audience": ("Audience", "人群"), "policy": ("Policy", "政策"),
    "pack": ("Numbers", "号码包"), "path": ("Path", "路径"), "copy": ("Copy", "文案"),
    "test": ("Copy test", "拦截测试"), "approval": ("Approval", "审批"), "schedule": ("Schedule", "定时"),
    "running": ("being sent", "发送中"), "done": ("done", "已完成"), "expired": ("expired", "已过期"),
    "canceled": ("canceled", "已取消"), "dry-run": ("Dry run", "试算"), "sending": ("Sending", "发送"),
    "results": ("Results", "结果"),
}  # fmt: skip

REASONS: dict[str, tuple[str, str]] = {
    **NOT_SENT,
    "no_consent": ("never agreed", "未同意接收"), "no_address": ("no number", "没有号码"),
    "not_mobile": ("not a mobile number", "非手机号"), "inactive": ("no longer active", "客户已停用"),
    "do_not_contact": ("must not be contacted", "请勿打扰"), "holdout": ("held out to compare", "对照组保留"),
    "duplicate": ("repeated", "重复号码"),
    "same_person": ("another number of the same person", "同一客户的另一号码"),
    "landline": ("a landline", "固定电话"), "virtual": ("a virtual number", "虚拟号"),
    "empty": ("no number in the row", "号码为空"), "masked": ("masked", "号码已脱敏"),
    "lost_digits": ("cut by a spreadsheet", "号码被表格截断"),
    "several": ("several numbers in a cell", "一格多个号码"), "foreign": ("from another country", "境外号码"),
    "invalid": ("no phone number", "号码无效"), "unreadable": ("cannot be read", "该行无法读取"),
    "erased": ("erased, must not come back", "已删除的用户"), "…": ("other reasons", "其他原因"),
}  # fmt: skip

STATES: dict[str, tuple[str, str]] = {
    "queued": ("waiting", "待发送"), "sending": ("at the gateway", "提交中"),
    "sent": ("sent, no receipt yet", "已发送，待回执"), "delivered": ("delivered", "已送达"),
    "failed": ("failed", "失败"), "expired": ("expired", "过期"), "unknown": ("unknown", "未知"),
    "blocked": ("kept back", "未发送"), "canceled": ("canceled", "已取消"), "running": ("running", "发送中"),
    "paused": ("paused", "已暂停"), "done": ("done", "已完成"), "draft": ("being filled", "准备中"),
    "void": ("void", "已作废"), "sealed": ("sealed", "已封存"), "open": ("open", "开放"),
    "importing": ("being imported", "导入中"), "sealing": ("being sealed", "封存中"),
}  # fmt: skip

_PHRASES: dict[str, tuple[str, str]] = {
    "none": ("There is no plan yet.", "还没有计划。"), "new": ("New plan", "新建计划"), "code": ("Code", "编码"),
    "name": ("Name", "名称"), "create": ("Make it", "新建"), "plan": ("Plan", "计划"), "step": ("Step", "步骤"),
    "messages": ("Messages", "消息数"), "start": ("Start", "开始时间"), "author": ("Made by", "创建人"),
    "saved": ("Saved.", "已保存。"), "all_plans": ("All plans", "全部计划"), "packs": ("Number packs", "号码包"),
    "steps": ("Steps", "步骤"), "save": ("Save", "保存"), "decided": ("decided by {} at {}", "由 {} 于 {} 确定"),
    "lacking": ("Not done yet before it: {}.", "之前的步骤尚未完成：{}。"),
    "locked": (
        "The plan is scheduled: go back to change it, which is possible until it has sent something.",
        "计划已定时：如需修改，请先退回（仅在尚未发送时可行）。",
    ),
    "again": ("Saving it again makes void what depends on it: {}.", "重新保存会使依赖它的步骤失效：{}。"),
    "back": ("Go back", "退回"), "back_to": ("Back to", "退回到"), "reason": ("Reason", "原因"),
    "history": ("History", "历史"), "acquire": ("acquire", "拉新"), "repurchase": ("repurchase", "复购"),
    "goal": ("Aim", "目的"), "kind": ("Kind of message", "消息类型"), "marketing": ("marketing", "营销"),
    "brand": ("brand", "品牌"), "notice": ("notice", "通知"), "sender": ("Gateway", "通道"),
    "segment": ("Segment expression", "人群表达式"), "pack": ("Or a number pack", "或号码包"),
    "count_hint": (
        "Counted while you type; who may be written to is looked at when it is saved.",
        "输入后即时计数；保存时再核对谁可以收到。",
    ),
    "matches": ("{} people match", "符合条件：{} 人"), "reachable": ("Can be written to", "可发送"),
    "kept_back": ("Kept back", "未发送"), "offer": ("Offer", "利益点"), "hook": ("Hook", "钩子"),
    "product": ("Product", "商品"), "cost": ("Cost of one hook", "每人钩子成本"),
    "margin": ("Margin of one order", "每人毛利"), "claimants": ("Claimants expected", "预计领取人数"),
    "budget": ("Budget", "预算"), "materials": ("Material that is ready (one a line)", "已备素材（每行一个）"),
    "holdout": ("Held out to compare (%)", "对照组保留（%）"), "build": ("Fill the pack", "生成号码包"),
    "built": ("{} messages are queued", "已排队 {} 条消息"), "dropped": ("Dropped at import", "导入时剔除"),
    "dropped_rows": ("See the dropped rows", "查看剔除的行"), "channel": ("Channel", "渠道"),
    "target": ("Address instead of the landing page (may be empty)", "替代落地页的地址（可空）"),
    "target_hint": (
        "the link leads there; only a notice does without the page", "链接指向这里；只有通知类可以没有落地页"
    ),
    "link": ("Link", "链接"), "landing": ("Landing page", "落地页"), "title": ("Title", "标题"),
    "activity": ("Activity", "活动"), "starts": ("Activity begins", "活动开始"),
    "ends": ("Activity ends", "活动结束"), "text": ("Text", "正文"), "welcome": ("Welcome", "欢迎语"),
    "button": ("Words on the button", "按钮文字"), "button_target": ("The button leads to", "按钮指向"),
    "state_hint": ("{state} becomes the code of each person's link", "{state} 处填入每人的链接码"),
    "see_page": ("See the landing page", "查看落地页"),
    "move_end": ("Move the end of the activity", "更改活动结束时间"), "signature": ("Signature", "签名"),
    "arm": ("Text {}", "文案 {}"), "body": ("Text ({name}, {link})", "内容（{name}、{link}）"),
    "weight": ("Share (of 10,000)", "比例（万分之）"), "for_segment": ("Only for a segment", "仅发给人群"),
    "template": ("Template code", "模板编码"),
    "preview": ("Preview: {} characters, {} parts, {} a message", "预览：{} 字，计费 {} 条，每条消息 {}"),
    "parts": ("Parts", "计费条数"), "most": ("at most {}", "最多 {}"), "problems": ("Problems", "问题"),
    "warnings": ("Warnings", "提醒"), "send_test": ("Send it to the seed numbers", "发送到种子号码"),
    "seeds": ("{} seed numbers", "种子号码 {} 个"),
    "no_seeds": (
        "There is no seed number: name them in the setting seed_numbers.",
        "没有种子号码：请在设置 seed_numbers 中填写。",
    ),
    "test_state": ("State", "状态"), "arrived": ("Arrived", "送达"),
    "tested": ("The copy test is passed.", "拦截测试已通过。"),
    "second": ("Above {} messages a second person approves.", "超过 {} 条须由另一人审批。"),
    "approve": ("Approve it for sending", "批准发送"),
    "approved": ("Approved by {} ({} messages)", "已由 {} 批准（{} 条）"), "when": ("Start", "开始时间"),
    "now": ("Start now", "立即开始"), "at_time": ("Start at this time", "按此时间开始"),
    "hours": ("Messages may go {}.", "可发送时间：{}"), "would_send": ("Would be sent", "将发送"),
    "price": ("It costs at most", "预计最高费用"), "samples": ("Samples", "样例"), "recipient": ("Number", "号码"),
    "missing": ("Steps not done", "尚缺步骤"), "halt": ("Halt now", "立即停止"), "resume": ("Go on", "继续发送"),
    "release": ("Release all", "全部放行"), "cancel": ("Cancel the plan", "取消计划"),
    "canary": ("canary: {} go first", "灰度：先发 {} 条"), "all": ("all released", "全部放行"),
    "held": ("quiet hours: waits until {}", "免打扰时段，等待至 {}"),
    "not_started": ("The plan is not scheduled yet.", "计划尚未定时。"), "state": ("State", "状态"),
    "total": ("{} messages", "共 {} 条"), "flow": ("Where every number went", "号码去向"),
    "arms": ("Texts compared", "文案对比"), "share": ("Share", "比例"), "interval": ("95 % interval", "95 % 区间"),
    "base": ("Of", "基数"), "hits": ("Hits", "命中"), "clicked": ("clicks", "点击"), "added": ("adds", "加友"),
    "converted": ("adds of clicks", "点击后加友"),
    "no_experiment": ("There is one text only, so nothing is compared.", "只有一条文案，没有对比。"),
    "file": ("CSV file (at most about 900 kB)", "CSV 文件（最大约 900 kB）"),
    "import": ("Import and seal", "导入并封存"), "rows": ("Rows", "行数"), "accepted": ("Numbers", "有效号码"),
    "matched": ("Known people", "匹配客户"), "no_packs": ("There is no number pack yet.", "还没有号码包。"),
    "line": ("Line", "行"), "stays": ("line {} stays", "保留第 {} 行"),
    "large": ("Larger files by command: scrm sms pack import", "更大的文件请用命令：scrm sms pack import"),
    "all_packs": ("All number packs", "全部号码包"), "no_dropped": ("No row was dropped.", "没有剔除的行。"),
    "no_channel": ("There is no channel yet.", "还没有渠道。"),
    "halted_note": ("What the gateway has already still goes.", "已提交给网关的消息仍会发出。"),
}  # fmt: skip

WORDS = {
    **_PHRASES,
    **{f"step:{step}": said for step, said in STEP_WORDS.items()},
    **{f"state:{state}": said for state, said in STATES.items()},
}
"""What templates say by key: ``step:`` and ``state:`` before those of steps and states."""
