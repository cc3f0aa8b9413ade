"""Built-in mappings of the order exports of selling platforms.

Header names come from public files and importers of these exports; those of JD,
Douyin and Xiaohongshu are partly unconfirmed, so a field lists every spelling
seen and a shop with other headers writes a mapping that ``extends`` one of these.
Headers are compared after normalisation: NFKC, trimmed, units in brackets gone.
"""

from __future__ import annotations

from typing import Any

_TAOBAO_STATUS = {
    "等待买家付款": "unpaid",
    "WAIT_BUYER_PAY": "unpaid",
    "TRADE_NO_CREATE_PAY": "unpaid",
    "PAY_PENDING": "unpaid",
    "买家已付款，等待卖家发货": "paid",
    "WAIT_SELLER_SEND_GOODS": "paid",
    "卖家部分发货": "part_shipped",
    "SELLER_CONSIGNED_PART": "part_shipped",
    "卖家已发货，等待买家确认": "shipped",
    "WAIT_BUYER_CONFIRM_GOODS": "shipped",
    "TRADE_BUYER_SIGNED": "shipped",
    "交易成功": "completed",
    "TRADE_FINISHED": "completed",
    "交易关闭": "closed",
    "TRADE_CLOSED": "closed",
    "TRADE_CLOSED_BY_TAOBAO": "closed",
}

PLATFORMS: dict[str, dict[str, Any]] = {
    "taobao": {
        "columns": {
            "number": ["订单编号"],
            "buyer": ["买家会员名"],
            "status": ["订单状态"],
            "paid_minor": ["买家实际支付金额"],
            "paid_at": ["订单付款时间"],
            "name": ["收货人姓名"],
            "phone": ["联系手机"],
            "items": ["宝贝总数量"],
        },
        "status": _TAOBAO_STATUS,
    },
    "jd": {
        "columns": {
            "number": ["订单号"],
            "buyer": ["下单帐号", "下单账号"],
            "status": ["订单状态"],
            "paid_minor": ["应付金额"],
            "paid_at": ["付款确认时间"],
            "name": ["客户姓名"],
            "phone": ["联系电话"],
            "items": ["订购数量"],
        },
        "status": {
            "等待付款": "unpaid",
            "NOT_PAY": "unpaid",
            "等待出库": "paid",
            "WAIT_SELLER_STOCK_OUT": "paid",
            "WAIT_SELLER_DELIVERY": "paid",
            "等待确认收货": "shipped",
            "WAIT_GOODS_RECEIVE_CONFIRM": "shipped",
            "完成": "completed",
            "已完成": "completed",
            "FINISHED_L": "completed",
            "已取消": "closed",
            "(删除)等待付款": "closed",
            "TRADE_CANCELED": "closed",
        },
    },
    "pdd": {
        "columns": {
            "number": ["订单号"],
            "status": ["订单状态"],
            "paid_minor": ["用户实付金额"],
            "paid_at": ["支付时间"],
            "name": ["收货人"],
            "phone": ["手机"],
            "items": ["商品数量"],
        },
        "status": {
            "待付款": "unpaid",
            "待发货": "paid",
            "1": "paid",
            "已发货，待签收": "shipped",
            "2": "shipped",
            "已收货": "completed",
            "3": "completed",
            "已取消": "closed",
            "待发货，退款成功": "refunded",
            "已发货，退款成功": "refunded",
            "未发货，退款成功": "refunded",
            "已收货，退款成功": "refunded",
        },
    },
    "douyin": {
        "one_row": "line",
        "columns": {
            "number": ["主订单编号"],
            "status": ["订单状态"],
            "paid_at": ["支付完成时间"],
            "name": ["收件人"],
            "phone": ["收件人手机号"],
        },
        "lines": {
            "sku": ["商家编码", "商品ID"],
            "title": ["选购商品"],
            "qty": ["商品数量"],
            "paid_minor": ["订单应付金额"],
        },
        "status": {
            "待支付": "unpaid",
            "1": "unpaid",
            "已支付": "paid",
            "105": "paid",
            "备货中": "paid",
            "2": "paid",
            "待发货": "paid",
            "部分发货": "part_shipped",
            "101": "part_shipped",
            "已发货": "shipped",
            "3": "shipped",
            "已完成": "completed",
            "5": "completed",
            "已关闭": "closed",
            "已取消": "closed",
            "4": "closed",
        },
    },
    "xiaohongshu": {
        "one_row": "line",
        "columns": {
            "number": ["订单号"],
            "status": ["订单状态"],
            "paid_at": ["订单付款时间"],
            "name": ["收件人姓名"],
            "phone": ["收件人电话"],
        },
        "lines": {
            "sku": ["商家编码", "规格"],
            "title": ["商品名称"],
            "qty": ["SKU件数"],
            "paid_minor": ["用户应付金额"],
        },
        "status": {
            "待付款": "unpaid",
            "1": "unpaid",
            "2": "unpaid",
            "清关中": "paid",
            "3": "paid",
            "待发货": "paid",
            "已支付": "paid",
            "4": "paid",
            "部分发货": "part_shipped",
            "5": "part_shipped",
            "已发货": "shipped",
            "6": "shipped",
            "已完成": "completed",
            "7": "completed",
            "已关闭": "closed",
            "8": "closed",
            "已取消": "closed",
            "9": "closed",
            "换货申请中": "completed",
            "10": "completed",
        },
    },
}
"""Order mappings by platform name, in the form of a mapping file; all in yuan and Beijing time."""

for _name, _mapping in PLATFORMS.items():
    _mapping |= {"kind": "orders", "platform": _name, "money": "major", "zone": "Asia/Shanghai"}
