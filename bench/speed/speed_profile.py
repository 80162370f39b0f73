"""Where the time of an analysis goes, by stage."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from speed_runs import Place

__all__ = ["profiled"]

# Parts of a file's path -> stage, the first that fits.
_STAGES: Final = {
    "latprof/ingest/find": "find",
    "latprof/formats": "read",
    "latprof/ingest": "merge",
    "latprof/trace": "columns",
    "latprof/estimate": "estimate",
    "latprof/stats": "summarize",
    "latprof/report": "render",
    "latprof/cli": "render",
    "importlib": "imports",
}
# Time in built-in functions counts for who called them.
_PROGRAM: Final = """
import cProfile, concurrent.futures, json, os, pstats, sys, time
class Inline:
    def __init__(self, *_, **__): pass
    def __enter__(self): return self
    def __exit__(self, *_): pass
    def map(self, call, *items): return list(map(call, *items))
    def submit(self, call, *items, **named):
        done = concurrent.futures.Future()
        done.set_result(call(*items, **named))
        return done
concurrent.futures.ThreadPoolExecutor = Inline
os.cpu_count = lambda: 1
stages = json.loads(sys.argv[1])
sys.argv = ['latprof', 'analyze', sys.argv[2], '--json', '-o', os.devnull, '--force']
from latprof.cli import main
profile = cProfile.Profile(time.process_time)
try:
    profile.runcall(main)
except SystemExit:
    pass
def stage(path):
    path = path.replace(os.sep, '/')
    return next((name for part, name in stages.items() if part in path), 'libraries and rest')
sums = {}
for (path, _, _), (_, _, own_s, _, callers) in pstats.Stats(profile).stats.items():
    if path == '~' and callers:
        for (caller, _, _), figures in callers.items():
            name = stage(caller)
            sums[name] = sums.get(name, 0.0) + figures[2]
    else:
        name = stage(path)
        sums[name] = sums.get(name, 0.0) + own_s
print(json.dumps(sums))
"""


def profiled(place: Place, logs: Path) -> Iterator[str]:
    """A table of stages with their share of the CPU time, all work being done by one thread of one process."""
    place.forget()
    sums: dict[str, float] = json.loads(place.run("-c", _PROGRAM, json.dumps(_STAGES), str(logs)).output)
    total = sum(sums.values())
    yield "Where the CPU time goes on one core (under a profiler, which makes small functions look slower):\n"
    yield "| stage | share |\n|---|---|"
    for name, seconds in sorted(sums.items(), key=lambda item: -item[1]):
        yield f"| {name} | {seconds / total:.0%} |"
