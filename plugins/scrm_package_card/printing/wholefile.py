"""A file that appears whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from scrm_core.api import Invalid


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write into that takes its name only when all is on the disk; raises Invalid when it cannot be."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as exc:
        raise Invalid(f"{path} cannot be written: {exc.strerror or exc}", field="out") from exc
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
