"""Whose logs the files are, by what stands before a path and by folders of settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from latprof.ingest.tags import NO_TAGS, TagRules, Tags, map_path, parted, plain_path


@pytest.mark.parametrize(
    ("text", "tags", "path"),
    [
        ("ana=logs", Tags("ana"), "logs"),
        ("ana@mac1=logs/a=b", Tags("ana", "mac1"), "logs/a=b"),
        ("@mac1=~/x", Tags(None, "mac1"), "~/x"),
        ("ana=-", Tags("ana"), "-"),
        ("logs/a=b", NO_TAGS, "logs/a=b"),
        ("=logs", NO_TAGS, "=logs"),
        ("ana=", NO_TAGS, "ana="),
        ("C:\\logs", NO_TAGS, "C:\\logs"),
        ("run*=x", NO_TAGS, "run*=x"),
    ],
)
def test_names_stand_before_the_path(text: str, tags: Tags, path: str) -> None:
    """Names hold no slash and no pattern."""
    assert parted(text) == (tags, path)
    assert plain_path(text) == path


def test_a_path_that_exists_has_no_name_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that a pattern finds."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run=1.csv").touch()
    assert parted("run=1.csv") == (NO_TAGS, "run=1.csv")
    assert parted("run=*.csv") == (NO_TAGS, "run=*.csv")
    assert parted("run=2.csv") == (Tags("run"), "2.csv")


def test_a_path_is_changed_behind_its_names() -> None:
    """Settings give paths relative to their own folder."""
    assert map_path("ana=logs", lambda path: f"/team/{path}") == "ana=/team/logs"


def test_the_longest_folder_counts_and_what_was_said_is_stronger() -> None:
    """A host's engineer comes last."""
    rules = TagRules(engineers=(("/t", "ana"), ("/t/b", "ben")), hosts=(("/t/*", "mac1"),), works_on={"mac1": "cleo"})
    assert rules.of_file("/t/b/x.jsonl", NO_TAGS) == Tags("ben", "mac1")
    assert rules.of_file("/t/x.jsonl", Tags("dora")) == Tags("dora", "mac1")
    assert rules.of_file("/other/x.jsonl", NO_TAGS) == NO_TAGS
    assert rules.tags_of(Tags("emil", "box"), Tags("ana", "mac1")) == Tags("emil", "box")
    assert rules.tags_of(NO_TAGS, Tags(None, "mac1")) == Tags("cleo", "mac1")
