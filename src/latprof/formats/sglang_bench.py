"""Results of SGLang's `bench_serving`: one run a line, appended to one file.

The lists have the names and meaning of vLLM's, from which the program descends. Only runs with
`--output-details` hold requests.
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

_KEY: Final = re.compile(rb'"([a-z0-9_]+)"\s*:')
_RUN_KEYS: Final = frozenset({b"backend", b"request_rate"})
# Arguments and figures that only this program writes; the first stand in front of all that is long.
_OWN_KEYS: Final = frozenset(
    {b"sharegpt_output_len", b"random_range_ratio", b"total_output_tokens_retokenized", b"mean_e2e_latency_ms"}
)
_KEYS_OF_VLLM: Final = frozenset({b"model_id", b"num_prompts"})


def _sniff(_: str, head: bytes) -> bool:
    if not head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{") or b'"request_rate"' not in head:
        return False
    keys = set(_KEY.findall(head))
    return keys >= _RUN_KEYS and not keys.isdisjoint(_OWN_KEYS) and not keys >= _KEYS_OF_VLLM


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
    """Of what the server said of itself only the model's name is taken."""
    served = text_of(record, "server_info", "served_model_name")
    return Run(
        session_id=identity(record.get("backend"), record.get("duration"), *list_of(record, "ttfts")[:3]),
        model=served or text_of(record, "server_info", "model_path"),
        load=offered(record.get("request_rate"), record.get("max_concurrency")),
        first_source="first_chunk",
    )


FORMAT = Format(
    name="sglang-bench",
    title="SGLang bench_serving",
    agent=AGENT,
    roots=(),
    env_roots={},
    suffixes=(".jsonl", ".json"),
    observes=OBSERVES,
    marks=(b'"request_rate"',),
    sniff=_sniff,
    read=_read,
    shape="document",
)
