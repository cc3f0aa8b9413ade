"""Runs the command line from a checkout: ``python cli.py run`` equals ``scrm run``.

Not installed; the console script ``scrm`` points at :func:`scrm_core.cli.main`.
"""

from scrm_core.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
