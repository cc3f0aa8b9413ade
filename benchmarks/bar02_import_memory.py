"""Bar 2: peak memory of importing a million orders, beside that of a hundred thousand (<= 1.15x).

Each import runs in a process of its own, which reports the most memory it ever
held: nothing in it may grow with the file. Linux only (``VmHWM``): elsewhere a
process counts its parent's memory as its own peak.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent))

from brand_scene import open_brands
from measure import report, size
from order_scene import import_file, write_file

FEW = size(100_000, 20_000)
MANY = size(1_000_000, 40_000)
STATUS = Path("/proc/self/status")
SKIPPED = 77


def child(root: Path, file: Path) -> None:
    """Import the file into a new brand in ``root`` and print the peak of this process's memory."""
    installation = open_brands(root, ["bench"])
    import_file(installation.brand("bench"), file)
    print(next(line.split()[1] for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:")))


def peak(root: Path, file: Path) -> int:
    """The peak memory of a process that imports the file, in kilobytes."""
    done = subprocess.run(
        [sys.executable, __file__, "--child", str(root), str(file)], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def main() -> None:
    """Measure the bar."""
    if not STATUS.exists():
        print("no /proc/self/status here: the peak of a process cannot be told", file=sys.stderr)
        raise SystemExit(SKIPPED)
    with TemporaryDirectory() as folder:
        base = Path(folder)
        few, many = (peak(base / f"brand-{orders}", write_file(base, orders)) for orders in (FEW, MANY))
    report("2 peak memory of a 1M-row import / a 100k-row import", many / few, at_most=1.15)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        main()
