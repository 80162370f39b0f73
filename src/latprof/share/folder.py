"""A folder of logs -> a folder of the same logs without text, each checked against the one it came from."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from latprof.errors import UsageError
from latprof.formats import Format, Source, formats
from latprof.ingest.find import find
from latprof.share.masking import Masker
from latprof.share.scrub import CannotScrub, names_of, same_figures, scrubbed_bytes

__all__ = ["Scrubbed", "scrub_folder"]

_PACKED: Final = (".gz", ".zst")
_CHANGES: Final = "its reader takes figures from text or from files that could not be kept, so numbers would change."


@dataclass(slots=True)
class Scrubbed:
    """What came of a folder: `files` are logs with the same calls, `others` what lies beside them."""

    files: int = 0
    calls: int = 0
    others: int = 0
    formats: dict[str, int] = field(default_factory=dict)
    refused: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class _Task:
    source: Source
    target: Path
    reader: Format | None
    named: bool = True


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
    tasks = [_task(source, root, out, known, masker) for source in found.sources]
    for task in tasks:
        if task.reader is not None:
            masker.stay |= names_of(task.reader.read(task.source))
    result = Scrubbed(refused=[(problem.path, f"it cannot be read ({problem.kind}).") for problem in found.problems])
    written = [task for task in tasks if _write(task, masker, result)]
    _keep_the_same(written, result)
    if progress is not None:
        progress(sum(found.sizes), sum(found.sizes))
    return result


def _check(root: Path, out: Path) -> None:
    if not root.exists():
        raise UsageError(f"No such file or folder: {root}.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is there already and not empty: give a new folder.")
    if out.resolve().is_relative_to(root.resolve()):
        raise UsageError(f"{out} lies inside {root}, so it would be read as logs too: give a folder elsewhere.")


def _task(source: Source, root: Path, out: Path, known: Sequence[Format], masker: Masker) -> _Task:
    path = Path(source.path)
    inside = path.relative_to(root).parts if root.is_dir() else (path.name,)
    parts = [masker.path(part) for part in inside]
    for suffix in _PACKED:
        parts[-1] = parts[-1].removesuffix(suffix)
    return _Task(source, out.joinpath(*parts), _reader(source, known))


def _reader(source: Source, known: Sequence[Format]) -> Format | None:
    try:
        head = source.head()
    except Exception:  # noqa: BLE001 - any decompressor may fail in its own way on bad bytes
        return None
    return next((item for item in known if item.sniff(source.path, head)), None)


def _write(task: _Task, masker: Masker, result: Scrubbed) -> bool:
    try:
        data = scrubbed_bytes(task.source, masker)
    except CannotScrub as reason:
        if task.reader is not None:
            result.refused.append((task.source.path, str(reason)))
        return False
    except Exception as error:  # noqa: BLE001 - a damaged file may fail in many ways; nothing of it is written
        result.refused.append((task.source.path, f"it cannot be rewritten ({type(error).__name__})."))
        return False
    task.target.parent.mkdir(parents=True, exist_ok=True)
    task.target.write_bytes(data)
    return True


def _keep_the_same(tasks: Sequence[_Task], result: Scrubbed) -> None:
    """Compare each log with its copy once all are there, for readers look into files beside."""
    for task in tasks:
        if task.reader is None:
            result.others += 1
            continue
        if task.reader.refusal:
            task.target.unlink()
            result.refused.append((task.source.path, task.reader.refusal))
        elif not same_figures(task.reader, task.source, Source.from_path(task.target)):
            task.target.unlink()
            result.refused.append((task.source.path, _CHANGES))
        else:
            result.files += 1
            result.formats[task.reader.name] = result.formats.get(task.reader.name, 0) + 1
            result.calls += sum(1 for _ in task.reader.calls(task.source))
    _remove_empty(tasks)


def _remove_empty(tasks: Sequence[_Task]) -> None:
    for folder in sorted({task.target.parent for task in tasks}, key=lambda path: -len(path.parts)):
        if folder.is_dir() and not os.listdir(folder):  # noqa: PTH208 - shorter than an iterator's first item
            folder.rmdir()
