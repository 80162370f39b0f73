"""Write the generated pages and examples of the documentation, or check that they are up to date.

python tools/docs.py           writes
python tools/docs.py --check   exits with 1 and names what is stale
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from latprof.formats import formats
from latprof.metrics import METRICS
from latprof.model import FLAGS
from latprof.report.build import PROBLEMS
from latprof.schema import ApiBlock, ApiCall, analyze_schema, call_schema

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"
COMMANDS = ("analyze", "export", "schema")
GENERATED = "<!-- made by tools/docs.py -->\n\n"
EXAMPLE = re.compile(r"(<!-- output: (?P<command>[^\n]*) -->\n```text\n).*?(```\n<!-- end output -->)", re.DOTALL)
TRIGGERS = {
    "user": "a person's message, a queued or a steering one included",
    "tool_result": "the result of a tool, or of several that ran at once",
    "subagent": "the first call of a sub-agent; its later calls are `tool_result` with the flag `sidechain`",
    "compaction": "the context was summarised, or work goes on from the summary",
    "notification": "a background task, a teammate or a hook spoke, no person",
    "retry": "the log shows a new call because the last was cut",
    "synthetic": "a load generator",
    "unknown": "the chain to the cause is broken",
}


def program(*arguments: str) -> str:
    """What latprof prints with these arguments, at a width of 100 characters."""
    environment = os.environ | {"COLUMNS": "100", "NO_COLOR": "1", "TERMINAL_WIDTH": "100"}
    command = [sys.executable, "-m", "latprof", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)
    return done.stdout.decode()


def cli() -> str:
    """Help of each command."""
    parts = ["# Commands\n", "```text\n" + program("--help").strip() + "\n```\n"]
    parts += [f"## latprof {name}\n\n```text\n{program(name, '--help').strip()}\n```\n" for name in COMMANDS]
    return "\n".join(line.rstrip() for line in "\n".join(parts).splitlines()) + "\n"


def metrics() -> str:
    """The glossary of metrics."""
    rows = [
        "# Metrics\n",
        "| name | meaning | unit | formula | a bound is | OpenTelemetry |",
        "|---|---|---|---|---|---|",
    ]
    for item in METRICS:
        side = {"upper": "≥ the true value", "lower": "≤ the true value", None: ""}[item.side]
        otel = f"`{item.otel}`" if item.otel else ""
        rows.append(f"| `{item.key}` | {item.label} | {item.unit} | {item.formula} | {side} | {otel} |")
    return "\n".join(rows) + "\n"


def call() -> str:
    """The fields of a call."""
    rows = ["# The call record\n", "One row of `latprof export`; [JSON Schema](call.schema.json).\n"]
    rows += ["| field | meaning |", "|---|---|"]
    rows += [f"| `{name}` | {field.description or ''} |" for name, field in ApiCall.model_fields.items()]
    rows += ["\n## A block\n", "JSON Lines and Parquet only.\n", "| field | meaning |", "|---|---|"]
    rows += [f"| `{name}` | {field.description or name} |" for name, field in ApiBlock.model_fields.items()]
    return "\n".join(rows) + "\n"


def vocabulary() -> str:
    """Triggers, flags, kinds of problem."""
    rows = ["# Triggers, flags, problems\n", "## Triggers\n", "| trigger | why the call was made |", "|---|---|"]
    rows += [f"| `{name}` | {meaning} |" for name, meaning in TRIGGERS.items()]
    rows += ["\n## Flags\n", "| flag | meaning |", "|---|---|"]
    rows += [f"| `{name}` | {meaning} |" for name, meaning in FLAGS.items()]
    rows += ["\n## Problems\n", "Counted by kind, listed with `--problems`.\n", "| kind | counts |", "|---|---|"]
    rows += [f"| `{name}` | {meaning} |" for name, meaning in PROBLEMS.items()]
    return "\n".join(rows) + "\n"


def format_pages() -> str:
    """What each format can show, with notes on precision."""
    parts = ["# Formats\n"]
    for item in formats():
        parts.append(f"## {item.title}\n")
        parts.append("Looked for in " + ", ".join(f"`{root}`" for root in item.roots) + ".")
        parts.append("Moved by " + ", ".join(f"`{name}`" for name in item.env_roots) + ".\n")
        keys = [f"`{metric.key}`" for metric in METRICS if metric.key in item.observes]
        parts.append("Can show: " + ", ".join(keys) + ".\n")
        notes = REFERENCE / "notes" / f"{item.name}.md"
        if notes.exists():
            parts.append(notes.read_text(encoding="utf-8"))
    return "\n".join(parts).rstrip() + "\n"


def filled(text: str) -> str:
    """The text with the output of each example command put in."""

    def fill(match: re.Match[str]) -> str:
        output = program(*match["command"].split()[1:])
        return match[1] + output + match[3]

    return EXAMPLE.sub(fill, text)


def pages() -> dict[Path, str]:
    """Every generated file with what it should hold."""
    made = {
        REFERENCE / "cli.md": GENERATED + cli(),
        REFERENCE / "metrics.md": GENERATED + metrics(),
        REFERENCE / "call.md": GENERATED + call(),
        REFERENCE / "vocabulary.md": GENERATED + vocabulary(),
        REFERENCE / "formats.md": GENERATED + format_pages(),
        REFERENCE / "call.schema.json": json.dumps(call_schema(), indent=2, sort_keys=True) + "\n",
        REFERENCE / "analyze.schema.json": json.dumps(analyze_schema(), indent=2, sort_keys=True) + "\n",
    }
    written = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    for path in written:
        if path not in made:
            made[path] = filled(path.read_text(encoding="utf-8"))
    return made


def main() -> None:
    """Write or check."""
    stale = [path for path, text in pages().items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv[1:]:
        if stale:
            sys.exit("stale, run `just write-docs`: " + ", ".join(str(path.relative_to(ROOT)) for path in stale))
        print("docs are up to date")
        return
    made = pages()
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made[path], encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
