"""What it changes in a closed loop whether all calls have the same lengths; expected values are sums by hand."""

from __future__ import annotations

import math

import pytest

from latprof.errors import UsageError
from latprof.serving.hardware import Deployment, Gpu
from latprof.serving.parameters import FIRST_GUESS, Parameters
from latprof.serving.predict import point_of
from latprof.serving.protocol import protocol_of
from latprof.serving.steady import Load, Steady, closed_form, mix_of
from latprof.serving.tables import model_named

ISL, OSL, CLIENTS = 1024, 100, 17
ROW = {"model": "gpt-oss-120b", "gpu": "4xH200", "isl": 1000, "osl": 500, "concurrency": 16, "engine": "vllm"}
# Bandwidth without end, so that an iteration takes what its operations take and times add up.
GPU = Gpu("test", 1e15, 1e25, 1e15, 1e25, "hopper")


def deployment(engine: str) -> Deployment:
    model = model_named("Llama-3.1-8B")
    assert model is not None
    return Deployment(model, GPU, 1, "bf16", engine=engine)


def steady(engine: str, *, varied: bool, **values: float) -> Steady:
    """With nothing but operations at peak, and what is given."""
    none = dict.fromkeys(FIRST_GUESS, 1e-30)
    given = none | {"k_compute": 1.0, "k_attention": 1.0, "mixed": 1.0, "grouped": 1e12} | values
    used = deployment(engine)
    return closed_form(mix_of(used, Load(ISL, OSL, CLIENTS, varied=varied)), Parameters(given).values_for(used))


def prompt_s() -> float:
    """2 operations per weight and token, 4 per pair of tokens, head and dimension, in each layer; half of the pairs."""
    return (2 * 8.03e9 * ISL + 4 * 32 * 128 * 32 * ISL**2 / 2) / 1e15


TOKEN_S = 2 * 8.03e9 / 1e15


@pytest.mark.parametrize("engine", ["vllm", "sglang", "trtllm"])
def test_a_stream_waits_for_all_prompts_of_others_where_lengths_vary(engine: str) -> None:
    """17 tokens per iteration, and 16 prompts of others within its 100 tokens."""
    assert steady(engine, varied=True).tpot_s == pytest.approx(17 * TOKEN_S + 16 / 100 * prompt_s(), rel=1e-6)


def test_in_lockstep_a_stream_waits_for_half_of_them() -> None:
    """All begin together, prompts first: the wait of the others moves from TPOT to TTFT, half of it."""
    found = steady("sglang", varied=False)
    assert found.tpot_s == pytest.approx(17 * TOKEN_S + 8 / 100 * prompt_s(), rel=1e-6)
    assert found.ttft_s == pytest.approx((1 + 8) * prompt_s() + 17 * TOKEN_S / 2, rel=1e-6)


def test_a_group_of_prompts_pays_once_for_what_an_iteration_with_prompts_costs() -> None:
    """Eight prompts of 1,024 tokens fit the budget of 8,192: the 16 of others come in 2 of the 100 iterations."""
    model = deployment("vllm").model
    extra = {"eager_layer_s": 1e-3}
    alone, grouped = (steady("vllm", varied=varied, **extra) for varied in (True, False))
    work = 17 * TOKEN_S + 16 / 100 * prompt_s()
    assert alone.tpot_s == pytest.approx(work + (1 - math.exp(-16 / 100)) * model.launches * 1e-3, rel=1e-6)
    assert grouped.tpot_s == pytest.approx(work + 2 / 100 * model.launches * 1e-3, rel=1e-6)


@pytest.mark.parametrize(
    ("source", "share", "varied"),
    [
        ("InferenceX database dump 2026-04-27", 0.9, True),
        ("inferencemax", 0.9, True),
        ("SGLang cookbook: Qwen/Qwen3.md", 1.0, True),
        ("NVIDIA gap-analysis runs", 1.0, False),
        ("", 1.0, False),
    ],
)
def test_protocols_that_are_known(source: str, share: float, varied: bool) -> None:  # noqa: FBT001
    """InferenceX draws from 80 to 100 % of the stated lengths; of others the stated ones are taken."""
    found = protocol_of(source)
    assert (found.length_share, found.varied) == (share, varied)


def test_a_row_says_how_its_lengths_are() -> None:
    """By its source or by itself; what it says itself counts."""
    assert point_of(ROW).load == Load(1000, 500, 16)
    assert point_of({**ROW, "source": "InferenceX export"}).load == Load(900, 450, 16, varied=True)
    assert point_of({**ROW, "source": "InferenceX export", "lengths": "equal"}).load == Load(900, 450, 16)
    assert point_of({**ROW, "lengths": "Varied"}).load == Load(1000, 500, 16, varied=True)
    with pytest.raises(UsageError, match="neither equal nor varied"):
        point_of({**ROW, "lengths": "some"})
