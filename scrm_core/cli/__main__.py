"""``python -m scrm_core.cli`` equals ``scrm``."""

from .root import main

if __name__ == "__main__":
    main()
