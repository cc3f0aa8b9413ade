"""The routes of the API: every path below ``/api/v1/<brand>`` with the permission it needs beside it."""

from __future__ import annotations

from . import answers, insight, segments
from .calls import PAGE, Param, Route

_EXPRESSION = Param("expression", "an expression of the segment language", required=True)

ROUTES: tuple[Route, ...] = (
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
"""Checked at start-up: paths and operation names are unique, permissions are known."""
