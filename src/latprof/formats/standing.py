"""What the end of a log says is going on now: the call that has no answer yet, the tool that still runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from latprof.model import Trigger

__all__ = ["STATES", "Standing", "State", "Thread"]

State = Literal["waiting", "answering", "tools", "idle", "unknown"]

STATES: Final[dict[State, str]] = {
    "waiting": "a request was made and no line of its response is there",
    "answering": "a block of the response is there and the log does not show its end; more may come",
    "tools": "a tool was called and has no result: it runs, or waits for permission",
    "idle": "the turn ended; the next move is the user's",
    "unknown": "this format's lines do not tell",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """The state of one thread of a session at the end of its log.

    `since` (epoch seconds) is the line that began the state: the latest before the request leaves, the last
    block, the call of the oldest tool without a result, the end of the turn. `failed` counts attempts that the
    log shows as failed while waiting. `agent_id` is None for the main thread.
    """

    session_id: str
    state: State
    since: float | None
    agent_id: str | None = None
    project: str | None = None
    model: str | None = None
    trigger: Trigger = "unknown"
    tools: tuple[str, ...] = ()
    failed: int = 0


@dataclass(slots=True)
class Thread:
    """A thread's state while its lines are taken in; what a line means is the format's to say."""

    session_id: str = ""
    agent_id: str | None = None
    project: str | None = None
    model: str | None = None
    _state: State = "idle"
    _since: float | None = None
    _trigger: Trigger = "unknown"
    _failed: int = 0
    _response: str | None = None
    _open: dict[str, tuple[str, float | None]] = field(default_factory=dict)

    def wait(self, at: float | None, trigger: Trigger) -> None:
        """A request is made for this reason."""
        self._open.clear()
        self._to("waiting", at)
        self._trigger, self._failed = trigger, 0

    def still_preparing(self, at: float | None) -> None:
        """A line of the agent's own between a trigger and its response: the request leaves after it."""
        if self.waiting and at is not None:
            self._since = at if self._since is None else max(at, self._since)

    def attempt_failed(self, again_at: float | None) -> None:
        """The request failed and is made again at that time."""
        if not self.waiting:
            self.wait(again_at, "retry")
        self._failed += 1
        self.still_preparing(again_at)

    def respond(self, response_id: str | None) -> None:
        """A line of this response: tools of an earlier one that have no result never will."""
        if response_id != self._response:
            self._open.clear()
        self._response = response_id

    def block(self, at: float | None) -> None:
        """A block of the response that calls no tool."""
        if not self._open:
            self._to("answering", at)

    def call_tool(self, tool_id: str, name: str, at: float | None) -> None:
        """A tool is called."""
        self._open.setdefault(tool_id, (name, at))
        self._to("tools", next(iter(self._open.values()))[1])

    def tool_result(self, tool_ids: list[str], at: float | None) -> None:
        """Results of tools; with the last of them the next request is made."""
        for tool_id in tool_ids:
            self._open.pop(tool_id, None)
        if self._open:
            self._to("tools", next(iter(self._open.values()))[1])
        else:
            self.wait(at, "tool_result")

    def end(self, at: float | None) -> None:
        """The turn is over."""
        self._open.clear()
        if self._state != "idle":
            self._to("idle", at)

    @property
    def waiting(self) -> bool:
        """Whether a request has no line of its response."""
        return self._state == "waiting"

    def standing(self) -> Standing:
        """The state after the lines taken in so far."""
        return Standing(
            session_id=self.session_id,
            state=self._state,
            since=self._since,
            agent_id=self.agent_id,
            project=self.project,
            model=self.model,
            trigger=self._trigger,
            tools=tuple(name for name, _ in self._open.values()),
            failed=self._failed if self.waiting else 0,
        )

    def _to(self, state: State, since: float | None) -> None:
        self._state, self._since = state, since
