"""Generates an invented shop's files: ``orders-``, ``refunds-`` and ``products-generated.csv``.

The real sample has neither platforms nor products nor phones; these files have
them, drawn with a fixed seed, so that segments and plugins find something to
work on. Nothing in them is real. ``orders-generated.csv`` has one row per order
line, as item exports of the platforms do: the package card (包裹卡) is a gift
line of amount 0, and some orders are unpaid, closed or refunded. Amounts are
yuan, times are wall-clock times of Asia/Shanghai. All phones lie in the block
of 13800138000, the operator's own number that examples in China use.

Run it from any folder; it always writes the same bytes::

    python examples/make_orders.py
"""

from __future__ import annotations

import csv
import hashlib
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

HERE = Path(__file__).resolve().parent
SEED = 20250901
START = datetime(2025, 9, 1)
DAYS = 180
CUSTOMERS = 300
CARD_SKU = "CARD-202509-A"

PLATFORMS = ("douyin", "tmall", "jd", "pdd", "xiaohongshu")
STATUS = {"unpaid": "待付款", "paid": "待发货", "shipped": "已发货", "completed": "交易成功", "closed": "交易关闭"}

ORDER_COLUMNS = (
    "platform", "order_number", "status", "buyer", "phone", "paid_at",
    "sku", "title", "category", "size", "qty", "line_paid", "gift",
)  # fmt: skip
REFUND_COLUMNS = ("platform", "order_number", "refund_number", "amount", "refunded_at", "reason")
PRODUCT_COLUMNS = ("sku", "title", "category", "price", "cost", "size")


@dataclass(frozen=True)
class Product:
    """A sellable size of an article; amounts in fen (分)."""

    sku: str
    title: str
    category: str
    size: str
    price: int
    cost: int


ARTICLES = (
    ("DIAPER", "拉拉裤", "baby/diaper/pants", ("M", "L", "XL", "XXL"), 8900, 5200),
    ("TAPED", "纸尿裤", "baby/diaper/taped", ("NB", "S", "M", "L"), 9900, 5600),
    ("SHOE", "学步鞋", "baby/shoes", ("21", "22", "23", "24", "25"), 15900, 6100),
    ("DRESS", "连衣裙", "women/dress", ("S", "M", "L", "XL"), 25900, 8800),
    ("SNEAK", "运动鞋", "women/shoes", ("36", "37", "38", "39", "40"), 32900, 13900),
    ("TOWEL", "棉柔巾", "home/towel", ("",), 2990, 1450),
)


def products() -> list[Product]:
    """Every article in every size."""
    return [
        Product(f"{code}-{size}" if size else code, f"{title} {size}".strip(), category, size, price, cost)
        for code, title, category, sizes, price, cost in ARTICLES
        for size in sizes
    ]


@dataclass(frozen=True)
class Customer:
    """An invented buyer: a phone or none, and the platforms shopped on with a buyer id each."""

    phone: str
    buyers: dict[str, str]


def customers(source: random.Random) -> list[Customer]:
    """Two thirds left a phone; a third of the buyers shops on two platforms."""
    phones = source.sample(range(1_000), CUSTOMERS)
    people = []
    for number in range(CUSTOMERS):
        platforms = source.sample(PLATFORMS, 2 if source.random() < 0.34 else 1)
        buyers = {p: hashlib.sha256(f"{SEED}/{p}/{number}".encode()).hexdigest()[:16] for p in platforms}
        phone = f"13800138{phones[number]:03d}" if source.random() < 0.67 else ""
        people.append(Customer(phone, buyers))
    return people


def order_number(platform: str, paid_at: datetime, serial: int) -> str:
    """A number in the shape the platform gives."""
    match platform:
        case "jd":
            return f"{310_000_000_000 + serial * 7_919}"
        case "pdd":
            return f"{paid_at:%y%m%d}-{100_000_000_000_000 + serial * 104_729}"
        case "xiaohongshu":
            return f"P{720_000_000_000_000_000 + serial * 1_299_709}"
        case _:
            return f"{6_920_000_000_000_000_000 + serial * 15_485_863}"


def yuan(fen: int) -> str:
    """An amount in fen as yuan with two decimals."""
    return f"{fen // 100}.{fen % 100:02d}"


def status_of(source: random.Random) -> str:
    """Most orders complete; a few stay on the way, unpaid or are closed."""
    return source.choices(tuple(STATUS), weights=(3, 6, 9, 78, 4))[0]


def generate() -> tuple[list[Sequence[str]], list[Sequence[str]], list[Sequence[str]]]:
    """The rows of the orders, the refunds and the products file."""
    source = random.Random(SEED)
    catalogue = products()
    drafts = []
    for person in customers(source):
        for _ in range(min(1 + int(source.expovariate(0.55)), 12)):
            moment = START + timedelta(seconds=source.randrange(DAYS * 86_400))
            drafts.append((moment, source.choice(sorted(person.buyers)), person))
    drafts.sort(key=lambda draft: draft[0])

    orders: list[Sequence[str]] = []
    refunds: list[Sequence[str]] = []
    for serial, (moment, platform, person) in enumerate(drafts, start=1):
        number = order_number(platform, moment, serial)
        status = status_of(source)
        paid_at = "" if status == "unpaid" else f"{moment:%Y-%m-%d %H:%M:%S}"
        head = (platform, number, STATUS[status], person.buyers[platform], person.phone, paid_at)
        total = 0
        for product in source.sample(catalogue, source.choices((1, 2, 3), weights=(70, 22, 8))[0]):
            qty = source.choices((1, 2, 3), weights=(80, 15, 5))[0]
            paid = product.price * qty * source.choice((100, 100, 95, 90, 80)) // 100
            total += paid
            orders.append(
                (*head, product.sku, product.title, product.category, product.size, str(qty), yuan(paid), "0")
            )
        if status in ("shipped", "completed"):
            orders.append((*head, CARD_SKU, "包裹卡", "card", "", "1", "0.00", "1"))
        if status == "completed" and source.random() < 0.07:
            amount = total if source.random() < 0.5 else total // 3
            refunded_at = moment + timedelta(days=source.randrange(1, 15), hours=source.randrange(24))
            reason = source.choice(("七天无理由", "尺码不合适", "质量问题"))
            refunds.append(
                (platform, number, f"R{serial:06d}", yuan(amount), f"{refunded_at:%Y-%m-%d %H:%M:%S}", reason)
            )
    goods = [(p.sku, p.title, p.category, yuan(p.price), yuan(p.cost), p.size) for p in catalogue]
    return orders, refunds, goods


def write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write one CSV file in UTF-8 with LF line ends."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def main(folder: Path = HERE) -> None:
    """Write the three files into ``folder``."""
    orders, refunds, goods = generate()
    write(folder / "orders-generated.csv", ORDER_COLUMNS, orders)
    write(folder / "refunds-generated.csv", REFUND_COLUMNS, refunds)
    write(folder / "products-generated.csv", PRODUCT_COLUMNS, goods)


if __name__ == "__main__":
    main()
