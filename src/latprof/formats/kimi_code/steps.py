"""What is known while one agent's file is read: its requests, its open step, its settings."""

from __future__ import annotations

from dataclasses import field

from latprof.classes import dataclass
from latprof.formats.records import Record
from latprof.model import Block, Trigger

__all__ = ["Log", "Request", "Step"]


@dataclass(slots=True)
class Request:
    """One attempt to reach the model."""

    at: float | None
    line: int
    record: Record


@dataclass(slots=True)
class Step:
    """A step of a turn while its lines are read: one call, if it ends well."""

    uuid: str = ""
    turn_step: str = ""
    begun_at: float | None = None
    trigger: tuple[Trigger, float | None] = ("unknown", None)
    requests: list[Request] = field(default_factory=list)
    parts_at: float | None = None
    tools_at: float | None = None
    blocks: list[Block] = field(default_factory=list)
    results: dict[str, float | None] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Log:
    """What is known at some line of one agent's file."""

    path: str
    session_id: str
    agent_id: str | None
    project: str | None
    sidechain: bool = False
    pending: tuple[Trigger, float | None] | None = None
    step: Step | None = None
    side_request: Request | None = None
    failed: list[int] = field(default_factory=list)
    alias: str | None = None
    effort: str | None = None
    logs_requests: bool = False
    done: set[str] = field(default_factory=set)
