"""`latprof report`: its files, its options, its errors."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli_run import Run
from evil_lines import evil_log

FIXTURES = str(Path(__file__).resolve().parents[2] / "fixtures" / "claude-code")
ONE = str(Path(FIXTURES) / "recorded-2.1.329-plain" / "input")
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def evil(tmp_path: Path) -> str:
    target = tmp_path / "logs" / "s.jsonl"
    target.parent.mkdir()
    target.write_bytes(evil_log())
    return str(target.parent)


def test_a_report_is_one_page(run: Run, tmp_path: Path) -> None:
    """Well under the limit, with the plots of these sessions, and nothing on standard output."""
    done = run("report", FIXTURES, "-o", "report.html")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    page = (tmp_path / "report.html").read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert len(page) < 2_000_000
    assert page.count("<figure") >= 4


def test_the_page_is_the_default(run: Run, tmp_path: Path) -> None:
    """Without -o it is report.html in this folder."""
    assert run("report", ONE).returncode == 0
    assert (tmp_path / "report.html").is_file()


@pytest.mark.parametrize(
    ("name", "file", "begins"),
    [("md", "report.md", "# latprof"), ("html", "report.html", "<!DOCTYPE html>"), ("json", "report.json", "{"),
     ("csv", "report.csv", ""), ("table", "report.txt", "latprof")],
)  # fmt: skip
def test_the_file_is_called_as_its_format(run: Run, tmp_path: Path, name: str, file: str, begins: str) -> None:
    """No page's name for what is no page; a name that was given stays."""
    assert run("report", ONE, "--format", name).returncode == 0
    assert [path.name for path in tmp_path.glob("report.*")] == [file]
    assert (tmp_path / file).read_text("utf-8").startswith(begins)
    assert run("report", ONE, "--format", name, "-o", "mine.html").returncode == 0
    assert (tmp_path / "mine.html").read_bytes() == (tmp_path / file).read_bytes()


def test_two_runs_give_the_same_bytes(run: Run) -> None:
    """No clock and no chance in it."""
    first, second = (run("report", ONE, "-o", "-").stdout for _ in range(2))
    assert first == second
    assert first.startswith(b"<!DOCTYPE html>")


def test_nothing_is_replaced_without_force(run: Run, tmp_path: Path) -> None:
    """Neither the page nor a plot."""
    (tmp_path / "report.html").write_text("mine")
    assert run("report", FIXTURES).returncode == 2
    assert (tmp_path / "report.html").read_text() == "mine"
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "first-token.svg").write_text("mine")
    done = run("report", FIXTURES, "-o", "other.html", "--plots", "plots")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"first-token.svg is there already" in done.stderr
    assert run("report", FIXTURES, "--force", "--plots", "plots").returncode == 0
    assert (tmp_path / "plots" / "first-token.svg").read_text().startswith("<svg")


def test_markdown_links_the_plots_that_were_written(run: Run, tmp_path: Path) -> None:
    """Relative to the file, so that both can be put into a wiki."""
    (tmp_path / "wiki").mkdir()
    assert run("report", FIXTURES, "-o", "wiki/report.md", "--plots", "wiki/plots").returncode == 0
    links = re.findall(r"!\[[^]]*\]\(<([^>]+)>\)", (tmp_path / "wiki" / "report.md").read_text("utf-8"))
    assert len(links) >= 4
    assert all((tmp_path / "wiki" / link).is_file() for link in links)


def fonts() -> Iterator[Path]:
    """All files in the folders where Linux has fonts."""
    for folder in ("/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts"):
        yield from Path(folder).expanduser().rglob("*")


def test_plots_as_png(run: Run, tmp_path: Path) -> None:
    """Both formats of each plot; a PNG has a width of at least 1,500 pixels."""
    pytest.importorskip("resvg_py")
    if sys.platform == "linux" and not any(file.suffix in {".ttf", ".otf", ".ttc"} for file in fonts()):
        pytest.skip("this computer has no font")
    assert run("report", FIXTURES, "--plots", "p", "--plot-format", "svg,png").returncode == 0
    names = {path.name for path in (tmp_path / "p").iterdir()}
    assert {name.removesuffix(".svg") for name in names if name.endswith(".svg")} == {
        name.removesuffix(".png") for name in names if name.endswith(".png")
    }
    data = (tmp_path / "p" / "first-token.png").read_bytes()
    assert data.startswith(PNG)
    assert int.from_bytes(data[16:20], "big") >= 1500


@pytest.mark.parametrize("formats", ["gif", "svg,gif", ""])
def test_unknown_plot_formats_are_refused(run: Run, formats: str) -> None:
    """One sentence, exit code 2."""
    done = run("report", FIXTURES, "--plots", "p", "--plot-format", formats)
    assert done.returncode == 2
    assert b"choose from svg, png" in done.stderr


def test_png_without_the_extra_is_refused(run: Run, tmp_path: Path) -> None:
    """The sentence says what to install."""
    (tmp_path / "resvg_py.py").write_text("raise ImportError")
    done = run("report", FIXTURES, "--plots", "p", "--plot-format", "png", PYTHONPATH=str(tmp_path))
    assert done.returncode == 2
    assert b"pip install 'latprof[png]'" in done.stderr


@pytest.mark.parametrize("name", ["html", "table", "csv"])
def test_hostile_logs_do_no_harm(run: Run, evil: str, name: str) -> None:
    """Names of models, versions, projects, tools and sessions cannot act in any output."""
    done = run("report", evil, "--format", name, "-o", "-")
    assert done.returncode == 0, done.stderr
    assert b"\x1b" not in done.stdout + done.stderr
    said = done.stdout.decode()
    assert len(said) > 1000
    if name == "html":
        assert said.count("<script>") == 1
        assert "<script>alert" not in said
        assert "&lt;script&gt;alert(1)" in said
    if name == "csv":
        assert not re.search(r"(?:^|,)=", said, re.MULTILINE)


def test_hostile_logs_make_harmless_plot_files(run: Run, evil: str, tmp_path: Path) -> None:
    """Names of files are letters, digits and hyphens; what they hold is only drawn."""
    assert run("report", evil, "--plots", "p").returncode == 0
    found = list((tmp_path / "p").iterdir())
    assert len(found) >= 2
    for path in found:
        assert re.fullmatch(r"[a-z0-9-]+\.svg", path.name)
        assert "<script" not in path.read_text("utf-8")
        assert "\x1b" not in path.read_text("utf-8")


@pytest.mark.parametrize("command", [("analyze",), ("formats",)])
def test_other_commands_make_pages_too(run: Run, tmp_path: Path, command: tuple[str, ...]) -> None:
    """The page is a renderer like others."""
    paths = () if command == ("formats",) else (FIXTURES,)
    assert run(*command, *paths, "-o", "page.html").returncode == 0
    assert "<table" in (tmp_path / "page.html").read_text("utf-8")


def test_a_comparison_and_a_simulation_are_sections_when_asked_for(run: Run, tmp_path: Path) -> None:
    """Each under its own heading, after the tables and before the problems."""
    options = ("--compare", "model=claude-opus-5-5", "model=*haiku*", "--simulate", "qwen3-coder", "4xH200")
    done = run("report", FIXTURES, *options, "--engineers", "3")
    assert done.returncode == 0, done.stderr
    heads = re.findall(r"<h2[^>]*>([^<]*)<", (tmp_path / "report.html").read_text("utf-8"))
    first, second = (
        "Comparison: model=claude-opus-5-5 and model=*haiku*",
        "Simulation: qwen3-coder on 4xH200, 3 engineers",
    )
    assert heads.index("All figures") < heads.index(first) < heads.index(second) < heads.index("Method")


def test_a_comparison_of_nothing_is_refused(run: Run) -> None:
    """The sentence of latprof diff."""
    done = run("report", ONE, "--compare", "nothing", "here")
    assert done.returncode == 2
    assert b"nothing is no path that exists" in done.stderr
