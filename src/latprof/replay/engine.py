"""One replica of a serving engine: continuous batching with chunked prefill, paged KV memory and preemption.

Iterations are the events. As long as the batch stays the same, many iterations are one event: their times add up in
closed form. The order of service is that of vLLM's scheduler: decoding streams first, then prompts that are being
computed, then waiting requests in order of arrival (docs.vllm.ai, optimization guide, "chunked prefill").
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import field
from typing import Final, Literal

from latprof.classes import dataclass
from latprof.replay.cache import Node, PagedCache
from latprof.replay.steps import StepTable

__all__ = ["Engine", "EngineSettings", "Request", "Role"]

Role = Literal["both", "prefill", "decode"]
# Iterations that are taken together at most: over so few tokens the time is linear in the context.
_LONGEST_JUMP: Final = 512
_TINY_S: Final = 1e-9


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What a replica can hold and do.

    `decode_factor` and `prefill_factor` scale the step model's times; `tokens_per_step` is what a stream gains per
    iteration on average (more than 1 with speculative decoding).
    """

    capacity_tokens: int
    page_tokens: int = 16
    max_batched_tokens: int = 8192
    max_streams: int = 256
    decode_factor: float = 1.0
    prefill_factor: float = 1.0
    tokens_per_step: float = 1.0
    prefix_cache: bool = True


@dataclass(slots=True, eq=False)
class Request:
    """A call on its way through an engine.

    `reusable_tokens` is what its prompt has in common with the context that ends in `origin`, at most. `computed`
    counts tokens whose keys and values are in memory, `made` output tokens. `target` is the prompt that is computed
    before a token can be made; after a preemption what was made already is part of it.
    """

    key: int
    arrived_at: float
    input_tokens: int
    output_tokens: int
    origin: Node | None = None
    reusable_tokens: int = 0
    admitted_at: float = -1.0
    first_at: float = -1.0
    ended_at: float = -1.0
    cached_tokens: int = -1
    computed: int = 0
    made: float = 0.0
    node: Node | None = None
    target: int = 0
    decoding: bool = False
    preemptions: int = 0

    @property
    def remaining(self) -> float:
        """Output tokens that are still to come."""
        return self.output_tokens - self.made


@dataclass(slots=True)
class _Jump:
    """`count` equal iterations from `start_at`: the j-th takes `first_s + (j - 1) * slope_s`."""

    start_at: float
    count: int
    first_s: float
    slope_s: float
    chunks: list[tuple[Request, int]]
    streams: list[Request]

    def lasts(self, count: int) -> float:
        return count * self.first_s + self.slope_s * count * (count - 1) / 2

    def until(self, at: float) -> int:
        """How many iterations have begun by then, at least one."""
        span = at - self.start_at
        if self.slope_s * self.count < 1e-6 * self.first_s:
            count = span / self.first_s
        else:
            half = self.first_s - self.slope_s / 2
            count = (math.sqrt(half * half + 2 * self.slope_s * span) - half) / self.slope_s
        return min(max(math.ceil(count - 1e-9), 1), self.count)


@dataclass(slots=True)
class Engine:
    """A replica. `next_at` is when its present iterations end, infinity when it has nothing to do."""

    settings: EngineSettings
    table: StepTable
    role: Role = "both"
    cache: PagedCache = field(init=False)
    waiting: deque[Request] = field(default_factory=deque)
    running: list[Request] = field(default_factory=list)
    next_at: float = math.inf
    busy_s: float = 0.0
    iterations: int = 0
    made_tokens: float = 0.0
    computed_tokens: int = 0
    held_page_s: float = 0.0
    cached_page_s: float = 0.0
    stepped_at: float = 0.0
    preemptions: int = 0
    _jump: _Jump | None = None

    def __post_init__(self) -> None:
        self.cache = PagedCache(max(self.settings.capacity_tokens // self.settings.page_tokens, 1))

    @property
    def load(self) -> int:
        """Requests that run or wait."""
        return len(self.running) + len(self.waiting)

    def fits(self, tokens: int) -> bool:
        """Whether a context of so many tokens can ever be held."""
        return self._pages(tokens) <= self.cache.capacity

    def submit(self, request: Request, at: float) -> None:
        """A request arrives. Raises ValueError for one that never fits."""
        if not self.fits(request.input_tokens + request.output_tokens):
            raise ValueError("the context does not fit into the KV memory")
        self.waiting.append(request)
        if self._jump is None:
            self._plan(at)
        elif len(self.waiting) == 1 and self._jump.count > 1:
            self._cut(at)

    def advance(self) -> list[Request]:
        """Finish the present iterations and plan the next; returns the requests that are complete now."""
        jump = self._jump
        if jump is None:
            return []
        at = self.next_at
        done = self._finish(jump, at)
        self._plan(at)
        return done

    def rest(self, at: float) -> None:
        """Bring the counts of an engine that has nothing to do up to this time."""
        if self._jump is None:
            self._note(max(at, self.stepped_at))

    def _cut(self, at: float) -> None:
        """End the present jump with the iteration that runs at that time."""
        jump = self._jump
        if jump is not None:
            jump.count = jump.until(at)
            self.next_at = jump.start_at + jump.lasts(jump.count)

    def _plan(self, at: float) -> None:
        """Choose the next batch: streams, prompts begun, then new requests while tokens and pages are there."""
        self._note(at)
        has_room = self._make_room(at)
        streams = [request for request in self.running if request.decoding]
        budget = self.settings.max_batched_tokens - len(streams)
        chunks: list[tuple[Request, int]] = []
        for request in self.running:
            if not request.decoding and budget > 0:
                chunk = min(request.target - request.computed, budget)
                chunks.append((request, chunk))
                budget -= chunk
        if has_room or not self.running:
            self._admit(at, budget, chunks, streams)
        if not streams and not chunks:
            self._jump, self.next_at = None, math.inf
            return
        self._jump = self._timed(at, streams, chunks)
        self.next_at = at + self._jump.lasts(self._jump.count)

    def _admit(self, at: float, budget: int, chunks: list[tuple[Request, int]], streams: list[Request]) -> None:
        while self.waiting and budget > 0 and len(self.running) < self.settings.max_streams:
            request = self.waiting[0]
            if not self._take(request, at):
                break
            self.waiting.popleft()
            self.running.append(request)
            if request.decoding:
                streams.append(request)
                budget -= 1
            else:
                chunk = min(request.target - request.computed, budget)
                chunks.append((request, chunk))
                budget -= chunk

    def _take(self, request: Request, at: float) -> bool:
        """Give a waiting request the pages of its whole prompt; False when they cannot be obtained."""
        node, pages = self.cache.root, 0
        # A decoding replica gets the memory of the prompt from elsewhere; after a preemption it computes as all do.
        ready = self.role == "decode" and not request.preemptions
        target = request.input_tokens + (0 if ready else int(request.made))
        if self.settings.prefix_cache:
            # At least one token of a prompt is computed, or there would be nothing to sample from.
            most = min(request.reusable_tokens, target - 1)
            node, pages = self.cache.reach(request.origin, most // self.settings.page_tokens)
        need = self._pages(target + 1) - pages
        if need + self.cache.unpinned(node, pages) > self.cache.obtainable:
            return False
        request.node = self.cache.hold(node, pages)
        self.cache.grow(request.node, need)
        request.target, request.decoding = target, ready
        request.computed = target if ready else pages * self.settings.page_tokens
        if request.admitted_at < 0:
            request.admitted_at, request.cached_tokens = at, pages * self.settings.page_tokens
        return True

    def _make_room(self, at: float) -> bool:
        """Preempt the youngest requests until every stream can gain a token; whether none had to go."""
        before = self.preemptions
        while self.running:
            if sum(self._growth(request, 1) for request in self.running) <= self.cache.obtainable:
                break
            self._preempt(self.running.pop(), at)
        # The pages of the next token are taken at once, before a new request can have them.
        for request in self.running:
            self._lengthen(request, 1)
        return self.preemptions == before

    def _preempt(self, request: Request, at: float) -> None:
        """Its pages may be evicted from now on; it will be computed again from what is left of them."""
        if request.node is not None:
            self.cache.release(request.node, request.computed // self.settings.page_tokens, at)
            request.origin, request.reusable_tokens = request.node, request.computed
        request.node, request.computed, request.decoding = None, 0, False
        request.preemptions += 1
        self.preemptions += 1
        self.waiting.appendleft(request)

    def _timed(self, at: float, streams: list[Request], chunks: list[tuple[Request, int]]) -> _Jump:
        """How many iterations this batch stays as it is, and how long they take."""
        settings, number = self.settings, len(streams)
        contexts = float(sum(request.computed for request in streams))
        decode = self.table.decode_s(number, contexts) * settings.decode_factor
        if chunks:
            tokens = sum(chunk for _, chunk in chunks)
            pairs = sum(chunk * (request.computed + chunk / 2) for request, chunk in chunks)
            added = self.table.prefill_s(number, tokens, pairs) * settings.prefill_factor
            return _Jump(at, 1, max(decode + added, _TINY_S), 0.0, chunks, streams)
        count = self._steady(streams)
        slope = 0.0
        if count > 1:
            gained = number * (count - 1) * settings.tokens_per_step
            last = self.table.decode_s(number, contexts + gained) * settings.decode_factor
            slope = max(last - decode, 0.0) / (count - 1)
        return _Jump(at, count, max(decode, _TINY_S), slope, chunks, streams)

    def _steady(self, streams: list[Request]) -> int:
        """Iterations until a stream ends or the pages for all streams cannot be obtained."""
        gain = self.settings.tokens_per_step
        least = min(request.remaining for request in streams)
        count = min(max(math.ceil(least / gain - 1e-9), 1), _LONGEST_JUMP)
        while count > 1 and sum(self._growth(request, count) for request in streams) > self.cache.obtainable:
            count //= 2
        return count

    def _growth(self, request: Request, count: int) -> int:
        """Pages that a request lacks to gain the tokens of so many iterations."""
        node = request.node
        if node is None or not request.decoding:
            return 0
        gained = min(count * self.settings.tokens_per_step, request.output_tokens - request.made)
        lacking = request.computed + gained - (node.start + node.pages) * self.settings.page_tokens
        return math.ceil(lacking / self.settings.page_tokens) if lacking > 0 else 0

    def _lengthen(self, request: Request, count: int) -> None:
        lacking = self._growth(request, count)
        if lacking and request.node is not None:
            self.cache.grow(request.node, lacking)

    def _finish(self, jump: _Jump, at: float) -> list[Request]:
        """Book the tokens of the iterations that just ended."""
        self.busy_s += at - jump.start_at
        self.iterations += jump.count
        done = [request for request in jump.streams if self._decoded(request, jump.count, at)]
        for request, chunk in jump.chunks:
            request.computed += chunk
            self.computed_tokens += chunk
            if request.computed >= request.target and self._first(request, at):
                done.append(request)
        for request in done:
            self._complete(request, at)
        return done

    def _decoded(self, request: Request, count: int, at: float) -> bool:
        """A stream has gained tokens; True when it is complete."""
        gained = min(count * self.settings.tokens_per_step, request.remaining)
        self._lengthen(request, count)
        before = int(request.made)
        request.made += gained
        if request.remaining < 1e-6:
            request.made = float(request.output_tokens)
        self.made_tokens += gained
        request.computed += int(request.made) - before
        if request.first_at < 0:
            request.first_at = at
        return request.remaining <= 0

    def _first(self, request: Request, at: float) -> bool:
        """A prompt is complete, and with it comes one token; True when that was all."""
        if request.first_at < 0:
            request.first_at = at
        request.made += 1
        request.decoding = True
        self.made_tokens += 1
        return self.role == "prefill" or request.remaining <= 0

    def _complete(self, request: Request, at: float) -> None:
        self.running.remove(request)
        request.ended_at = at
        if request.node is not None:
            self.cache.release(request.node, request.computed // self.settings.page_tokens, at)

    def _note(self, at: float) -> None:
        """Time-weighted pages in use and in the cache since the last event."""
        span = at - self.stepped_at
        self.held_page_s += span * self.cache.pinned
        self.cached_page_s += span * (self.cache.capacity - self.cache.free)
        self.stepped_at = at

    def _pages(self, tokens: float) -> int:
        return -(-int(tokens) // self.settings.page_tokens)
