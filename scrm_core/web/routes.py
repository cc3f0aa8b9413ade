"""The routes of the API: every path below ``/api/v1/<brand>`` with the permission it needs beside it."""

from __future__ import annotations

from . import answers, contacts, insight, leads, orders, segments, tags
from .calls import PAGE, Param, Route

_EXPRESSION = Param("expression", "an expression of the segment language", required=True)
_NEW_OR_KNOWN = (201, 200)

ROUTES: tuple[Route, ...] = (
    Route("POST", "/leads", "leads:write", leads.capture_lead,
          "Post a lead; the same lead again changes nothing", answers.LeadSchema,
          accepts="leads", statuses=_NEW_OR_KNOWN),
    Route("POST", "/leads:batch", "leads:write", leads.capture_leads,
          "Post up to 1,000 leads", answers.BatchSchema, accepts="leads", batch=True),

    Route("GET", "/contacts", "contacts:read", contacts.list_contacts,
          "Contacts in the order they were made", answers.page_schema(answers.ContactSchema), params=PAGE),
    Route("POST", "/contacts", "contacts:write", contacts.save_contact,
          "Create or complete the contact that has the identities", answers.ContactSchema,
          accepts="contacts", statuses=_NEW_OR_KNOWN),
    Route("POST", "/contacts:find", "contacts:read", contacts.find_contact,
          "The contact that has an identity; writes nothing", answers.ContactSchema,
          accepts=contacts.IdentityInputSchema),
    Route("GET", "/contacts/<uid>", "contacts:read", contacts.get_contact,
          "A contact with masked identities and tags", answers.ContactDetailSchema),
    Route("POST", "/contacts/<uid>/identities", "contacts:write", contacts.add_identities,
          "Give a contact more identities", answers.ContactDetailSchema, accepts=contacts.IdentityInputSchema),
    Route("GET", "/contacts/<uid>/touches", "contacts:read", contacts.list_touches,
          "A contact's chain of touches in the order of time", answers.list_schema(answers.TouchSchema)),
    Route("GET", "/contacts/<uid>/orders", "orders:read", contacts.list_contact_orders,
          "A contact's orders", answers.page_schema(answers.OrderSchema), params=PAGE),

    Route("GET", "/tag-groups", "tags:read", tags.list_tag_groups,
          "Tag groups by name", answers.list_schema(answers.TagGroupSchema)),
    Route("POST", "/tag-groups", "tags:write", tags.save_tag_group,
          "Create a tag group, or find it", answers.TagGroupSchema, accepts=tags.TagGroupInputSchema),
    Route("GET", "/tags", "tags:read", tags.list_tags,
          "Tags by group and name", answers.list_schema(answers.TagSchema),
          params=(Param("group", "only tags of this group"),)),
    Route("POST", "/tags:define", "tags:write", tags.define_tag,
          "Create a tag, or find it", answers.TagSchema, accepts=tags.TagInputSchema),
    Route("POST", "/tags", "tags:write", tags.assign_tag,
          "Set a tag on a contact, or take it away", answers.TagAssignmentSchema, accepts="tags"),
    Route("POST", "/tags:batch", "tags:write", tags.assign_tags,
          "Set or take away up to 1,000 tags", answers.BatchSchema, accepts="tags", batch=True),

    Route("GET", "/orders", "orders:read", orders.list_orders,
          "Orders in the order they were written", answers.page_schema(answers.OrderSchema), params=PAGE),
    Route("POST", "/orders", "orders:write", orders.save_order,
          "Create or update an order by source and number", answers.OrderResultSchema,
          accepts="orders", statuses=_NEW_OR_KNOWN),
    Route("POST", "/orders:batch", "orders:write", orders.save_orders,
          "Create or update up to 1,000 orders", answers.BatchSchema, accepts="orders", batch=True),
    Route("GET", "/orders/<uid>", "orders:read", orders.get_order,
          "An order with lines and refunds", answers.OrderDetailSchema),
    Route("POST", "/refunds", "orders:write", orders.save_refund,
          "Record a successful refund, also before its order", answers.RefundResultSchema,
          accepts="refunds", statuses=_NEW_OR_KNOWN),

    Route("GET", "/segments", "segments:read", segments.list_segments,
          "Saved segments by name", answers.list_schema(answers.SegmentSchema)),
    Route("POST", "/segments", "segments:write", segments.save_segment,
          "Save a segment under a name", answers.SegmentSchema, accepts=segments.SegmentInputSchema),
    Route("GET", "/segments/<name>", "segments:read", segments.get_segment,
          "A saved segment", answers.SegmentSchema),
    Route("GET", "/segments:count", "segments:read", segments.count_segment,
          "How many contacts fulfil an expression", answers.SegmentCountSchema, params=(_EXPRESSION,)),
    Route("GET", "/segments:members", "segments:read", segments.list_segment_members,
          "The contacts that fulfil an expression", answers.page_schema(answers.SegmentMemberSchema),
          params=(_EXPRESSION, *PAGE)),

    Route("GET", "/events", "events:read", insight.list_events,
          "The event log, newest first", answers.page_schema(answers.EventSchema), params=PAGE),
    Route("GET", "/plugins", "plugins:read", insight.list_plugins,
          "Enabled plugins, their routes and how they fare", answers.list_schema(answers.PluginSchema)),
    Route("GET", "/reports", "reports:read", insight.list_reports,
          "Reports that can be asked for", answers.list_schema(answers.ReportInfoSchema)),
    Route("GET", "/reports/<name>", "reports:read", insight.run_report,
          "A report's figures as of now", answers.ReportSchema),
)  # fmt: skip
"""A test holds that paths and operation names are unique and permissions known."""
