"""What a user would pick instead runs in a virtual environment of its own, never in ours."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # the modules of the bars


def python_of(name: str, *requirements: str) -> str:
    """The interpreter of an environment that has the requirements; made on the first call."""
    folder = HERE / f".venv-{name}"
    python, made = folder / "bin" / "python", folder / "made"
    wanted = "\n".join(requirements)
    if not made.exists() or made.read_text() != wanted:
        venv.create(folder, with_pip=True, clear=True)
        pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, *requirements], check=True)
        made.write_text(wanted)
    return str(python)
