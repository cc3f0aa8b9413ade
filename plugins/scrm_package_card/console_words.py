"""The words of the console's pages, in Chinese and English."""

from __future__ import annotations

from .steps.catalogue import STEPS


def said(text: str, language: str) -> str:
    """One language of a title that has both, English first: ``goal 目标`` is ``goal`` or ``目标``."""
    english, _, chinese = text.partition(" " + next((mark for mark in text if mark > "\u2e7f"), "\0"))
    start = len(english) + 1
    return (text[start:] if chinese or start < len(text) else text) if language == "zh" else english


_PHRASES: dict[str, tuple[str, str]] = {
    "none": ("There is no campaign yet.", "还没有活动。"), "new": ("New campaign", "新建活动"),
    "code": ("Code", "活动编码"), "name": ("Name", "名称"),
    "source": ("Source of its orders (such as tmall)", "订单来源（如 tmall）"),
    "first_day": ("First day of shipping", "首个发货日"), "last_day": ("Last day of shipping", "最后发货日"),
    "recall_days": ("Days a scan counts", "召回天数"), "contribution_days": ("Days orders count", "贡献天数"),
    "default": ("as set", "默认"), "create": ("Make it", "新建"), "campaign": ("Campaign", "活动"),
    "step": ("Step", "步骤"), "from_source": ("Source of orders", "订单来源"),
    "shipped": ("Cards shipped", "发卡数"), "new_people": ("New persons", "引流新客"),
    "recall": ("Recall rate", "引流召回率"), "contribution": ("Contribution", "贡献"),
    "per_card": ("Per card", "单卡贡献"), "saved": ("Saved.", "已保存。"),
    "back_to_list": ("All campaigns", "全部活动"), "steps": ("Seven steps", "七个步骤"),
    "has": ("There is", "已有"), "needs": ("Still needed", "还需要"),
    "nothing_needed": ("This step has all it needs.", "本步骤已齐备。"), "advance": ("Go on to {}", "进入：{}"),
    "back": ("Go back", "退回"), "back_to": ("Back to", "退回到"), "reason": ("Reason", "原因"),
    "why_back": ("Sign-offs that rest on what changes become void.", "依赖于所改内容的确认会失效。"),
    "history": ("History", "历史"),
    "settled": (
        "This step is settled; to change it go back, with a reason.",
        "本步骤已定；如需修改，请说明原因并退回。",
    ),
    "here": ("now", "进行中"), "done": ("done", "已完成"), "lacks": ("{} missing", "缺 {} 项"),
    "primary": ("Primary goal", "主要目标"), "save": ("Save", "保存"), "hook": ("Hook product", "钩子产品"),
    "kind": ("Kind", "类型"), "hook_name": ("Name of the hook", "钩子名称"),
    "product": ("Product it travels with", "随附商品"), "price": ("Its price", "商品价格"),
    "cost": ("Its cost", "商品成本"), "hook_cost": ("Cost of one hook", "每个钩子成本"),
    "share": ("Share of the margin (%)", "可用毛利（%）"),
    "share_reason": ("Why it differs from the usual share", "为何不同于常用比例"),
    "usual": ("usually {} %", "常用 {} %"), "channels": ("Channels (one a line)", "渠道（每行一个）"),
    "material": ("Material for {}", "{} 的素材"), "fit": ("Fit of the product", "选品适配"),
    "order_value": ("Average order", "平均订单金额"), "repurchase": ("Buyers who buy again (%)", "复购率（%）"),
    "loyalty": ("Loyalty (1–5)", "忠诚度（1–5）"),
    "brand_strength": ("Strength of the brand (1–5)", "品牌力（1–5）"), "factor": ("Factor", "因素"),
    "points": ("Points", "分"), "why": ("Why", "理由"),
    "from_orders": ("taken from the orders when empty", "留空则取自订单"), "trial": ("A/B test", "A/B 测试"),
    "arms": ("Arms (one a line, the first is the control)", "版本（每行一个，第一个为对照）"),
    "minimum": ("Cards that every arm needs", "每个版本至少发卡数"),
    "base": ("Or: usual recall (%)", "或：通常召回率（%）"),
    "lift": ("and the rise worth finding (points)", "与值得发现的提升（百分点）"),
    "start": ("Start the test", "开始测试"),
    "running": ("Test {}: at least {} cards each", "测试 {}：每个版本至少 {} 张"), "link": ("Link", "链接"),
    "arm": ("Arm", "版本"), "channel": ("Channel", "渠道"), "target": ("Where it leads", "目标地址"),
    "make_link": ("Make the link", "生成链接"), "qr": ("QR code", "二维码"),
    "qr_file": ("Download the QR code", "下载二维码"), "visitors": ("Visitors", "访客"), "leads": ("Leads", "线索"),
    "cards_shipped": ("Cards shipped", "发卡数"), "scanned": ("Leads by scan", "扫码线索"),
    "rate": ("Share", "比例"), "interval": ("95 % interval", "95 % 区间"), "p": ("P value", "P 值"),
    "count": ("Count now", "现在统计"),
    "counted": (
        "As it was counted last; count again when more cards have left.",
        "已统计的数字；发卡增加后请再统计。",
    ),
    "choose": ("Choose the arm to print", "选定印刷版本"),
    "against": ("reason, if the data do not name it", "与数据不符时请说明原因"),
    "chosen": ("Chosen: {}", "已选定：{}"), "proof": ("Proof", "打样"),
    "pilot": ("Proof of the pilot cards", "测试卡打样"), "upload": ("Upload the proof", "上传打样文件"),
    "file": ("File (PNG, JPEG or PDF, at most 900 kB)", "文件（PNG、JPEG 或 PDF，最大 900 kB）"),
    "made_by": ("handed in by {} at {}", "由 {} 于 {} 上传"), "number": ("Proof {}", "第 {} 版"),
    "approve": ("Approve this proof", "批准此打样"), "approved": ("Approved by {}", "已由 {} 批准"),
    "see": ("Open the file", "打开文件"),
    "not_kept": ("The file is not kept here, only its name and digest.", "文件未保存在此，只有名称与摘要。"),
    "proof_alt": ("Proof {}", "打样 {}"), "second": ("A second person approves it.", "须由另一人批准。"),
    "width": ("Width (mm)", "宽（毫米）"), "height": ("Height (mm)", "高（毫米）"),
    "bleed": ("Bleed (mm)", "出血（毫米）"), "colours": ("Colours (one a line)", "颜色（每行一个）"),
    "order": ("Order the print", "印刷下单"), "quantity": ("Quantity", "数量"), "printer": ("Printer", "印刷厂"),
    "suggested": ("Suggested: {} ({}, lots of {}; {} in stock)", "建议印量 {}（依据 {}，批量 {}；库存 {}）"),
    "batch": ("Print batch", "印刷批次"), "batches": ("Print batches", "印刷批次"), "sku": ("SKU", "批次编码"),
    "printed": ("Printed", "印刷数"), "unit_cost": ("Cost of one card", "单张成本"),
    "unique": ("Every card has a serial and a link of its own", "一卡一码（每张卡有自己的序列号与链接）"),
    "enter_batch": ("Enter the batch", "登记批次"), "received": ("Received", "到货数"), "left": ("Left", "库存"),
    "no_batches": ("There is no print batch yet.", "还没有印刷批次。"), "receive": ("Cards came", "登记到货"),
    "move": ("Record it", "登记"), "received_kind": ("received", "到货"), "damaged_kind": ("damaged", "损坏"),
    "adjusted_kind": ("counted (adjusted)", "盘点调整"), "at": ("When (now if empty)", "时间（留空为现在）"),
    "arrival": ("Confirm the arrival", "确认到货"), "departments": ("Departments (one a line)", "部门（每行一个）"),
    "faq": ("FAQ", "常见问题"), "sop": ("SOP", "操作流程"), "acknowledge": ("{} has read it", "{} 已阅读"),
    "launch": ("Launch", "上线"), "shipping": ("How cards ship", "发卡方式"),
    "automatic": ("a card with every order", "每个订单自动附卡"),
    "warehouse": ("by the warehouse's files only", "仅按仓库文件"),
    "day": ("First day of shipping (today if empty)", "首个发货日（留空为今天）"), "by_day": ("by day", "按天"),
    "by_arm": ("by arm", "按版本"), "by_batch": ("by batch", "按批次"), "by_channel": ("by channel", "按渠道"),
    "chart_alt": ("Recall rate and contribution per card", "引流召回率与单卡贡献率"),
    "metrics": ("Figures", "数据"), "orders": ("Orders", "订单数"), "signed": ("Signed for", "签收数"),
    "missed": ("No card left", "缺卡"), "scanners": ("Scanners", "扫码人数"), "adds": ("Adds", "加好友数"),
    "members": ("Members", "入会数"), "total_cost": ("Cost", "总成本"), "net": ("Net contribution", "净贡献"),
    "spend": ("Other costs", "其他成本"), "what": ("What", "项目"), "unit": ("Each", "单价"),
    "note_spend": ("Note the cost", "登记成本"), "misses": ("Orders without a card", "缺卡订单"),
    "draw": ("Chart", "绘图"),
    "no_steps": (
        "This campaign was made without the seven steps; one that is made here is taken through them.",
        "此活动没有采用七步法；新活动从这里开始时会逐步进行。",
    ),
    "arrived_hint": ("Record what came, then confirm it.", "先登记到货，再确认。"),
    "refund_note": (
        "Figures are computed from what is stored now; a refund lowers them.",
        "数字由现有数据计算，退款会降低贡献。",
    ),
}  # fmt: skip

WORDS = {**_PHRASES, **{f"step:{step}": (said(title, "en"), said(title, "zh")) for step, title in STEPS.items()}}
"""What templates say by key: ``step:`` before the name of a step."""
