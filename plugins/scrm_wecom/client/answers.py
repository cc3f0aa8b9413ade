"""What WeCom's answers contain, as values: what has another shape is left out, and unknown values are kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .codes import SHAPE, WecomError

CORP_TAG = 1
"""``type`` of a tag that the corporation defines; 2 is a member's own, 3 of a rule group."""

_LONGEST, _LONGEST_CURSOR = 200, 4_096
_MOST = 2**53
"""Whole numbers of JSON are sure up to here, and times a thousand they fit the database."""


def text(told: Any, name: str) -> str:
    """A member as text, cut to what names may have; empty when it is not there or no text."""
    value = told.get(name) if isinstance(told, Mapping) else None
    return _clean(value)


def _clean(value: Any) -> str:
    return "".join(c for c in value if c.isprintable())[:_LONGEST].strip() if isinstance(value, str) else ""


def exact(told: Any, name: str, longest: int = _LONGEST_CURSOR) -> str:
    """A member as text that is given back whole and as it is; empty when it is too long or could not be written."""
    value = told.get(name) if isinstance(told, Mapping) else None
    return value if isinstance(value, str) and len(value) <= longest and value.isprintable() else ""


def cursor_of(told: Any, asked: str = "") -> str:
    """Where the next page begins, whole and as it is; empty on the last page.

    Raises WecomError for one that is too long, has what cannot be written, or is the one that was asked with: such
    pages do not end.
    """
    value = told.get("next_cursor") if isinstance(told, Mapping) else None
    if not isinstance(value, str):
        return ""
    if len(value) > _LONGEST_CURSOR:
        raise WecomError(f"next_cursor has {len(value)} characters; {_LONGEST_CURSOR} are taken", kind=SHAPE)
    if not value.isprintable():
        raise WecomError("next_cursor has characters that cannot be written", kind=SHAPE)
    if value and value == asked:
        raise WecomError("next_cursor is the one that was asked with", kind=SHAPE)
    return value


def number(told: Any, name: str, default: int = 0) -> int:
    """A member as a whole number, of a size that can be written."""
    value = told.get(name) if isinstance(told, Mapping) else None
    return value if type(value) is int and abs(value) <= _MOST else default


def objects(told: Any, name: str) -> Iterator[Mapping[str, Any]]:
    """The objects of a list."""
    value = told.get(name) if isinstance(told, Mapping) else None
    yield from (each for each in (value if isinstance(value, list) else []) if isinstance(each, Mapping))


def texts(told: Any, name: str) -> list[str]:
    """The texts of a list; what has nothing to be seen, or is too long, is left out."""
    value = told.get(name) if isinstance(told, Mapping) else None
    every = value if isinstance(value, list) else []
    return [_clean(each) for each in every if _clean(each) and len(each) <= _LONGEST]


@dataclass(frozen=True, slots=True)
class FollowInfo:
    """What a member of staff has of a customer: since when (seconds), the State, and ids of the corporation's tags.

    ``add_way`` is WeCom's number for how they came (16 acquisition link, 202 assigned); unknown ones are kept.
    """

    staff: str
    since: int
    state: str
    add_way: int
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer: ``unionid`` only where the corporation is bound to a WeChat account, and for people of WeChat."""

    external: str
    name: str
    unionid: str
    follows: tuple[FollowInfo, ...]


@dataclass(frozen=True, slots=True)
class CustomerPage:
    """Customers of a member of staff; ``cursor`` is empty on the last page."""

    customers: tuple[Customer, ...]
    cursor: str


@dataclass(frozen=True, slots=True)
class CorpTag:
    """A tag of the corporation, and its group."""

    id: str
    name: str
    group_id: str
    group: str


@dataclass(frozen=True, slots=True)
class ChatMember:
    """A customer in a chat group; ``joined`` in seconds."""

    external: str
    joined: int


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat group with its customers; ``version`` grows with each change of its members."""

    id: str
    name: str
    owner: str
    version: str
    members: tuple[ChatMember, ...]


@dataclass(frozen=True, slots=True)
class LinkInfo:
    """An acquisition link (获客链接) as WeCom has it; ``created`` in seconds."""

    id: str
    name: str
    url: str
    created: int
    staff: tuple[str, ...]
    departments: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LinkCustomer:
    """Who came through a link; ``state`` is the ``customer_channel`` of the address that they followed."""

    external: str
    staff: str
    spoke: bool
    state: str


@dataclass(frozen=True, slots=True)
class LinkCustomerPage:
    """Customers of a link; ``cursor`` is empty on the last page."""

    customers: tuple[LinkCustomer, ...]
    cursor: str


@dataclass(frozen=True, slots=True)
class LinkQuota:
    """How many customers were bought for links, and how many of them are left."""

    total: int
    balance: int


def customer_of(told: Mapping[str, Any]) -> Customer:
    """``externalcontact/get``: one customer, each member of staff with tags as objects."""
    follows = tuple(
        FollowInfo(
            text(each, "userid"), number(each, "createtime"), text(each, "state"), number(each, "add_way"),
            tuple(text(tag, "tag_id") for tag in objects(each, "tags") if number(tag, "type") == CORP_TAG),
        )
        for each in objects(told, "follow_user")
        if text(each, "userid")
    )  # fmt: skip
    return _customer(told.get("external_contact"), follows)


def page_of(told: Mapping[str, Any], staff: str, asked: str = "") -> CustomerPage:
    """``externalcontact/batch/get_by_user``, ``asked`` with a cursor: many customers, one member each, tags as ids."""
    found = []
    for each in objects(told, "external_contact_list"):
        info = each.get("follow_info")
        follow = FollowInfo(
            text(info, "userid") or staff, number(info, "createtime"), text(info, "state"), number(info, "add_way"),
            tuple(texts(info, "tag_id")),
        )  # fmt: skip
        customer = _customer(each.get("external_contact"), (follow,))
        if customer.external:
            found.append(customer)
    return CustomerPage(tuple(found), cursor_of(told, asked))


def _customer(told: Any, follows: tuple[FollowInfo, ...]) -> Customer:
    return Customer(text(told, "external_userid"), text(told, "name"), text(told, "unionid"), follows)


def corp_tags_of(told: Mapping[str, Any]) -> list[CorpTag]:
    """``externalcontact/get_corp_tag_list`` without what is deleted."""
    return [
        CorpTag(text(tag, "id"), text(tag, "name"), text(group, "group_id"), text(group, "group_name"))
        for group in objects(told, "tag_group")
        if group.get("deleted") is not True
        for tag in objects(group, "tag")
        if tag.get("deleted") is not True and text(tag, "id") and text(tag, "name")
    ]


def chat_of(told: Mapping[str, Any]) -> Chat:
    """``externalcontact/groupchat/get``: customers alone, staff are no contacts."""
    group = told.get("group_chat")
    members = tuple(
        ChatMember(text(each, "userid"), number(each, "join_time"))
        for each in objects(group, "member_list")
        if number(each, "type") == 2 and text(each, "userid")
    )
    name, owner, version = (text(group, each) for each in ("name", "owner", "member_version"))
    return Chat(text(group, "chat_id"), name, owner, version, members)


def link_of(told: Mapping[str, Any]) -> LinkInfo:
    """``customer_acquisition/get`` and ``create_link``: the link, and its range where it is told."""
    link, where = told.get("link"), told.get("range")
    departments = where.get("department_list") if isinstance(where, Mapping) else None
    return LinkInfo(
        text(link, "link_id"), text(link, "link_name"), text(link, "url"), number(link, "create_time"),
        tuple(texts(where, "user_list")),
        tuple(each for each in (departments if isinstance(departments, list) else []) if type(each) is int),
    )  # fmt: skip


def link_customers_of(told: Mapping[str, Any], asked: str = "") -> LinkCustomerPage:
    """``customer_acquisition/customer``, ``asked`` with a cursor: a page of the customers of a link."""
    customers = tuple(
        LinkCustomer(
            text(each, "external_userid"), text(each, "userid"), number(each, "chat_status") == 1, text(each, "state")
        )
        for each in objects(told, "customer_list")
        if text(each, "external_userid") and text(each, "userid")
    )
    return LinkCustomerPage(customers, cursor_of(told, asked))
