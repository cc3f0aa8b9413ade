"""What ``make run`` installs has no PostgreSQL: the commands of pages find no driver, and start sooner than with one."""

raise ImportError("readers of these pages have not installed scrm[postgres]")
