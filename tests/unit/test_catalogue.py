"""The catalogue: amounts, merging, ages, contradictions, look-ups, records for formulas."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprof.catalogue import (
    CONDITIONS,
    QUANTITIES,
    TYPES,
    Amount,
    Catalogue,
    catalogue_schema,
    check_file,
    load_catalogue,
    own_files,
    parse_amount,
)
from latprof.errors import UsageError

DAY = date(2026, 11, 21)
SOURCE = (
    '[[source]]\nid = "mine"\ntitle = "My own tests"\nwhere = "here"\npublished = 2026-11-20\nchecked = 2026-11-20\n'
)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue(today=DAY)


def over(tmp_path: Path, *parts: str, name: str = "mine.toml") -> Catalogue:
    """Our catalogue with a file of these parts over it."""
    path = tmp_path / name
    path.write_text("\n".join(parts), encoding="utf-8")
    return load_catalogue([path], today=DAY)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        (176, Amount(176, 176)),
        (0.4, Amount(0.4, 0.4)),
        ("45..55", Amount(45, 55)),
        ("~160", Amount(160, 160, about=True)),
        ("~87..112", Amount(87, 112, about=True)),
        (">=3000", Amount(3000, 3000, bound="at_least")),
        ("<=0.4", Amount(0.4, 0.4, bound="at_most")),
        ("-0.5..-0.2", Amount(-0.5, -0.2)),
        ("2.7e9", Amount(2.7e9, 2.7e9)),
    ],
)
def test_amounts_are_read_as_printed(text: str | float, amount: Amount) -> None:
    """Ranges, about, at least, at most."""
    assert parse_amount(text) == amount


@pytest.mark.parametrize("text", ["", "fast", "1-2", "5..3", "~", "1,000", "12 tok/s", "1..2..3"])
def test_other_texts_are_no_amounts(text: str) -> None:
    """A range has two dots; units and thousands do not stand in an amount."""
    with pytest.raises(ValueError, match=re.escape(repr(text))):
        parse_amount(text)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_the_middle_lies_between_the_ends(one: int, other: int) -> None:
    """And is the number itself where there is only one."""
    low, high = sorted((one, other))
    amount = parse_amount(f"{low}..{high}")
    assert low <= amount.middle <= high
    assert parse_amount(low).middle == low


@pytest.mark.parametrize("path", own_files(), ids=lambda path: path.name)
def test_our_own_files_have_the_shape(path: Path) -> None:
    """Checked here, not at every start."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    check_file(tables, path.name)
    jsonschema.validate(_plain(tables), catalogue_schema())


def _plain(value: object) -> object:
    """Dates as JSON has them."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value


def test_every_fact_has_a_known_source_and_every_speed_a_scope(catalogue: Catalogue) -> None:
    """Provenance is the point of the catalogue."""
    sources = {source.id for source in catalogue.sources}
    for entry, fact in catalogue.facts():
        assert fact.at, entry.id
        assert {place.source for place in fact.at} <= sources
        assert fact.scope or QUANTITIES[fact.quantity].unit != "tok/s", (entry.id, fact.quantity)
        assert (fact.amount is None) == (fact.unit == ""), (entry.id, fact.quantity)


def test_models_and_hardware_of_composed_entries_are_entries(catalogue: Catalogue) -> None:
    """No reference leads nowhere; conditions name ids where they look like one."""
    known = {entry.id for entry in catalogue.entries}
    for entry in catalogue.entries:
        assert {entry.model, entry.hardware} - {None} <= known, entry.id
    named = {
        value
        for _, fact in catalogue.facts()
        for key in ("model", "hardware")
        if isinstance(value := fact.conditions.get(key), str) and "-" in value and " " not in value
    }
    assert named <= known


def test_conflicts_cite_facts(catalogue: Catalogue) -> None:
    """Each listed contradiction concerns an entry, and names places where facts stand."""
    cited = {place for _, fact in catalogue.facts() for place in fact.at}
    for conflict in catalogue.conflicts:
        assert conflict.entries, conflict.id
        assert {str(place) for place in conflict.at} <= {str(place) for place in cited} | {
            f"serving:{line}" for line in range(331, 335)
        }, conflict.id
        assert all(conflict in catalogue.conflicts_about(catalogue.find(name)) for name in conflict.entries)


def test_both_speeds_of_sonnet_stay_and_the_conflict_is_named(catalogue: Catalogue) -> None:
    """176 tok/s in the post, 45 to 55 in the overview."""
    sonnet = catalogue.find("Sonnet 4.6")
    ends = {(fact.amount.low, fact.amount.high) for fact in sonnet.of("decode_tps") if fact.amount}
    assert {(176, 176), (45, 55)} <= ends
    (conflict,) = catalogue.conflicts_about(sonnet)
    assert "176" in conflict.says
    assert "45 to 55" in conflict.says


def test_the_posts_estimates_are_never_one_engineers_speed(catalogue: Catalogue) -> None:
    """Scope not stated, above every measured stream: aggregate."""
    for cards, speed in (("qwen3-coder-next-2x-h100-int4", 3400), ("deepseek-v3.2-5x-h100-int4", 700)):
        entry = catalogue.find(cards)
        assert entry.number("decode_tps", "single_stream") is None
        assert entry.number("decode_tps", "aggregate") == speed


def test_records_for_formulas(catalogue: Catalogue) -> None:
    """Numbers of the notes on serving; None where nothing is known."""
    card = catalogue.gpu("H100")
    assert (card.memory_gb, card.bandwidth_gb_s, card.bf16_tflops, card.fp8_tflops) == (80, 3350, 989, 1979)
    assert (card.tdp_watts, card.system_watts, card.fp4_tflops) == (700, 900, None)
    model = catalogue.architecture("MiniMax M2.5")
    assert (model.layers, model.heads, model.kv_heads, model.head_dim) == (62, 48, 8, 128)
    assert (model.params_total_b, model.params_active_b, model.experts, model.mla_latent_dim) == (229, 10, 256, None)


@pytest.mark.parametrize(
    "name",
    [
        "qwen3-coder-next", "qwen3.5-27b", "qwen3.5-35b-a3b", "qwen3.5-122b-a10b", "qwen3.5-397b-a17b", "minimax-m2.5",
        "qwen3-coder-480b-a35b", "qwen3-235b-a22b", "qwen3-30b-a3b", "devstral-2-123b", "devstral-small-2-24b",
        "llama-3.1-8b", "llama-3.3-70b", "qwen3-8b", "qwen3-14b", "gpt-oss-120b",
    ],
)  # fmt: skip
def test_kv_bytes_follow_from_the_shape(catalogue: Catalogue, name: str) -> None:
    """2 × layers with a full cache × KV heads × width × 2 bytes."""
    shape = catalogue.architecture(name)
    layers = shape.layers_full_attention
    assert layers
    assert shape.kv_heads
    assert shape.head_dim
    assert shape.kv_bytes_per_token == 2 * layers * shape.kv_heads * shape.head_dim * 2


@pytest.mark.parametrize("name", ["deepseek-v3.2", "glm-5", "kimi-k2.5", "deepseek-r1"])
def test_kv_bytes_of_latent_attention(catalogue: Catalogue, name: str) -> None:
    """One latent of 576 per layer and token, at 2 bytes."""
    shape = catalogue.architecture(name)
    assert shape.layers
    assert shape.kv_bytes_per_token == shape.layers * 576 * 2


def test_ages_count_from_the_day_of_the_figure(catalogue: Catalogue) -> None:
    """Prices after 120 days, speeds after 180, ratings after a year; undated ones at once; memory never."""
    sonnet, card = catalogue.find("claude-sonnet-4.6"), catalogue.find("h100-sxm")
    old = {(fact.quantity, str(fact.at[0])) for fact in sonnet.facts if fact.old}
    assert ("input_usd_per_mtok", "article:233") in old
    assert ("decode_tps", "post:40") in old
    assert ("input_usd_per_mtok", "prices") not in old
    assert ("elo", "article:10") not in old
    assert not any(fact.old for fact in card.of("memory_gb"))
    later = load_catalogue(today=date(2028, 1, 1)).find("claude-sonnet-4.6")
    assert all(fact.old for fact in (*later.of("elo"), *later.of("input_usd_per_mtok")))


def test_a_users_file_is_laid_over_ours(tmp_path: Path) -> None:
    """Its facts come first, ours stay, what it sets replaces."""
    mine = over(
        tmp_path, SOURCE, '[[hosted]]\nid = "claude-sonnet-4.6"\nprovider = "our proxy"\nfacts = [{ at = "mine", '
        'kind = "measured", values = { ttft_s = 1.5 }, scope = "single_stream" }]',
    )  # fmt: skip
    sonnet = mine.find("claude-sonnet-4-6")
    assert (sonnet.name, sonnet.provider) == ("Claude Sonnet 4.6", "our proxy")
    assert sonnet.number("ttft_s") == 1.5
    assert [fact.middle for fact in sonnet.of("ttft_s")] == [1.5, 4.2]
    assert sonnet.of("ttft_s")[0].origin.endswith("mine.toml")
    assert any("1.5" in conflict.says for conflict in mine.conflicts_about(sonnet))


def test_replace_forgets_what_was_known(tmp_path: Path) -> None:
    """For those who know better."""
    mine = over(
        tmp_path, SOURCE, '[[gpu]]\nid = "h100-sxm"\nname = "H100 SXM"\nreplace = true\n'
        'facts = [{ at = "mine", kind = "measured", values = { bandwidth_gb_s = 3000 } }]',
    )  # fmt: skip
    assert mine.gpu("h100-sxm").bandwidth_gb_s == 3000
    assert mine.gpu("h100-sxm").memory_gb is None


def test_the_last_file_wins(tmp_path: Path) -> None:
    """Two files of the user."""
    paths = []
    for number in (1, 2):
        path = tmp_path / f"{number}.toml"
        path.write_text(
            SOURCE + '[[gpu]]\nid = "mine"\nfacts = [{ at = "mine", kind = "claimed", '
            f"values = {{ memory_gb = {number} }} }}]",
            encoding="utf-8",
        )
        paths.append(path)
    assert load_catalogue(paths, today=DAY).gpu("mine").memory_gb == 2


ENTRY = '[[gpu]]\nid = "mine"\nfacts = [{{ {} }}]'


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (ENTRY.format('at = "mine", kind = "guessed", values = { memory_gb = 1 }'), "gpu mine, facts 1, kind"),
        (ENTRY.format('at = "mine", kind = "claimed", values = { memory = 1 }'), "memory_gb is near"),
        (ENTRY.format('at = "mine", kind = "claimed", values = { decode_tps = 1 }'), "decode_tps needs a scope"),
        (ENTRY.format('at = "mine", kind = "claimed", values = { memory_gb = "much" }'), "'much' is no amount"),
        (
            ENTRY.format('at = "mine", kind = "claimed", values = { ttft_s = 1 }, scope = "per_user_at_n"'),
            "needs the condition concurrency",
        ),
        (
            ENTRY.format('at = "mine", kind = "claimed", values = { memory_gb = 1 }, conditions = { streams = 2 }'),
            "no condition is called streams",
        ),
        (ENTRY.format('at = "other", kind = "claimed", values = { memory_gb = 1 }'), "source other"),
        ('[[gpu]]\nid = "claude-sonnet-4.6"', "is a hosted already"),
        ('[[gpu]]\nid = "Mine!"', "gpu Mine!, id"),
        ('[[card]]\nid = "mine"', "card"),
        ("[[gpu", "is no TOML"),
    ],
)
def test_a_wrong_file_is_one_sentence(tmp_path: Path, body: str, says: str) -> None:
    """File, entry and reason."""
    with pytest.raises(UsageError, match=re.escape(says)) as caught:
        over(tmp_path, SOURCE, body)
    assert "mine.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_and_binary_files(tmp_path: Path) -> None:
    """Named, with the next step."""
    with pytest.raises(UsageError, match="Cannot read"):
        load_catalogue([tmp_path / "nowhere.toml"])
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="UTF-8"):
        load_catalogue([tmp_path / "binary.toml"])


def test_look_ups(catalogue: Catalogue) -> None:
    """By id, name, name in logs; what is near is offered."""
    assert catalogue.find("CLAUDE-SONNET-4.6") is catalogue.find("claude-sonnet-4-6")
    assert catalogue.find("DeepSeek V3.2", "model").id == "deepseek-v3.2"
    with pytest.raises(UsageError, match="near are h100"):
        catalogue.find("h100-sxn")
    with pytest.raises(UsageError, match="no source called"):
        catalogue.source("nobody")


def test_names_are_not_ambiguous(catalogue: Catalogue) -> None:
    """Every name and alias leads to one entry of its type."""
    for entry in catalogue.entries:
        for name in (entry.id, entry.name, *entry.aliases):
            assert catalogue.find(name, entry.type).id == entry.id, name


def test_reading_our_own_files_does_not_load_pydantic() -> None:
    """Its models check what users write; ours are checked by tests."""
    code = (
        "import sys; from latprof.catalogue import load_catalogue; load_catalogue(); print('pydantic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_every_type_and_quantity_is_explained() -> None:
    """The reference page is made of these words."""
    assert all(TYPES.values())
    assert all(item.meaning for item in QUANTITIES.values())
    assert all(CONDITIONS.values())
