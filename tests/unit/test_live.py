"""Watching logs that grow: files are written and dated by the test, the clock is the test's."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from claude_code_lines import T0, Log, text, thinking, tool
from latprof.ingest.tags import TagRules
from latprof.live import Event, Habits, Picture, Scope, Watcher, events, files_of, read_history
from latprof.report.document import Note, Table
from latprof.report.watch import event_data, event_line, picture_document, row_sentence
from latprof.stats import Filters
from latprof.trace import Trace


def write(path: Path, log: Log, at: float) -> None:
    """The log as it is `at` seconds after T0."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(log.data())
    os.utime(path, (T0 + at, T0 + at))


def habits_of(log: Log) -> Habits:
    return Habits(Trace.from_calls(log.calls()))


def earlier(calls: int = 101, model: str = "claude-opus-4-7") -> Log:
    """Calls whose first lines come 1.00, 1.01, ... s after the prompt: p10 is 1.1 s and p90 1.9 s for 101 calls."""
    log = Log(session="earlier")
    for number in range(calls):
        at = -100_000.0 + 100 * number
        log.prompt(at)
        log.answer(at + 1 + number / 100, f"e{number}", text(), stop="end_turn", model=model)
    return log


def watcher(folder: Path, habits: Habits | None = None, active_s: float = 600) -> Watcher:
    return Watcher(lambda: files_of([str(folder)]), habits or Habits(Trace.from_calls([])), active_s=active_s)


def test_a_wait_stands_beside_its_usual_range(tmp_path: Path) -> None:
    """p10 to p90 of first lines after the same trigger; longer than p90 is said."""
    log = Log()
    log.answer(-20, "m0", text(), stop="end_turn")
    log.prompt(0.0)
    write(tmp_path / "a.jsonl", log, 0.0)
    watching = watcher(tmp_path, habits_of(earlier()))
    (row,) = watching.picture(T0 + 1.5).rows
    assert (row.standing.state, row.is_long) == ("waiting", False)
    assert row.seconds == pytest.approx(1.5)
    assert row.usual is not None
    assert [row.usual.low_s, row.usual.high_s, row.usual.n] == pytest.approx([1.1, 1.9, 101])
    assert (
        row_sentence(row) == "no output line since 1.50 s after user (usual first line after 1.10 to 1.90 s, n = 101)"
    )
    (later,) = watching.picture(T0 + 2.0).rows
    assert later.is_long


def test_a_range_needs_thirty_calls(tmp_path: Path) -> None:
    """Of the model's own or, where these are too few, of all models; else it is refused."""
    log = Log()
    log.answer(-20, "m0", text(), stop="end_turn", model="claude-new")
    log.prompt(0.0)
    write(tmp_path / "a.jsonl", log, 0.0)
    (row,) = watcher(tmp_path, habits_of(earlier(30))).picture(T0 + 1).rows
    assert row.usual is not None
    assert (row.usual.of, row.usual.n) == ("all models after user", 30)
    (row,) = watcher(tmp_path, habits_of(earlier(29))).picture(T0 + 1).rows
    assert row.usual is not None
    assert (row.usual.low_s, row.usual.n, row.is_long) == (None, 0, False)
    assert "30 are needed" in row_sentence(row)


def test_tools_have_ranges_of_their_own(tmp_path: Path) -> None:
    """From the tool's line to its result."""
    past = Log(session="earlier")
    for number in range(41):
        past.answer(100.0 * number, f"e{number}", tool(f"t{number}", "Bash"))
        past.result(100.0 * number + 2 + number / 10, f"t{number}")
    log = Log()
    log.prompt(4990.0)
    log.answer(5000.0, "m1", tool("now", "Bash"))
    write(tmp_path / "a.jsonl", log, 5000.0)
    (row,) = watcher(tmp_path, habits_of(past)).picture(T0 + 5001).rows
    assert row.usual is not None
    assert [row.usual.low_s, row.usual.high_s, row.usual.n] == pytest.approx([2.4, 5.6, 41])
    assert row_sentence(row) == "tool Bash without a result since 1.00 s (usual Bash 2.40 to 5.60 s, n = 41)"


def test_only_files_that_changed_are_read_again(tmp_path: Path) -> None:
    """By size, time and identity; quiet ones are not read at all."""
    first, second, old = Log(session="s1"), Log(session="s2"), Log(session="s3")
    for log in (first, second, old):
        log.prompt(0.0)
    write(tmp_path / "1.jsonl", first, 0.0)
    write(tmp_path / "2.jsonl", second, 0.0)
    write(tmp_path / "3.jsonl", old, -5000.0)
    watching = watcher(tmp_path)
    picture = watching.picture(T0 + 1)
    assert (picture.files, picture.read_again, len(picture.rows)) == (3, 2, 2)
    assert watching.picture(T0 + 2).read_again == 0
    second.answer(3.0, "m1", thinking())
    write(tmp_path / "2.jsonl", second, 3.0)
    picture = watching.picture(T0 + 3)
    assert picture.read_again == 1
    assert [row.standing.state for row in picture.rows] == ["waiting", "answering"]


def kinds(before: Picture | None, after: Picture) -> list[tuple[str, str]]:
    return [(event.kind, event.row.standing.state) for event in events(before, after)]


def test_a_session_from_first_sight_to_silence(tmp_path: Path) -> None:
    """Each change is one event: seen, too long, answering, complete, idle, gone."""
    log, path = Log(), tmp_path / "a.jsonl"
    watching = watcher(tmp_path, habits_of(earlier()))
    shown = [watching.picture(T0 - 1)]
    log.prompt(0.0)
    write(path, log, 0.0)
    shown += [watching.picture(T0 + at) for at in (1.0, 2.5, 3.0)]
    log.answer(4.0, "m1", thinking(), stop=None)
    write(path, log, 4.0)
    shown.append(watching.picture(T0 + 4.5))
    log.answer(5.0, "m1", text(), stop="end_turn")
    write(path, log, 5.0)
    shown += [watching.picture(T0 + 5.5), watching.picture(T0 + 5.0 + 601)]
    found = [kinds(before, after) for before, after in zip([None, *shown], shown, strict=False)]
    assert found == [
        [],
        [("session", "waiting")],
        [("long", "waiting")],
        [],
        [("state", "answering")],
        [("call", "idle"), ("state", "idle")],
        [("gone", "idle")],
    ]
    last = shown[-2].rows[0].last
    assert last is not None
    assert [last.first_block_s, last.wall_s] == pytest.approx([4, 5])
    assert last.wall_kind == "bound"


@pytest.mark.parametrize("state", ["idle", "answering", "tool"])
def test_a_copied_log_is_no_session_that_goes_on(tmp_path: Path, state: str) -> None:
    """Its file is new, and what it tells is days old; a tool may wait for a permission as long."""
    log, path = Log(), tmp_path / "a.jsonl"
    log.prompt(0.0)
    block = tool("t1") if state == "tool" else text()
    log.answer(4.0, "m1", block, stop={"idle": "end_turn", "answering": None, "tool": "tool_use"}[state])
    for hours, there in ((0.1, True), (1.0, state != "idle"), (49.0, state == "tool")):
        write(path, log, hours * 3600)
        assert bool(watcher(tmp_path).picture(T0 + hours * 3600).rows) == there, hours


def test_files_that_vanish_shrink_or_are_replaced(tmp_path: Path) -> None:
    """What is there now counts."""
    log, path = Log(), tmp_path / "a.jsonl"
    log.prompt(0.0)
    log.answer(1.0, "m1", tool("t"))
    write(path, log, 1.0)
    watching = watcher(tmp_path)
    assert watching.picture(T0 + 2).rows[0].standing.state == "tools"
    log.lines.pop()
    write(path, log, 2.0)
    assert watching.picture(T0 + 3).rows[0].standing.state == "waiting"
    other = Log(session="other")
    other.prompt(0.0)
    path.rename(tmp_path / "a.1.jsonl")
    write(path, other, 3.0)
    assert {row.standing.session_id for row in watching.picture(T0 + 4).rows} == {"session-1", "other"}
    for file in tmp_path.glob("*.jsonl"):
        file.unlink()
    assert watching.picture(T0 + 5).rows == ()
    path.write_bytes(b"")
    os.utime(path, (T0 + 6, T0 + 6))
    assert watching.picture(T0 + 7).rows == ()
    assert files_of([str(tmp_path / "gone.jsonl")]) == []


def test_a_response_without_a_logged_end_is_complete_after_silence(tmp_path: Path) -> None:
    """Until then the figures are those of the call before."""
    log = Log()
    log.prompt(0.0)
    log.answer(2.0, "m1", text(), stop=None)
    write(tmp_path / "a.jsonl", log, 2.0)
    watching = watcher(tmp_path)
    assert watching.picture(T0 + 10).rows[0].last is None
    row = watching.picture(T0 + 63).rows[0]
    assert row.last is not None
    assert row.last.wall_s == pytest.approx(2.0)


def test_sub_agents_are_shown_while_they_work(tmp_path: Path) -> None:
    """Their file names their parent's session."""
    log = Log(side="a1")
    log.prompt(0.0)
    path = tmp_path / "session-1" / "subagents" / "agent-a1.jsonl"
    write(path, log, 0.0)
    watching = watcher(tmp_path)
    before = watching.picture(T0 + 1)
    assert before.rows[0].standing.agent_id == "a1"
    log.answer(2.0, "m1", text(), stop="end_turn")
    write(path, log, 2.0)
    after = watching.picture(T0 + 3)
    assert after.rows == ()
    (event,) = events(before, after)
    assert event_line(event).endswith("project session- sub-agent: ended")


def test_a_format_that_does_not_tell_says_so(tmp_path: Path, fixtures: Path) -> None:
    """The session of its newest call, and how long ago that was."""
    source = next((fixtures / "amp").glob("*/input/**/T-*.json"))
    path = tmp_path / source.name
    path.write_bytes(source.read_bytes())
    (row,) = watcher(tmp_path).picture(path.stat().st_mtime + 1).rows
    assert (row.agent, row.standing.state, row.usual) == ("amp", "unknown", None)
    assert row.last is not None
    assert row_sentence(row).endswith("this format's lines do not tell what is going on")


def test_filters_choose_what_is_shown(tmp_path: Path) -> None:
    """Like those of other commands; a session that has not named its model passes none of models."""
    for name, model in (("ana/a", "claude-opus-4-7"), ("bob/b", "claude-haiku-4-5")):
        log = Log(session=name[-1])
        log.answer(-20, "m0", text(), stop="end_turn", model=model)
        log.prompt(0.0)
        write(tmp_path / f"{name}.jsonl", log, 0.0)
    new = Log(session="n")
    new.prompt(0.0)
    write(tmp_path / "bob" / "n.jsonl", new, 0.0)

    def seen(filters: Filters, **more: object) -> tuple[list[str], int]:
        scope = Scope(filters, **more)  # type: ignore[arg-type]
        look = Watcher(
            lambda: files_of([f"ana@mac={tmp_path}/ana", str(tmp_path / "bob")]),
            Habits(Trace.from_calls([])),
            active_s=60,
            scope=scope,
        )
        picture = look.picture(T0 + 1)
        return sorted(row.standing.session_id for row in picture.rows), picture.left_out

    assert seen(Filters()) == (["a", "b", "n"], 0)
    assert seen(Filters(models=("*haiku*",))) == (["b"], 2)
    assert seen(Filters(engineers=("ana",))) == (["a"], 2)
    assert seen(Filters(hosts=("MAC",), sessions=("?",))) == (["a"], 2)
    assert seen(Filters(agents=("codex",))) == ([], 3)
    assert seen(Filters(projects=("project",))) == (["a", "b", "n"], 0)
    assert seen(Filters(projects=("shop",)), rename=lambda _: "shop") == (["a", "b", "n"], 0)
    rules = TagRules(engineers=((str(tmp_path / "bob"), "bob"),))
    assert seen(Filters(engineers=("bob",)), rules=rules) == (["b", "n"], 1)


def test_what_filters_leave_out_is_counted(tmp_path: Path) -> None:
    """No log is called quiet because of a filter."""
    log = Log()
    log.prompt(0.0)
    write(tmp_path / "a.jsonl", log, 0.0)
    scope = Scope(Filters(agents=("codex",)))
    empty = Habits(Trace.from_calls([]))
    picture = Watcher(lambda: files_of([str(tmp_path)]), empty, active_s=60, scope=scope).picture(T0 + 1)
    document = picture_document(picture, active_s=60)
    assert [item.text for item in document.sections[0].items if isinstance(item, Note)] == [
        "1 active thread does not pass the filters."
    ]
    assert document.data["left_out"] == 1


def test_the_engineer_has_a_column_where_one_is_known(tmp_path: Path) -> None:
    """Beside the session; in JSON always."""
    log = Log()
    log.prompt(0.0)
    write(tmp_path / "a.jsonl", log, 0.0)
    empty = Habits(Trace.from_calls([]))
    picture = Watcher(lambda: files_of([f"ana={tmp_path}"]), empty, active_s=60).picture(T0 + 1)
    document = picture_document(picture, active_s=60)
    table = document.sections[0].items[0]
    assert isinstance(table, Table)
    assert ([column.title for column in table.columns][:2], table.rows[0][1].text) == (["session", "engineer"], "ana")
    assert (document.data["sessions"][0]["engineer"], document.data["sessions"][0]["host"]) == ("ana", None)
    assert len(document.grid.rows[0]) == len(document.grid.columns)


def test_an_answer_in_one_line_is_waited_for_as_a_whole(tmp_path: Path) -> None:
    """pi writes a message when it is complete, so what is usual is the time of whole answers."""
    lines: list[dict[str, object]] = [{"type": "session", "id": "p", "cwd": "/p", "timestamp": _stamp(0)}]
    for number in range(101):
        at = 100.0 * number
        lines += [_pi(at, at, "user"), _pi(at, at + 2 + number / 100, "assistant", stopReason="stop", model="big",
                                           content=[{"type": "text", "text": "x"}])]  # fmt: skip
    past = tmp_path / "past.jsonl"
    past.write_text("".join(json.dumps(line) + "\n" for line in lines))
    habits = Habits(read_history([str(past)], 0).trace)
    lines.append(_pi(20_000.0, 20_000.0, "user"))
    folder = tmp_path / "now"
    folder.mkdir()
    (folder / "now.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    os.utime(folder / "now.jsonl", (T0 + 20_000, T0 + 20_000))
    (row,) = watcher(folder, habits).picture(T0 + 20_004).rows
    assert (row.standing.state, row.is_long, row.standing.model) == ("waiting", True, "big")
    assert row.usual is not None
    assert [row.usual.low_s, row.usual.high_s, row.usual.n] == pytest.approx([2.1, 2.9, 101])


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(T0 + at, UTC).isoformat().replace("+00:00", "Z")


def _pi(began: float, persisted: float, role: str, **message: object) -> dict[str, object]:
    inside = {"role": role, "timestamp": round((T0 + began) * 1000), **message}
    return {"type": "message", "id": f"{role}{began}", "timestamp": _stamp(persisted), "message": inside}


def test_a_database_has_changed_when_its_log_has(tmp_path: Path) -> None:
    """What is new stands in the write-ahead log first; of many sessions those that changed lately are active."""
    path = tmp_path / "opencode.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE session (id, project_id, parent_id, directory, version)")
        connection.execute("CREATE TABLE message (id, session_id, time_created, time_updated, data)")
        connection.execute("CREATE TABLE part (id, message_id, session_id, time_created, time_updated, data)")
        for name, at in (("old", -5000.0), ("new", 0.0)):
            connection.execute("INSERT INTO session VALUES (?, 'p', NULL, '/p', '1.18.0')", (name,))
            prompt = json.dumps({"role": "user", "time": {"created": round((T0 + at) * 1000)}})
            connection.execute("INSERT INTO message VALUES (?, ?, 0, 0, ?)", (f"m-{name}", name, prompt))
        connection.commit()
        for ending in ("", "-wal"):
            os.utime(f"{path}{ending}", (T0 - 9000, T0 - 9000))
        watching = watcher(tmp_path)
        assert watching.picture(T0 + 1).rows == ()
        os.utime(f"{path}-wal", (T0, T0))
        picture = watching.picture(T0 + 1)
        assert [(row.standing.session_id, row.standing.state) for row in picture.rows] == [("new", "waiting")]
        assert picture.read_again == 1


def test_history_is_what_changed_lately(tmp_path: Path) -> None:
    """Older logs are not opened; a folder without any is no error."""
    log = earlier(3)
    write(tmp_path / "new.jsonl", log, 0.0)
    write(tmp_path / "old.jsonl", Log(session="old"), -9999.0)
    found = read_history([str(tmp_path)], T0 - 10)
    assert (found.files, len(found.trace)) == (1, 3)
    assert len(read_history([str(tmp_path)], T0 + 10).trace) == 0


def test_a_picture_shows_no_content(tmp_path: Path) -> None:
    """Names of projects, models and tools, never words of the talk; control characters are shown as marks."""
    log = Log()
    log.prompt(0.0, "SECRETWORD")
    log.answer(1.0, "m1", thinking(), tool("t", "Ba\x1b[31msh"))
    write(tmp_path / "a.jsonl", log, 1.0)
    picture = watcher(tmp_path).picture(T0 + 2)
    event = Event("session", picture.at, picture.rows[0])
    document = picture_document(picture, active_s=600)
    shown = f"{document} {event_line(event)} {json.dumps(event_data(event))}"
    assert "SECRETWORD" not in shown
    assert "\x1b" not in event_line(event)
    table = document.sections[0].items[0]
    assert isinstance(table, Table)
    assert table.rows[0][0].text == "project session-"
    assert len(document.grid.rows[0]) == len(document.grid.columns)
