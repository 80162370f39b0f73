"""Results of vLLM's `bench serve` (`benchmark_serving.py`), and of InferenceX, which reshapes them.

One JSON document per run, or one per line when runs were appended. Only runs that were saved with
details hold requests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from latprof.formats.base import Format, Source
from latprof.formats.load_tests import AGENT, OBSERVES, Run, array_calls, documents, identity, offered, once
from latprof.formats.records import list_of, text_of
from latprof.model import Call, Problem

__all__ = ["FORMAT"]

_KEY: Final = re.compile(rb'"([a-z_]+)"\s*:')
_RUN_KEYS: Final = frozenset({b"model_id", b"num_prompts", b"request_rate"})
# Keys of the arguments or figures; one of them besides those above makes it a result of this tool.
_MORE_KEYS: Final = frozenset({b"tokenizer_id", b"burstiness", b"mean_ttft_ms"})
_RESHAPED_KEYS: Final = frozenset({b"hw", b"framework", b"conc", b"tput_per_gpu"})


def _sniff(_: str, head: bytes) -> bool:
    if not head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
        return False
    if b'"request_rate"' not in head and b'"tput_per_gpu"' not in head:
        return False  # most files of others are told by this alone
    keys = set(_KEY.findall(head))
    return (keys >= _RUN_KEYS and not keys.isdisjoint(_MORE_KEYS)) or keys >= _RESHAPED_KEYS


def _read(source: Source) -> Iterator[Call | Problem]:
    problems: list[Problem] = []
    yield from once(_items(source, problems))
    yield from problems


def _items(source: Source, problems: list[Problem]) -> Iterator[Call | Problem]:
    for line, record in documents(source, problems):
        if isinstance(record, dict):
            yield from array_calls(_run_of(record), record, source.path, line)
        else:
            yield Problem("bad_record", source.path, line, "not a JSON object")


def _run_of(record: dict[str, Any]) -> Run:
    model = text_of(record, "model_id")
    return Run(
        session_id=identity(record.get("date"), model, *list_of(record, "ttfts")[:3]),
        model=model,
        load=offered(record.get("request_rate"), record.get("max_concurrency")),
        first_source="first_chunk",
    )


FORMAT = Format(
    name="vllm-bench",
    title="vLLM bench serve",
    agent=AGENT,
    roots=(),
    env_roots={},
    suffixes=(".json", ".jsonl"),
    observes=OBSERVES,
    marks=(b'"request_rate"', b'"tput_per_gpu"'),
    sniff=_sniff,
    read=_read,
    shape="document",
    evidence="real",
)
