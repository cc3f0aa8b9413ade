"""Bar 2: the peak memory of importing a million orders, beside importing a tenth of them (<= 1.15x)."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent))

from brand_scene import open_brands
from measure import report, size
from order_scene import import_file, write_file

LARGE = size(1_000_000, 6_000)
SMALL = LARGE // 10 if LARGE >= 1_000_000 else LARGE // 2


def peak_kib(folder: Path, orders: int) -> int:
    """Peak resident memory, in KiB, of a process that imports a file of so many orders."""
    file = write_file(folder, orders)
    command = [sys.executable, __file__, "--import", str(folder / f"shop{orders}"), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout)


def import_and_tell(root: Path, file: Path) -> None:
    """Import a file into a new brand and print this process's peak memory."""
    installation = open_brands(root, ["bench"])
    import_file(installation.brand("bench"), file)
    installation.close()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def main() -> None:
    """Measure the bar."""
    with TemporaryDirectory() as folder:
        small, large = peak_kib(Path(folder), SMALL), peak_kib(Path(folder), LARGE)
    report(f"2 peak memory, {LARGE:,} / {SMALL:,} orders", large / small, at_most=1.15)


if __name__ == "__main__":
    if "--import" in sys.argv:
        import_and_tell(Path(sys.argv[-2]), Path(sys.argv[-1]))
    else:
        main()
