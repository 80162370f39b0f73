"""From the paths that a user gives to the files that are read."""

from __future__ import annotations

import gzip
import io
import os
import random
import sys
from pathlib import Path

import pytest
import zstandard

from claude_code_lines import Log, text
from latprof.errors import NothingReadable, UsageError
from latprof.formats import Source, formats
from latprof.ingest import find, read_inputs
from latprof.ingest.find import default_roots
from latprof.ingest.own import Asked
from latprof.store.looks import identity_of
from permissions import needs_permissions


def log_bytes(message_id: str = "msg_a", *, calls: int = 1) -> bytes:
    rng = random.Random(message_id)  # noqa: S311 - must repeat
    log = Log(session=f"session-{message_id}")
    for number in range(calls):
        log.prompt(number * 10, f"{rng.random()} {rng.random()}")
        log.answer(number * 10 + 3, message_id if calls == 1 else f"{message_id}_{number}", text(), stop="end_turn")
    return log.data()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder without logs; the real one is not seen."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)
    return folder


def put(path: Path, data: bytes | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(log_bytes() if data is None else data)
    return path


def names(*paths: Path | str) -> list[str]:
    return [Path(source.path).name for source in find([str(path) for path in paths], formats()).sources]


def test_a_folder_gives_its_logs_in_the_order_of_names(tmp_path: Path) -> None:
    """Deep ones and hidden ones too; other files are not looked at."""
    for name in ("b.jsonl", "a.jsonl", "sub/d.jsonl", ".hidden/c.jsonl", "sub/.e.jsonl", "notes.txt", "b.jsonl.bak"):
        put(tmp_path / name)
    assert sorted(names(tmp_path)) == [".e.jsonl", "a.jsonl", "b.jsonl", "c.jsonl", "d.jsonl"]
    assert names(tmp_path) == names(tmp_path)
    assert names(tmp_path)[:2] == ["a.jsonl", "b.jsonl"]


def test_a_file_named_outright_is_taken_whatever_its_suffix(tmp_path: Path) -> None:
    """Its content decides."""
    assert len(read_inputs([str(put(tmp_path / "session.log"))]).calls) == 1


@pytest.mark.parametrize("packer", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
@pytest.mark.parametrize("name", ["s.jsonl.gz", "s.jsonl.zst", "s.jsonl"])
def test_packed_logs_are_told_by_their_bytes(tmp_path: Path, packer: object, name: str) -> None:
    """A wrong suffix does no harm; the calls are those of the plain log."""
    put(tmp_path / name, packer(log_bytes(calls=5)))  # type: ignore[operator]
    found = read_inputs([str(tmp_path)])
    plain = read_inputs([str(put(tmp_path / "plain" / "s.jsonl", log_bytes(calls=5)))])
    assert found.calls == plain.calls
    assert (len(found.calls), found.problems) == (5, [])


@pytest.mark.parametrize("packer", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_damage_anywhere_in_a_packed_log_never_raises(tmp_path: Path, packer: object) -> None:
    """Flipped bytes in ten places: the calls before the damage are kept, the damage is a problem."""
    packed = packer(log_bytes(calls=2500))  # type: ignore[operator]
    for tenth in range(1, 10):
        damaged = bytearray(packed)
        at = len(damaged) * tenth // 10
        damaged[at : at + 40] = bytes(255 - byte for byte in damaged[at : at + 40])
        reading = read_inputs([str(put(tmp_path / "s.jsonl", bytes(damaged))), str(put(tmp_path / "ok.jsonl"))])
        assert reading.problems, tenth
        assert any(call.message_id == "msg_a" for call in reading.calls), tenth


def test_several_packed_pieces_behind_each_other_are_one_log(tmp_path: Path) -> None:
    """As log rotation and `cat a.gz b.gz` make them."""
    first, second = log_bytes("msg_a"), log_bytes("msg_b")
    put(tmp_path / "a.jsonl", gzip.compress(first) + gzip.compress(second))
    put(tmp_path / "z" / "b.jsonl", zstandard.compress(first) + zstandard.compress(second))
    for folder in (tmp_path / "a.jsonl", tmp_path / "z"):
        assert sorted(str(call.message_id) for call in read_inputs([str(folder)]).calls) == ["msg_a", "msg_b"]


def test_a_folder_that_links_to_itself_ends(tmp_path: Path) -> None:
    """Each real folder is entered once."""
    put(tmp_path / "a" / "s.jsonl")
    (tmp_path / "a" / "up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "a" / "self").symlink_to(tmp_path / "a", target_is_directory=True)
    assert names(tmp_path) == ["s.jsonl"]


def test_a_linked_folder_outside_is_entered(tmp_path: Path) -> None:
    """People keep logs on other disks."""
    put(tmp_path / "disk" / "s.jsonl")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "link").symlink_to(tmp_path / "disk", target_is_directory=True)
    assert names(tmp_path / "logs") == ["s.jsonl"]


def test_a_file_is_read_once_however_often_it_is_named(tmp_path: Path) -> None:
    """By its path, a soft link, a hard link, its folder, a pattern and a roundabout path."""
    original = put(tmp_path / "a" / "s.jsonl")
    (tmp_path / "soft.jsonl").symlink_to(original)
    os.link(original, tmp_path / "hard.jsonl")
    paths = [original, tmp_path / "soft.jsonl", tmp_path / "hard.jsonl", tmp_path, tmp_path / "*.jsonl"]
    assert len(names(*paths, tmp_path / "a" / ".." / "a" / "s.jsonl")) == 1


def test_where_folders_really_are_is_known_after_a_walk(tmp_path: Path) -> None:
    """As the system says it of each, through links, and for a path with steps back."""
    put(tmp_path / "disk" / "deep" / "s.jsonl")
    put(tmp_path / "logs" / "a" / "b" / "t.jsonl")
    (tmp_path / "logs" / "link").symlink_to(tmp_path / "disk", target_is_directory=True)
    for root in (tmp_path / "logs", tmp_path / "logs" / "a" / ".." / "link"):
        found = find([str(root)], formats())
        assert found.real
        assert found.real == {folder: os.path.realpath(folder) for folder in found.real}
        assert {str(Path(path).parent) for path in found.paths} <= found.real.keys()


def test_what_the_system_said_of_each_file_is_kept(tmp_path: Path) -> None:
    """For those who would ask again."""
    path = put(tmp_path / "s.jsonl")
    found = find([str(tmp_path)], formats())
    assert found.identities() == {str(path): identity_of(path.stat())}
    assert [source.path for source in found.sources] == found.paths == [str(path)]


def test_a_folder_below_the_current_one_is_walked_by_its_short_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `Path` writes it."""
    put(tmp_path / "a" / "s.jsonl")
    put(tmp_path / "t.jsonl")
    monkeypatch.chdir(tmp_path)
    assert find(["."], formats()).paths == ["t.jsonl", str(Path("a", "s.jsonl"))]


def test_links_that_lead_nowhere_are_problems(tmp_path: Path) -> None:
    """To nothing, and to itself; the rest is read."""
    put(tmp_path / "s.jsonl")
    (tmp_path / "gone.jsonl").symlink_to(tmp_path / "nothing")
    (tmp_path / "round.jsonl").symlink_to(tmp_path / "round.jsonl")
    found = find([str(tmp_path)], formats())
    assert len(found.sources) == len(found.sizes) == 1
    assert [(problem.kind, Path(problem.path).name) for problem in found.problems] == [
        ("unreadable", "gone.jsonl"),
        ("unreadable", "round.jsonl"),
    ]


def test_patterns_find_files_and_folders(tmp_path: Path) -> None:
    """With `**` in all depths, hidden ones included."""
    for name in ("x/1.jsonl", "y/2.jsonl", ".z/3.jsonl", "y/deep/4.jsonl"):
        put(tmp_path / name)
    assert sorted(names(tmp_path / "**" / "*.jsonl")) == ["1.jsonl", "2.jsonl", "3.jsonl", "4.jsonl"]
    assert sorted(names(tmp_path / "[xy]")) == ["1.jsonl", "2.jsonl", "4.jsonl"]


def test_a_name_that_looks_like_a_pattern_is_a_name_if_it_is_there(tmp_path: Path) -> None:
    """Folders may be called [x]."""
    put(tmp_path / "[x]" / "1.jsonl")
    put(tmp_path / "x" / "2.jsonl")
    assert names(tmp_path / "[x]") == ["1.jsonl"]


@pytest.mark.parametrize("name", ["nowhere", "nowhere/*.jsonl", "a\0b", "x" * 5000])
def test_what_is_not_there_is_a_usage_error(tmp_path: Path, name: str) -> None:
    """One sentence with the path, exit code 2."""
    with pytest.raises(UsageError) as caught:
        find([str(tmp_path / name)], formats())
    assert caught.value.exit_code == 2
    assert name in str(caught.value)


def test_a_home_of_nobody_is_a_usage_error() -> None:
    """`~name` of a user who does not exist."""
    with pytest.raises(UsageError):
        find(["~nobody-has-this-name/logs"], formats())


def test_a_path_may_begin_with_the_home_sign(home: Path) -> None:
    """When the shell did not replace it."""
    put(home / "logs" / "s.jsonl")
    assert names("~/logs") == ["s.jsonl"]
    assert names("~/logs/*.jsonl") == ["s.jsonl"]


def test_without_paths_the_default_folders_are_read(home: Path) -> None:
    """Both places of the agent, of those that exist."""
    assert default_roots(formats()) == []
    put(home / ".claude" / "projects" / "p" / "new.jsonl")
    assert default_roots(formats()) == [home / ".claude" / "projects"]
    put(home / ".config" / "claude" / "projects" / "p" / "old.jsonl", log_bytes("msg_b"))
    assert sorted(names()) == ["new.jsonl", "old.jsonl"]


def test_the_agents_variable_replaces_the_default_folders(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty variable is as good as none."""
    put(home / ".claude" / "projects" / "p" / "default.jsonl")
    put(home / "moved" / "projects" / "p" / "moved.jsonl")
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(home / "moved"))
    assert names() == ["moved.jsonl"]
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", "")
    assert names() == ["default.jsonl"]


def test_no_logs_anywhere_is_an_error_with_the_next_step(home: Path) -> None:
    """Exit code 3; it says where was looked."""
    with pytest.raises(NothingReadable, match="analyze DIR") as caught:
        find([], formats())
    assert caught.value.exit_code == 3
    assert "Claude Code" in str(caught.value)


def test_no_logs_names_the_folder_of_the_variable(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where was looked is what the user needs to see, not where was not."""
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(home / "mistyped"))
    with pytest.raises(NothingReadable) as caught:
        find([], formats())
    assert "mistyped" in str(caught.value)


def test_empty_unknown_and_good_files_are_told_apart(tmp_path: Path) -> None:
    """Problems have a kind and a file; only the good one counts as read."""
    put(tmp_path / "blank.jsonl", b" \n\n")
    put(tmp_path / "empty.jsonl", b"")
    put(tmp_path / "emptied.jsonl.gz", gzip.compress(b""))
    put(tmp_path / "good.jsonl")
    put(tmp_path / "other.jsonl", b'{"role": "user", "content": "hello"}\n')
    put(tmp_path / "picture.jsonl", bytes(range(256)) * 20)
    reading = read_inputs([str(tmp_path)])
    assert {Path(problem.path).name: problem.kind for problem in reading.problems} == {
        "blank.jsonl": "empty_file",
        "empty.jsonl": "empty_file",
        "emptied.jsonl.gz": "empty_file",
        "other.jsonl": "unknown_format",
        "picture.jsonl": "unknown_format",
    }
    assert (reading.files, reading.files_without_calls, len(reading.calls)) == (1, 0, 1)


def test_a_log_without_a_call_is_read_and_counted(tmp_path: Path) -> None:
    """A session that was opened and left."""
    log = Log()
    log.prompt(0)
    reading = read_inputs([str(put(tmp_path / "s.jsonl", log.data()))])
    assert (reading.files, reading.files_without_calls, reading.calls, reading.problems) == (1, 1, [], [])


def test_a_short_title_before_a_long_first_prompt_hides_no_log(tmp_path: Path) -> None:
    """The second line is longer than what is looked at to tell the format."""
    log = Log()
    log.bare("custom-title", customTitle="a title")
    log.prompt(0, "w" * 100_000)
    log.answer(3, "msg_a", text())
    reading = read_inputs([str(put(tmp_path / "s.jsonl", log.data()))])
    assert (len(reading.calls), reading.problem_counts()) == (1, {})


def test_a_long_first_prompt_hides_no_log(tmp_path: Path) -> None:
    """Alone on the first line."""
    log = Log()
    log.prompt(0, "w" * 100_000)
    log.answer(3, "msg_a", text())
    assert len(read_inputs([str(put(tmp_path / "s.jsonl", log.data()))]).calls) == 1


@needs_permissions
def test_files_and_folders_without_permission_are_problems(tmp_path: Path) -> None:
    """The rest is read; alone they are an error."""
    put(tmp_path / "ok.jsonl")
    put(tmp_path / "closed.jsonl").chmod(0)
    put(tmp_path / "folder" / "s.jsonl").parent.chmod(0)
    try:
        reading = read_inputs([str(tmp_path)])
        assert (len(reading.calls), reading.problem_counts()) == (1, {"no_permission": 2})
        with pytest.raises(NothingReadable, match="permission"):
            read_inputs([str(tmp_path / "closed.jsonl")])
    finally:
        (tmp_path / "folder").chmod(0o700)


def test_a_folder_that_cannot_be_listed_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same with an injected refusal, for users that may read everything; compiled code asks the system itself."""
    monkeypatch.setattr(sys.modules["latprof.ingest.find"], "_compiled", None)
    put(tmp_path / "ok.jsonl")
    put(tmp_path / "closed" / "s.jsonl")
    real = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "refused", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    reading = read_inputs([str(tmp_path)])
    assert (len(reading.calls), reading.problem_counts()) == (1, {"no_permission": 1})


def test_places_in_a_closed_folder_are_that_folder_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain ones and patterns; other places stay what they are."""
    (home / ".claude" / "projects").mkdir(parents=True)
    (home / ".config").mkdir()
    real = Path.lstat

    def refuse(self: Path) -> os.stat_result:
        if home / ".config" in self.parents:
            raise PermissionError(13, "refused", str(self))
        return real(self)

    monkeypatch.setattr(Path, "lstat", refuse)
    assert default_roots(formats()) == [home / ".config", home / ".claude" / "projects"]


def test_a_default_folder_that_may_not_be_looked_at_does_not_raise(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user's home: an error in words, not a trace-back."""

    def refuse(self: Path) -> bool:
        raise PermissionError(13, "refused", str(self))

    monkeypatch.setattr(Path, "is_dir", refuse)
    with pytest.raises(NothingReadable):
        find([], formats())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # its file lives with the source
def test_standard_input_is_read_like_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked at and then read, packed or plain; its problems are reported under `-`."""

    class Stdin:
        buffer = io.BytesIO(gzip.compress(log_bytes() + b"{bad\n"))

    monkeypatch.setattr("sys.stdin", Stdin)
    reading = read_inputs(["-"])
    assert [call.message_id for call in reading.calls] == ["msg_a"]
    assert [(problem.kind, problem.path, problem.line) for problem in reading.problems] == [("bad_line", "-", 3)]


def test_a_source_can_be_opened_again_and_again() -> None:
    """Each opening begins at the start."""
    source = Source.from_bytes(b"abc")
    for _ in range(2):
        with source.open() as stream:
            assert stream.read() == b"abc"
    assert source.head() == b"abc"


def test_progress_never_falls_and_ends_at_the_whole(tmp_path: Path) -> None:
    """In bytes of the files, packed as they lie on the disk."""
    for number in range(3):
        put(tmp_path / f"{number}.jsonl.gz", gzip.compress(log_bytes(f"msg_{number}")))
    put(tmp_path / "empty.jsonl", b"")
    steps: list[tuple[int, int]] = []
    read_inputs([str(tmp_path)], progress=lambda done, total: steps.append((done, total)))
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert steps[-1] == (size, size)


def test_whose_a_file_is_does_not_depend_on_the_order_of_paths(tmp_path: Path) -> None:
    """A name counts before none, a longer path before a shorter one, then the alphabet."""
    file = tmp_path / "team" / "ana" / "a.jsonl"
    file.parent.mkdir(parents=True)
    file.write_bytes(log_bytes())
    whole, part = str(file.parents[1]), str(file.parent)
    for paths, name in (
        ([whole, f"ana={part}"], "ana"),
        ([f"zed={whole}", f"ana={part}"], "ana"),
        ([f"ana={whole}", f"zed={part}"], "zed"),
        ([f"zed={part}", f"ana={part}"], "ana"),
    ):
        for order in (paths, paths[::-1]):
            found = find(order, formats())
            assert len(found.paths) == 1, order
            assert [tags.engineer for tags in found.tags] == [name], order
            assert Asked(order).tags(str(file)) == found.tags[0], order
