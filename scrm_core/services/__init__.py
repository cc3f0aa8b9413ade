"""The only writers of core tables. Each write and its event are one transaction."""
