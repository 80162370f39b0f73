"""The founding question on the captured traces: four rented clusters, four models, 10 and 20 engineers.

    python bench/serving/replay.py [TRACES]             the answer with bands, one line per cluster, model and team
    python bench/serving/replay.py [TRACES] --speed     CPU seconds of a replay of 10,000 calls instead

Everyone busy (gaps cut to 60 s). Bands are p10 to p90 over draws of sessions and of the step model's errors; P is the
share of draws in which the median step is shorter than the measured one of the same calls. Speculation is off: no row
of the measurements states how many drafts were accepted, so that nothing can be fitted.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from latprof import api
from latprof.replay import Answer, Impossible, Study, plan_for
from latprof.replay.bands import ServingSteps
from latprof.replay.cluster import Cluster, replay
from latprof.replay.engine import EngineSettings
from latprof.replay.outcome import figures_of
from latprof.replay.plan import cluster_named, wish_of
from latprof.replay.question import Conditions, answers, fitted
from latprof.replay.steps import StepTable
from latprof.replay.team import Team, capped, clipped
from latprof.replay.workload import Workload, workload_of
from latprof.serving import default_parameters

CLUSTERS = ("5x-h100-vast", "3x-h100-lambda", "4x-h200-vast", "8x-a100-vast")
MODELS = ("Qwen3-Coder-Next", "MiniMax-M2.5", "DeepSeek-V3.2", "Qwen3.5-27B")
TEAMS = (10, 20)
CALLS = 10_000
WIDTH = 120


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


def speeds(workload: Workload) -> None:
    """Print CPU seconds of each."""
    print(f"{'cluster':16} {'model':18} {'eng':>4} {'calls':>8} {'CPU s per 10,000':>17} {'reuse':>6} {'busy':>5}")
    for name in CLUSTERS:
        for model in MODELS:
            for engineers in TEAMS:
                try:
                    plan = plan_for(cluster_named(name), fitted(wish_of(model), workload, engineers))
                except Impossible as refused:
                    print(f"{name:16} {model:18} {engineers:4} refused: {refused.reason}")
                    break
                calls, seconds, figures = one(Study(plan, workload, default_parameters(), engineers))
                shares = f"{figures['reuse_share']:6.2f} {figures['busy_share']:5.2f}"
                print(f"{name:16} {model:18} {engineers:4} {calls:8,} {seconds:17.1f} {shares}", flush=True)


def outlooks(workload: Workload, draws: int, hours: float) -> None:
    """Print the answer with bands."""
    conditions = Conditions(default_parameters(), draws=draws, jobs=os.cpu_count() or 1, measured_s=hours * 3600)
    asked = [(cluster_named(name), wish_of(model), team) for name in CLUSTERS for model in MODELS for team in TEAMS]
    found, refused = answers(workload, asked, conditions)
    heads = ("TTFT p50 s", "tok/s stream", "tok/s all", "step p50 s", "step p90 s", "P")
    print(
        f"{'cluster':14} {'model':16} {'eng':>3} " + " ".join(f"{head:>15}" for head in heads[:-1]) + f" {heads[-1]:>4}"
    )
    for answer in found:
        print(_line(answer))
    for item in refused:
        print(f"{item.hardware.name:14} {item.wish.model.name:16} refused: {item.reason}"[:WIDTH])


def _short(value: float) -> str:
    """Two digits, and all whole ones."""
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def _line(answer: Answer) -> str:
    seen = answer.outlooks["everyone busy"]
    cells = []
    for key in ("ttft_s_p50", "decode_tps_p50", "aggregate_tps", "step_s_p50", "step_s_p90"):
        band = seen.bands.get(key)
        cells.append(f"{_short(band.middle)} [{_short(band.low)}-{_short(band.high)}]" if band else "-")
    share = seen.faster.get("step_s_p50")
    name, model = answer.plan.hardware.name, answer.plan.deployment.model.name
    wins = "-" if share is None else f"{share:.0%}"
    return f"{name:14} {model:16} {answer.engineers:3} " + " ".join(f"{cell:>15}" for cell in cells) + f" {wins:>4}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shared = Path(os.environ.get("LATPROF_SHARED", Path(__file__).resolve().parents[3] / "shared"))
    parser.add_argument("traces", nargs="?", default=str(shared / "traces"))
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--hours", type=float, default=0.5)
    arguments = parser.parse_args()
    workload = workload_of(api.load([arguments.traces]))
    if arguments.speed:
        speeds(workload)
    else:
        outlooks(workload, arguments.draws, arguments.hours)


if __name__ == "__main__":
    main()
