"""`latprof analyze` on a made corpus: are the counts right, how much memory and CPU does it take?

The floor is `orjson.loads` on every line of the same files, measured in the same run, start-up included.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLOOR = """
import sys, pathlib, orjson
for path in pathlib.Path(sys.argv[1]).rglob('*.jsonl'):
    with path.open('rb') as lines:
        for line in lines:
            try:
                orjson.loads(line)
            except orjson.JSONDecodeError:
                pass
"""
IMPORTS = "import typer, numpy, orjson, rich.table, latprof.api, latprof.report.renderers.json"


def measure(*command: str) -> tuple[float, float, bytes]:
    """Run a command: CPU seconds, peak memory in MB, output."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    output = process.stdout.read() if process.stdout is not None else b""
    _, _, usage = os.wait4(process.pid, 0)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, usage.ru_maxrss / 1024, output


def main() -> None:
    """Make the corpus, run both, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mb", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    shared = Path(os.environ.get("LATPROF_SHARED", ROOT.parent / "shared"))
    with tempfile.TemporaryDirectory() as folder:
        make = [sys.executable, str(shared / "tools/gen_corpus.py"), "--out", folder]
        subprocess.run([*make, "--mb", str(arguments.mb), "--seed", str(arguments.seed)], check=True)
        logs = str(Path(folder, ".claude"))
        floor_cpu, floor_mb, _ = measure(sys.executable, "-c", FLOOR, logs)
        _, bare_mb, _ = measure(sys.executable, "-c", IMPORTS)
        cpu, peak_mb, output = measure(sys.executable, "-m", "latprof", "analyze", logs, "--json")
        truth = json.loads(Path(folder, "truth.json").read_text())
    result = json.loads(output)
    print(f"calls: {result['calls']} (truth {truth['api_calls']}), files: {result['files']} (truth {truth['files']})")
    print(f"CPU: {cpu:.2f} s, {cpu / floor_cpu:.2f} x orjson on every line ({floor_cpu:.2f} s)")
    print(f"peak memory: {peak_mb:.0f} MB; imports alone {bare_mb:.0f} MB; the floor {floor_mb:.0f} MB")
    if result["calls"] != truth["api_calls"]:
        sys.exit("counts differ")


if __name__ == "__main__":
    main()
