"""Write the packaged table of measured serving rows from the collection they were gathered in.

    python tools/measured_rows.py measurements.csv

Rows without a time per token or a number of GPUs are left out, and those of sources without a licence.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "src" / "latprof" / "replay" / "data" / "measured.csv"
COLUMNS = (
    "model", "precision", "gpu", "n_gpu", "parallelism", "engine", "isl", "osl", "concurrency", "ttft_p50_ms",
    "tpot_p50_ms", "date", "source",
)  # fmt: skip
UNLICENSED = ("mlperf", "sim-to-real", "sim2real")
NEEDED = ("n_gpu", "tpot_p50_ms", "concurrency", "isl")


def rows(path: Path) -> list[tuple[str, ...]]:
    """The rows that are kept, sorted, with the source in few words."""
    kept = []
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            source = row["source"].partition(" as shipped")[0][:60].strip()
            if any(word in row["source"].casefold() for word in UNLICENSED) or not all(row[name] for name in NEEDED):
                continue
            kept.append((*(row[name] for name in COLUMNS[:-1]), source))
    return sorted(set(kept))


def main() -> None:
    """Write the table and say how many rows it has."""
    kept = rows(Path(sys.argv[1]))
    TARGET.parent.mkdir(exist_ok=True)
    with TARGET.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(kept)
    print(f"{len(kept)} rows, {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
