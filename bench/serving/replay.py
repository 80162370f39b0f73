"""How long a replay of 10,000 calls takes on one core, and the founding question on the captured traces.

    python bench/serving/replay.py [TRACES]

Prints a table of replays (calls, CPU seconds, prefix reuse, busy share) of the four rented clusters of the catalogue
with the models that fit, for 10 and 20 engineers.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from latprof import api
from latprof.replay import Impossible, Study, plan_for
from latprof.replay.bands import ServingSteps
from latprof.replay.cluster import Cluster, replay
from latprof.replay.engine import EngineSettings
from latprof.replay.outcome import figures_of
from latprof.replay.plan import cluster_named, wish_of
from latprof.replay.question import fitted
from latprof.replay.steps import StepTable
from latprof.replay.team import Team, capped, clipped
from latprof.replay.workload import Workload, workload_of
from latprof.serving import default_parameters

CLUSTERS = ("5x-h100-vast", "3x-h100-lambda", "4x-h200-vast", "8x-a100-vast")
MODELS = ("Qwen3-Coder-Next", "MiniMax-M2.5", "DeepSeek-V3.2", "Qwen3.5-27B")
CALLS = 10_000


def one(study: Study) -> tuple[int, float, dict[str, float]]:
    """A busy team until at least 10,000 calls are complete: calls, CPU seconds, figures."""
    plan = study.plan
    workload = capped(clipped(study.workload, plan.limit_tokens)[0], study.gap_cap_s)
    lanes = Team(workload, study.engineers).lanes(1)
    table = StepTable(ServingSteps(plan.deployment, study.parameters), plan.deployment.max_batched_tokens)
    cluster = Cluster(EngineSettings(plan.capacity_tokens), table, plan.replicas, first_token_s=0.1)
    hours = CALLS / 120
    begun = time.process_time()
    found = replay(cluster, lanes, hours * 3600)
    seconds = time.process_time() - begun
    return len(found.done), seconds * CALLS / len(found.done), figures_of(found)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    shared = Path(os.environ.get("LATPROF_SHARED", Path(__file__).resolve().parents[3] / "shared"))
    parser.add_argument("traces", nargs="?", default=str(shared / "traces"))
    arguments = parser.parse_args()
    workload: Workload = workload_of(api.load([arguments.traces]))
    print(f"{'cluster':16} {'model':18} {'eng':>4} {'calls':>8} {'CPU s per 10,000':>17} {'reuse':>6} {'busy':>5}")
    for name in CLUSTERS:
        for model in MODELS:
            for engineers in (10, 20):
                try:
                    plan = plan_for(cluster_named(name), fitted(wish_of(model), workload, engineers))
                except Impossible as refused:
                    print(f"{name:16} {model:18} {engineers:4} refused: {refused.reason}")
                    break
                calls, seconds, figures = one(Study(plan, workload, default_parameters(), engineers))
                shares = f"{figures['reuse_share']:6.2f} {figures['busy_share']:5.2f}"
                print(f"{name:16} {model:18} {engineers:4} {calls:8,} {seconds:17.1f} {shares}", flush=True)


if __name__ == "__main__":
    main()
