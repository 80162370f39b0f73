"""What commands that show logs, formats, settings and what is kept of logs print as JSON."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field

from latprof.config.schema import Settings
from latprof.model import Kind
from latprof.outputs.base import Strict

__all__ = [
    "Beside",
    "CacheInfoResult",
    "ConfigResult",
    "FormatsResult",
    "HistoryInfoResult",
    "HistoryPruneResult",
    "MergeResult",
    "ScrubResult",
    "SourcesResult",
]

_Observed = Literal["exact", "bound", "exact or bound", "as_logged"]


class _Source(Strict):
    name: str
    title: str
    places: list[str]
    files: int
    sessions: int
    calls: int
    problems: int
    days: int
    first_day: str | None
    last_day: str | None
    size_bytes: int
    observes: dict[str, _Observed] = Field(description="figure to how well such a log may know it")
    seen: dict[str, dict[Kind, int]] = Field(description="figure to calls here by the kind of its value")
    refusal: str | None = Field(description="why such logs tell nothing")


class Beside(Strict):
    """Calls that only the history has."""

    calls: int = Field(description="calls that are in no log any more")
    deleted_logs: int
    shortened_logs: int
    since: AwareDatetime | None = Field(description="the time of the first of them")
    formats: dict[str, int] = Field(description="format to calls")
    trouble: str | None = Field(description="why the history could not be used")


class SourcesResult(Strict):
    """What `latprof sources --json` prints."""

    schema_version: Literal[1]
    sources: list[_Source]
    history: Beside | None = Field(description="null with --no-history")
    no_permission: list[str] = Field(description="files and folders that could not be looked at")


class _Format(Strict):
    name: str
    title: str
    agent: str | None
    shape: Literal["lines", "document", "database", "table"]
    evidence: Literal["recorded", "real", "synthetic"]
    refusal: str | None
    roots: list[str] = Field(description="folders in which its logs lie")
    env_roots: dict[str, str] = Field(description="variable to the folder below the one it names")
    suffixes: list[str]
    observes: dict[str, _Observed]
    since: dict[str, str] = Field(description="figure to the first version whose logs have it")


class FormatsResult(Strict):
    """What `latprof formats --json` prints."""

    schema_version: Literal[1]
    formats: list[_Format]


class ConfigResult(Strict):
    """What `latprof config --json` prints."""

    schema_version: Literal[1]
    files: list[str]
    settings: Settings
    origins: dict[str, str] = Field(description="setting to the file, variable or option that gives it")


class _Written(Strict):
    engineer: str | None
    host: str | None
    calls: int
    sessions: int
    first_day: str | None
    last_day: str | None


class MergeResult(Strict):
    """What `latprof merge --json` prints."""

    schema_version: Literal[1]
    output: str
    files: int
    formats: dict[str, int] = Field(description="format to files")
    calls_in: int
    copies: int
    joined: int
    left_out: int
    calls_out: int
    calls_of_several_engineers: int = Field(description="calls that lie in the logs of more than one engineer")
    sessions_of_several_engineers: int
    written: list[_Written]
    problems: dict[str, int] = Field(description="kind of problem to how often it occurred")


class _Refused(Strict):
    path: str
    reason: str


class ScrubResult(Strict):
    """What `latprof scrub --json` prints."""

    schema_version: Literal[1]
    identical: bool = Field(description="the copies read the same, apart from ids and paths")
    files: int
    calls: int
    other_files: int
    formats: dict[str, int]
    refused: list[_Refused]


class _Kept(Strict):
    kind: str
    entries: int
    size_bytes: int


class CacheInfoResult(Strict):
    """What `latprof cache info --json` prints."""

    schema_version: Literal[1]
    path: str
    size_bytes: int
    most_bytes: int
    usable: bool
    contents: list[_Kept]


class _KeptLogs(Strict):
    place: str
    logs: int
    deleted_logs: int
    calls: int
    deleted_calls: int
    lost_calls: int
    since: AwareDatetime | None
    until: AwareDatetime | None


class HistoryInfoResult(Strict):
    """What `latprof history info --json` prints."""

    schema_version: Literal[1]
    path: str
    size_bytes: int
    trouble: str | None = Field(description="why it cannot be used")
    pruned_before: AwareDatetime | None
    places: list[_KeptLogs]


class HistoryPruneResult(Strict):
    """What `latprof history prune --json` prints."""

    schema_version: Literal[1]
    path: str
    before: str
    calls: int
    logs: int
