"""The calls that the plugin makes, each with its limits; page numbers are those of WeCom's documentation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .answers import (
    Chat,
    CorpTag,
    Customer,
    CustomerPage,
    FollowInfo,
    LinkCustomerPage,
    LinkInfo,
    LinkQuota,
    chat_of,
    corp_tags_of,
    cursor_of,
    customer_of,
    exact,
    link_customers_of,
    link_of,
    number,
    objects,
    page_of,
    text,
    texts,
)
from .codes import DATA, SHAPE, WecomError

if TYPE_CHECKING:
    from .calls import Calls

PAGE, RESULTS = 100, 1_000
CONFIRMED, JOB_DONE = 2, 3
NO_RELATION = 84061
"""No such friends; from lists: this member has no customer, which is an empty list and no error."""

GONE = frozenset({NO_RELATION, 40096, 84084})
_LONGEST_MEDIA = 512
TAG_EXISTS = 40071
MOST_PAGES = 10_000
"""Of one list: a member has 20,000 customers or more, 100 a page; a corporation 100,000s of groups, 1,000 a page."""

_AGREED = ("Agree", "Default_Agree")
_LINKS = "externalcontact/customer_acquisition"


class Api:
    """WeCom as one application sees it. Every method raises WecomError, and Limited where it has to wait."""

    def __init__(self, calls: Calls) -> None:
        self.calls = calls

    # Customers ----------------------------------------------------------------

    def staff(self) -> list[str]:
        """Members with customer contact (dev:92571)."""
        return texts(self.calls.read("externalcontact/get_follow_user_list"), "follow_user")

    def customer(self, external: str, until: float | None = None) -> Customer | None:
        """A customer with everybody who has them (dev:92114); None when nobody has. ``until`` as in ``Calls.read``."""
        follows: list[FollowInfo] = []
        name = unionid = cursor = ""
        for _ in range(MOST_PAGES):
            params = {"external_userid": external, **({"cursor": cursor} if cursor else {})}
            try:
                told = self.calls.read("externalcontact/get", params, until=until)
            except WecomError as error:
                if error.errcode in GONE:
                    return None
                raise
            found = customer_of(told)
            follows += found.follows
            name, unionid = name or found.name, unionid or found.unionid
            cursor = cursor_of(told, cursor)
            if not cursor:
                return Customer(external, name, unionid, tuple(follows))
        raise WecomError("externalcontact/get: the pages do not end", kind=SHAPE)

    def openid(self, external: str, until: float | None = None) -> str:
        """The openid of a customer of WeChat at the corporation (dev:92323); empty when WeCom gives none."""
        try:
            told = self.calls.read("externalcontact/convert_to_openid", None, {"external_userid": external}, until)
        except WecomError as error:
            if error.kind == DATA:
                return ""
            raise
        return text(told, "openid")

    def customers(self, staff: str, cursor: str = "") -> CustomerPage:
        """A page of a member's customers (dev:92994)."""
        body = {"userid_list": [staff], "cursor": cursor, "limit": PAGE}
        try:
            return page_of(self.calls.read("externalcontact/batch/get_by_user", body=body), staff, cursor)
        except WecomError as error:
            if error.errcode == NO_RELATION:
                return CustomerPage((), "")
            raise

    # Tags ---------------------------------------------------------------------

    def tags(self) -> list[CorpTag]:
        """Every tag of the corporation (dev:92696)."""
        return corp_tags_of(self.calls.read("externalcontact/get_corp_tag_list", body={"tag_id": [], "group_id": []}))

    def make_tag(self, group: str, name: str) -> CorpTag | None:
        """Make a tag of the corporation (dev:92696), in the group of that name or a new one; None if it is there.

        Twice is as good as once: a second of one name is refused (40071).
        """
        body = {"group_name": group, "tag": [{"name": name}]}
        try:
            told = self.calls.act("externalcontact/add_corp_tag", body, repeatable=True)
        except WecomError as error:
            if error.errcode == TAG_EXISTS:
                return None
            raise
        made = next((tag for tag in corp_tags_of({"tag_group": [told.get("tag_group")]}) if tag.name == name), None)
        if made is None:
            raise WecomError("externalcontact/add_corp_tag: no tag was answered", kind=SHAPE)
        return made

    def mark(self, staff: str, external: str, add: Sequence[str], remove: Sequence[str]) -> None:
        """Tags of one member's customer (dev:92697): added and taken in one call. Twice is as good as once."""
        body = {"userid": staff, "external_userid": external, "add_tag": list(add), "remove_tag": list(remove)}
        self.calls.act("externalcontact/mark_tag", body, repeatable=True)

    # Chat groups --------------------------------------------------------------

    def chat(self, chat_id: str) -> Chat:
        """A chat group (dev:92122)."""
        body = {"chat_id": chat_id, "need_name": 0}
        return chat_of(self.calls.read("externalcontact/groupchat/get", body=body))

    def chats(self, owners: Sequence[str], cursor: str = "") -> tuple[list[str], str]:
        """A page of the ids of chat groups (dev:92120) and the cursor of the next; of these owners, or everybody's.

        With many groups WeCom wants owners named (81017), 100 at most.
        """
        body: dict[str, Any] = {"status_filter": 0, "cursor": cursor, "limit": RESULTS}
        if owners:
            body["owner_filter"] = {"userid_list": list(owners)}
        told = self.calls.read("externalcontact/groupchat/list", body=body)
        found = [text(each, "chat_id") for each in objects(told, "group_chat_list")]
        return [each for each in found if each], cursor_of(told, cursor)

    # Contact ways -------------------------------------------------------------

    def contact_way(self, users: Sequence[str], state: str, remark: str) -> tuple[str, str]:
        """Make a contact way as a QR code (dev:92572); its config id and picture. Never repeated by itself."""
        body = {"type": 2, "scene": 2, "user": list(users), "state": state, "remark": remark[:30], "is_exclusive": True}
        told = self.calls.act("externalcontact/add_contact_way", body)
        config_id = text(told, "config_id")
        if not config_id:
            raise WecomError("externalcontact/add_contact_way: no config_id was answered", kind=SHAPE)
        return config_id, exact(told, "qr_code")

    def change_contact_way(self, config_id: str, users: Sequence[str]) -> None:
        """Let other members answer a contact way (dev:92572): the list replaces the one before."""
        body = {"config_id": config_id, "user": list(users)}
        self.calls.act("externalcontact/update_contact_way", body, repeatable=True)

    # Acquisition links ----------------------------------------------------------

    def make_link(self, name: str, staff: Sequence[str], departments: Sequence[int], skip_verify: bool) -> LinkInfo:
        """Make an acquisition link (dev:97297). Never repeated by itself; the application's own secret is needed."""
        body = {"link_name": name, "range": _range(staff, departments), "skip_verify": skip_verify}
        made = link_of(self.calls.act(f"{_LINKS}/create_link", body))
        if not made.id or not made.url:
            raise WecomError("create_link: no link was answered", kind=SHAPE)
        return made

    def change_link(self, link_id: str, staff: Sequence[str], departments: Sequence[int]) -> None:
        """Let others answer a link (dev:97297): the range replaces the one before. Twice is as good as once."""
        body = {"link_id": link_id, "range": _range(staff, departments)}
        self.calls.act(f"{_LINKS}/update_link", body, repeatable=True)

    def remove_link(self, link_id: str) -> None:
        """Delete a link for ever (dev:97297); WeCom tells of it by no callback."""
        self.calls.act(f"{_LINKS}/delete_link", {"link_id": link_id}, repeatable=True)

    def link(self, link_id: str) -> LinkInfo:
        """One link with who answers it (dev:97297)."""
        return link_of(self.calls.read(f"{_LINKS}/get", body={"link_id": link_id}))

    def links(self) -> list[str]:
        """The ids of all links (dev:97297)."""
        found: list[str] = []
        cursor = ""
        for _ in range(MOST_PAGES):
            told = self.calls.read(f"{_LINKS}/list_link", body={"limit": PAGE, "cursor": cursor})
            found += texts(told, "link_id_list")
            cursor = cursor_of(told, cursor)
            if not cursor:
                return found
        raise WecomError("list_link: the pages do not end", kind=SHAPE)

    def link_customers(self, link_id: str, cursor: str = "") -> LinkCustomerPage:
        """A page of those who came through a link (dev:97298)."""
        body = {"link_id": link_id, "limit": RESULTS, "cursor": cursor}
        return link_customers_of(self.calls.read(f"{_LINKS}/customer", body=body), cursor)

    def link_quota(self) -> LinkQuota:
        """How many customers links may still bring (dev:97375)."""
        told = self.calls.read("externalcontact/customer_acquisition_quota")
        return LinkQuota(number(told, "total"), number(told, "balance"))

    # The chat archive -----------------------------------------------------------

    def agreed(self, pairs: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
        """Which (member, customer) have the customer's consent to the chat archive (dev:92005), 100 a call."""
        found: set[tuple[str, str]] = set()
        for begin in range(0, len(pairs), PAGE):
            info = [{"userid": staff, "exteranalopenid": each} for staff, each in pairs[begin : begin + PAGE]]
            told = self.calls.read("msgaudit/check_single_agree", body={"info": info})
            found |= {
                (text(each, "userid"), text(each, "exteranalopenid"))
                for each in objects(told, "agreeinfo")
                if each.get("agree_status") in _AGREED
            }
        return found

    def agreed_in_room(self, room: str) -> set[str]:
        """The customers of a chat group who agreed (dev:92005)."""
        told = self.calls.read("msgaudit/check_room_agree", body={"roomid": room})
        return {
            text(each, "exteranalopenid") for each in objects(told, "agreeinfo") if each.get("agree_status") in _AGREED
        }

    # Messages -----------------------------------------------------------------

    def group_send(self, externals: Sequence[str], content: Mapping[str, Any]) -> tuple[str, frozenset[str]]:
        """Make a task for staff (dev:92135); the task's id and whom WeCom cannot reach. Never repeated by itself."""
        body = {"chat_type": "single", "external_userid": list(externals), **content}
        told = self.calls.act("externalcontact/add_msg_template", body)
        return text(told, "msgid"), frozenset(texts(told, "fail_list"))

    def group_send_staff(self, msgid: str) -> list[tuple[str, bool]]:
        """Members who have a task to confirm, and whether they did (dev:93338)."""
        rows = self._pages("externalcontact/get_groupmsg_task", {"msgid": msgid}, "task_list")
        return [(text(row, "userid"), number(row, "status") == CONFIRMED) for row in rows]

    def group_send_results(self, msgid: str, staff: str) -> list[tuple[str, int]]:
        """What became of a member's part (dev:93338): 0 not sent, 1 sent, 2 no friend, 3 over the quota."""
        rows = self._pages("externalcontact/get_groupmsg_send_result", {"msgid": msgid, "userid": staff}, "send_list")
        return [(text(row, "external_userid"), number(row, "status")) for row in rows]

    def _pages(self, api: str, body: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        cursor = ""
        for _ in range(MOST_PAGES):
            told = self.calls.read(api, body={**body, "limit": RESULTS, "cursor": cursor})
            found += objects(told, name)
            cursor = cursor_of(told, cursor)
            if not cursor:
                return found
        raise WecomError(f"{api}: the pages do not end", kind=SHAPE)

    def moment(self, content: Mapping[str, Any], staff: Sequence[str], tags: Sequence[str]) -> str:
        """Have a moment made (dev:95094) for customers of these members with one of these tags (empty: all).

        The answer is the id of the job that makes it. Never repeated by itself.
        """
        senders = {"sender_list": {"user_list": list(staff)}} if staff else {}
        people = {"external_contact_list": {"tag_list": list(tags)}} if tags else {}
        body = {**content, **({"visible_range": {**senders, **people}} if senders or people else {})}
        return text(self.calls.act("externalcontact/add_moment_task", body), "jobid")

    def moment_result(self, jobid: str) -> tuple[bool, int, str]:
        """Whether the job is done, its error code (0: none), and the moment's id (dev:95094)."""
        told = self.calls.read("externalcontact/get_moment_task_result", {"jobid": jobid})
        result = told.get("result")
        return number(told, "status") == JOB_DONE, number(result, "errcode"), text(result, "moment_id")

    def upload(self, kind: str, name: str, data: bytes, *, moment: bool = False) -> str:
        """Upload a file (dev:90253; of moments dev:95098); its media id, good for three days. It sends nothing."""
        if moment:
            params = {"media_type": kind, "attachment_type": "1"}
            told = self.calls.upload("media/upload_attachment", params, name, data)
        else:
            told = self.calls.upload("media/upload", {"type": kind}, name, data)
        value = exact(told, "media_id", _LONGEST_MEDIA)
        if not value:
            raise WecomError("media/upload: no media_id was answered", kind=SHAPE)
        return value

    def welcome(self, welcome_code: str, content: Mapping[str, Any]) -> None:
        """The welcome of one add (dev:92137): within 20 seconds, once; never repeated by itself."""
        self.calls.act("externalcontact/send_welcome_msg", {"welcome_code": welcome_code, **content})


def _range(staff: Sequence[str], departments: Sequence[int]) -> dict[str, list[Any]]:
    return {"user_list": list(staff), "department_list": list(departments)}
