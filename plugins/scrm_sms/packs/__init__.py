"""Number packs (号码包): imported numbers, normalised and deduplicated, with every dropped row kept."""
