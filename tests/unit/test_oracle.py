"""The second opinion: without the package, with one that stands in for it, and with the real one where it is there."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from latprof.errors import UsageError
from latprof.serving.oracle import second_opinion
from latprof.serving.predict import Point, point_of

ROW = {"gpu": "4xH200", "model": "MiniMax-M2.5", "engine": "vllm", "isl": 8000, "osl": 1000, "concurrency": 11}


class Engine:
    """Decoding takes 20 ms, a prompt of 8,000 tokens 200 ms; there is data for 8-bit caches only."""

    @classmethod
    def compile(cls, model: str, system: str, backend: str, **settings: object) -> Engine:
        assert (model, system, backend) == ("MiniMaxAI/MiniMax-M2.5", "h200_sxm", "vllm")
        assert (settings["tp_size"], settings.get("moe_tp_size")) == (4, 4)
        if settings.get("kvcache_quant_mode") != "fp8":
            raise RuntimeError("no data")
        return cls()

    def decode_step_latency(self, streams: int, context: int, steps: int) -> float:
        return 20.0

    def predict_prefill_latency(self, streams: int, tokens: int, cached: int) -> float:
        return tokens / 40


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package with one configuration and the engine above."""
    folder = tmp_path / "aiconfigurator_core" / "model_configs"
    folder.mkdir(parents=True)
    (folder / "MiniMaxAI--MiniMax-M2.5_config.json").write_text("{}", encoding="utf-8")
    (tmp_path / "aiconfigurator_core" / "__init__.py").write_text("", encoding="utf-8")
    for name in [name for name in sys.modules if name.startswith("aiconfigurator_core")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(tmp_path))
    engine = ModuleType("aiconfigurator_core.sdk.engine")
    engine.EngineHandle = Engine  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "aiconfigurator_core.sdk", ModuleType("aiconfigurator_core.sdk"))
    monkeypatch.setitem(sys.modules, "aiconfigurator_core.sdk.engine", engine)
    yield
    sys.modules.pop("aiconfigurator_core", None)


def point(**other: object) -> Point:
    return point_of({**ROW, **other})


def test_without_the_package_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence with the command; a missing module is what None in sys.modules means."""
    monkeypatch.setitem(sys.modules, "aiconfigurator_core", None)
    with pytest.raises(UsageError, match=r"pip install 'latprof\[aiconfigurator\]'"):
        second_opinion(point(), "aiconfigurator")


@pytest.mark.usefixtures("stand_in")
def test_the_closed_form_takes_the_oracles_steps() -> None:
    """TPOT = 20 + 10 / 1000 x 200 = 22 ms; TTFT = 200 + 10 = 210 ms, with half an iteration of waiting."""
    found = second_opinion(point(), "aiconfigurator")
    assert found.tpot_ms == pytest.approx(22)
    assert found.ttft_ms == pytest.approx(210)


@pytest.mark.usefixtures("stand_in")
def test_what_it_cannot_say_is_refused() -> None:
    """A model whose configuration would come from a network, a GPU and an oracle that there is not."""
    with pytest.raises(UsageError, match=r"no configuration of Qwen3-32B"):
        second_opinion(point(model="Qwen3-32B"), "aiconfigurator")
    with pytest.raises(UsageError, match="no data for vllm on MI300X"):
        second_opinion(point(gpu="4xMI300X"), "aiconfigurator")
    with pytest.raises(UsageError, match="No oracle is called vidur"):
        second_opinion(point(), "vidur")


@pytest.mark.skipif(importlib.util.find_spec("aiconfigurator_core") is None, reason="AIConfigurator is not installed")
def test_the_real_package_is_within_a_factor_of_three() -> None:
    """MiniMax M2.5 on 4x H200, 16 streams of 8k/1k: measured rows nearby have 20 to 35 ms per token."""
    found = second_opinion(point(concurrency=16), "aiconfigurator")
    assert 9 < found.tpot_ms < 80
    assert 0 < found.ttft_ms < 2000
