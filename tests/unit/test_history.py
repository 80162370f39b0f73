"""The history: calls of logs that were deleted, shortened, moved or rewritten, and all that may go wrong with it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

import opencode_rows as rows
from claude_code_lines import T0, Log, text, usage
from latprof.api import read, survey
from latprof.errors import NothingReadable
from latprof.formats import base, formats
from latprof.ingest import Reading, find, read_inputs
from latprof.ingest.kept_history import Beside, beside, facts_of, prune
from latprof.ingest.lost import dated_at, lost_calls, span_of
from latprof.ingest.remember import Memory
from latprof.model import Call
from latprof.report.history import beside_notes, history_notes
from latprof.store.history import Change, History, HistoryError, Parts
from latprof.store.history import Entry as HistoryEntry
from latprof.trace import Columns
from made_calls import made


def log(name: str, calls: int, *, begin: float = 0.0, session: str | None = None) -> bytes:
    """A transcript with so many calls, one each minute; two lines a call."""
    made = Log(session=session or name)
    for number in range(calls):
        at = begin + 60 * number
        made.prompt(at)
        made.answer(at + 3, f"msg_{name}_{number}", text(), stop="end_turn", tokens=usage(20 + number))
    return made.data()


def told(reading: Reading) -> list[str]:
    """Everything that the calls say, in an order of their own."""
    return sorted(map(repr, reading.calls))


@dataclass
class Home:
    """A home folder with an agent's logs and a history."""

    path: Path

    @property
    def history(self) -> History:
        return History(self.path / "data" / "history.sqlite")

    @property
    def projects(self) -> Path:
        return self.path / ".claude" / "projects"

    def write(self, name: str, data: bytes) -> Path:
        target = self.projects / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        return target

    def read(self, *paths: Path | str, jobs: int = 1) -> Reading:
        return read_inputs([str(path) for path in paths], history=self.history, jobs=jobs)

    def messages(self, *paths: Path | str) -> list[str]:
        return sorted(str(call.message_id) for call in self.read(*paths).calls)


def enter(monkeypatch: pytest.MonkeyPatch, path: Path) -> Home:
    for name in ("CLAUDE_CONFIG_DIR", "XDG_DATA_HOME", "OPENCODE_DB"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(path))
    return Home(path)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    found = enter(monkeypatch, tmp_path / "home")
    found.write("-srv-a/one.jsonl", log("one", 3))
    found.write("-srv-a/two.jsonl", log("two", 4, begin=1000))
    found.write("-srv-b/three.jsonl", log("three", 2, begin=2000))
    return found


def origin(reading: Reading) -> tuple[int, int, int]:
    """Calls from the history, the deleted logs and the shortened logs that they are of."""
    found, deleted, cut = reading.remembered.among(reading.columns.keys)
    return int(found.sum()), deleted, cut


def test_calls_of_deleted_logs_stay(home: Home) -> None:
    """All of them, as they were; the files are those that are there."""
    before = home.read()
    (home.projects / "-srv-a/two.jsonl").unlink()
    after = home.read()
    assert len(before.columns) == 9
    assert told(after) == told(before)
    assert (before.files, after.files) == (3, 2)
    assert (origin(before), origin(after)) == ((0, 0, 0), (4, 1, 0))


def test_a_survey_says_what_the_history_has_beside(home: Home) -> None:
    """As many calls as an analysis takes from it; copies that a log still has are none. Nothing is kept anew."""
    home.read()
    assert beside(home.history, [], survey().holdings) == Beside()
    (home.projects / "-srv-a/two.jsonl").unlink()
    home.write("-srv-b/copy.jsonl", log("two", 1, begin=1000))
    found = beside(home.history, [], survey().holdings)
    assert found == Beside(calls=3, deleted=1, since=T0 + 1060, formats={"claude-code": 3})
    (note,) = beside_notes(found)
    assert note.startswith("3 more calls of 1 deleted log are in the history, since 2026-03-02 (claude-code 3). ")
    assert origin(home.read()) == (3, 1, 0)
    there = [str(home.projects / "-srv-b")]
    assert beside(home.history, there, survey(there).holdings) == Beside()
    shutil.rmtree(home.projects)
    assert beside(home.history, [], survey().holdings).calls == 9


def test_all_logs_may_be_gone(home: Home) -> None:
    """Even the agent's whole folder."""
    before = home.read()
    shutil.rmtree(home.projects.parent)
    assert told(home.read()) == told(before)
    with pytest.raises(NothingReadable):
        read_inputs([])


def test_several_processes_tell_the_history_the_same(home: Home) -> None:
    """Chunks come in another order."""
    before = home.read(jobs=2)
    shutil.rmtree(home.projects / "-srv-a")
    assert told(home.read()) == told(before)


def test_without_history_only_what_is_left(home: Home) -> None:
    """A library call without one neither keeps nor recalls."""
    assert len(read_inputs([]).columns) == 9
    assert not home.history.exists()
    home.read()
    (home.projects / "-srv-a/two.jsonl").unlink()
    assert len(read_inputs([]).columns) == 5


def test_nothing_new_writes_nothing(home: Home) -> None:
    """The second run leaves the file as it is; so does one after which logs are gone."""
    home.read()
    state = home.history.path.stat()
    home.read()
    (home.projects / "-srv-a/two.jsonl").unlink()
    home.read()
    assert home.history.path.stat().st_mtime_ns == state.st_mtime_ns
    assert home.history.path.stat().st_size == state.st_size


def test_what_was_learned_of_another_state_is_learned_anew(home: Home) -> None:
    """A log is the same while number, size and time of change are; a link more to it changes nothing."""
    home.read()
    target = home.projects / "-srv-a/two.jsonl"
    before = target.stat()

    def wanted() -> list[bool]:
        found = find([str(home.projects)], formats())
        memory = Memory(home.history, formats(), [str(home.projects)])
        wants = memory.look(found)
        return [wants(place, 4) for place, path in enumerate(found.paths) if path == str(target)]

    assert wanted() == [False]
    os.link(target, home.path / "another name")
    assert target.stat().st_ctime_ns >= before.st_ctime_ns
    assert wanted() == [False]
    target.write_bytes(log("two", 5, begin=1000))
    os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert wanted() == [True]
    target.write_bytes(log("two", 4, begin=1000))
    os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert wanted() == [False]
    os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000_000))
    assert wanted() == [True]


def test_a_call_without_a_date_has_none() -> None:
    """Whatever else is said of it, and of the others."""
    flags = [("no_date",), (), ("sidechain",), ("sidechain", "no_date")]
    calls = [made(sent_at=100.0 + k, message_id=f"m{k}", flags=own) for k, own in enumerate(flags)]
    assert [None if at != at else at for at in dated_at(Columns.of(calls)).tolist()] == [None, 101.0, 102.0, None]  # noqa: PLR0124
    assert span_of(Columns.of(calls)) == (101.0, 102.0)
    assert span_of(Columns.of(calls[:1])) == (None, None)


def test_the_file_is_for_the_user_alone(home: Home) -> None:
    """Nobody else may read it."""
    home.read()
    if os.name == "posix":
        assert home.history.path.stat().st_mode & 0o777 == 0o600
        assert home.history.path.parent.stat().st_mode & 0o777 == 0o700


def test_a_new_history_is_never_seen_without_a_byte(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another run would take it for one that was emptied. It gets its name when it is whole."""
    linked: list[int] = []
    link = os.link

    def told_of(draft: Path, target: Path) -> None:
        assert not target.exists()
        linked.append(draft.stat().st_size)
        link(draft, target)

    monkeypatch.setattr(os, "link", told_of)
    assert home.read().remembered.trouble is None
    assert len(linked) == 1
    assert linked[0] > 0
    assert [path.name for path in home.history.path.parent.iterdir()] == ["history.sqlite"]


def test_of_two_that_begin_a_history_none_loses_what_it_knew(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other run was faster, and its entry stays."""
    link = os.link
    other = HistoryEntry("other", "", 1, b"", b"", "1", 0, 0, 0, None, None)

    def late(draft: Path, target: Path) -> None:
        monkeypatch.setattr(os, "link", link)
        History(target).write([Change(other, Parts(b"", None))])
        link(draft, target)

    monkeypatch.setattr(os, "link", late)
    assert home.read().remembered.trouble is None
    assert len(home.history.entries()) == 4
    assert home.history.entries()["other"].turn == 1


def test_a_history_begins_where_a_file_can_have_one_name_only(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on some network drives and sticks."""

    def refuse(*_: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    assert home.read().remembered.trouble is None
    assert len(home.history.entries()) == 3
    assert [path.name for path in home.history.path.parent.iterdir()] == ["history.sqlite"]


def test_a_shortened_log_keeps_what_it_lost(home: Home) -> None:
    """Also when it grows again afterwards, and when it is deleted at last."""
    before = home.read()
    lines = log("two", 4, begin=1000).splitlines(keepends=True)
    home.write("-srv-a/two.jsonl", b"".join(lines[6:]))
    cut = home.read()
    assert sorted(call.call_id for call in cut.calls) == sorted(call.call_id for call in before.calls)
    assert origin(cut) == (3, 0, 1)
    assert facts_of(home.history).places[0].lost_calls == 3
    grown = log("two", 6, begin=1000).splitlines(keepends=True)[6:]
    home.write("-srv-a/two.jsonl", b"".join(grown))
    assert len(home.read().columns) == 11
    (home.projects / "-srv-a/two.jsonl").unlink()
    last = home.read()
    assert len(last.columns) == 11
    assert origin(last) == (6, 1, 0)


def test_an_emptied_log_keeps_all(home: Home) -> None:
    """Of 4 calls none is left in the file."""
    home.read()
    home.write("-srv-a/two.jsonl", b"")
    assert origin(home.read()) == (4, 0, 1)
    home.write("-srv-a/two.jsonl", b"")
    assert origin(home.read()) == (4, 0, 1)


def test_a_grown_log_takes_the_place_of_its_beginning(home: Home) -> None:
    """A call that was half written when it was seen first is one call when it is complete."""
    whole = log("two", 4, begin=1000)
    home.write("-srv-a/two.jsonl", whole[: len(whole) - 40])
    home.read()
    home.write("-srv-a/two.jsonl", whole)
    assert len(home.read().columns) == 9
    (home.projects / "-srv-a/two.jsonl").unlink()
    assert len(home.read().columns) == 9


def test_a_call_is_not_doubled_when_its_end_moves(home: Home) -> None:
    """Its id is made of its times: the older reading of a rewritten log has it with an earlier end."""

    def answered(*at: float) -> bytes:
        made = Log(session="s")
        made.prompt(0)
        made.answer(at[0], "msg_a", text(), request=None, stop="end_turn")
        made.prompt(100)
        made.answer(at[1], "msg_b", text(), request=None, stop="end_turn")
        return made.data()

    target = home.write("-srv-c/four.jsonl", answered(5, 105))
    assert len(home.read(target).columns) == 2
    home.write("-srv-c/four.jsonl", answered(7, 105) + b"\n")
    assert len(home.read(target).columns) == 2


def test_a_moved_log_is_no_deleted_log(home: Home) -> None:
    """In another project's folder its calls are found, so none come from the history."""
    before = home.read()
    (home.projects / "-srv-c").mkdir()
    (home.projects / "-srv-a/two.jsonl").rename(home.projects / "-srv-c/two.jsonl")
    after = home.read()
    assert told(after) == told(before)
    assert origin(after) == (0, 0, 0)


def test_a_restored_log_has_its_calls_once(home: Home) -> None:
    """From a backup, with another time and another number."""
    before = home.read()
    data = (home.projects / "-srv-a/two.jsonl").read_bytes()
    (home.projects / "-srv-a/two.jsonl").unlink()
    home.read()
    target = home.write("-srv-a/two.jsonl", data)
    os.utime(target, (1_000_000, 1_000_000))
    after = home.read()
    assert told(after) == told(before)
    assert origin(after) == (0, 0, 0)


def test_calls_copied_into_a_resumed_session_stay_those_of_the_first(home: Home) -> None:
    """The session that ended first owns a call, also when its log is gone and the copy is there."""
    first, second = log("one", 3), log("more", 2, begin=500, session="later")
    copied = first.replace(b'"sessionId": "one"', b'"sessionId": "later"')
    home.write("-srv-a/later.jsonl", copied + second)
    before = home.read()
    (home.projects / "-srv-a/one.jsonl").unlink()
    after = home.read()
    owners = {call.message_id: call.session_id for call in after.calls}
    assert owners["msg_one_0"] == "one"
    assert told(after) == told(before)
    assert len(read_inputs([]).columns) == 11


def test_only_what_was_asked_for_is_recalled(home: Home) -> None:
    """A folder, a file, a pattern; a deleted log below another folder is none of them."""
    home.read()
    (home.projects / "-srv-a/two.jsonl").unlink()
    assert len(home.messages(home.projects / "-srv-a")) == 7
    assert len(home.messages(home.projects / "-srv-b")) == 2
    assert len(home.messages(home.projects / "-srv-a" / "one.jsonl")) == 3
    assert len(home.messages(f"{home.projects}/*/t*.jsonl")) == 6
    assert len(home.messages(f"{home.projects}/**/o*.jsonl")) == 3
    assert len(home.messages(home.path)) == 9


def test_a_recalled_log_has_the_tags_of_the_path_that_asked_for_it(home: Home) -> None:
    """And the history holds none of them."""
    home.read(f"ana@mac1={home.projects}")
    (home.projects / "-srv-a/two.jsonl").unlink()
    assert {(call.engineer, call.host) for call in home.read(f"bo@pc2={home.projects}").calls} == {("bo", "pc2")}
    assert {(call.engineer, call.host) for call in home.read().calls} == {(None, None)}


def test_other_folders_have_no_history(home: Home, tmp_path: Path) -> None:
    """A copy somewhere else is read as it is, today and after a deletion."""
    shutil.copytree(home.projects, tmp_path / "copy")
    assert len(home.messages(tmp_path / "copy")) == 9
    assert not home.history.exists()
    home.read()
    (tmp_path / "copy" / "-srv-a" / "two.jsonl").unlink()
    assert len(home.messages(tmp_path / "copy")) == 5


def test_a_link_to_the_agents_place_is_the_place(home: Home, tmp_path: Path) -> None:
    """However the user calls the folder, its logs have one history."""
    (tmp_path / "link").symlink_to(home.projects)
    home.read(tmp_path / "link")
    (home.projects / "-srv-a/two.jsonl").unlink()
    assert len(home.messages()) == 9
    assert len(home.messages(tmp_path / "link" / "-srv-a")) == 7


def test_two_computers_have_two_histories(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of equal names, each with its own calls."""
    home.read()
    (home.projects / "-srv-a/two.jsonl").unlink()
    other = enter(monkeypatch, tmp_path / "other")
    other.write("-srv-a/two.jsonl", log("elsewhere", 1))
    assert len(other.messages()) == 1
    (other.projects / "-srv-a/two.jsonl").unlink()
    assert other.messages() == ["msg_elsewhere_0"]
    assert len(enter(monkeypatch, home.path).messages()) == 9


def test_a_home_that_moves_takes_its_history_along(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new computer, another user name: the deleted logs lay below the home folder then as now."""
    home.read()
    (home.projects / "-srv-a/two.jsonl").unlink()
    shutil.move(home.path, tmp_path / "new")
    assert len(enter(monkeypatch, tmp_path / "new").messages()) == 9


def test_homes_that_share_a_history_do_not_mix(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It lies in neither of them; the same names of logs below both are two logs."""
    shared = History(tmp_path / "shared" / "history.sqlite")
    assert len(read_inputs([], history=shared).columns) == 9
    shutil.rmtree(home.projects / "-srv-a")
    other = enter(monkeypatch, tmp_path / "other")
    other.write("-srv-b/three.jsonl", log("elsewhere", 1))
    assert len(read_inputs([], history=shared).columns) == 1
    enter(monkeypatch, home.path)
    assert len(read_inputs([], history=shared).columns) == 9


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda data: data[:700], "is damaged"),
        (lambda data: b"SQLite format 3\x00" + bytes(2000), "damaged"),
        (lambda data: b"no database at all, but a text that someone put there" * 40, "is damaged"),
    ],
    ids=["cut off", "zeros", "text"],
)
def test_a_damaged_history_is_told_of_and_left_alone(home: Home, damage: Any, reason: str) -> None:
    """The logs that are there are read; what might be rescued is not overwritten."""
    home.read()
    (home.projects / "-srv-a/two.jsonl").unlink()
    home.history.path.write_bytes(damage(home.history.path.read_bytes()))
    left = home.history.path.read_bytes()
    reading = home.read()
    assert len(reading.columns) == 5
    assert reading.remembered.matters
    assert reason in str(reading.remembered.trouble)
    assert home.history.path.read_bytes() == left
    assert reason in str(facts_of(home.history).trouble)


def test_a_damaged_entry_costs_only_its_own_calls(home: Home) -> None:
    """And it is told of."""
    home.read()
    (home.projects / "-srv-a/two.jsonl").unlink()
    (home.projects / "-srv-b/three.jsonl").unlink()
    with closing(sqlite3.connect(home.history.path)) as database:
        database.execute("UPDATE part SET data = x'00ff' WHERE key LIKE '%two.jsonl'")
        database.commit()
    reading = home.read()
    assert len(reading.columns) == 5
    assert reading.remembered.trouble == "is damaged in part"


def test_a_history_of_a_later_latprof_is_left_alone(home: Home) -> None:
    """Its tables may mean something else."""
    home.read()
    with closing(sqlite3.connect(home.history.path)) as database:
        database.execute("PRAGMA user_version = 99")
    left = home.history.path.read_bytes()
    home.write("-srv-b/four.jsonl", log("four", 1))
    reading = home.read()
    assert len(reading.columns) == 10
    assert "another version of latprof (schema 99" in str(reading.remembered.trouble)
    assert home.history.path.read_bytes() == left


def test_a_full_disk_costs_the_history_only(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The figures are right, and the next run with room keeps them."""
    connect = sqlite3.connect

    def small(*arguments: Any, **options: Any) -> sqlite3.Connection:
        database: sqlite3.Connection = connect(*arguments, **options)
        database.execute("PRAGMA max_page_count = 5")
        return database

    monkeypatch.setattr(sqlite3, "connect", small)
    for number in range(40):
        home.write(f"-srv-d/{number}.jsonl", log(f"many{number}", 5, begin=10_000 * number))
    reading = home.read()
    assert len(reading.columns) == 209
    assert reading.remembered.trouble == "cannot be written (the disk is full)"
    assert not reading.remembered.matters
    monkeypatch.undo()
    enter(monkeypatch, home.path)
    home.read()
    shutil.rmtree(home.projects)
    assert len(home.read().columns) == 209


def test_a_folder_that_cannot_be_made_costs_the_history_only(home: Home) -> None:
    """A file stands where the folder would be."""
    (home.path / "data").write_bytes(b"")
    reading = home.read()
    assert len(reading.columns) == 9
    assert str(reading.remembered.trouble).startswith("cannot be written")


def test_a_log_that_may_not_be_opened_has_its_history(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its problem is reported all the same."""
    before = home.read()

    def refuse(path: str, mode: str) -> Any:
        if Path(path).name == "two.jsonl":
            raise PermissionError(13, "no")
        return Path(path).open(mode)

    monkeypatch.setattr(base, "open", refuse, raising=False)
    reading = home.read()
    assert told(reading) == told(before)
    assert reading.problem_counts() == {"no_permission": 1}


def test_the_clock_may_jump(home: Home) -> None:
    """Files of tomorrow, of 1970 and of before the last run are compared, not ordered."""
    target = home.projects / "-srv-a/two.jsonl"
    for count, at in ((5, 4_000_000_000), (6, 0), (7, 1_000)):
        home.write("-srv-a/two.jsonl", log("two", count, begin=1000))
        os.utime(target, (at, at))
        home.read()
    target.unlink()
    assert len(home.messages()) == 12


def entry(key: str = "~/x", *, size: int = 10, calls: int = 1) -> HistoryEntry:
    return HistoryEntry(key, "s", size, b"", b"d", "v", 0, calls, 0, None, None)


def test_of_two_runs_at_once_the_one_that_saw_more_wins(tmp_path: Path) -> None:
    """A slower run does not put back what it read before the log grew."""
    history = History(tmp_path / "h.sqlite")
    history.write([Change(entry(size=10, calls=1), Parts(b"one"), 0)])
    seen = history.entries()["~/x"].turn
    history.write([Change(entry(size=30, calls=3), Parts(b"three"), seen)])
    history.write([Change(entry(size=20, calls=2), Parts(b"two"), seen)])
    assert dict(history.parts(["~/x"]))["~/x"].chunk == b"three"
    history.write([Change(entry(size=40, calls=4), Parts(b"four"), seen)])
    assert dict(history.parts(["~/x"]))["~/x"].chunk == b"four"


def test_an_interrupted_write_leaves_the_state_before(tmp_path: Path) -> None:
    """All changes of a run or none."""
    history = History(tmp_path / "h.sqlite")
    history.write([Change(entry(), Parts(b"one"), 0)])

    def broken() -> Any:
        yield Change(replace(history.entries()["~/x"], calls=9), Parts(b"nine"), 1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        history.write(broken())
    assert history.entries()["~/x"].calls == 1


def test_another_run_that_holds_the_file_is_waited_for_then_left(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The figures are there; what is new is kept the next time."""
    monkeypatch.setattr("latprof.store.history._BUSY_S", 0.01)
    home.read()
    home.write("-srv-b/four.jsonl", log("four", 1))
    with closing(sqlite3.connect(home.history.path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        reading = home.read()
        assert len(reading.columns) == 10
        assert reading.remembered.trouble == "is in use by another run"
        other.execute("ROLLBACK")
    home.read()
    (home.projects / "-srv-b/four.jsonl").unlink()
    assert len(home.messages()) == 10


def test_pruned_calls_are_gone_for_good(home: Home) -> None:
    """Those before the moment, of deleted logs and of others, which are read from their files as long as these are."""
    home.read()
    (home.projects / "-srv-a/one.jsonl").unlink()
    pruned = prune(home.history, T0 + 1000 + 90)
    assert (pruned.calls, pruned.logs) == (3 + 2, 1)
    assert len(home.messages()) == 6
    home.write("-srv-a/two.jsonl", log("two", 5, begin=1000))
    assert len(home.messages()) == 7
    (home.projects / "-srv-a/two.jsonl").unlink()
    assert home.messages() == [*(f"msg_three_{n}" for n in range(2)), *(f"msg_two_{n}" for n in (2, 3, 4))]
    assert facts_of(home.history).floor == T0 + 1090


def test_nothing_is_pruned_from_a_history_that_is_damaged(home: Home) -> None:
    """It is said, and nothing is written."""
    home.read()
    home.history.path.write_bytes(b"x" * 5000)
    with pytest.raises(HistoryError, match="damaged"):
        prune(home.history, T0)


def test_notes_count_what_the_filters_leave(home: Home) -> None:
    """The history's share of the calls that are shown, and their first day."""
    from latprof.stats import Filters

    home.read()
    (home.projects / "-srv-a/two.jsonl").unlink()
    (home.projects / "-srv-b/three.jsonl").unlink()
    whole = read([], history=home.history)
    part = read([], history=home.history, filters=Filters(sessions=("three",)))
    none = read([], history=home.history, filters=Filters(sessions=("one",)))
    said = "{} of these calls are in no log any more: the history has them, of {}, since 2026-03-02"
    assert history_notes(whole.trace, whole.reading.remembered)[0].startswith(said.format(6, "2 deleted logs"))
    assert history_notes(part.trace, part.reading.remembered)[0].startswith(said.format(2, "1 deleted log"))
    assert history_notes(none.trace, none.reading.remembered) == ()


def test_sessions_deleted_from_a_database_stay(home: Home) -> None:
    """The database is there, larger than before, and some of its sessions are not."""
    folder = home.path / ".local/share/opencode"
    folder.mkdir(parents=True)

    def exchange(name: str, at: float) -> list[dict[str, Any]]:
        parts = (rows.start(at + 1), rows.text(at + 2, at + 4), rows.finish(at + 5))
        return [rows.user(at, name=name), rows.answer(at + 0.5, *parts, done=at + 5, name=name)]

    names = ("ses_one", "ses_two")
    messages = [message for place, name in enumerate(names) for message in exchange(name, 100.0 * place)]
    path = rows.database(folder / "opencode.db", [rows.session(name) for name in names], messages)
    before = home.read(path)
    assert len(before.columns) == 2
    with closing(sqlite3.connect(path)) as database:
        for table in ("part", "message"):
            database.execute(f"DELETE FROM {table} WHERE session_id = 'ses_one'")  # noqa: S608 - names from above
        database.execute("DELETE FROM session WHERE id = 'ses_one'")
        rows.insert(database, [rows.session("ses_six")], exchange("ses_six", 900))
        database.commit()
    after = home.read(path)
    assert {call.session_id for call in after.calls} == {"ses_one", "ses_two", "ses_six"}
    assert origin(after) == (1, 0, 1)


def alone(at: float, end: float, **more: Any) -> Call:
    """A call whose log states no id."""
    return made(at=at, message_id=None, request_id=None, last_output_at=end, blocks=(), first_output_at=None, **more)


@pytest.mark.parametrize(
    ("new", "lost"),
    [
        ([alone(100, 110)], 0),  # the same
        ([alone(100, 115)], 0),  # its end came later
        ([alone(98, 110)], 0),  # its begin was corrected
        ([alone(200, 210)], 1),  # another
        ([alone(110, 120)], 1),  # the next one, sent when the old one ended
        ([alone(100, 115, session_id="s2")], 1),  # of another session at the same time
        ([alone(100, 115, agent_id="a1")], 1),  # of a sub-agent at the same time
        ([], 1),
    ],
)
def test_a_call_without_ids_is_lost_only_if_none_can_be_it(new: list[Call], lost: int) -> None:
    """Its id is made of its times, which may have been read otherwise."""
    found = lost_calls(Columns.of([alone(100, 110)]), Columns.of(new), same_reader=True)
    assert len(found) == lost


def test_ids_count_where_there_are_some() -> None:
    """Two calls of one thread at the same time are two by their ids, unless another reader told the old one."""
    old, new = Columns.of([made(1, at=100)]), Columns.of([made(2, at=101)])
    assert len(lost_calls(old, new, same_reader=True)) == 1
    assert len(lost_calls(old, new, same_reader=False)) == 0
    assert len(lost_calls(old, old, same_reader=False)) == 0
