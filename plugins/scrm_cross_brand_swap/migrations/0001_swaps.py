"""Swaps between brands, frozen as they were in the first version."""

SQLITE = {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "int": "INTEGER", "end": ") STRICT"}
POSTGRES = {"id": "BIGSERIAL PRIMARY KEY", "int": "BIGINT", "end": ")"}

STATES = "'open', 'accepted', 'agreed', 'declined', 'settling', 'settled', 'disputed'"
TABLES = f"""
CREATE TABLE cross_brand_swap_profile (partner TEXT PRIMARY KEY, body TEXT NOT NULL, at {{int}} NOT NULL {{end}};

CREATE TABLE cross_brand_swap_deal (
  id {{id}}, code TEXT NOT NULL UNIQUE, partner TEXT NOT NULL, side TEXT NOT NULL CHECK (side IN ('a', 'b')),
  state TEXT NOT NULL CHECK (state IN ({STATES})), turn TEXT NOT NULL CHECK (turn IN ('us', 'them', '')),
  version {{int}} NOT NULL, text TEXT NOT NULL, digest TEXT NOT NULL, answer_until {{int}} NOT NULL,
  unit TEXT NOT NULL, quota {{int}} NOT NULL CHECK (quota > 0),
  imbalance {{int}} NOT NULL CHECK (imbalance > 0), from_at {{int}} NOT NULL, until_at {{int}} NOT NULL,
  target TEXT NOT NULL, link TEXT NOT NULL, words TEXT NOT NULL, show_url TEXT NOT NULL, show_words TEXT NOT NULL,
  clicks {{int}} NOT NULL CHECK (clicks >= 0), shown {{int}} NOT NULL CHECK (shown >= 0),
  received {{int}} NOT NULL CHECK (received >= 0), given {{int}} NOT NULL CHECK (given >= 0),
  open_in {{int}} NOT NULL CHECK (open_in IN (0, 1)), open_out {{int}} NOT NULL CHECK (open_out IN (0, 1)),
  seq {{int}} NOT NULL, sent_at {{int}} NOT NULL, told_seq {{int}} NOT NULL, told TEXT, sent TEXT NOT NULL,
  statement TEXT NOT NULL, reason TEXT NOT NULL, created_at {{int}} NOT NULL, CHECK (received <= quota)
{{end}};
CREATE INDEX cross_brand_swap_deal_link ON cross_brand_swap_deal (link);

CREATE TABLE cross_brand_swap_step (
  id {{id}}, deal TEXT NOT NULL, partner TEXT NOT NULL, by TEXT NOT NULL CHECK (by IN ('us', 'them')),
  act TEXT NOT NULL, version {{int}} NOT NULL, digest TEXT NOT NULL, message TEXT NOT NULL, actor TEXT NOT NULL,
  refused TEXT NOT NULL, at {{int}} NOT NULL
{{end}};
CREATE INDEX cross_brand_swap_step_deal ON cross_brand_swap_step (deal, id);

CREATE TABLE cross_brand_swap_arrival (
  id {{id}}, deal_id {{int}} NOT NULL REFERENCES cross_brand_swap_deal (id),
  contact_id {{int}} NOT NULL REFERENCES contact (id), key TEXT NOT NULL, at {{int}} NOT NULL, lost_at {{int}},
  ordered_at {{int}}, order_id {{int}}, counted {{int}} NOT NULL CHECK (counted IN (0, 1)), void_by {{int}},
  void_counted {{int}} NOT NULL CHECK (void_counted IN (0, 1)), UNIQUE (deal_id, key),
  CHECK (counted = 0 OR void_by IS NULL)
{{end}};
CREATE INDEX cross_brand_swap_arrival_contact ON cross_brand_swap_arrival (contact_id);
CREATE INDEX cross_brand_swap_arrival_order ON cross_brand_swap_arrival (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX cross_brand_swap_arrival_void ON cross_brand_swap_arrival (void_by) WHERE void_by IS NOT NULL;

CREATE TABLE cross_brand_swap_shown (
  id {{id}}, deal_id {{int}} NOT NULL REFERENCES cross_brand_swap_deal (id), key TEXT NOT NULL,
  quantity {{int}} NOT NULL CHECK (quantity > 0), actor TEXT NOT NULL, at {{int}} NOT NULL, UNIQUE (deal_id, key)
{{end}};

CREATE TABLE cross_brand_swap_overlap (
  id {{id}}, run TEXT NOT NULL UNIQUE, partner TEXT NOT NULL,
  asked_by TEXT NOT NULL CHECK (asked_by IN ('us', 'them')), k {{int}} NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('asked', 'computing', 'waiting', 'done', 'refused')), secret TEXT NOT NULL,
  public TEXT NOT NULL, other TEXT NOT NULL, theirs TEXT NOT NULL, estimate {{int}}, error_bp {{int}},
  reason TEXT NOT NULL, at {{int}} NOT NULL
{{end}};
CREATE INDEX cross_brand_swap_overlap_partner ON cross_brand_swap_overlap (partner, id);
CREATE UNIQUE INDEX cross_brand_swap_overlap_running ON cross_brand_swap_overlap (partner)
  WHERE state IN ('asked', 'computing', 'waiting');
"""


def up(migrator, db):
    words = SQLITE if db.param == "?" else POSTGRES
    for statement in TABLES.split(";"):
        if statement.strip():
            db.execute_sql(statement.format(**words))
