"""Bar 9: rows a second through the batch endpoint with 100 rows a request, beside the single-row endpoint.

Both post new leads to the same application and brand with the durability that
an installation has unless told otherwise; a row that is not accepted ends the
benchmark.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from engines import Engine, engines
from measure import paired, report, size

from scrm_core.installation import Installation
from scrm_core.web import create_app

BRAND = '[brand]\nid = "shop"\nname = "Shop"\ntimezone = "Asia/Shanghai"\ncurrency = "CNY"\n'
BATCH = 100
ROWS = size(2_000, 200)


def lead(number: int) -> dict[str, Any]:
    """A new lead."""
    return {"source": "form", "key": f"k{number}", "phone": f"138{number:08d}", "name": "王小明"}


def main() -> None:
    """Print a row for each database."""
    for engine in engines():
        measure(engine)


def measure(engine: Engine) -> None:
    """One row."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "brands").mkdir()
        (root / "scrm.toml").write_text(f'database_url = "{engine.url}"\n', "utf-8")
        (root / "brands" / "shop.toml").write_text(BRAND, "utf-8")
        installation = Installation.open(root)
        installation.migrate()
        with installation.brand("shop") as brand:
            key = brand.keys.create("bench", ["leads:write"])[1]
        client = create_app(installation).test_client()
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        numbers = iter(range(100_000_000))

        def post(path: str, value: Any, status: int) -> Any:
            response = client.post(f"/api/v1/shop{path}", data=json.dumps(value), headers=headers)
            if response.status_code != status:
                raise SystemExit(f"{path} answered {response.status_code}: {response.get_data(as_text=True)}")
            return response.get_json()

        def singly() -> None:
            for _ in range(ROWS):
                post("/leads", lead(next(numbers)), 201)

        def in_batches() -> None:
            for _ in range(ROWS // BATCH):
                answer = post("/leads:batch", {"rows": [lead(next(numbers)) for _ in range(BATCH)]}, 200)
                if answer["created"] != BATCH:
                    raise SystemExit(f"only {answer['created']} of {BATCH} rows were captured")

        ratio = paired(in_batches, singly).speed
    report(f"9 batch endpoint, 100 rows, {engine.name}", ratio, at_least=10)


if __name__ == "__main__":
    main()
