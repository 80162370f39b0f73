"""The closed loop: engineers send calls, replicas answer them, and the answers lead to the next calls."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Final, Literal

from latprof.classes import dataclass
from latprof.replay.cache import Node
from latprof.replay.engine import Engine, EngineSettings, Request, Role
from latprof.replay.steps import StepTable
from latprof.replay.team import Lane
from latprof.replay.workload import Sitting, Turn

__all__ = ["Cluster", "Counts", "Done", "Replay", "Routing", "replay"]

Routing = Literal["sticky", "least-loaded"]
_STARTS: Final = 0
_SENT: Final = 1
_MOVED: Final = 2


@dataclass(frozen=True, slots=True)
class Cluster:
    """Replicas behind a router.

    `prefill_replicas` 0 is the usual form, in which each of the `replicas` does all; else prompts are computed on
    those, and `replicas` only decode. `table` gives a replica's times, `prefill_table` those of
    a prefill replica. `first_token_s` is added to every call: tokenizer, network and what else happens outside
    the iterations. `transfer_s` is the time to hand a prompt of so many tokens from prefill to decode.
    """

    settings: EngineSettings
    table: StepTable
    replicas: int = 1
    routing: Routing = "sticky"
    first_token_s: float = 0.0
    prefill_replicas: int = 0
    prefill_settings: EngineSettings | None = None
    prefill_table: StepTable | None = None
    transfer_s: Callable[[int], float] = lambda _: 0.0


@dataclass(frozen=True, slots=True)
class Done:
    """A call that is complete, with times in seconds since the start of the replay."""

    turn: Turn
    lane: int
    sent_at: float
    admitted_at: float
    first_at: float
    ended_at: float
    cached_tokens: int
    preemptions: int

    @property
    def queue_s(self) -> float:
        """Sent until the first page is given."""
        return self.admitted_at - self.sent_at

    @property
    def ttft_s(self) -> float:
        """Sent until the first token."""
        return self.first_at - self.sent_at

    @property
    def step_s(self) -> float:
        """Sent until the last token."""
        return self.ended_at - self.sent_at

    @property
    def decode_tps(self) -> float | None:
        """(output tokens - 1) over the time from first to last token; None for a single token."""
        span = self.ended_at - self.first_at
        return (self.turn.output_tokens - 1) / span if span > 0 and self.turn.output_tokens > 1 else None


@dataclass(frozen=True, slots=True)
class Counts:
    """What an engine had counted at some time."""

    at: float
    busy_s: float
    made_tokens: float
    computed_tokens: int
    held_page_s: float
    cached_page_s: float
    preemptions: int

    @classmethod
    def of(cls, engine: Engine) -> Counts:
        """The counts as of the engine's last event."""
        return cls(
            engine.stepped_at, engine.busy_s, engine.made_tokens, engine.computed_tokens, engine.held_page_s,
            engine.cached_page_s, engine.preemptions,
        )  # fmt: skip


@dataclass(slots=True)
class Replay:
    """What happened: the calls, and the engines with what they counted.

    No calls were sent after `until_s`. `marks` holds the counts of all engines when measuring began and when it ended.
    """

    done: list[Done]
    engines: list[Engine]
    until_s: float
    from_s: float = 0.0
    marks: list[list[Counts]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Run:
    """A sitting under way: which calls are left, and what each of them waits for."""

    lane: int
    sitting: Sitting
    waiting_for: list[int]
    leads_to: list[list[int]]
    left: int
    replica: int = -1
    prefill_replica: int = -1
    ends: list[list[Node | None]] = field(default_factory=list)


@dataclass(slots=True)
class _Flight:
    run: _Run
    number: int
    sent_at: float
    first: Request | None = None


class _Loop:
    """The state of one replay."""

    def __init__(self, cluster: Cluster, lanes: Sequence[Lane], until_s: float, from_s: float) -> None:
        self.cluster, self.lanes, self.until_s, self.from_s = cluster, lanes, until_s, from_s
        self.marks: list[list[Counts]] = []
        self.decoders = [
            self._engine("decode" if cluster.prefill_replicas else "both") for _ in range(cluster.replicas)
        ]
        self.prefillers = [self._engine("prefill") for _ in range(cluster.prefill_replicas)]
        self.engines = self.prefillers + self.decoders
        self.events: list[tuple[float, int, int, object]] = []
        self.pushed = 0
        self.flights: dict[int, _Flight] = {}
        self.keys = 0
        self.families: list[dict[str, Node]] = [{} for _ in self.engines]
        self.done: list[Done] = []

    def _engine(self, role: Role) -> Engine:
        cluster = self.cluster
        if role == "prefill":
            return Engine(cluster.prefill_settings or cluster.settings, cluster.prefill_table or cluster.table, role)
        return Engine(cluster.settings, cluster.table, role)

    def run(self) -> Replay:
        for number, lane in enumerate(self.lanes):
            self._push(lane.starts_at, _STARTS, number)
        now = 0.0
        while True:
            engine = min(self.engines, key=lambda one: one.next_at)
            event_at = self.events[0][0] if self.events else math.inf
            following = min(event_at, engine.next_at)
            self._mark(following)
            if following == math.inf:
                return Replay(self.done, self.engines, self.until_s, self.from_s, self.marks)
            if event_at <= engine.next_at:
                now, _, kind, what = heapq.heappop(self.events)
                self._handle(now, kind, what)
            else:
                now = engine.next_at
                for request in engine.advance():
                    self._complete(request, engine, now)

    def _mark(self, following: float) -> None:
        """Note the counts when the next event lies after the start or the end of measuring."""
        for number, at in enumerate((self.from_s, self.until_s)):
            if following > at and len(self.marks) == number:
                for engine in self.engines:
                    engine.rest(at)
                self.marks.append([Counts.of(engine) for engine in self.engines])

    def _push(self, at: float, kind: int, what: object) -> None:
        # Nothing new is sent after the end, so that the replay ends; what is under way is finished.
        if at <= self.until_s or kind == _MOVED:
            self.pushed += 1
            heapq.heappush(self.events, (at, self.pushed, kind, what))

    def _handle(self, now: float, kind: int, what: object) -> None:
        if kind == _STARTS and isinstance(what, int):
            self._start(what, now)
        elif isinstance(what, _Flight):
            self._submit(what, now, is_moved=kind == _MOVED)

    def _start(self, lane: int, now: float) -> None:
        sitting = next(self.lanes[lane].sittings, None)
        if sitting is None:
            return
        count = len(sitting.turns)
        leads_to: list[list[int]] = [[] for _ in range(count)]
        for number, turn in enumerate(sitting.turns):
            for other in turn.after:
                leads_to[other].append(number)
        run = _Run(lane, sitting, [len(turn.after) for turn in sitting.turns], leads_to, count)
        run.ends = [[None] * count for _ in self.engines]
        for number, turn in enumerate(sitting.turns):
            if not turn.after:
                self._push(now + turn.gap_s, _SENT, _Flight(run, number, now + turn.gap_s))

    def _submit(self, flight: _Flight, now: float, *, is_moved: bool) -> None:
        run, turn = flight.run, flight.run.sitting.turns[flight.number]
        prefills = bool(self.prefillers) and not is_moved
        place = self._place(run, prefill=prefills)
        engine = self.engines[place]
        origin = run.ends[place][turn.origin] if turn.origin >= 0 else self.families[place].get(turn.family)
        self.keys += 1
        request = Request(self.keys, now, turn.input_tokens, turn.output_tokens, origin, turn.reusable_tokens)
        if is_moved and flight.first is not None:
            request.made, request.first_at = 1.0, flight.first.first_at
        self.flights[self.keys] = flight
        engine.submit(request, now)

    def _place(self, run: _Run, *, prefill: bool) -> int:
        """The replica that the router chooses: the session's own, or the one with the least to do."""
        known = run.prefill_replica if prefill else run.replica
        if known >= 0 and self.cluster.routing == "sticky":
            return known
        first = 0 if prefill else len(self.prefillers)
        engines = self.prefillers if prefill else self.decoders
        place = first + min(
            range(len(engines)), key=lambda at: (engines[at].load, engines[at].cache.pinned, engines[at].busy_s)
        )
        if prefill:
            run.prefill_replica = place
        else:
            run.replica = place
        return place

    def _complete(self, request: Request, engine: Engine, now: float) -> None:
        flight = self.flights.pop(request.key)
        run, turn = flight.run, flight.run.sitting.turns[flight.number]
        place = run.prefill_replica if engine.role == "prefill" else run.replica
        if self.cluster.routing != "sticky":
            place = self.engines.index(engine)
        run.ends[place][flight.number] = request.node
        if turn.origin < 0 and request.node is not None:
            self.families[place][turn.family] = request.node
        if engine.role == "prefill" and turn.output_tokens > 1:
            flight.first = request
            self._push(now + self.cluster.transfer_s(turn.input_tokens), _MOVED, flight)
            return
        self._answer(flight, request, now)

    def _answer(self, flight: _Flight, request: Request, now: float) -> None:
        """The engineer has the whole answer; what waited for it is sent after its gap."""
        run, late = flight.run, self.cluster.first_token_s
        begun, end = flight.first or request, now + late
        preemptions = begun.preemptions + (0 if request is begun else request.preemptions)
        turn = run.sitting.turns[flight.number]
        self.done.append(
            Done(
                turn, run.lane, flight.sent_at, begun.admitted_at, begun.first_at + late, end, begun.cached_tokens,
                preemptions,
            )
        )  # fmt: skip
        for other in run.leads_to[flight.number]:
            run.waiting_for[other] -= 1
            if not run.waiting_for[other]:
                at = end + run.sitting.turns[other].gap_s
                self._push(at, _SENT, _Flight(run, other, at))
        run.left -= 1
        if not run.left:
            self._push(end + self.lanes[run.lane].pause_s, _STARTS, run.lane)


def replay(cluster: Cluster, lanes: Sequence[Lane], until_s: float, from_s: float = 0.0) -> Replay:
    """Let the lanes work against the cluster for `until_s` seconds; calls that are under way then are finished.

    What the engines count is measured from `from_s` on.

    Raises ValueError for a call whose context does not fit into the memory of a replica.
    """
    return _Loop(cluster, lanes, until_s, from_s).run()
