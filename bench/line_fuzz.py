"""Hundreds of thousands of damaged lines of Claude Code: does the compiled reader ever say other than the Python code?

    python bench/line_fuzz.py --lines 300000 fixtures/claude-code

prints how many lines were compared and how many of them the compiled reader took itself, and every difference.
Exits with 1 if there is one. Built with `CFLAGS="-fsanitize=address,undefined -g"` and run with libasan preloaded it
finds reads beyond a line, too.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "tests" / "support")]

from damaged_lines import damaged, usual_lines  # noqa: E402 - found by the line above
from latprof.formats import Source  # noqa: E402
from latprof.formats.claude_code import decode_lines  # noqa: E402
from latprof.formats.claude_code.reading import is_compiled  # noqa: E402

LONGEST_BYTES = 20_000
ROUND_LINES = 50


def lines_of(folders: list[Path]) -> list[bytes]:
    """Lines of each shape, and those of real logs that are not too long to be damaged quickly."""
    found = usual_lines()
    for folder in folders:
        for path in sorted(folder.rglob("*.jsonl")):
            found += [raw for raw in path.read_bytes().splitlines(keepends=True) if len(raw) <= LONGEST_BYTES]
    return found


def taken(raw: bytes) -> bool:
    """Whether the compiled reader had no doubt."""
    from latprof.formats.claude_code import _native

    return _native.Lines(None).take(raw, 0, len(raw), 0)[1] > 0


def main() -> None:
    """Compare them all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    if not is_compiled():
        sys.exit("the reader is not compiled here")
    rng, sound = random.Random(asked.seed), lines_of(asked.folders)  # noqa: S311 - to be repeated, not to be safe
    compared = own = different = 0
    while compared < asked.lines:
        made = [damaged(rng.choice(sound), rng) for _ in range(ROUND_LINES)]
        own += sum(map(taken, made))
        compared += len(made)
        source = Source.from_bytes(b"".join(made), "log.jsonl")
        if decode_lines(source) == decode_lines(source, compiled=False, skim=False):
            continue
        for raw in made:
            source = Source.from_bytes(raw, "log.jsonl")
            if decode_lines(source) != decode_lines(source, compiled=False, skim=False):
                different += 1
                print(f"different: {raw!r}")
    print(f"{compared} damaged lines compared, {own} taken by the compiled reader, {different} different")
    sys.exit(different > 0)


if __name__ == "__main__":
    main()
