"""Events of a run -> calls: which event is an answer, what led to it, how long it took.

Both generations of events are read into the same steps. An answer's event is written as the
answer was parsed, 35 ms after its end at most; the run's metrics hold the seconds that the
client waited for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import Any, Final, Literal

from latprof.classes import dataclass
from latprof.formats.openhands.usage import set_tokens
from latprof.formats.providers import provider_of
from latprof.formats.records import Record, dict_of, list_of, number_of, seconds_of, text_of
from latprof.model import FLAGS, LONG_GAP_S, Block, Call, Trigger

__all__ = ["Run", "Step", "calls_of", "provider_in", "steps_of"]

StepKind = Literal["user", "tool_result", "answer", "summary", "other"]

_CLOCK_TOLERANCE_S: Final = 0.05
# A route, not a service: any server may speak the protocol or stand behind the proxy.
_ROUTES: Final = frozenset({"openai", "litellm_proxy"})
_NO_RESULTS: Final = frozenset({"agent_state_changed", "null", "recall"})
_RESULT_EVENTS: Final = frozenset({"ObservationEvent", "UserRejectObservation", "AgentErrorEvent"})
_ANSWER_EVENTS: Final = frozenset({"ActionEvent", "MessageEvent"})


@dataclass(frozen=True, slots=True)
class Step:
    """One event: its time, its part in the run, the response that it came from, its tool."""

    at: float
    kind: StepKind
    response_id: str | None = None
    tool: str | None = None
    key: str | None = None
    result_of: str | None = None
    response: Record = field(default_factory=dict)


@dataclass(slots=True)
class Run:
    """What is known of a run beside its events: seconds and usage by the id of the response."""

    session_id: str = ""
    project: str | None = None
    model: str | None = None
    latencies: dict[str, Record] = field(default_factory=dict)
    usages: dict[str, Record] = field(default_factory=dict)
    purposes: dict[str, str] = field(default_factory=dict)

    def take(self, metrics: Record, purpose: str = "") -> None:
        """The lists of one set of metrics."""
        for row in list_of(metrics, "response_latencies"):
            name = text_of(row, "response_id")
            if name and name not in self.latencies:
                self.latencies[name] = row
                self.purposes[name] = purpose
        for row in list_of(metrics, "token_usages"):
            self.usages.setdefault(text_of(row, "response_id") or "", row)


def steps_of(events: list[Any]) -> list[Step]:
    """The events with a time, of either generation; old files hold pairs of action and observation."""
    flat = [one for event in events for one in (event if isinstance(event, list) else [event])]
    return [step for event in flat if (step := _step(event)) is not None]


def _step(event: Any) -> Step | None:
    at = seconds_of(text_of(event, "timestamp"))
    if at is None:
        return None
    return _step_1(event, at) if "kind" in event else _step_0(event, at)


def _step_0(event: Record, at: float) -> Step:
    """The first generation: actions and observations, each naming the response behind it."""
    response = dict_of(event, "tool_call_metadata", "model_response")
    source, action = text_of(event, "source"), text_of(event, "action")
    kind: StepKind = "other"
    if action and source == "user":
        kind = "user"
    elif action and (response or (action == "message" and dict_of(event, "llm_metrics"))):
        kind = "answer"
    elif text_of(event, "observation") not in {None, *_NO_RESULTS}:
        kind = "tool_result"
    return Step(
        at=at,
        kind=kind,
        response_id=text_of(response, "id") if kind == "answer" else None,
        tool=text_of(event, "tool_call_metadata", "function_name"),
        key=_name(event.get("id")),
        result_of=_name(event.get("cause")),
        response=response,
    )


def _step_1(event: Record, at: float) -> Step:
    """The second generation: typed events."""
    name, source = text_of(event, "kind") or "", text_of(event, "source")
    response_id = text_of(event, "llm_response_id")
    kind: StepKind = "other"
    if name in _RESULT_EVENTS:
        kind = "tool_result"
    elif name == "MessageEvent" and source == "user":
        kind = "user"
    elif response_id and name in _ANSWER_EVENTS:
        kind = "answer"
    elif response_id and name.startswith("Condensation"):
        kind = "summary"
    tool, key = text_of(event, "tool_name"), text_of(event, "id")
    return Step(
        at, kind, response_id if kind in {"answer", "summary"} else None, tool, key, text_of(event, "action_id")
    )


def _name(identity: object) -> str | None:
    return str(identity) if isinstance(identity, int | str) and not isinstance(identity, bool) else None


def calls_of(steps: list[Step], run: Run) -> Iterator[Call]:
    """One call a response: those of events in their order, then those that only the metrics know."""
    seen: set[str] = set()
    unnamed = _unnamed_latencies(steps, run)
    results = {step.result_of: step.at for step in reversed(steps) if step.kind == "tool_result" and step.result_of}
    siblings: dict[str | None, list[Step]] = {}
    for step in steps:
        siblings.setdefault(step.response_id, []).append(step)
    models: dict[str | None, str | None] = {}
    for place, step in enumerate(steps):
        if step.kind not in {"answer", "summary"}:
            continue
        name = step.response_id
        if name is None and step.kind == "answer":
            name = next(unnamed, None)
        if name in seen:
            continue
        if name:
            seen.add(name)
        call = _call(steps, place, name, run)
        same = siblings[step.response_id] if step.response_id else [step]
        call.blocks = tuple(_blocks(same, results))
        models[call.requested_model] = call.model
        yield call
    for name, row in run.latencies.items():
        if name not in seen:
            yield _undated_call(name, row, run, models)


def _unnamed_latencies(steps: list[Step], run: Run) -> Iterator[str]:
    """Responses for answers whose events do not name theirs, when there are as many of both."""
    named = {step.response_id for step in steps}
    left = [name for name in run.latencies if name not in named]
    answers = sum(step.kind == "answer" and step.response_id is None for step in steps)
    return iter(left if len(left) == answers else [])


def _call(steps: list[Step], place: int, name: str | None, run: Run) -> Call:
    step = steps[place]
    call = _basic_call(name, run, step.response)
    call.trigger, call.trigger_at = _trigger(steps, place)
    call.last_output_at, call.last_output_source = step.at, "record_end"
    seconds = number_of(run.latencies.get(name or ""), "latency")
    if seconds is not None and seconds > 0:
        call.sent_at, call.sent_source = step.at - seconds, "duration"
    elif place:
        call.sent_at, call.sent_source = steps[place - 1].at, "trigger_line"
    call.flags = _flags(call, side=step.kind == "summary")
    return call


def _basic_call(name: str | None, run: Run, response: Record) -> Call:
    row = run.latencies.get(name or "")
    model = text_of(response, "model") or text_of(row, "model") or run.model
    asked = text_of(row, "model") or run.model
    call = Call(
        agent="openhands",
        session_id=run.session_id,
        message_id=name,
        request_id=name,
        provider=provider_in(asked),
        model=model,
        requested_model=asked,
        project=run.project,
        attempts=None,
        stop_reason=_stop_reason(response),
    )
    set_tokens(call, run.usages.get(name or "") or dict_of(response, "usage"))
    return call


def _stop_reason(response: Record) -> str | None:
    return next((text_of(choice, "finish_reason") for choice in list_of(response, "choices")), None)


def provider_in(model: str | None) -> str | None:
    """The service in a name such as anthropic/claude-sonnet-4."""
    route, slash, _ = (model or "").partition("/")
    return provider_of(route) if slash and route not in _ROUTES else None


def _trigger(steps: list[Step], place: int) -> tuple[Trigger, float | None]:
    if steps[place].kind == "summary":
        return "compaction", None
    for other in (steps[before] for before in range(place - 1, -1, -1)):
        if other.kind == "user":
            return "user", other.at
        if other.kind == "tool_result":
            return "tool_result", other.at
        if other.kind == "answer":
            break
    return "unknown", None


def _blocks(siblings: list[Step], results: dict[str, float]) -> Iterator[Block]:
    """The tools of a response; their calls have no times of their own."""
    for other in siblings:
        if other.tool and other.kind == "answer":
            yield Block(type="tool_use", name=other.tool, result_at=results.get(other.key or ""))


def _flags(call: Call, *, side: bool) -> tuple[str, ...]:
    found = {"side_call": side}
    if call.sent_at is not None and call.last_output_at is not None:
        span = call.last_output_at - call.sent_at
        found["clock_step"] = span < -_CLOCK_TOLERANCE_S
        found["suspended"] = span > LONG_GAP_S
    return tuple(name for name in FLAGS if found.get(name))


def _undated_call(name: str, row: Record, run: Run, models: dict[str | None, str | None]) -> Call:
    """A response without an event: its seconds are known, its time is not."""
    call = _basic_call(name, run, {})
    call.model = models.get(call.requested_model) or call.model
    side = "condenser" in run.purposes.get(name, "") or "title" in run.purposes.get(name, "")
    if "condenser" in run.purposes.get(name, ""):
        call.trigger = "compaction"
    seconds = number_of(row, "latency")
    call.flags = ("side_call",) if side else ()
    if seconds is not None and seconds > 0:
        call.sent_at, call.sent_source = 0.0, "duration"
        call.last_output_at, call.last_output_source = seconds, "record_end"
        call.flags = (*call.flags, "no_date")
    return call
