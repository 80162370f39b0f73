"""Finding files and merging copies."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import zstandard

from claude_code_lines import Log, text
from latprof.errors import NothingReadable, UsageError
from latprof.formats import base, formats
from latprof.ingest import find, read_inputs
from latprof.ingest.one_file import likely_first
from permissions import needs_permissions


def log_bytes(message_id: str = "msg_a") -> bytes:
    log = Log(session=f"session-{message_id}")
    log.prompt(0)
    log.answer(3, message_id, text(), stop="end_turn")
    return log.data()


def messages(*paths: str) -> list[str]:
    return sorted(call.message_id or "" for call in read_inputs(list(paths)).calls)


def test_hidden_folders_are_entered(tmp_path: Path) -> None:
    """Agents keep their logs in hidden folders."""
    (tmp_path / ".agent" / ".deep").mkdir(parents=True)
    (tmp_path / ".agent" / ".deep" / ".hidden.jsonl").write_bytes(log_bytes())
    assert messages(str(tmp_path)) == ["msg_a"]


def test_link_loops_and_linked_files_are_read_once(tmp_path: Path) -> None:
    """A folder that links to its parent ends; a file reached twice counts once."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.jsonl").write_bytes(log_bytes())
    (tmp_path / "logs" / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "b.jsonl").symlink_to(tmp_path / "logs" / "a.jsonl")
    reading = read_inputs([str(tmp_path), str(tmp_path / "b.jsonl")])
    assert (reading.files, len(reading.calls), reading.copies) == (1, 1, 0)


def test_a_link_to_nothing_is_a_problem(tmp_path: Path) -> None:
    """The rest is read."""
    (tmp_path / "gone.jsonl").symlink_to(tmp_path / "nothing")
    (tmp_path / "a.jsonl").write_bytes(log_bytes())
    reading = read_inputs([str(tmp_path)])
    assert (len(reading.calls), reading.problem_counts()) == (1, {"unreadable": 1})


def test_a_file_of_no_known_format_is_told_of_where_the_user_named_it(tmp_path: Path) -> None:
    """Folders are full of files that end as logs may; those that hold lines by their ending are told of anyway."""
    (tmp_path / "settings.json").write_bytes(b'{"colour": "red"}')
    (tmp_path / "a.jsonl").write_bytes(log_bytes())
    assert read_inputs([str(tmp_path)]).problem_counts() == {}
    named = read_inputs([str(tmp_path / "a.jsonl"), str(tmp_path / "settings.json")])
    assert (len(named.calls), named.problem_counts()) == (1, {"unknown_format": 1})


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
def test_logs_in_wide_encodings_are_named_as_such(tmp_path: Path, encoding: str) -> None:
    """An editor saved them so; a file of zeros or of another kind stays unknown."""
    (tmp_path / "wide.jsonl").write_bytes(log_bytes().decode().encode(encoding))
    (tmp_path / "zeros.jsonl").write_bytes(bytes(1000))
    (tmp_path / "other.jsonl").write_bytes(b'{"a": 1}\n')
    (tmp_path / "a.jsonl").write_bytes(log_bytes())
    reading = read_inputs([str(tmp_path)])
    assert reading.problem_counts() == {"unknown_format": 2, "unsupported_encoding": 1}
    assert len(reading.calls) == 1


def test_globs_are_expanded_by_the_program_too(tmp_path: Path) -> None:
    """For shells that do not; a pattern without a match is a usage error."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.jsonl").write_bytes(log_bytes(f"msg_{name}"))
    assert messages(str(tmp_path / "*" / "x.jsonl")) == ["msg_a", "msg_b"]
    with pytest.raises(UsageError, match="No file matches"):
        read_inputs([str(tmp_path / "*.none")])


def test_packed_logs_are_read_whatever_their_name(tmp_path: Path) -> None:
    """gzip and zstd are told by their first bytes."""
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(log_bytes("msg_gz")))
    (tmp_path / "b.jsonl.zst").write_bytes(zstandard.compress(log_bytes("msg_zst")))
    (tmp_path / "c.jsonl").write_bytes(gzip.compress(log_bytes("msg_named")))
    assert messages(str(tmp_path)) == ["msg_gz", "msg_named", "msg_zst"]


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_damaged_pack_is_a_problem_and_keeps_what_came_before(tmp_path: Path, pack: object) -> None:
    """A cut archive is read as far as it goes."""
    data = b"".join(log_bytes(f"msg_{number}") for number in range(3000))
    packed = pack(data)  # type: ignore[operator]
    (tmp_path / "a.jsonl").write_bytes(packed[: len(packed) // 2])
    reading = read_inputs([str(tmp_path)])
    assert reading.problems
    assert {problem.kind for problem in reading.problems} <= {"unreadable", "cut_line"}


def test_empty_and_foreign_files_are_counted(tmp_path: Path) -> None:
    """They are problems with a kind, not errors."""
    (tmp_path / "a.jsonl").write_bytes(log_bytes())
    (tmp_path / "b.jsonl").write_bytes(b"")
    (tmp_path / "c.jsonl").write_bytes(b'{"some": "thing"}\n')
    (tmp_path / "d.txt").write_bytes(b"not looked at")
    reading = read_inputs([str(tmp_path)])
    assert (reading.files, reading.problem_counts()) == (1, {"empty_file": 1, "unknown_format": 1})


@needs_permissions
def test_no_permission_is_a_problem(tmp_path: Path) -> None:
    """The rest is read; if nothing is left, that is an error."""
    (tmp_path / "a.jsonl").write_bytes(log_bytes())
    (tmp_path / "b.jsonl").write_bytes(log_bytes())
    (tmp_path / "b.jsonl").chmod(0)
    assert read_inputs([str(tmp_path)]).problem_counts() == {"no_permission": 1}
    with pytest.raises(NothingReadable):
        read_inputs([str(tmp_path / "b.jsonl")])


def test_a_file_without_permission_is_told_from_one_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same with an injected refusal, for users that may read everything."""
    (tmp_path / "a.jsonl").write_bytes(log_bytes())

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "refused")

    monkeypatch.setattr(base, "open", refuse, raising=False)
    with pytest.raises(NothingReadable, match="permissions"):
        read_inputs([str(tmp_path)])


def test_without_paths_the_agents_folders_are_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The home folder's, or where the agent's variable points."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)
    with pytest.raises(NothingReadable, match="No agent logs found") as error:
        find([], formats())
    named = str(error.value).partition("places of ")[2].partition(":")[0].split(", ")
    assert len(named) == len(set(named)) > 10
    assert {"Claude Code", "Kilo Code", "Qwen Code"} <= set(named)
    for folder in (".claude", "moved"):
        target = tmp_path / folder / "projects" / "p"
        target.mkdir(parents=True)
        (target / "s.jsonl").write_bytes(log_bytes(f"msg_{folder}"))
    assert messages() == ["msg_.claude"]
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path / "moved"))
    assert messages() == ["msg_moved"]


def test_progress_counts_bytes(tmp_path: Path) -> None:
    """The bar ends at the size of all files."""
    (tmp_path / "a.jsonl").write_bytes(log_bytes("msg_a"))
    (tmp_path / "b.jsonl").write_bytes(log_bytes("msg_b"))
    steps: list[tuple[int, int]] = []
    read_inputs([str(tmp_path)], progress=lambda done, total: steps.append((done, total)))
    size = len(log_bytes("msg_a")) + len(log_bytes("msg_b"))
    assert [done for done, _ in steps] == [size // 2, size]
    assert {total for _, total in steps} == {size}


def test_the_format_at_whose_place_a_file_lies_is_asked_first() -> None:
    """Whatever home the place is in, and whatever way slashes lean; all others are asked after it, each once.

    Of the others those first whose logs are met most often.
    """
    known = formats()
    names = [item.name for item in known]
    for path in ("/home/dev/.codex/sessions/2026/a.jsonl", "C:\\Users\\dev\\.codex\\sessions\\a.jsonl"):
        asked = [item.name for item in likely_first(path, known)]
        assert asked == ["codex", "claude-code", *(name for name in names if name not in {"claude-code", "codex"})]
    asked = [item.name for item in likely_first("/tmp/copy/a.jsonl", known)]
    assert asked[:2] == ["claude-code", "codex"]
    assert sorted(asked) == sorted(names)
