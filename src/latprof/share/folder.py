"""A folder of logs -> a folder of the same logs without text, each checked against the one it came from."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import field
from pathlib import Path
from typing import Final

from latprof.classes import dataclass
from latprof.errors import UsageError
from latprof.formats import Format, Source, formats
from latprof.ingest import Reading, read_inputs
from latprof.ingest.find import find
from latprof.ingest.one_file import claimed_by
from latprof.model import Call
from latprof.share.ids import UNIT
from latprof.share.masking import Masker
from latprof.share.scrub import figures_of, ids_of, names_of, scrubbed_bytes, shows

__all__ = ["Scrubbed", "scrub_folder"]

_CHANGES: Final = "its reader takes figures from text or from files that could not be kept, so numbers would change."


@dataclass(slots=True)
class Scrubbed:
    """What came of a folder: `files` are logs with the same calls, `others` what lies beside them.

    `identical` says that all copies read together give the same calls and problems as all logs.
    """

    files: int = 0
    calls: int = 0
    others: int = 0
    identical: bool = False
    formats: dict[str, int] = field(default_factory=dict)
    refused: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class _Task:
    source: Source
    inside: tuple[str, ...]
    reader: Format | None
    packing: str = ""
    target: Path = Path()
    calls: int = 0
    figures: list[tuple[str, ...]] = field(default_factory=list)


def scrub_folder(
    root: Path,
    out: Path,
    *,
    salt: bytes | None = None,
    known: Sequence[Format] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Scrubbed:
    """Write scrubbed copies of all logs under `root` into `out`.

    A log whose calls would not read the same is left out, with the reason. Without `salt` one is made and
    forgotten, so that nobody can try out ids. Raises UsageError when `out` holds something or lies in `root`.
    """
    _check(root, out)
    known = formats() if known is None else known
    masker = Masker(salt or secrets.token_bytes(32))
    found = find([str(root)], known)
    tasks = [_task(source, root, known) for source in found.sources]
    result = Scrubbed(refused=[(problem.path, f"it cannot be read ({problem.kind}).") for problem in found.problems])
    told = _Told(progress, sum(found.sizes), dict(zip((id(task) for task in tasks), found.sizes, strict=True)))
    masker.ids.looking = True
    readable = [task for task in tasks if _look(task, masker, result, told)]
    masker.settle()
    _aim(readable, out, masker)
    written = [task for task in readable if _write(task, masker, result, told)]
    _keep_the_same(written, result)
    result.identical = not result.refused and _all_figures(root, known) == _all_figures(out, known)
    return result


@dataclass(slots=True)
class _Told:
    """How far the run is, for whoever watches: each file is gone through twice."""

    progress: Callable[[int, int], None] | None
    total: int
    sizes: dict[int, int]
    done: int = 0

    def half_of(self, task: _Task) -> None:
        """A file was looked at, or written."""
        self.done += self.sizes[id(task)]
        if self.progress is not None:
            self.progress(self.done // 2, self.total)


def _check(root: Path, out: Path) -> None:
    if not root.exists():
        raise UsageError(f"No such file or folder: {root}.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is there already and not empty: give a new folder.")
    if out.resolve().is_relative_to(root.resolve()):
        raise UsageError(f"{out} lies inside {root}, so it would be read as logs too: give a folder elsewhere.")


def _task(source: Source, root: Path, known: Sequence[Format]) -> _Task:
    path = Path(source.path)
    inside = path.relative_to(root).parts if root.is_dir() else (path.name,)
    return _Task(source, inside, _reader(source, known), _packing(source))


def _reader(source: Source, known: Sequence[Format]) -> Format | None:
    try:
        head = source.head()
    except Exception:  # noqa: BLE001 - any decompressor may fail in its own way on bad bytes
        return None
    return claimed_by(source, head, known)


def _packing(source: Source) -> str:
    try:
        with source.open_raw() as raw:
            magic = raw.read(4)
    except OSError:
        return ""
    return "gz" if magic.startswith(b"\x1f\x8b") else "zst" if magic == b"\x28\xb5\x2f\xfd" else ""


def _packed(data: bytes, packing: str) -> bytes:
    """Packed as the log was, without its name and time."""
    if packing == "gz":
        import gzip

        return gzip.compress(data, mtime=0)
    if packing == "zst":
        import zstandard

        return zstandard.ZstdCompressor().compress(data)
    return data


def _look(task: _Task, masker: Masker, result: Scrubbed, told: _Told) -> bool:
    """Take note of a file's names and ids; whether it can be rewritten."""
    told.half_of(task)
    for part in task.inside:
        masker.ids.ordered |= set(UNIT.findall(part))
        masker.path(part)
    try:
        if task.reader is not None:
            items = list(task.reader.read(task.source))
            task.figures = [figures_of(item) for item in items]
            task.calls = sum(isinstance(item, Call) for item in items)
            masker.stay |= names_of(items)
            masker.ids.ordered |= {unit for text in ids_of(items) for unit in UNIT.findall(text)}
        scrubbed_bytes(task.source, masker)
    except Exception as error:  # noqa: BLE001 - a damaged file may fail in many ways; nothing of it is written
        result.refused.append((task.source.path, f"it cannot be rewritten ({type(error).__name__})."))
        return False
    return True


def _aim(tasks: Sequence[_Task], out: Path, masker: Masker) -> None:
    """Say where each copy goes; names that differ in letters beyond ASCII only get a number."""
    taken: set[Path] = set()
    for task in tasks:
        target = out.joinpath(*(masker.path(part) for part in task.inside))
        number = 2
        while target in taken:
            target = target.with_name(f"{number}-{target.name}")
            number += 1
        taken.add(target)
        task.target = target


def _write(task: _Task, masker: Masker, result: Scrubbed, told: _Told) -> bool:
    told.half_of(task)
    try:
        data = _packed(scrubbed_bytes(task.source, masker), task.packing)
    except Exception as error:  # noqa: BLE001 - as above
        result.refused.append((task.source.path, f"it cannot be rewritten ({type(error).__name__})."))
        return False
    try:
        task.target.parent.mkdir(parents=True, exist_ok=True)
        task.target.write_bytes(data)
    except OSError as error:
        raise UsageError(f"Cannot write {task.target} ({error.strerror}): choose another place.") from None
    return True


def _keep_the_same(tasks: Sequence[_Task], result: Scrubbed) -> None:
    """Compare each log with its copy once all are there, for readers look into files beside."""
    for task in tasks:
        if task.reader is None:
            result.others += 1
        elif not shows(task.reader, Source.from_path(task.target), task.figures):
            task.target.unlink()
            result.refused.append((task.source.path, _CHANGES))
        else:
            result.files += 1
            result.formats[task.reader.name] = result.formats.get(task.reader.name, 0) + 1
            result.calls += task.calls
    _remove_empty(tasks)


def _all_figures(root: Path, known: Sequence[Format]) -> tuple[list[tuple[str, ...]], dict[str, int]]:
    """All calls below a folder, copies and parts of one call put together, without ids and paths."""
    reading = read_inputs([str(root)], known=known) if root.exists() else Reading()
    return sorted(figures_of(call) for call in reading.calls), reading.problem_counts()


def _remove_empty(tasks: Sequence[_Task]) -> None:
    for folder in sorted({task.target.parent for task in tasks}, key=lambda path: -len(path.parts)):
        if folder.is_dir() and not os.listdir(folder):  # noqa: PTH208 - shorter than an iterator's first item
            folder.rmdir()
