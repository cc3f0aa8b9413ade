"""Awards by hand 人工奖励, talk that is worth something, welfare campaigns 福利活动, what modes of interaction bring.

What the plugin's class takes from this room:

* ``models.AWARD_MODELS``, ``schemas.AWARD_SETTINGS`` (fields for the plugin's ``Settings``), ``routes.PERMISSIONS``
  (besides ``interaction-games:read``), ``service.REPORTS`` and ``service.METRICS``;
* ``routes.add_routes(blueprint)`` and ``commands.add_commands(group)``;
* in ``on_message_in``: ``Awards(brand, settings).talk.take(event)``;
* in ``on_event``: ``modes.take_event(brand, event)``;
* in ``collect_metrics``: ``service.award_metrics(query)``; the method ``value_report`` of the class answers
  ``Awards(brand, settings).value.table()``; the periodic job calls ``Awards(brand, settings).welfare.settle()``.

The table names begin with ``interaction_games_``; migration 0004_awards makes them.
"""
