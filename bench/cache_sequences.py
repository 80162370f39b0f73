"""Thousands of random sequences of changes to logs and of damage to the cache: is a run with it ever another?

    python bench/cache_sequences.py --sequences 3000

prints how many runs were compared, after which changes, and every difference. Exits with 1 if there is one.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "tests" / "support")]

from changing_logs import change, damage, fill  # noqa: E402 - found by the line above
from latprof.ingest import read_inputs  # noqa: E402
from latprof.ingest.chunk import Chunk  # noqa: E402
from latprof.store import cache as cache_module  # noqa: E402
from latprof.store import looks  # noqa: E402
from latprof.store.cache import Cache  # noqa: E402


def everything(logs: Path, cache: Cache | None, jobs: int = 1) -> tuple[object, ...]:
    """All that a reading says; several processes read and write the cache together."""
    reading = read_inputs([str(logs)], cache=cache, jobs=jobs)
    whole = Chunk("", "log", reading.columns, reading.problems).to_bytes()
    return whole, reading.files, reading.size_bytes, reading.records, reading.copies, dict(reading.formats)


def run(seed: int, base: Path, steps: int, seen: Counter[str]) -> list[str] | None:
    """One sequence; what was done before the first difference, None where there is none."""
    rng = random.Random(seed)  # noqa: S311 - to be repeated, not to be safe
    logs, kept = base / "logs", base / "cache"
    fill(logs, rng)
    said: list[str] = []
    file_bytes = rng.choice((500_000, 2_000))  # of so small logs few values are files otherwise
    for _ in range(steps):
        setattr(cache_module, "FILE_BYTES", file_bytes)  # noqa: B010 - it is final for others
        cache = Cache(kept, b"bench", most_of={"snapshot": 4, "columns": 4})
        same = everything(logs, cache, rng.choice((1, 1, 2, 3))) == everything(logs, None)
        cache.close()
        seen["runs compared"] += 1
        seen["values taken from the cache"] += cache.hits
        seen["runs that gave the cache up"] += bool(cache.note)
        if not same:
            return said
        said += [change(logs, rng) for _ in range(rng.randint(0, 3))]
        if rng.random() < 0.2:
            said.append(f"cache: {damage(kept, rng)}")
    seen.update(said)
    return None


def main() -> None:
    """Run them all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequences", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--first", type=int, default=1_000_000, help="the first seed")
    parser.add_argument("--fresh-s", type=float, default=0.021, help="younger files are compared by content")
    asked = parser.parse_args()
    setattr(looks, "_FRESH_S", asked.fresh_s)  # noqa: B010 - its own name for it is Final
    seen: Counter[str] = Counter()
    wrong = 0
    for seed in range(asked.first, asked.first + asked.sequences):
        with tempfile.TemporaryDirectory() as base:
            said = run(seed, Path(base), asked.steps, seen)
        if said is not None:
            wrong += 1
            print(f"seed {seed} differs after: {', '.join(said)}")
    for name, count in sorted(seen.items()):
        print(f"{name:32} {count:8,}")
    print(f"{'sequences with a difference':32} {wrong:8,} of {asked.sequences:,}")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
