"""In which order agents are told of."""

from __future__ import annotations

from latprof.report.words import describe
from latprof.stats import summarize
from made_calls import made, trace_of


def test_load_generators_are_told_of_after_all_agents() -> None:
    """However many their calls are; agents by the number of theirs."""
    loads = [made(n, agent="load-test", trigger="synthetic") for n in range(30)]
    few = [made(n, agent="pi") for n in range(30, 42)]
    more = [made(n, agent="codex") for n in range(42, 62)]
    trace = trace_of(*loads, *few, *more)
    notes = [note.partition(": ")[0] for note in describe(trace, summarize(trace))]
    assert [note for note in notes if note in {"load-test", "pi", "codex"}] == ["codex", "pi", "load-test"]
