"""Laws of the replay: tokens, time and memory are conserved; more helps, and more people do not."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import replay_parts as parts
from latprof.replay import cluster as cluster_module
from latprof.replay import engine as engine_module
from latprof.replay.bands import ServingSteps
from latprof.replay.cache import Node, PagedCache
from latprof.replay.cluster import Replay, replay
from latprof.replay.steps import StepTable
from latprof.replay.workload import Sitting
from latprof.serving import Batch, Deployment, default_parameters, roofline_s
from latprof.serving.tables import gpu_named, model_named

pytestmark = pytest.mark.property

SIZES = st.lists(st.tuples(st.integers(1, 3000), st.integers(1, 120)), min_size=1, max_size=6)
TEAMS = st.lists(SIZES, min_size=1, max_size=5)
FOREVER = 1e9


def _run(team: list[list[tuple[int, int]]], cluster: cluster_module.Cluster, gap_s: float = 1.0) -> Replay:
    lanes = [parts.lane(parts.chain(sizes, gap_s), starts_at=0.1 * number) for number, sizes in enumerate(team)]
    return replay(cluster, lanes, FOREVER)


def _mean_step(run: Replay) -> float:
    return float(np.mean([done.step_s for done in run.done]))


def _most_context(team: list[list[tuple[int, int]]]) -> int:
    return max(sum(new + out for new, out in sizes) for sizes in team)


@given(TEAMS, st.integers(1, 3), st.integers(1, 8))
@settings(max_examples=60, deadline=None)
def test_tokens_and_memory_are_conserved(team: list[list[tuple[int, int]]], replicas: int, tightness: int) -> None:
    """Every call ends once with its tokens made; afterwards nobody holds memory, and no page is lost."""
    capacity = _most_context(team) * tightness // 2 + _most_context(team) + 32
    run = _run(team, parts.cluster(capacity_tokens=capacity, replicas=replicas, max_batched_tokens=512))
    calls = [call for sizes in team for call in sizes]
    assert len(run.done) == len(calls)
    assert sum(engine.made_tokens for engine in run.engines) == pytest.approx(sum(out for _, out in calls))
    assert sum(done.turn.output_tokens for done in run.done) == sum(out for _, out in calls)
    for engine in run.engines:
        assert not engine.running
        assert not engine.waiting
        assert engine.cache.pinned == 0
        assert engine.cache.obtainable == engine.cache.capacity
        assert 0 <= engine.cache.free <= engine.cache.capacity
    if not any(done.preemptions for done in run.done):
        computed = sum(engine.computed_tokens for engine in run.engines)
        assert computed + sum(done.cached_tokens for done in run.done) == sum(d.turn.input_tokens for d in run.done)


@given(TEAMS)
@settings(max_examples=40, deadline=None)
def test_instants_are_in_order(team: list[list[tuple[int, int]]]) -> None:
    """Sent, admitted, first token, last token; a cache gives at most what there is in common."""
    for done in _run(team, parts.cluster(capacity_tokens=_most_context(team) * 2 + 64)).done:
        assert done.sent_at <= done.admitted_at <= done.first_at <= done.ended_at
        assert 0 <= done.cached_tokens <= done.turn.reusable_tokens


@given(TEAMS, st.floats(0, 50))
@settings(max_examples=30, deadline=None)
def test_without_service_time_only_think_time_is_left(team: list[list[tuple[int, int]]], gap_s: float) -> None:
    """The i-th call of a lane is sent i gaps after its first."""
    run = _run(team, parts.cluster(parts.NO_TIME, capacity_tokens=10**7), gap_s)
    for number, sizes in enumerate(team):
        sent = sorted(done.sent_at for done in run.done if done.lane == number)
        expected = [0.1 * number + gap_s * call for call in range(len(sizes))]
        assert sent == pytest.approx(expected, abs=1e-4)


@given(st.integers(1, 30_000), st.integers(1, 600), st.integers(0, 400))
@settings(max_examples=60, deadline=None)
def test_one_stream_equals_the_closed_form(prompt: int, outputs: int, budget_part: int) -> None:
    """Chunks of the token budget, then one iteration per token over a context that grows by one."""
    steps, budget = parts.LinearSteps(), 1000 + budget_part
    run = replay(
        parts.cluster(steps, max_batched_tokens=budget),
        [parts.lane(Sitting("s", (parts.turn(prompt, outputs),)))],
        FOREVER,
    )
    expected, done = 0.0, 0
    while done < prompt:
        chunk = min(budget, prompt - done)
        expected += steps.base + steps.per_token * chunk + steps.per_pair * chunk * (done + chunk / 2)
        done += chunk
    first = expected
    expected += sum(
        steps.base + steps.per_stream + steps.per_context * (prompt + number) for number in range(outputs - 1)
    )
    assert run.done[0].ttft_s == pytest.approx(first, rel=1e-6)
    assert run.done[0].step_s == pytest.approx(expected, rel=1e-6)


@given(TEAMS)
@settings(max_examples=25, deadline=None)
def test_jumping_over_equal_iterations_changes_nothing(team: list[list[tuple[int, int]]]) -> None:
    """One iteration at a time leads to the same instants."""
    capacity = _most_context(team) * 3 + 64
    jumped = _run(team, parts.cluster(capacity_tokens=capacity))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_module, "_LONGEST_JUMP", 1)
        single = _run(team, parts.cluster(capacity_tokens=capacity))
    ends = sorted((done.lane, done.turn.input_tokens, done.ended_at) for done in jumped.done)
    others = sorted((done.lane, done.turn.input_tokens, done.ended_at) for done in single.done)
    assert np.array(ends) == pytest.approx(np.array(others), rel=1e-6)


@given(TEAMS, st.sampled_from([("H100", 4), ("H200", 4), ("A100", 8)]))
@settings(max_examples=25, deadline=None)
def test_never_above_the_roofline(team: list[list[tuple[int, int]]], hardware: tuple[str, int]) -> None:
    """Tokens per second of computing never exceed what the best batch allows by bandwidth and peak alone."""
    model = model_named("MiniMax-M2.5")
    assert model is not None
    deployment = Deployment(model, gpu_named(hardware[0]), hardware[1], "fp8")
    table = StepTable(ServingSteps(deployment, default_parameters()), deployment.max_batched_tokens)
    made = replace(parts.cluster(capacity_tokens=_most_context(team) * 8 + 64), table=table)
    run = _run(team, made, gap_s=0.0)
    streams = np.arange(1, len(team) + 1, dtype=float)
    best = float(np.max(streams / roofline_s(Batch(decode_streams=streams, context_tokens=streams), deployment)))
    for engine in run.engines:
        # The first token of a call comes with its prompt.
        decoded = engine.made_tokens - len(run.done)
        assert decoded <= best * engine.busy_s * (1 + 1e-9)


@given(TEAMS)
@settings(max_examples=25, deadline=None)
def test_more_memory_is_no_more_work(team: list[list[tuple[int, int]]]) -> None:
    """Nothing is computed twice that was not before, and nobody is put back more often.

    Steps may get longer all the same: with room for more calls at once, prompts slow the streams beside them.
    """
    least = _most_context(team) + 32
    tight = _run(team, parts.cluster(capacity_tokens=least, max_batched_tokens=1024))
    wide = _run(team, parts.cluster(capacity_tokens=least * 20, max_batched_tokens=1024))
    for counted in ("computed_tokens", "preemptions"):
        assert sum(getattr(item, counted) for item in wide.engines) <= sum(
            getattr(item, counted) for item in tight.engines
        )


@given(TEAMS, st.floats(1.1, 8))
@settings(max_examples=25, deadline=None)
def test_more_gpus_are_not_slower(team: list[list[tuple[int, int]]], speed: float) -> None:
    """Shorter iterations, or a replica for each engineer instead of one for all."""
    capacity = _most_context(team) * 2 + 64
    base = parts.LinearSteps()
    fast = parts.LinearSteps(*(value / speed for value in vars(base).values()))
    one = _run(team, parts.cluster(base, capacity))
    assert _mean_step(_run(team, parts.cluster(fast, capacity))) <= _mean_step(one) * 1.05
    apart = _run(team, parts.cluster(base, capacity, replicas=len(team)))
    assert _mean_step(apart) <= _mean_step(one) * 1.05 + 1e-6


@given(st.lists(SIZES, min_size=2, max_size=6))
@settings(max_examples=25, deadline=None)
def test_more_engineers_are_not_faster(team: list[list[tuple[int, int]]]) -> None:
    """The first engineer is served no faster when others join; other batches shift single iterations a little."""
    capacity = _most_context(team) * 2 + 64
    alone = _mean_step(_run(team[:1], parts.cluster(capacity_tokens=capacity)))
    joined = [done.step_s for done in _run(team, parts.cluster(capacity_tokens=capacity)).done if done.lane == 0]
    assert float(np.mean(joined)) >= alone * (1 - 1e-6)


@given(st.integers(0, 10**6), st.integers(4, 60))
@settings(max_examples=80, deadline=None)
def test_pages_are_free_or_in_one_node(seed: int, capacity: int) -> None:
    """Whatever happens to a cache, its pages add up, and unused ones can always be had."""
    dice, cache = random.Random(seed), PagedCache(capacity)  # noqa: S311 - a walk, no secret
    held: list[Node] = []
    known: list[Node | None] = [None]
    nodes: list[Node] = []
    for step in range(60):
        if held and dice.random() < 0.45:
            node = held.pop(dice.randrange(len(held)))
            cache.release(node, dice.randrange(node.end + 1) if dice.random() < 0.5 else node.end, float(step))
            known.append(node)
        else:
            node, pages = cache.reach(dice.choice(known), dice.randrange(capacity + 1))
            if cache.unpinned(node, pages) > cache.obtainable:
                continue
            node = cache.hold(node, pages)
            held.append(node)
            nodes.append(node)
            cache.grow(node, dice.randrange(cache.obtainable + 1))
        reachable = _all_nodes([*nodes, *held])
        assert cache.free + sum(one.pages for one in reachable if not one.gone) == capacity
        assert cache.pinned == sum(one.pages for one in reachable if one.users and one is not cache.root)
        assert cache.free >= 0
    for node in held:
        cache.release(node, node.end, 99.0)
    whole = cache.hold(cache.root, 0)
    cache.grow(whole, capacity)
    assert cache.free == 0
    with pytest.raises(RuntimeError):
        cache.grow(whole, 1)


def _all_nodes(leaves: list[Node]) -> list[Node]:
    found: dict[int, Node] = {}
    for leaf in leaves:
        node: Node | None = leaf
        while node is not None and id(node) not in found:
            found[id(node)] = node
            node = node.parent
    return list(found.values())


def test_a_jump_ends_with_the_iteration_in_which_a_call_arrives() -> None:
    """Iterations of 1 s, a call after 2.5 s: it is computed from 3 s on."""
    steps = parts.LinearSteps(base=1.0, per_stream=0, per_context=0, per_token=0, per_pair=0)
    first = parts.lane(Sitting("a", (parts.turn(10, 100),)))
    second = parts.lane(Sitting("b", (parts.turn(10, 2),)), starts_at=2.5)
    done = replay(parts.cluster(steps), [first, second], FOREVER).done
    late = next(one for one in done if one.lane == 1)
    assert (late.admitted_at, late.first_at, late.ended_at) == pytest.approx((3.0, 4.0, 5.0))
    assert math.isclose(next(one for one in done if one.lane == 0).ended_at, 100.0, rel_tol=1e-9)
