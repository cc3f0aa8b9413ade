"""Corp tags, and tagging a pair (wecom section 7; dev:92117, 92118). Changes made here cause no event."""

from __future__ import annotations

from typing import Any

from ..answers import Refused
from ..asked import Asked
from ..corp import CorpTag, TagGroup
from .call import Call, endpoint

NAME_LENGTH = 30
AT_ONCE = 1_000


@endpoint("POST", "externalcontact/get_corp_tag_list")
def get_corp_tag_list(call: Call) -> dict[str, Any]:
    """Groups with their tags; ``group_id`` wins over ``tag_id``, both empty are all. Unknown ids are passed over."""
    groups = call.asked.texts("group_id", most=AT_ONCE)
    tags = set(call.asked.texts("tag_id", most=AT_ONCE))
    everything = call.corp.tag_groups
    if groups:
        return {"tag_group": [_group(everything[each]) for each in groups if each in everything]}
    if tags:
        found = [group for group in _sorted(everything.values()) if tags & set(group.tags)]
        return {"tag_group": [_group(group, tags) for group in found]}
    return {"tag_group": [_group(group) for group in _sorted(everything.values())]}


@endpoint("POST", "externalcontact/add_corp_tag")
def add_corp_tag(call: Call) -> dict[str, Any]:
    """Add tags into a new group, or into the one of that id or name; all of them or none."""
    asked = call.asked
    group_id, group_name = asked.text("group_id"), asked.text("group_name", most=NAME_LENGTH, wrong=40072)
    order = asked.number("order", default=0, most=2**32 - 1)
    asked.number("agentid", default=0)
    wanted = [_wanted(each) for each in asked.each("tag", most=AT_ONCE)]
    if not wanted:
        raise Refused(40063, "tag")
    group = _group_for(call, group_id, group_name)
    names = [name for name, _ in wanted]
    known = {tag.name for tag in group.tags.values()} if group else set()
    if len(set(names)) < len(names) or known & set(names):
        raise Refused(40071)
    if _count(call) + len(wanted) > call.corp.limits.corp_tags:
        raise Refused(40126, f"at most {call.corp.limits.corp_tags}")
    if group is None:
        group = TagGroup(call.corp.new_id("et"), group_name, call.seconds, order)
        call.corp.tag_groups[group.id] = group
    made = [CorpTag(call.corp.new_id("et"), name, call.seconds, tag_order) for name, tag_order in wanted]
    group.tags.update((tag.id, tag) for tag in made)
    call.corp.note(call.now, "add_corp_tag", group=group.name, tags=names)
    return {"tag_group": _group(group, {tag.id for tag in made})}


@endpoint("POST", "externalcontact/edit_corp_tag")
def edit_corp_tag(call: Call) -> None:
    """Rename or reorder a tag or a group."""
    asked = call.asked
    each = asked.text("id", missing=40068)
    name = asked.text("name", most=NAME_LENGTH, wrong=40072)
    order = asked.number("order", default=-1, most=2**32 - 1)
    asked.number("agentid", default=0)
    group = call.corp.tag_groups.get(each)
    found = call.corp.tag(each)
    if group is None and found is None:
        raise Refused(40068, each)
    subject: TagGroup | CorpTag
    if group is not None:
        subject, others = group, {other.name for other in call.corp.tag_groups.values() if other is not group}
    else:
        assert found is not None
        subject, others = found[1], {other.name for other in found[0].tags.values() if other is not found[1]}
    if name in others:
        raise Refused(40071)
    if name:
        subject.name = name
    if order >= 0:
        subject.order = order


@endpoint("POST", "externalcontact/del_corp_tag")
def del_corp_tag(call: Call) -> None:
    """Delete tags and whole groups, also from every customer; a group without tags is deleted too."""
    asked = call.asked
    tags, groups = asked.texts("tag_id", most=AT_ONCE), asked.texts("group_id", most=AT_ONCE)
    asked.number("agentid", default=0)
    if not tags and not groups:
        raise Refused(40063, "tag_id and group_id")
    unknown = [each for each in tags if call.corp.tag(each) is None]
    unknown += [each for each in groups if each not in call.corp.tag_groups]
    if unknown:
        raise Refused(40068, unknown[0])
    for each in groups:
        del call.corp.tag_groups[each]
    for each in tags:
        found = call.corp.tag(each)
        if found is None:
            continue
        group, tag = found
        del group.tags[tag.id]
        if not group.tags:
            del call.corp.tag_groups[group.id]
    call.corp.note(call.now, "del_corp_tag", tags=tags, groups=groups)


@endpoint("POST", "externalcontact/mark_tag")
def mark_tag(call: Call) -> None:
    """Tag a pair: add and remove in one call. What is there already, or is not, changes nothing."""
    add = call.asked.texts("add_tag", most=AT_ONCE)
    remove = call.asked.texts("remove_tag", most=AT_ONCE)
    if not add and not remove:
        raise Refused(40063, "add_tag and remove_tag")
    for each in (*add, *remove):
        if call.corp.tag(each) is None:
            raise Refused(40068, each)
    pair = call.pair()
    for each in remove:
        pair.tags.pop(each, None)
    pair.tags.update(dict.fromkeys(add))
    call.corp.note(
        call.now,
        "mark_tag",
        userid=pair.userid,
        external_userid=call.corp.external_userid(pair.person),
        added=[_name(call, each) for each in add],
        removed=[_name(call, each) for each in remove],
    )


def _wanted(asked: Asked) -> tuple[str, int]:
    name = asked.text("name", missing=40072, most=NAME_LENGTH, wrong=40072)
    return name, asked.number("order", default=0, most=2**32 - 1)


def _group_for(call: Call, group_id: str, group_name: str) -> TagGroup | None:
    if group_id:
        if group_id not in call.corp.tag_groups:
            raise Refused(40068, group_id)
        return call.corp.tag_groups[group_id]
    if not group_name:
        raise Refused(40063, "group_id or group_name")
    return next((group for group in call.corp.tag_groups.values() if group.name == group_name), None)


def _count(call: Call) -> int:
    return sum(len(group.tags) for group in call.corp.tag_groups.values())


def _name(call: Call, tag_id: str) -> str:
    found = call.corp.tag(tag_id)
    return "" if found is None else f"{found[0].name}/{found[1].name}"


def _sorted(items: Any) -> list[Any]:
    return sorted(items, key=lambda each: (-each.order, each.created_at))


def _group(group: TagGroup, only: set[str] | None = None) -> dict[str, Any]:
    tags = [tag for tag in _sorted(group.tags.values()) if only is None or tag.id in only]
    return {
        "group_id": group.id,
        "group_name": group.name,
        "create_time": group.created_at,
        "order": group.order,
        "tag": [{"id": t.id, "name": t.name, "create_time": t.created_at, "order": t.order} for t in tags],
    }
