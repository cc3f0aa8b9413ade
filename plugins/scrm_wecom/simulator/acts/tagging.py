"""What members note of customers in the client, and what administrators do with corp tags (wecom sections 3 and 7)."""

from __future__ import annotations

from scrm_core.api import Conflict, NotFound

from ..corp import CorpTag, TagGroup
from .act import TAG, Base, Outcome, act


class Tagging(Base):
    """Acts in the client and in the admin console, which do cause events."""

    @act
    def edit(
        self, userid: str, person: str, remark: str = "", description: str = "", mobiles: list[str] | None = None
    ) -> Outcome:
        """The member edits remark or description: ``edit_external_contact``; phones alone cause no event."""
        pair = self.pair(userid, person)
        pair.remark, pair.description = remark or pair.remark, description or pair.description
        if mobiles is not None:
            pair.mobiles = tuple(mobiles)
        told = self.tell_of("edit_external_contact", pair, State=pair.state) if remark or description else []
        return self.outcome("edited", pair, told)

    @act
    def tag(self, userid: str, person: str, add: list[str] = [], remove: list[str] = []) -> Outcome:  # noqa: B006
        """The member tags the customer in the client: corp tags by id or name, any other name is a personal tag."""
        pair = self.pair(userid, person)
        for each in remove:
            found = self._tag(each)
            if found is not None:
                pair.tags.pop(found.id, None)
            pair.own_tags.pop(each, None)
        for each in add:
            found = self._tag(each)
            if found is not None:
                pair.tags[found.id] = None
            else:
                pair.own_tags[each] = None
        return self.outcome("tagged", pair, self.tell_of("edit_external_contact", pair, State=pair.state))

    @act
    def create_tag(self, group: str, name: str) -> Outcome:
        """An administrator makes a corp tag, and its group where there is none of that name."""
        told: list[int] = []
        found = next((each for each in self.corp.tag_groups.values() if each.name == group), None)
        if found is None:
            found = TagGroup(self.corp.new_id("et"), group, self.seconds, 0)
            self.corp.tag_groups[found.id] = found
            told = self._tell_tag("create", found.id, "tag_group")
        if name in {each.name for each in found.tags.values()}:
            raise Conflict(f"{group} has a tag {name!r}")
        made = CorpTag(self.corp.new_id("et"), name, self.seconds, 0)
        found.tags[made.id] = made
        return Outcome("created", id=made.id, callbacks=told + self._tell_tag("create", made.id, "tag"))

    @act
    def rename_tag(self, id: str, name: str) -> Outcome:
        """An administrator renames a corp tag or a group."""
        group, found = self.corp.tag_groups.get(id), self.corp.tag(id)
        if group is not None:
            group.name = name
        elif found is not None:
            found[1].name = name
        else:
            raise NotFound(f"no tag or group {id!r}")
        kind = "tag" if group is None else "tag_group"
        return Outcome("renamed", id=id, callbacks=self._tell_tag("update", id, kind))

    @act
    def delete_tag(self, id: str) -> Outcome:
        """An administrator deletes a corp tag or a group; customers lose it without an event of their own."""
        if id in self.corp.tag_groups:
            del self.corp.tag_groups[id]
            return Outcome("deleted", id=id, callbacks=self._tell_tag("delete", id, "tag_group"))
        found = self.corp.tag(id)
        if found is None:
            raise NotFound(f"no tag or group {id!r}")
        del found[0].tags[id]
        return Outcome("deleted", id=id, callbacks=self._tell_tag("delete", id, "tag"))

    @act
    def shuffle_tags(self, id: str = "") -> Outcome:
        """An administrator changes the order of tags: of one group, or without ``id`` of all."""
        groups = [self.corp.tag_groups[id]] if id in self.corp.tag_groups else list(self.corp.tag_groups.values())
        for group in groups:
            for place, tag in enumerate(sorted(group.tags.values(), key=lambda each: each.order)):
                tag.order = 1_000 - place
        fields = {"ChangeType": "shuffle", "Id": id}
        return Outcome("shuffled", id=id, callbacks=self.tell(TAG, fields))

    def _tag(self, name: str) -> CorpTag | None:
        found = self.corp.tag(name)
        if found is not None:
            return found[1]
        tags = (tag for group in self.corp.tag_groups.values() for tag in group.tags.values())
        return next((tag for tag in tags if tag.name == name), None)

    def _tell_tag(self, change: str, id: str, kind: str) -> list[int]:
        return self.tell(TAG, {"ChangeType": change, "Id": id, "TagType": kind})
