"""Settings: where they come from, which wins, and all mistakes at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from latprof.config import project_file, user_file
from latprof.config.load import load_settings, variables
from latprof.config.projects import project_name
from latprof.config.reference import described, reference_page
from latprof.config.schema import ProjectRule, Settings, Vocabulary
from latprof.errors import UsageError

WORDS = Vocabulary(
    metrics=frozenset({"wall_s", "ttft_s"}),
    kinds=frozenset({"exact", "bound"}),
    groups=frozenset({"model", "trigger"}),
    methods=frozenset({"best", "exact"}),
)


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def home(tmp_path: Path) -> dict[str, str]:
    return {
        "HOME": str(tmp_path / "home"),
        "XDG_CONFIG_HOME": str(tmp_path / "home" / "conf"),
        "APPDATA": str(tmp_path / "home" / "conf"),
    }


def test_each_source_is_stronger_than_the_one_before(tmp_path: Path) -> None:
    """Defaults, user, project, environment, options."""
    environ = home(tmp_path)
    put(user_file(environ), 'tz = "Asia/Tokyo"\nmethod = "exact"\n[baseline]\nratio = 1.5\nfloor_s = 0.2\nmin_n = 7\n')
    put(tmp_path / "work" / "latprof.toml", "[baseline]\nratio = 1.4\nfloor_s = 0.3\n")
    found = load_settings(
        start=tmp_path / "work",
        environ=environ | {"LATPROF_BASELINE_RATIO": "1.3"},
        vocabulary=WORDS,
        options={"baseline.false_alarms": 0.05},
    )
    kept = found.settings.baseline
    assert (kept.ratio, kept.floor_s, kept.min_n, kept.false_alarms) == (1.3, 0.3, 7, 0.05)
    assert (found.settings.tz, found.settings.method) == ("Asia/Tokyo", "exact")
    assert found.origins["baseline.ratio"] == "environment LATPROF_BASELINE_RATIO"
    assert found.origins["baseline.floor_s"] == str(tmp_path / "work" / "latprof.toml")


def test_lists_replace_and_tables_merge(tmp_path: Path) -> None:
    """A project may add an engineer; its list of keys takes the place of the user's."""
    environ = home(tmp_path)
    put(user_file(environ), 'by = ["model", "trigger"]\n[engineers.ann]\nhosts = ["a1"]\n')
    put(tmp_path / "latprof.toml", 'by = ["trigger"]\n[engineers.bob]\n[hosts.b1]\nengineer = "bob"\n')
    settings = load_settings(start=tmp_path, environ=environ, vocabulary=WORDS).settings
    assert settings.by == ["trigger"]
    assert set(settings.engineers) == {"ann", "bob"}
    assert (settings.engineer_of("a1"), settings.engineer_of("b1"), settings.engineer_of("c1")) == ("ann", "bob", None)


def test_the_nearest_file_counts_and_pyproject_only_with_its_table(tmp_path: Path) -> None:
    """A pyproject.toml of another tool is passed by."""
    outer = put(tmp_path / "pyproject.toml", "[tool.latprof]\ntz = 'UTC'\n")
    put(tmp_path / "in" / "pyproject.toml", "[tool.other]\nname = 'tool.latprof'\n")
    (tmp_path / "in" / "deep").mkdir()
    assert project_file(tmp_path / "in" / "deep") == outer
    inner = put(tmp_path / "in" / "latprof.toml", "")
    assert project_file(tmp_path / "in" / "deep") == inner


def test_all_mistakes_of_all_sources_are_told_at_once(tmp_path: Path) -> None:
    """Each with its source and place, counted from 1 as people count."""
    environ = home(tmp_path)
    put(user_file(environ), "colour = 1\n")
    put(
        tmp_path / "latprof.toml",
        'tz = "Mars"\n[[budgets]]\nmetric = "wall_s"\nmax = 1\n[[budgets]]\nmetric = "wal_s"\nmin = 1\n'
        '[[budgets]]\nmetric = "wall_s"\n[working_hours]\nstart = "19:00"\n',
    )
    with pytest.raises(UsageError) as caught:
        load_settings(start=tmp_path, environ=environ | {"LATPROF_METHOD": "magic"}, vocabulary=WORDS)
    text = str(caught.value)
    assert text.startswith("6 mistakes")
    for part in (
        "no setting is called colour", "tz: no time zone is called Mars",
        "budgets[2].metric: no metric is called wal_s; did you mean wall_s?", "budgets[3]: give max, min or both",
        "working_hours: start must be before end", "environment LATPROF_METHOD: method: no method is called magic",
    ):  # fmt: skip
        assert part in text


def test_names_that_point_to_nothing_are_mistakes(tmp_path: Path) -> None:
    """Engineers, subscriptions and hosts are held together."""
    put(
        tmp_path / "latprof.toml",
        '[engineers.ann]\nhosts = ["h"]\nsubscription = "max"\n[engineers.bob]\nhosts = ["h"]\n'
        '[hosts.x]\nengineer = "eve"\n',
    )
    with pytest.raises(UsageError) as caught:
        load_settings(start=tmp_path, environ=home(tmp_path))
    text = str(caught.value)
    assert text.startswith("3 mistakes")
    for part in ("no subscription is called max", "no engineer is called eve", "h belongs to ann already"):
        assert part in text


def test_a_broken_file_does_not_hide_the_mistakes_of_others(tmp_path: Path) -> None:
    """No TOML in one, a wrong name in the other: both are told."""
    environ = home(tmp_path)
    put(user_file(environ), "colour = 1\n")
    put(tmp_path / "latprof.toml", "tz = \n")
    with pytest.raises(UsageError, match="2 mistakes") as caught:
        load_settings(start=tmp_path, environ=environ)
    assert "no setting is called colour" in str(caught.value)
    assert "this is no TOML" in str(caught.value)


def test_lists_in_variables_are_written_with_commas(tmp_path: Path) -> None:
    """Numbers in them are numbers."""
    settings = load_settings(
        start=tmp_path, environ=home(tmp_path) | {"LATPROF_PERCENTILES": "50, 95", "LATPROF_CHECK_STRICT": "true"}
    ).settings
    assert settings.percentiles == [50.0, 95.0]
    assert settings.check.strict is True


def test_every_setting_is_described_and_on_the_page() -> None:
    """The page is made from the schema, so a setting without words would show."""
    page = reference_page()
    names = [name for name, _ in described()]
    assert {"tz", "budgets[].metric", "engineers.NAME.hosts", "working_hours.start", "projects[].path"} <= set(names)
    assert all(item.description for _, item in described())
    assert all(f"| `{name}` |" in page for name in names)
    assert all(f"`{variable}`" in page for variable in variables())


def test_defaults_are_valid() -> None:
    """No file at all is a working configuration."""
    assert Settings().cross_mistakes() == []


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("/home/ann/work/shop/api", "shop"),
        ("/home/ann/work/shop", "shop"),
        ("/home/ann/work/shopping", "/home/ann/work/shopping"),
        ("C:\\Code\\lib-x", "libraries"),
        ("/srv/x", "/srv/x"),
    ],
)
def test_rules_name_projects_by_their_folder(folder: str, expected: str) -> None:
    """A folder or one above it matches; the first rule counts; others keep their folder."""
    rules = [
        ProjectRule(path="~/work/shop", name="shop"),
        ProjectRule(path="c:/code/lib-*", name="libraries"),
        ProjectRule(path="~/work/shop/api", name="never"),
    ]
    assert project_name(folder, rules, Path("/home/ann")) == expected


def test_a_file_without_end_is_no_settings(tmp_path: Path) -> None:
    """A device would fill the memory."""
    endless = Path("/dev/zero")
    if not endless.exists():
        pytest.skip("no /dev/zero here")
    with pytest.raises(UsageError, match="too large for settings"):
        load_settings(start=tmp_path, environ=home(tmp_path) | {"LATPROF_CONFIG": str(endless)})
