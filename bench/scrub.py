"""`latprof scrub` on folders of logs: how many are kept, and do all commands show the same of the copies?

    python bench/scrub.py FOLDER…

Each folder named is one run. Without names: every folder of the shared corpus (`LATPROF_SHARED`, else `../shared`)
and every case of `fixtures`.
"""

from __future__ import annotations

import argparse
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


def measured(folder: Path) -> tuple[int, int, int, bool, float]:
    """Logs kept, logs left out, calls, whether the analysis is the same, and CPU seconds."""
    with tempfile.TemporaryDirectory() as place:
        out = Path(place, "out")
        begun = time.process_time()
        result = scrub_folder(folder, out)
        took = time.process_time() - begun
        same = result.identical and figures(out) == figures(folder)
    return result.files, len(result.refused), result.calls, same, took


def main() -> int:
    """Print the table; 1 where something is left out or differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path)
    chosen = parser.parse_args().folders or folders()
    print(f"{'kept':>5} {'left out':>8} {'calls':>7} {'same':>5} {'CPU s':>7}  folder")
    rows = []
    for folder in chosen:
        kept, left, calls, same, took = measured(folder)
        print(f"{kept:5} {left:8} {calls:7} {'yes' if same else 'NO':>5} {took:7.1f}  {folder}", flush=True)
        rows.append((kept, left, calls, same))
    kept, left, calls, good = (sum(column) for column in zip(*rows, strict=True))
    print(f"{kept:5} {left:8} {calls:7} {good:>3}/{len(rows)}")
    return int(left > 0 or good < len(rows))


if __name__ == "__main__":
    sys.exit(main())
