"""The public shapes of what commands print as JSON, beside those of `latprof.schema`.

`latprof schema NAME` prints them as JSON Schemas. A key is never left out: what is not known is null.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel

from latprof.outputs import calls, facts, logs, measured, plans

__all__ = ["OUTPUTS", "output_schema"]

OUTPUTS: Final[dict[str, type[BaseModel]]] = {
    "budget": measured.BudgetResult,
    "cache-info": logs.CacheInfoResult,
    "calculation": plans.CalculationResult,
    "catalogue-entries": facts.CatalogueResult,
    "catalogue-sources": facts.CatalogueSourcesResult,
    "catalogue-validate": facts.CatalogueValidateResult,
    "check": measured.CheckResult,
    "claims": plans.ClaimsResult,
    "compare": plans.CompareResult,
    "config": logs.ConfigResult,
    "diff": measured.DiffResult,
    "doctor": measured.DoctorResult,
    "drift": measured.DriftResult,
    "drivers": calls.DriversResult,
    "explain": calls.ExplainResult,
    "explain-call": calls.ExplainCallResult,
    "formats": logs.FormatsResult,
    "history-info": logs.HistoryInfoResult,
    "history-prune": logs.HistoryPruneResult,
    "merge": logs.MergeResult,
    "predict": plans.PredictResult,
    "scrub": logs.ScrubResult,
    "session": calls.SessionResult,
    "simulate": plans.SimulateResult,
    "slowest": calls.SlowestResult,
    "sources": logs.SourcesResult,
    "sweep": plans.SweepResult,
    "watch": measured.WatchPicture,
    "watch-event": measured.WatchEvent,
}


def output_schema(name: str) -> dict[str, Any]:
    """JSON Schema of an output by its name in `OUTPUTS`. Raises KeyError."""
    return OUTPUTS[name].model_json_schema(mode="serialization")
