"""Write the generated pages and the printed examples of the documentation, or check them.

    python tools/docs.py           writes
    python tools/docs.py --check   exits with 1 and names what is stale

Generated pages come from the code. In all other pages every block marked `console` is run, each
page in a folder of its own with a copy of `fixtures` and a home folder that holds the same logs;
so is every block marked `python`. Where `<!-- output -->` stands before a `console` block, or before
the `text` block after a `python` block, the output is put in; `<!-- output lines 1-20 -->` takes a part
of it, `<!-- output from Words -->` what follows from the line that begins with these words.
"""

from __future__ import annotations

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import latprof
from latprof import errors
from latprof.catalogue import CONDITIONS, QUANTITIES, TYPES, catalogue_schema
from latprof.config.reference import reference_page
from latprof.errors import LatprofError
from latprof.formats import Format, formats
from latprof.metrics import METRICS
from latprof.model import (
    FIRST_OUTPUT_SOURCES,
    FLAGS,
    KINDS,
    LAST_OUTPUT_SOURCES,
    OUTPUT_TOKENS_SOURCES,
    PROBLEMS,
    SENT_SOURCES,
    TRIGGERS,
)
from latprof.outputs import OUTPUTS, output_schema
from latprof.report.support import EVIDENCE
from latprof.schema import ApiBlock, ApiCall, analyze_schema, call_schema
from latprof.stats import min_calls

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"
GENERATED = "<!-- made by tools/docs.py -->\n\n"
FENCE = re.compile(
    r"^(?P<mark><!-- output(?: lines (?P<first>\d+)-(?P<last>\d+)| from (?P<words>[^\n]+))? -->\n)?"
    r"```(?P<language>\w+)\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
PROGRAM = "import sys; sys.argv[0] = 'latprof'; from latprof.cli import main; main()"
TRIGGER_MEANINGS = {
    "user": "a person's message, a queued or a steering one included",
    "tool_result": "the result of a tool, or of several that ran at once",
    "subagent": "the first call of a sub-agent; its later calls are `tool_result` with the flag `sidechain`",
    "compaction": "the context was summarised, or work goes on from the summary",
    "notification": "a background task, a teammate or a hook spoke, no person",
    "retry": "the log shows a new call because the last was cut",
    "synthetic": "a load generator",
    "unknown": "the chain to the cause is broken",
}
KIND_MEANINGS = {
    "exact": "both ends have a stated meaning in the log, good to 50 ms or 2 %",
    "bound": "the true value is at most (≤) or at least (≥) this",
    "estimate": "from a model of many calls, with an interval",
    "as_logged": "the obvious formula, wrong by structure; only for comparison with older reports",
}


class Example(Exception):
    """A command in a page that failed."""


def _environment(**more: str) -> dict[str, str]:
    """A fixed width, no colour, this checkout's package, and nothing of the user's own agents."""
    kept = {name: value for name, value in os.environ.items() if name != "CLAUDE_CONFIG_DIR"}
    package = str(Path(latprof.__file__).resolve().parent.parent)
    return kept | {"COLUMNS": "100", "NO_COLOR": "1", "TERMINAL_WIDTH": "100", "PYTHONPATH": package} | more


def program(*arguments: str) -> str:
    """What latprof prints with these arguments, at a width of 100 characters."""
    command = [sys.executable, "-c", PROGRAM, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=_environment(), capture_output=True, check=True)
    return done.stdout.decode()


class Desk:
    """A folder in which the examples of one page run, one after the other."""

    def __init__(self, folder: Path) -> None:
        self.place, home, tools = folder / "here", folder / "home", folder / "bin"
        shutil.copytree(ROOT / "fixtures", self.place / "fixtures")
        shutil.copytree(ROOT / "fixtures" / "claude-code", home / ".claude" / "projects")
        tools.mkdir()
        for name, line in (("latprof", f'-c "{PROGRAM}"'), ("python", "")):
            script = tools / name
            script.write_text(f'#!/bin/sh\nexec "{sys.executable}" {line} "$@"\n', encoding="utf-8")
            script.chmod(0o755)
        path = f"{tools}{os.pathsep}{os.environ.get('PATH', '')}"
        own = {name: str(folder / name) for name in ("LATPROF_CACHE_DIR", "LATPROF_DATA_DIR")}
        self.environment = _environment(HOME=str(home), USERPROFILE=str(home), PATH=path, TZ="UTC", **own)

    def run(self, command: list[str], given: str = "") -> str:
        """Both outputs of a command. Raises Example when it fails."""
        done = subprocess.run(
            command, cwd=self.place, env=self.environment, input=given.encode(), check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        if done.returncode:
            raise Example(f"{given or command[-1]}\n{done.stdout.decode()}")
        return "\n".join(line.rstrip() for line in done.stdout.decode().splitlines()) + "\n"


def filled(text: str) -> str:
    """The page with its examples run and their output put in. Raises Example when one fails."""
    if not any(block["language"] in {"console", "python"} for block in FENCE.finditer(text)):
        return text
    printed = ""
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder))

        def fill(block: re.Match[str]) -> str:
            nonlocal printed
            body = block["body"]
            if block["language"] == "python":
                printed = desk.run([sys.executable, "-"], body)
            elif block["language"] == "console":
                shown = "".join(_session(desk, body, block))
                body = shown if block["mark"] else body
            elif block["mark"]:
                body = _part(printed, block)
            return f"{block['mark'] or ''}```{block['language']}\n{body}```"

        return FENCE.sub(fill, text)


def _session(desk: Desk, body: str, block: re.Match[str]) -> Iterator[str]:
    for line in body.splitlines():
        if line.startswith("$ "):
            yield line + "\n" + _part(desk.run(["sh", "-c", line[2:]]), block)


def _part(printed: str, block: re.Match[str]) -> str:
    """The lines that the mark asks for; dots stand where lines are left out."""
    lines = printed.strip("\n").splitlines()
    first, last = int(block["first"] or 1), min(int(block["last"] or len(lines)), len(lines))
    if block["words"]:
        first = next(number for number, line in enumerate(lines, 1) if line.startswith(block["words"]))
    chosen = lines[first - 1 : last]
    return "".join(f"{line}\n" for line in [*["…"] * (first > 1), *chosen, *["…"] * (last < len(lines))])


def _table(*heads: str, rows: Iterator[tuple[str, ...]]) -> list[str]:
    return ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads), *("| " + " | ".join(r) + " |" for r in rows)]


def _page(*lines: str) -> str:
    return GENERATED + "\n".join(lines).rstrip() + "\n"


def cli() -> str:
    """Help of each command."""
    parts = ["# Commands\n", "```text\n" + program("--help").strip() + "\n```\n"]
    commands = list(_commands())
    with ThreadPoolExecutor(os.cpu_count()) as programs:
        for names, told in zip(commands, programs.map(lambda names: program(*names, "--help"), commands), strict=True):
            mark = "#" * (len(names) + 1)
            parts.append(f"{mark} latprof {' '.join(names)}\n\n```text\n{told.strip()}\n```\n")
    parts += ["What the program exits with stands in [Exit codes](exit-codes.md)."]
    return _page(*(line.rstrip() for line in "\n".join(parts).splitlines()))


def _commands() -> Iterator[tuple[str, ...]]:
    """All commands in the order of the help, each followed by its own sub-commands."""
    from typer.main import get_command

    from latprof.cli import app

    for name, command in getattr(get_command(app), "commands").items():  # noqa: B009 - not in the type that typer shows
        yield (name,)
        for part in getattr(command, "commands", {}):
            yield name, part


def metrics() -> str:
    """The glossary of metrics, the kinds, and the number of calls that a percentile needs."""
    side = {"upper": "≥ the true value", "lower": "≤ the true value", None: ""}
    rows = ((f"`{m.key}`", m.label, m.unit, m.formula, side[m.side], f"`{m.otel}`" if m.otel else "") for m in METRICS)
    needed = ((f"p{p * 100:g}", str(min_calls(p))) for p in (0.5, 0.75, 0.9, 0.95, 0.99))
    return _page(
        "# Metrics\n",
        "Which calls count for which metric stands in [Measurement](../explanation/measurement.md).\n",
        *_table("name", "meaning", "unit", "formula", "a bound is", "OpenTelemetry", rows=rows),
        "\n## Kinds\n",
        *_table("kind", "meaning", rows=((f"`{kind}`", KIND_MEANINGS[kind]) for kind in KINDS)),
        "\n## Calls needed\n",
        "Below this number a percentile is refused; p10 needs as many as p90.\n",
        *_table("percentile", "calls", rows=needed),
    )


def call() -> str:
    """The fields of a call and of a block, and how instants were observed."""
    fields = ((f"`{name}`", field.description or "") for name, field in ApiCall.model_fields.items())
    parts = ((f"`{name}`", field.description or name) for name, field in ApiBlock.model_fields.items())
    sources = {
        "sent_source": SENT_SOURCES,
        "first_output_source": FIRST_OUTPUT_SOURCES,
        "last_output_source": LAST_OUTPUT_SOURCES,
    }
    rows = (
        (f"`{field}`", f"`{name}`", sighting.meaning, sighting.side)
        for field, known in sources.items()
        for name, sighting in known.items()
    )
    counts = ((f"`{name}`", meaning) for name, meaning in OUTPUT_TOKENS_SOURCES.items())
    return _page(
        "# The call record\n",
        "One row of `latprof export`; [JSON Schema](call.schema.json). What is not known is null, in CSV an empty",
        "cell.\n",
        *_table("field", "meaning", rows=fields),
        "\n## A block\n",
        "JSON Lines and Parquet only.\n",
        *_table("field", "meaning", rows=parts),
        "\n## How an instant was observed\n",
        "Best first. A duration is exact where both its instants are; an early send time or a late output makes it an",
        "upper bound.\n",
        *_table("field", "value", "meaning", "lies", rows=rows),
        "\n## How the count of output tokens was seen\n",
        *_table("`output_tokens_source`", "meaning", rows=counts),
    )


def flags_and_triggers() -> str:
    """Why a call was made and what is special about it."""
    triggers = ((f"`{name}`", TRIGGER_MEANINGS[name]) for name in TRIGGERS)
    return _page(
        "# Triggers and flags\n",
        "## Triggers\n",
        *_table("trigger", "why the call was made", rows=triggers),
        "\n## Flags\n",
        "Which flag keeps a call out of which metric stands in [Measurement](../explanation/measurement.md).\n",
        *_table("flag", "meaning", rows=((f"`{name}`", meaning) for name, meaning in FLAGS.items())),
    )


def problems() -> str:
    """What is counted when an input cannot be used."""
    return _page(
        "# Problems\n",
        "What could not be used is counted by kind and listed with `--problems`. A problem names file and line,",
        "never the line's text. Problems do not change the exit code as long as a file was read.\n",
        *_table("kind", "counts", rows=((f"`{name}`", meaning) for name, meaning in PROBLEMS.items())),
    )


def catalogue() -> str:
    """What a file of the catalogue may hold: types, quantities, conditions, scopes."""
    types = ((f"`{name}`", meaning) for name, meaning in TYPES.items())
    ages = (
        (f"`{name}`", item.unit or "text", item.meaning, str(item.perishes_days or "–"))
        for name, item in QUANTITIES.items()
    )
    conditions = ((f"`{name}`", meaning) for name, meaning in CONDITIONS.items())
    return _page(
        "# The catalogue's words\n",
        "How to write a file of one's own stands in [Your own catalogue](../how-to/own-catalogue.md), what the words",
        "rest on in [The catalogue](../explanation/catalogue.md); [JSON Schema](catalogue.schema.json) of a file.\n",
        "## Types\n",
        *_table("type", "an entry is", rows=types),
        "\n## Quantities\n",
        "The last column is the age in days after which a figure is flagged.\n",
        *_table("quantity", "unit", "meaning", "days", rows=ages),
        "\n## Conditions\n",
        *_table("condition", "meaning", rows=conditions),
    )


def exit_codes() -> str:
    """What the program exits with, from the errors' own words."""
    every = [getattr(errors, name) for name in errors.__all__]
    found = [item for item in every if issubclass(item, LatprofError) and item is not LatprofError]
    found.sort(key=lambda item: (item.exit_code, item.__name__))
    rows = ((str(item.exit_code), f"`{item.__name__}`", inspect.getdoc(item) or "") for item in found)
    return _page(
        "# Exit codes\n",
        "0 means that the command did its work, also when there were problems in some lines or no call was found.",
        "An error is one sentence on standard error: what, where, and what to do. `latprof --debug COMMAND …` shows",
        "the trace-back. The names are those of `latprof.errors`, for use as a library.\n",
        *_table("code", "error", "meaning", rows=rows),
        "\nCtrl-C ends a command with one line and code 130, `watch` with 0. A second one may end it at once, by the",
        "signal.",
    )


def format_pages() -> str:
    """What each format can show, with notes on precision."""
    known = [item for item in formats() if not item.refusal]
    refused = ((item.title, f"`{item.name}`", item.refusal) for item in formats() if item.refusal)
    shown = ("ttft_s", "first_block_s", "decode_tps", "wall_s", "wall_tps", "output_tokens", "tool_s")
    rows = (
        (
            f"[{item.title}](#{_anchor(item.title)})",
            *(item.observes.get(key, "–") for key in shown),
            EVIDENCE[item.evidence],
        )
        for item in known
    )
    parts = [
        "# Formats\n",
        "A file is told by its content, not by its name. gzip and zstd are read as they are. `latprof formats` prints",
        "this table, with formats of other packages; `latprof sources` says which of them are on this computer.\n",
        *_table("format", *(f"`{key}`" for key in shown), "checked on", rows=rows),
        "\n– means that such a log can never show it.\n",
        "## Known and refused\n",
        *_table("format", "name", "why", rows=refused),
        "",
    ]
    for item in known:
        parts += _format_page(item)
    return _page(*parts)


def _anchor(title: str) -> str:
    return "".join(sign for sign in title.lower().replace(" ", "-") if sign.isalnum() or sign in "-_")


def _format_page(item: Format) -> Iterator[str]:
    yield f"## {item.title}\n"
    yield f"Name `{item.name}`, checked on {EVIDENCE[item.evidence]}."
    if item.roots:
        yield "Looked for in " + ", ".join(f"`{root}`" for root in item.roots) + "."
    if item.env_roots:
        moved = (f"`{name}` (then in its folder `{below}`)" for name, below in item.env_roots.items())
        yield "Moved by " + ", ".join(moved) + "."
    endings = ", ".join(f"`{suffix}`" for suffix in item.suffixes)
    yield f"In folders, files that end in {endings} are looked at, packed with `.gz` or `.zst` too.\n"
    rows = (
        (f"`{metric.key}`", item.observes[metric.key], item.since.get(metric.key, ""))
        for metric in METRICS
        if metric.key in item.observes
    )
    yield from _table("metric", "kind", "since version", rows=rows)
    yield ""
    notes = REFERENCE / "notes" / f"{item.name}.md"
    if notes.exists():
        yield notes.read_text(encoding="utf-8")


def generated() -> dict[Path, str]:
    """The pages that come from the code alone."""
    return {
        REFERENCE / "cli.md": cli(),
        REFERENCE / "metrics.md": metrics(),
        REFERENCE / "call.md": call(),
        REFERENCE / "flags-and-triggers.md": flags_and_triggers(),
        REFERENCE / "problems.md": problems(),
        REFERENCE / "exit-codes.md": exit_codes(),
        REFERENCE / "formats.md": format_pages(),
        REFERENCE / "call.schema.json": json.dumps(call_schema(), indent=2, sort_keys=True) + "\n",
        REFERENCE / "analyze.schema.json": json.dumps(analyze_schema(), indent=2, sort_keys=True) + "\n",
        REFERENCE / "catalogue.schema.json": json.dumps(catalogue_schema(), indent=2, sort_keys=True) + "\n",
        **{
            REFERENCE / f"{name}.schema.json": json.dumps(output_schema(name), indent=2, sort_keys=True) + "\n"
            for name in OUTPUTS
        },
        REFERENCE / "catalogue.md": catalogue(),
        REFERENCE / "settings.md": GENERATED + reference_page(),
    }


def written() -> list[Path]:
    """The pages that a person writes."""
    top = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")]
    below = [path for path in sorted((ROOT / "docs").rglob("*.md")) if path.parent != REFERENCE]
    return top + below


def refreshed(path: Path) -> str:
    """What the page should hold. Raises Example, naming the page."""
    try:
        return filled(path.read_text(encoding="utf-8"))
    except Example as failed:
        raise Example(f"{path.relative_to(ROOT)}: {failed}") from None


def pages() -> dict[Path, str]:
    """Every page with what it should hold. Raises Example, naming the page."""
    made = generated()
    paths = written()
    # The examples are programs of their own: as many at a time as there are cores.
    with ThreadPoolExecutor(os.cpu_count()) as desks:
        made.update(zip(paths, desks.map(refreshed, paths), strict=True))
    return made


def stale(made: dict[Path, str]) -> list[Path]:
    """The pages that do not hold what they should."""
    return [path for path, text in made.items() if not path.exists() or path.read_text(encoding="utf-8") != text]


def main() -> None:
    """Write or check."""
    try:
        made = pages()
    except Example as failed:
        sys.exit(f"an example fails, {failed}")
    old = stale(made)
    if "--check" in sys.argv[1:]:
        if old:
            names = ", ".join(path.relative_to(ROOT).as_posix() for path in old)
            sys.exit(f"stale, run `just write-docs`: {names}")
        print("docs are up to date")
        return
    for path in old:
        path.write_text(made[path], encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT).as_posix()}")


if __name__ == "__main__":
    main()
