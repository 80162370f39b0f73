"""`latprof simulate`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from latprof.cli import cluster, drawing, options
from latprof.cli.selection import Selection, selects_calls
from latprof.cli.team_settings import engine_of, people_of
from latprof.errors import UsageError

if TYPE_CHECKING:
    from latprof.replay.plan import Wish
    from latprof.replay.question import Conditions
    from latprof.report.document import Document

__all__ = ["simulate"]

_MOST_REPLICAS: Final = 10_000
_LEAST_BUDGET: Final = 64
_MOST_BUDGET: Final = 1_048_576

Cluster = Annotated[
    str | None, typer.Option("--cluster", metavar="NAME", help="A cluster of the settings or the catalogue.")
]
Engineers = Annotated[int | None, typer.Option(metavar="N", help="How many work at once. [settings, else 10]")]
PrefillReplicas = Annotated[
    int, typer.Option("--prefill-replicas", metavar="N", help="So many more only compute prompts (disaggregation).")
]
BatchedTokens = Annotated[int, typer.Option("--batched-tokens", metavar="N", help="Token budget of an iteration.")]
DraftTokens = Annotated[
    int, typer.Option("--draft-tokens", metavar="N", help="Tokens drafted per step by speculation.")
]
RoutingName = Annotated[
    str, typer.Option(metavar="NAME", help="sticky (a session stays on its replica) or least-loaded.")
]


@selects_calls
def simulate(  # noqa: PLR0913 - one argument per option
    selection: Selection,
    model: Annotated[str, typer.Option("--model", metavar="NAME", help="The model that the cluster would serve.")],
    gpu: Annotated[str | None, typer.Option(metavar="GPUS", help="The GPUs: 4xH200.")] = None,
    cluster_name: Cluster = None,
    engine: cluster.Engine = None,
    precision: cluster.Precision = None,
    kv_precision: cluster.KvPrecision = None,
    engineers: Engineers = None,
    price: Annotated[float | None, typer.Option(metavar="USD", help="Rent per month. [the catalogue's]")] = None,
    tp: Annotated[int | None, typer.Option(metavar="N", help="GPUs per replica (tensor parallelism). [chosen]")] = None,
    dp: Annotated[int | None, typer.Option(metavar="N", help="Groups of data-parallel attention. [chosen]")] = None,
    replicas: Annotated[int | None, typer.Option(metavar="N", help="Replicas. [as many as fit]")] = None,
    prefill_replicas: PrefillReplicas = 0,
    batched_tokens: BatchedTokens = 8192,
    draft_tokens: DraftTokens = 0,
    acceptance: Annotated[float, typer.Option(metavar="SHARE", help="Share of drafts that are accepted.")] = 0.7,
    routing: RoutingName = "sticky",
    gap_cap: cluster.GapCap = 60.0,
    sessions_at_once: cluster.SessionsAtOnce = 1,
    draws: cluster.Draws = 40,
    hours: cluster.Hours = 1.0,
    hours_per_month: cluster.HoursPerMonth = None,
    jobs: cluster.Jobs = None,
    calibrate: cluster.Calibrate = None,
    format_name: drawing.FormatName = None,
    as_json: drawing.AsJson = False,  # noqa: FBT002
    output: options.Output = None,
    force: options.Force = False,  # noqa: FBT002
) -> None:
    """Replay the measured calls on a cluster of your own.

    Closed loop: shows what each engineer would feel.
    """
    chosen = drawing.chosen_format(format_name, as_json=as_json, output=output)
    options.check_targets(output, inputs=selection.paths, force=force)
    conditions = cluster.conditions_of(
        gap_cap=gap_cap, sessions_at_once=sessions_at_once, draws=draws, hours=hours,
        hours_per_month=hours_per_month, jobs=jobs, in_force=selection.effective,
    )  # fmt: skip
    _check(routing, acceptance, draft_tokens)
    engineers = people_of(selection.effective) or 10 if engineers is None else engineers
    cluster.check_counts(("--engineers", engineers), ("--tp", tp), ("--dp", dp), ("--replicas", replicas))
    if not 0 <= prefill_replicas <= _MOST_REPLICAS:
        raise UsageError(f"--prefill-replicas {prefill_replicas} is out of range: give 0 to {_MOST_REPLICAS}.")
    if not _LEAST_BUDGET <= batched_tokens <= _MOST_BUDGET:
        raise UsageError(
            f"--batched-tokens {batched_tokens} is out of range: give {_LEAST_BUDGET} to {_MOST_BUDGET}, as engines do."
        )
    asked = {
        "gpu": gpu, "cluster_name": cluster_name, "price": price, "engineers": engineers, "calibrate": calibrate,
        "wish": (model, engine, precision, kv_precision), "fixed": (tp, dp, replicas, prefill_replicas, batched_tokens),
        "drafts": (draft_tokens, acceptance),
    }  # fmt: skip
    conditions = replace(conditions, routing="sticky" if routing == "sticky" else "least-loaded")
    drawing.show(_replayed(selection, conditions, **asked), chosen, output, force=force)


def _replayed(selection: Selection, conditions: Conditions, **asked: Any) -> Document:
    """The document of one configuration. Raises Impossible, UsageError."""
    from latprof.replay.plan import Impossible, plan_for
    from latprof.replay.question import answers, fitted
    from latprof.report.simulation import simulation_document

    hardware = cluster.hardware_of(asked["gpu"], asked["cluster_name"], asked["price"], selection.effective)
    wish, engineers = _wish(selection, asked), asked["engineers"]
    workload = cluster.workload_from(selection)
    tests = cluster.load_tests(asked["calibrate"], wish.model.name) if asked["calibrate"] else []
    if tests:
        conditions = cluster.calibrated_by(tests, conditions, plan_for(hardware, fitted(wish, workload, engineers)))
    with cluster.replay_bar() as progress:
        found, refused = answers(workload, [(hardware, wish, engineers)], conditions, progress)
    if refused:
        raise Impossible(refused[0].reason, refused[0].nearest)
    return simulation_document(found[0], workload, conditions, tests=tests)


def _wish(selection: Selection, asked: Mapping[str, Any]) -> Wish:
    """What the options want to run. Raises UsageError."""
    from latprof.replay.plan import wish_of
    from latprof.serving import Speculation

    model, engine, precision, kv_precision = asked["wish"]
    tensor, data, replicas, prefill_replicas, batched_tokens = asked["fixed"]
    engine = engine_of(selection.effective, asked["cluster_name"], engine)
    return replace(
        wish_of(model, engine=engine, precision=precision, kv_precision=kv_precision),
        tensor=tensor, data=data, replicas=replicas, prefill_replicas=prefill_replicas,
        max_batched_tokens=batched_tokens, speculation=Speculation(*asked["drafts"]),
    )  # fmt: skip


def _check(routing: str, acceptance: float, draft_tokens: int) -> None:
    """Raises UsageError for a routing that there is not, and for shares and numbers out of range."""
    if routing not in {"sticky", "least-loaded"}:
        raise UsageError(f"No routing is called {routing}: choose sticky or least-loaded.")
    if not 0 <= acceptance <= 1 or not 0 <= draft_tokens <= 16:
        raise UsageError("--draft-tokens goes from 0 to 16, --acceptance from 0 to 1.")
