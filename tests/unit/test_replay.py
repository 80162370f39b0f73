"""The replay by hand: causes, contexts, memory, routing, plans, bands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

import replay_parts as parts
from latprof import api
from latprof.cli import sweep
from latprof.errors import UsageError
from latprof.model import Call
from latprof.replay import question
from latprof.replay.bands import Band, Outlook, Study, outlook, run_draws
from latprof.replay.cluster import Cluster, Routing, replay
from latprof.replay.measured import nearest_rows
from latprof.replay.plan import Impossible, Plan, Wish, cluster_named, parse_gpus, plan_for, wish_of
from latprof.replay.question import Answer, costs, fitted, pareto
from latprof.replay.team import Team, capped, clipped
from latprof.replay.traces import mooncake_rows, weka_documents
from latprof.replay.workload import Sitting, Workload, workload_of
from latprof.serving import default_parameters
from made_calls import made, trace_of

FOREVER = 1e9


def _call(number: int, at: float, wall: float, **fields: Any) -> Call:
    tokens: dict[str, Any] = {
        "input_tokens": 1000 * number,
        "cache_read_tokens": 1000 * (number - 1),
        "output_tokens": 50,
    }
    return made(number, at=1000.0 + at, wall=wall, **(tokens | fields))


def test_a_call_waits_for_its_thread_and_for_sub_agents_that_ended_in_its_pause() -> None:
    """Main 0-10, sub-agent 12-20 and 22-40, main again at 45: 5 s after the sub-agent's last call."""
    trace = trace_of(
        _call(1, 0, 10),
        _call(2, 12, 8, agent_id="a", trigger="subagent"),
        _call(3, 22, 18, agent_id="a", trigger="tool_result"),
        _call(4, 45, 5),
    )
    ((sitting,),) = workload_of(trace).sessions
    assert [turn.after for turn in sitting.turns] == [(), (0,), (1,), (0, 2)]
    assert [turn.gap_s for turn in sitting.turns] == pytest.approx([0, 2, 2, 5])
    assert [turn.is_subagent for turn in sitting.turns] == [False, True, True, False]


def test_a_background_sub_agent_holds_nobody_up() -> None:
    """Its call runs on while the parent makes its next: the parent waits for itself alone."""
    trace = trace_of(_call(1, 0, 10), _call(2, 12, 100, agent_id="a", trigger="subagent"), _call(3, 30, 5))
    ((sitting,),) = workload_of(trace).sessions
    assert sitting.turns[2].after == (0,)
    assert sitting.turns[2].gap_s == pytest.approx(20)


def test_a_call_continues_the_context_that_is_long_enough() -> None:
    """A side call with a short prompt does not cut the main context off."""
    trace = trace_of(
        _call(1, 0, 5, input_tokens=50_000, cache_read_tokens=0),
        _call(2, 10, 5, input_tokens=900, cache_read_tokens=0),
        _call(3, 20, 5, input_tokens=52_000, cache_read_tokens=50_000),
    )
    ((sitting,),) = workload_of(trace).sessions
    assert (sitting.turns[2].origin, sitting.turns[2].reusable_tokens) == (0, 50_000)


def test_long_breaks_cut_a_session_into_sittings() -> None:
    """After more than half an hour the next call starts a sitting of its own, without what was cached."""
    trace = trace_of(_call(1, 0, 5), _call(2, 10, 5), _call(3, 4000, 5), _call(4, 4010, 5))
    ((first, second),) = workload_of(trace).sessions
    assert [len(first.turns), len(second.turns)] == [2, 2]
    assert (second.turns[0].after, second.turns[0].origin) == ((), -1)


def test_calls_without_tokens_are_left_out_and_counted() -> None:
    """What is not known is not replaced by nothing."""
    work = workload_of(trace_of(_call(1, 0, 5), _call(2, 10, 5), _call(3, 20, 5, output_tokens=None)))
    assert (work.calls, work.left_out) == (2, 1)
    with pytest.raises(UsageError, match="nothing to replay"):
        workload_of(trace_of(_call(1, 0, 5)))


def test_load_tests_are_no_team_to_replay() -> None:
    """A session of a load generator is no engineer's: neither drawn nor counted among today's; alone it is refused."""
    loads = [_call(10 + n, 3 * n, 90, session_id="load", trigger="synthetic", load="8 at once") for n in range(6)]
    work = workload_of(trace_of(_call(1, 0, 5), _call(2, 10, 5), *loads))
    assert (len(work.sessions), work.calls, work.left_out, work.generated) == (1, 2, 0, 6)
    assert {turn.today_s for group in work.sessions for one in group for turn in one.turns} == {5.0}
    with pytest.raises(UsageError, match="beside those of load generators"):
        workload_of(trace_of(*loads))


def test_one_upper_bound_makes_todays_steps_a_bound() -> None:
    """A percentile that takes in an upper bound is one; a stated first token beside it stays exact."""
    exact, bound = _call(1, 0, 5), _call(2, 10, 5, sent_source="trigger_line")
    assert workload_of(trace_of(exact, _call(2, 10, 5))).today_kinds["step_s"] == "exact"
    kinds = workload_of(trace_of(exact, bound, _call(3, 20, 5))).today_kinds
    assert (kinds["step_s"], kinds["ttft_s"]) == ("bound", "exact")


def test_attention_groups_choose_among_replicas_that_they_divide() -> None:
    """Two groups on 4 GPUs: of 4, 2 and 1 GPUs a replica, one cannot be halved, and is no reason to refuse the rest."""
    wish = replace(wish_of("DeepSeek-V3.2"), data=2)
    plan = plan_for(parse_gpus("8xH200"), wish)
    assert plan.deployment.dp == 2
    assert plan.deployment.n_gpu % 2 == 0
    with pytest.raises(Impossible, match=r"^3 attention groups do not divide 8 GPUs: the nearest that can is 8x H200"):
        plan_for(parse_gpus("8xH200"), replace(wish, data=3))


def _work(*sittings: Sitting) -> Workload:
    return Workload(tuple((sitting,) for sitting in sittings), sum(len(one.turns) for one in sittings), 0, 0)


def test_busy_teams_wait_at_most_the_cap() -> None:
    """Longer gaps are cut, shorter ones stay."""
    work = capped(_work(parts.chain([(10, 5), (10, 5)], 500.0), parts.chain([(10, 5), (10, 5)], 7.0)), 60.0)
    assert [group[0].turns[1].gap_s for group in work.sessions] == [60.0, 7.0]


def test_calls_that_do_not_fit_are_cut_to_what_does() -> None:
    """A window of 100 tokens: the second of two calls is cut, its output stays."""
    work, share = clipped(_work(parts.chain([(50, 20), (80, 30)])), 100)
    turn = work.sessions[0][0].turns[1]
    assert share == 0.5
    assert (turn.input_tokens, turn.output_tokens, turn.reusable_tokens) == (70, 30, 70)


def test_lanes_of_a_larger_team_begin_with_those_of_a_smaller_one() -> None:
    """So that more engineers are compared with the same first ones; another seed draws others."""
    work = _work(*(parts.chain([(number * 100, 5)] * 4) for number in range(1, 9)))

    def firsts(engineers: int, seed: int) -> list[tuple[float, int]]:
        return [
            (lane.starts_at, next(lane.sittings).turns[0].input_tokens) for lane in Team(work, engineers).lanes(seed)
        ]

    assert firsts(20, 1)[:10] == firsts(10, 1)
    assert firsts(10, 2) != firsts(10, 1)


def test_a_prefix_is_reused_in_whole_pages() -> None:
    """The second call finds the 100 + 20 tokens of the first but for the page that is not full."""
    done = replay(parts.cluster(), [parts.lane(parts.chain([(100, 20), (50, 5)]))], FOREVER).done
    assert [one.cached_tokens for one in done] == [0, 112]


def test_the_least_recently_used_prefix_goes_first() -> None:
    """Room for one context and a half: the other session's call makes the first session start anew."""
    first, second = parts.chain([(1000, 10), (10, 10)], 10.0), parts.chain([(1000, 10)])
    lanes = [parts.lane(first), parts.lane(second, starts_at=5.0)]
    tight = replay(parts.cluster(capacity_tokens=1504), lanes, FOREVER).done
    assert next(one for one in tight if one.turn.after).cached_tokens < 500
    lanes = [parts.lane(first), parts.lane(second, starts_at=5.0)]
    wide = replay(parts.cluster(capacity_tokens=3200), lanes, FOREVER).done
    assert next(one for one in wide if one.turn.after).cached_tokens == 1008


def test_the_youngest_is_preempted_and_finishes_later() -> None:
    """Two streams outgrow the memory: the later one loses its pages, is computed again and still makes all tokens."""
    lanes = [
        parts.lane(Sitting("a", (parts.turn(64, 100),))),
        parts.lane(Sitting("b", (parts.turn(64, 100),)), starts_at=0.001),
    ]
    run = replay(parts.cluster(capacity_tokens=208), lanes, FOREVER)
    older, younger = sorted(run.done, key=lambda one: one.lane)
    assert (older.preemptions, younger.preemptions > 0) == (0, True)
    assert younger.ended_at > older.ended_at
    assert run.engines[0].made_tokens == 200


def test_sessions_stay_on_their_replica() -> None:
    """Sticky keeps the prefix; the least loaded of idle replicas need not be where it lies."""
    sittings = [parts.chain([(1000, 50)] * 6, 0.2), parts.chain([(1000, 50)] * 6, 0.3)]

    def cached(routing: Routing) -> int:
        made_cluster = replace(parts.cluster(replicas=2), routing=routing)
        lanes = [parts.lane(one, starts_at=0.05 * number) for number, one in enumerate(sittings)]
        return sum(one.cached_tokens for one in replay(made_cluster, lanes, FOREVER).done)

    assert cached("sticky") > cached("least-loaded")


def test_disaggregation_hands_the_prompt_over() -> None:
    """First token from the prefill replica; the rest after the transfer, on the other one."""
    base = parts.cluster(parts.LinearSteps(base=0.1, per_stream=0, per_context=0, per_token=0, per_pair=0))
    apart = replace(base, prefill_replicas=1, transfer_s=lambda tokens: tokens * 0.01)
    run = replay(apart, [parts.lane(Sitting("s", (parts.turn(100, 11),)))], FOREVER)
    (done,) = run.done
    assert (done.first_at, done.ended_at) == pytest.approx((0.1, 0.1 + 1.0 + 10 * 0.1))
    assert [engine.made_tokens for engine in run.engines] == [1, 10]
    assert all(engine.cache.pinned == 0 for engine in run.engines)


def test_speculation_makes_several_tokens_per_iteration() -> None:
    """Two per iteration: 20 more tokens in 10 iterations."""
    steps = parts.LinearSteps(base=0.1, per_stream=0, per_context=0, per_token=0, per_pair=0)
    (done,) = replay(
        parts.cluster(steps, tokens_per_step=2.0), [parts.lane(Sitting("s", (parts.turn(10, 21),)))], FOREVER
    ).done
    assert done.ended_at == pytest.approx(0.1 + 10 * 0.1)


@pytest.mark.parametrize("text", ["4xH200", "4x H200", "H200 x 4", "4 × h200-sxm"])
def test_gpus_are_written_in_several_ways(text: str) -> None:
    """Number and name, in any order."""
    hardware = parse_gpus(text)
    assert (hardware.count, hardware.gpu.name) == (4, "H200")


def _asked(model: str, room: int = 100_000, **wish: Any) -> Wish:
    return replace(wish_of(model), room_tokens=room, team_tokens=10 * room, **wish)


def test_the_posts_deepseek_on_five_h100_is_refused() -> None:
    """Five GPUs do not divide 128 heads; four hold no 4-bit weights; eight do."""
    with pytest.raises(Impossible, match="5 GPUs do not divide the 128 attention heads") as asked:
        plan_for(parse_gpus("5xH100"), _asked("DeepSeek-V3.2", tensor=5))
    assert "8x H100" in str(asked.value)
    with pytest.raises(Impossible, match=r"weights .* take 3\d\d GB and 4x H100 have 288 GB"):
        plan_for(parse_gpus("5xH100"), _asked("DeepSeek-V3.2"))


def test_an_awkward_number_of_gpus_leaves_one_idle() -> None:
    """MiniMax on five H100: tensor parallelism of four, 59 GB for the cache."""
    plan = plan_for(cluster_named("5x-h100-vast"), _asked("MiniMax-M2.5"))
    assert plan.layout == "TP4 + 1 idle"
    # 1.87 USD an hour for each card, for a whole month; the month of the stated 4,712 has 504 hours.
    assert plan.hardware.usd_per_month == pytest.approx(5 * 1.87 * 730)
    # 59 GB over 248 KiB per token.
    assert plan.capacity_tokens == pytest.approx(59e9 / (248 * 1024), rel=0.02)
    assert plan.limit_tokens == 196_608


def test_the_precision_narrows_until_it_fits_and_says_so() -> None:
    """80 B parameters in bf16 need more than two H100."""
    plan = plan_for(parse_gpus("2xH100"), _asked("Qwen3-Coder-Next"))
    assert plan.deployment.precision == "fp8"
    assert any("bf16 does not fit" in note for note in plan.notes)


@pytest.mark.parametrize(
    ("names", "word"),
    [
        ({"model": "no-such-model"}, "No model"),
        ({"model": "MiniMax-M2.5", "precision": "octal"}, "No precision"),
        ({"model": "MiniMax-M2.5", "engine": "steam"}, "No engine"),
        ({"model": "MiniMax-M2.5", "kv_precision": "int1"}, "cache"),
    ],
)
def test_unknown_names_are_refused(names: dict[str, str], word: str) -> None:
    """In one sentence."""
    with pytest.raises(UsageError, match=word):
        wish_of(**names)


def test_nearest_rows_are_of_the_same_model_and_hardware() -> None:
    """MiniMax on 4x H200 at 4 streams was measured."""
    plan = plan_for(parse_gpus("4xH200"), _asked("MiniMax-M2.5"))
    rows = nearest_rows(plan.deployment, 4, 8192)
    assert [(row.gpu, row.n_gpu, row.precision) for row in rows] == [("H200-SXM", 4, "fp8")] * 3
    assert rows[0].concurrency == 4


def _study(engineers: int = 2) -> Study:
    sittings = [parts.chain([(3000, 60)] * 8, 5.0) for _ in range(4)]
    work = Workload(
        tuple((replace(one, turns=tuple(replace(t, today_s=30.0) for t in one.turns)),) for one in sittings), 32, 0, 0
    )
    plan = plan_for(parse_gpus("4xH200"), fitted(wish_of("MiniMax-M2.5"), work, engineers))
    return Study(plan, work, default_parameters(), engineers, warm_up_s=60, measured_s=600)


def test_draws_repeat_and_differ() -> None:
    """The same seed leads to the same figures, another one to others."""
    study = _study()
    first, second = run_draws(study, [3, 4])
    assert run_draws(study, [3])[0] == first
    assert first["step_s_p50"] != second["step_s_p50"]
    assert first["today_step_s_p50"] == 30.0


def test_bands_and_probabilities_are_over_draws() -> None:
    """p10, median and p90 of the draws; faster in two of three; missing figures are left out."""
    draws = [{"a": 1.0, "today_a": 2.0}, {"a": 3.0, "today_a": 2.0}, {"a": 1.5, "today_a": 2.0, "b": 1.0}]
    found = outlook(_study(), draws, {"a": True, "b": None})
    band = found.bands["a"]
    assert (band.low, band.middle, band.high, band.draws) == pytest.approx((1.1, 1.5, 2.7, 3))
    assert found.bands["b"].draws == 1
    assert found.faster == {"a": pytest.approx(2 / 3)}


def _outlook(step: float, output: float = 1e6) -> Outlook:
    bands = {
        "step_s_p50": Band(step, step, step, 5),
        "output_tokens_per_hour": Band(output / 2, output, output * 2, 5),
        "input_tokens_per_hour": Band(0, 0, 0, 5),
    }
    return Outlook(bands, {}, 5, 0.0)


def test_costs_spread_the_rent() -> None:
    """4,200 USD over 10 engineers, and over 168 h of a million tokens each."""
    found = costs(_outlook(1.0), 4200.0, 10, 168.0)
    assert found["usd_per_engineer"].middle == 420
    mtok = found["usd_per_mtok_output"]
    assert (mtok.low, mtok.middle, mtok.high) == pytest.approx((12.5, 25, 50))
    assert costs(_outlook(1.0), None, 10, 168.0) == {}


def _answer(step: float, rent: float, engineers: int = 10) -> Answer:
    plan: Plan = plan_for(parse_gpus("4xH200", rent), _asked("MiniMax-M2.5"))
    both = _outlook(step)
    return Answer(plan, engineers, {"as measured": both, "everyone busy": both}, {})


def test_the_pareto_front_is_what_no_other_beats() -> None:
    """Slower and dearer is out; another team size is another question."""
    answers = [_answer(2, 4000), _answer(3, 2000), _answer(3.5, 2500), _answer(9, 9000, engineers=20)]
    assert pareto(answers) == [True, True, False, True]


@pytest.mark.parametrize(("served", "expected"), [(0, 0), (1, 1), (13, 13), (64, 64), (500, None)])
def test_break_even_is_the_largest_team_that_is_served_faster(
    served: int, expected: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by doubling and halving, whatever the replays say of single teams."""

    def run(studies: list[Study], _draws: int, **_: object) -> list[Outlook]:
        return [Outlook({}, {"step_s_p50": 0.9 if one.engineers <= served else 0.2}, 1, 0.0) for one in studies]

    monkeypatch.setattr(question, "run_studies", run)
    study = _study()
    conditions = question.Conditions(default_parameters(), draws=1)
    asked = (study.workload, study.plan.hardware, wish_of("MiniMax-M2.5"), conditions)
    assert question.break_even(*asked) == expected


def test_a_sweeps_break_even_is_searched_under_the_conditions_of_its_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a team that the table serves faster could be larger than the largest one that is served faster."""
    seen: list[question.Conditions] = []

    def search(_work: Workload, _hardware: object, _wish: Wish, conditions: question.Conditions) -> int:
        seen.append(conditions)
        return 3

    monkeypatch.setattr(question, "break_even", search)
    conditions, answer = question.Conditions(default_parameters(), draws=1, warm_up_s=777.0), _answer(2, 4000)
    wishes = [(answer.plan.hardware, wish_of("MiniMax-M2.5"))]
    assert sweep._break_even([answer], _study().workload, conditions, wishes) == {
        "MiniMax-M2.5 on 4x H200": "3 engineers"
    }
    assert seen == [conditions]


def test_the_weka_export_is_read_back(tmp_path: Path) -> None:
    """Times, tokens, triggers, threads and models of every call."""
    calls = [
        _call(1, 0, 10, trigger="user"),
        _call(2, 12, 8, agent_id="a", trigger="subagent"),
        _call(3, 22, 18, agent_id="a", trigger="tool_result"),
        _call(4, 45, 5, trigger="tool_result", first_output_source="first_visible"),
    ]
    target = tmp_path / "trace.json"
    target.write_bytes(orjson.dumps(weka_documents(trace_of(*calls))))
    read = api.load([str(target)])
    assert read.numbers["sent_at"].tolist() == [0, 12, 22, 45]
    assert read.numbers["input_tokens"].tolist() == [1000, 2000, 3000, 4000]
    assert read.numbers["output_tokens"].tolist() == [50] * 4
    assert read.wall_s.tolist() == pytest.approx([10, 8, 18, 5])
    assert read.texts["trigger"].tolist() == ["user", "subagent", "tool_result", "tool_result"]
    assert [agent is not None for agent in read.texts["agent_id"]] == [False, True, True, False]
    # Only stated first tokens are written: 1 s after sending, but not the one that was merely seen late.
    assert read.ttft_s[:3].tolist() == pytest.approx([1, 1, 1])
    assert read.ttft_s[3] != read.ttft_s[3]  # not known


def test_equal_blocks_have_equal_ids() -> None:
    """The second prompt of 2,000 tokens begins with the 1,000 of the first: 15 blocks of 64, or 1 of 512."""
    trace = trace_of(_call(1, 0, 10), _call(2, 12, 8))
    first, second = (request["hash_ids"] for request in weka_documents(trace)[0]["requests"])
    assert (len(first), len(second)) == (15, 31)
    assert second[:15] == first
    assert not set(second[15:]) & set(first)
    rows = mooncake_rows(trace)
    assert [row["timestamp"] for row in rows] == [0, 12_000]
    assert [len(row["hash_ids"]) for row in rows] == [1, 3]
    assert rows[1]["hash_ids"][0] == rows[0]["hash_ids"][0]


def test_a_cluster_needs_no_prefill_replicas() -> None:
    """The usual form has none."""
    assert isinstance(parts.cluster(), Cluster)
    assert parts.cluster().prefill_replicas == 0
