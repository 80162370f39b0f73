"""Which model answered a request of a task, and how its service counts cached input."""

from __future__ import annotations

import re
from typing import Any, Final

from latprof.formats.providers import provider_of
from latprof.formats.records import Record, list_of, seconds_of, text_of
from latprof.model import Call

__all__ = ["Models"]

# Roo tells the model its own name in each prompt.
_TAG: Final = re.compile(r"<model>\s*([\w./:@+-]{1,120})\s*</model>")
_PLACE: Final = "<environment_details>"
# Their adapters take the cached part out of the input before it is written down.
_COUNT_APART: Final = frozenset({"anthropic", "aws.bedrock", "cline", "gcp.vertex_ai", "openrouter"})


class Models:
    """Changes of the model with their times, from the files beside the rows."""

    def __init__(self, messages: list[Any], metadata: Any) -> None:
        self._changes: list[tuple[float, str, str | None]] = []
        for usage in list_of(metadata, "model_usage"):
            self._add(usage, text_of(usage, "model_id"), text_of(usage, "model_provider_id"))
        for message in messages:
            self._add(message, _named_in(message), None)
        self._changes.sort(key=lambda change: change[0])

    def _add(self, record: Any, model: str | None, provider: str | None) -> None:
        at = seconds_of(record.get("ts"), unit=0.001) if isinstance(record, dict) else None
        if at is not None and model:
            self._changes.append((at, model, provider))

    def of(self, row: Record, next_at: float | None) -> tuple[str | None, str | None]:
        """Model and provider: the row's own, else those in force until the next request."""
        model = text_of(row, "modelInfo", "modelId")
        if model:
            return model, provider_of(text_of(row, "modelInfo", "providerId"))
        known = [change for change in self._changes if next_at is None or change[0] < next_at]
        return (known[-1][1], provider_of(known[-1][2])) if known else (None, None)

    @staticmethod
    def counts_apart(info: Record, call: Call, fresh: int, cached: int) -> bool:
        """Whether the input is known to be counted without its cached part."""
        protocol = text_of(info, "apiProtocol")
        if protocol is not None:
            return protocol == "anthropic"
        return cached > fresh or call.provider in _COUNT_APART


def _named_in(message: Any) -> str | None:
    if text_of(message, "role") != "user":
        return None
    for block in list_of(message, "content"):
        text = text_of(block, "text") or ""
        place = text.find(_PLACE)
        match = _TAG.search(text, place) if place >= 0 else None
        if match:
            return match.group(1)
    return None
