"""`latprof scrub` on folders of logs: how many are kept, and do all commands show the same of the copies?

    python bench/scrub.py FOLDER… [--salts N]

Each folder named is one run. Without names: every folder of the shared corpus (`LATPROF_SHARED`, else `../shared`)
and every case of `fixtures`. With `--salts` each folder is scrubbed with so many salts, which are the same at each
run: other ids are drawn with each, and none may change a figure. Then logs and calls are counted once per salt.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
import time
from pathlib import Path

from latprof import api
from latprof.report import build_document
from latprof.share.folder import scrub_folder

ROOT = Path(__file__).resolve().parent.parent


def folders() -> list[Path]:
    """What there is."""
    shared = Path(os.environ.get("LATPROF_SHARED", ROOT.parent / "shared"))
    return [*sorted(shared.glob("corpus/*/*")), *sorted((ROOT / "fixtures").glob("*/*/input"))]


def figures(folder: Path) -> object:
    """What `analyze --json` prints."""
    return build_document(api.analyze(api.read([str(folder)]))).data


def measured(folder: Path, salt: bytes | None = None) -> tuple[int, int, int, bool, float]:
    """Logs kept, logs left out, calls, whether the analysis is the same, and CPU seconds."""
    with tempfile.TemporaryDirectory() as place:
        out = Path(place, "out")
        begun = time.process_time()
        result = scrub_folder(folder, out, salt=salt)
        took = time.process_time() - begun
        same = result.identical and figures(out) == figures(folder)
    return result.files, len(result.refused), result.calls, same, took


def measured_often(folder: Path, salts: int) -> tuple[int, int, int, int, float]:
    """The sums over all salts; of the analyses how many are the same. One run with a salt of its own for no salts."""
    chosen: list[bytes | None] = [hashlib.sha256(f"salt {number}".encode()).digest() for number in range(salts)]
    chosen = chosen or [None]
    kept, left, calls, same, took = (sum(column) for column in zip(*(measured(folder, salt) for salt in chosen),
                                                                   strict=True))  # fmt: skip
    return int(kept), int(left), int(calls), int(same), took


def main() -> int:
    """Print the table; 1 where something is left out or differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--salts", metavar="N", type=int, default=0, help="scrub each folder with N fixed salts")
    arguments = parser.parse_args()
    chosen = arguments.folders or folders()
    runs = max(arguments.salts, 1)
    print(f"{'kept':>5} {'left out':>8} {'calls':>7} {'same':>5} {'CPU s':>7}  folder")
    rows = []
    for folder in chosen:
        kept, left, calls, same, took = measured_often(folder, arguments.salts)
        print(f"{kept:5} {left:8} {calls:7} {'yes' if same == runs else 'NO':>5} {took:7.1f}  {folder}", flush=True)
        rows.append((kept, left, calls, same))
    kept, left, calls, good = (sum(column) for column in zip(*rows, strict=True))
    print(f"{kept:5} {left:8} {calls:7} {good:>3}/{len(rows) * runs}")
    return int(left > 0 or good < len(rows) * runs)


if __name__ == "__main__":
    sys.exit(main())
