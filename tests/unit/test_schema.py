"""The public shapes: what is printed and exported obeys the published JSON Schemas."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
from pydantic import ValidationError

from latprof import api
from latprof.metrics import METRICS
from latprof.model import KINDS, TRIGGERS, Block, BlockType
from latprof.report import build_document, renderer
from latprof.report.export import records
from latprof.report.renderers.base import Screen
from latprof.schema import SCHEMA_VERSION, AnalyzeResult, ApiBlock, ApiCall, MetricResult, analyze_schema, call_schema
from made_calls import made, trace_of

ROOT = Path(__file__).resolve().parents[2]


def printed(loaded: api.Loaded, **options: Any) -> dict[str, Any]:
    """The JSON of an analysis, as `latprof analyze --json` prints it."""
    analysis = api.analyze(loaded, **options)
    result: dict[str, Any] = json.loads(renderer("json").render(build_document(analysis), Screen()))
    return result


@pytest.fixture(scope="module")
def loaded() -> api.Loaded:
    """All fixtures."""
    return api.read([str(ROOT / "fixtures")])


@pytest.mark.parametrize(
    "options", [{}, {"by": ["day", "model"]}, {"quantiles": (0.5,)}, {"quantiles": (0.001, 0.999), "by": ["effort"]}]
)
def test_the_json_of_an_analysis_obeys_its_schema(loaded: api.Loaded, options: dict[str, Any]) -> None:
    """With the published schema and with the pydantic model."""
    result = printed(loaded, **options)
    jsonschema.validate(result, analyze_schema(), format_checker=jsonschema.FormatChecker())
    assert AnalyzeResult.model_validate(result).schema_version == SCHEMA_VERSION


def test_an_analysis_of_nothing_obeys_the_schema_too(tmp_path: Path) -> None:
    """No call: counts are 0, instants are null, there are no metrics."""
    result = printed(api.read([str(tmp_path)]))
    jsonschema.validate(result, analyze_schema())
    assert (result["calls"], result["since"], result["until"], result["metrics"]) == (0, None, None, [])


def test_quantiles_of_the_json_are_those_asked_for(loaded: api.Loaded) -> None:
    """Each row has every percentile, its interval, and a reason exactly where the value is null."""
    for row in printed(loaded, quantiles=(0.25, 0.5, 0.999))["metrics"]:
        assert list(row["quantiles"]) == list(row["intervals"]) == ["0.25", "0.5", "0.999"]
        assert set(row["refused"]) == {q for q, value in row["quantiles"].items() if value is None}


def test_keys_of_the_json_are_sorted_and_its_numbers_finite(loaded: api.Loaded) -> None:
    """Two runs can be compared line by line, and any JSON reader can read it."""
    text = renderer("json").render(build_document(api.analyze(loaded)), Screen())

    def refuse(name: str) -> float:
        raise AssertionError(name)

    result = json.loads(text, parse_constant=refuse)
    assert text == json.dumps(result, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def test_exported_calls_obey_the_call_schema(loaded: api.Loaded) -> None:
    """Every record, with the formats of its instants."""
    validator = jsonschema.Draft202012Validator(call_schema(), format_checker=jsonschema.FormatChecker())
    found = [error.message for record in records(loaded.trace) for error in validator.iter_errors(record)]
    assert found == []


@pytest.mark.parametrize("name", ["analyze", "call"])
def test_the_schemas_are_valid_schemas(name: str) -> None:
    """Of the draft that they follow, each field with a description or a telling name."""
    schema = {"analyze": analyze_schema, "call": call_schema}[name]()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["additionalProperties"] is False


def _valid_call() -> dict[str, Any]:
    return next(iter(records(trace_of(made()))))


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("trigger", "boredom"),
        ("sent_at", "2026-03-02T12:00:00"),
        ("sent_at", "noon"),
        ("wall_kind", "estimate"),
        ("ttft_kind", "bound"),
        ("output_tokens", 1.5),
        ("session_id", None),
        ("flags", None),
        ("blocks", [{"type": "text"}]),
    ],
)
def test_the_call_schema_refuses_what_is_no_call(field: str, wrong: object) -> None:
    """Or validating against it would prove nothing."""
    ApiCall.model_validate(_valid_call())
    with pytest.raises(ValidationError):
        ApiCall.model_validate(_valid_call() | {field: wrong})


def test_the_schemas_refuse_unknown_and_missing_fields(loaded: api.Loaded) -> None:
    """A field more or less is another schema version."""
    validator = jsonschema.Draft202012Validator(analyze_schema())
    result = printed(loaded)
    assert validator.is_valid(result)
    result["metrics"] = result["metrics"][:3]  # these fields are not about the rows, which take long to go through
    assert validator.is_valid(result)
    for damage in ({"colour": 1}, {"calls": None}, {"schema_version": SCHEMA_VERSION + 1}):
        assert not validator.is_valid(copy.deepcopy(result) | damage)
    for name in result:
        assert not validator.is_valid({key: value for key, value in result.items() if key != name}), name


def test_the_schema_knows_the_same_words_as_the_model() -> None:
    """Triggers, kinds, kinds of block and fields of a block are written in two places."""
    assert get_args(ApiCall.model_fields["trigger"].annotation) == TRIGGERS
    assert get_args(MetricResult.model_fields["kind"].annotation) == KINDS
    assert get_args(ApiBlock.model_fields["type"].annotation) == get_args(BlockType)
    assert set(ApiBlock.model_fields) == set(Block.__slots__)


def test_every_field_of_a_call_is_described() -> None:
    """The reference page is made of the descriptions."""
    assert [name for name, field in ApiCall.model_fields.items() if not field.description] == []


def test_every_metric_of_the_json_is_declared(loaded: api.Loaded) -> None:
    """With the declared unit; only bounds have a side."""
    units = {item.key: item.unit for item in METRICS}
    for row in printed(loaded)["metrics"]:
        assert row["unit"] == units[row["metric"]]
        assert (row["side"] is None) == (row["kind"] != "bound")
