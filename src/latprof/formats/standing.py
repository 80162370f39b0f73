"""What the end of a log says is going on now: the call that has no answer yet, the tool that still runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from typing import Final, Literal

from latprof.classes import dataclass
from latprof.model import Trigger

__all__ = ["STATES", "FirstLine", "Standing", "State", "Thread"]

State = Literal["waiting", "answering", "tools", "idle", "unknown"]
# The metric that tells how long the first line of an answer takes.
FirstLine = Literal["ttft_s", "first_block_s", "wall_s"]

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
    log shows as failed while waiting. `agent_id` is None for the main thread. `first_line` says when the log gets
    a line of an answer: as its first part begins, as a block is complete, or as all of it is. `changed_at` is when
    the thread last changed, for logs that hold many sessions; None where it is when the file changed.
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
    first_line: FirstLine = "first_block_s"
    changed_at: float | None = None


@dataclass(slots=True)
class Thread:
    """A thread's state while its lines are taken in; what a line means is the format's to say."""

    session_id: str = ""
    agent_id: str | None = None
    project: str | None = None
    model: str | None = None
    first_line: FirstLine = "first_block_s"
    _state: State = "idle"
    _since: float | None = None
    _trigger: Trigger = "unknown"
    _steered: bool = False
    _failed: int = 0
    _response: str | None = None
    _open: dict[str, tuple[str, float | None]] = field(default_factory=dict)

    def wait(self, at: float | None, trigger: Trigger) -> None:
        """A request is made for this reason."""
        self._open.clear()
        self._to("waiting", at)
        self._trigger, self._failed, self._steered = trigger, 0, False

    def steer(self) -> None:
        """A prompt came in while tools run: it goes out with their results."""
        self._steered = True

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

    def answer(self, tools: Iterable[tuple[str, str]], at: float | None) -> None:
        """A whole answer in one line: its tools, (id, name) each, are called now; without any the turn is over."""
        self._open.clear()
        for tool_id, name in tools:
            self.call_tool(tool_id, name, at)
        if not self._open:
            self.end(at)

    def tool_result(self, tool_ids: list[str], at: float | None) -> None:
        """Results of tools; with the last of them the next request is made."""
        for tool_id in tool_ids:
            self._open.pop(tool_id, None)
        if self._open:
            self._to("tools", next(iter(self._open.values()))[1])
        else:
            self.wait(at, "user" if self._steered else "tool_result")

    def end(self, at: float | None) -> None:
        """The turn is over."""
        self._open.clear()
        if self._state != "idle":
            self._to("idle", at)

    def untold(self, at: float | None) -> None:
        """The log does not tell what follows this line."""
        self._open.clear()
        self._to("unknown", at)

    @property
    def state(self) -> State:
        """The state after the lines taken in so far."""
        return self._state

    @property
    def trigger(self) -> Trigger:
        """Why the last request was made."""
        return self._trigger

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
            first_line=self.first_line,
        )

    def _to(self, state: State, since: float | None) -> None:
        self._state, self._since = state, since
