"""Paths as the user gave them -> files to read."""

from __future__ import annotations

import glob
import os
import shutil
import stat
import sys
from collections.abc import Sequence
from dataclasses import field
from pathlib import Path
from typing import IO, Any, Final

from latprof.classes import dataclass
from latprof.errors import NothingReadable, UsageError
from latprof.formats import Format, Source
from latprof.ingest.tags import NO_TAGS, Tags, claims
from latprof.model import Problem
from latprof.store.looks import Identity, identity_of

try:
    from latprof.ingest import _native_walk
except ImportError:  # not compiled on this machine: the Python code finds the same
    _compiled: Any = None
else:
    _compiled = _native_walk if _native_walk.IS_THERE else None

__all__ = ["Found", "default_roots", "find", "places_of", "roots_of"]

_PACKED: Final = (".gz", ".zst")
# Never opened when a folder is walked: they hold keys, and no calls.
_SECRET: Final = frozenset(
    {
        ".credentials.json", ".env", "api_keys.json", "auth.json", "credentials.json", "google_accounts.json",
        "oauth_creds.json", "secrets.json", "token.json",
    }
)  # fmt: skip


# A folder's path, what paths in it begin with, and where it is without links.
_Folder = tuple[str, str, str]


@dataclass(slots=True)
class Found:
    """The sources in a fixed order: their paths and sizes, which were named outright, and what could not be looked at.

    `tags` are those that were written before the path that led to each, `states` what tells each file from another
    state of it; what is no plain file is one of the places `odd`. `real` leads from folders that were walked to where
    they are without links.
    """

    paths: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    named: list[bool] = field(default_factory=list)
    tags: list[Tags] = field(default_factory=list)
    states: list[Identity | None] = field(default_factory=list)
    odd: set[int] = field(default_factory=set)
    real: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    _seen: set[tuple[int, int]] = field(default_factory=set)
    _given: dict[int, Source] = field(default_factory=dict)
    _identities: dict[str, Identity] | None = None

    def identities(self) -> dict[str, Identity]:
        """What told each plain file from another state of it when it was found, by its path from the root."""
        if self._identities is None:
            folder = os.getcwd()  # noqa: PTH109
            self._identities = {
                path if path[0] == os.sep else os.path.join(folder, path): state  # noqa: PTH118
                for place, (path, state) in enumerate(zip(self.paths, self.states, strict=True))
                if state is not None and place not in self.odd
            }
        return self._identities

    def holds(self, path: Path) -> bool:
        """Whether a file is one of these, by whatever link."""
        try:
            status = path.stat()
        except OSError:
            return False
        if status.st_ino:
            return (status.st_dev, status.st_ino) in self._seen
        return os.path.realpath(path) in map(os.path.realpath, self.paths)

    @property
    def sources(self) -> list[Source]:
        """All sources, made anew each time."""
        return [self.source(place) for place in range(len(self.paths))]

    def source(self, place: int) -> Source:
        """One source."""
        return self._given.get(place) or Source.of_file(self.paths[place])

    def add_file(self, path: str, tags: Tags = NO_TAGS, *, named: bool = True) -> None:
        """Take a file once, however many links lead to it."""
        try:
            status = os.stat(path)  # noqa: PTH116 - thousands of them
        except OSError as error:
            self.problems.append(_problem(path, error))
            return
        if status.st_ino:  # some Windows file systems have no file ids
            identity = (status.st_dev, status.st_ino)
            if identity in self._seen:
                return
            self._seen.add(identity)
        if not stat.S_ISREG(status.st_mode):
            if not named:
                # To open a pipe is to wait for somebody who writes into it: only who names it wants that.
                self.problems.append(Problem("unreadable", path, None, "no plain file"))
                return
            self.odd.add(len(self.paths))
        self._add(path, status.st_size, tags, named=named, state=identity_of(status))

    def add_plain(self, folders: list[_Folder], suffixes: tuple[str, ...], visited: set[str], tags: Tags) -> None:
        """Take the files in folders, from the last one on, up to a folder that wants a closer look."""
        count = len(self.paths)
        _compiled.gone_through(folders, visited, self.real, suffixes, _SECRET, self._seen, self.paths, self.states)
        self.sizes += [state[2] for state in self.states[count:] if state is not None]
        self.named += [False] * (len(self.paths) - count)
        self.tags += [tags] * (len(self.paths) - count)
        self._identities = None

    def add(self, source: Source, size: int, tags: Tags, *, named: bool = True) -> None:
        """Take a source that is there once."""
        self._given[len(self.paths)] = source
        self._add(source.path, size, tags, named=named, state=None)

    def _add(self, path: str, size: int, tags: Tags, *, named: bool, state: Identity | None) -> None:
        self.paths.append(path)
        self.sizes.append(size)
        self.named.append(named)
        self.tags.append(tags)
        self.states.append(state)
        self._identities = None


def find(paths: Sequence[str], formats: Sequence[Format]) -> Found:
    """Resolve files, folders, globs and `-`; without paths the agents' own folders.

    Folders are walked with hidden ones and through links, each folder once, and give the files
    with a suffix that a format knows; a file named outright is taken whatever its suffix. A path may have
    tags before it, see `latprof.ingest.tags`; of several that lead to a file the first of `claims` counts.

    Raises UsageError for a path that does not exist, NothingReadable when no path was given and
    no agent's logs are there.
    """
    found = Found()
    if not paths:
        roots = default_roots(formats)
        if not roots:
            raise NothingReadable(_no_roots(formats))
        paths = [str(root) for root in roots]
    suffixes = _suffixes(formats)
    for tags, plain in claims(paths):
        if plain == "-":
            found.add(_standard_input(), 0, tags)
            continue
        for path in _expand(plain):
            if _is_folder(path):
                _walk(path, suffixes, found, tags)
            else:
                found.add_file(str(path), tags)
    return found


def default_roots(formats: Sequence[Format]) -> list[Path]:
    """The files and folders of the agents on this computer that exist; environment variables win."""
    roots = [root for item in formats for root in roots_of(item)]
    return list(dict.fromkeys(roots))


def roots_of(item: Format) -> list[Path]:
    """Where one agent keeps its logs, as far as it exists: where its variable points, else the usual places.

    Of a place in a folder without permission, that folder: nobody can tell whether there are logs in it.
    """
    roots: list[Path] = []
    for place in places_of(item):
        path = _home(place)
        closed = _closed_folder(path)
        if closed is not None:
            roots.append(closed)
        elif glob.has_magic(place):
            # Path.glob knows no absolute patterns and hides nothing by choice
            roots += [Path(match) for match in sorted(glob.glob(str(path), include_hidden=True))]  # noqa: PTH207
        elif _is_there(path):
            roots.append(path)
    return roots


def places_of(item: Format) -> list[str]:
    """The same places, whether or not they exist; some are globs, some begin with `~`."""
    moved = [str(Path(os.environ[name], below)) for name, below in item.env_roots.items() if os.environ.get(name)]
    return moved or list(item.roots)


def _no_roots(formats: Sequence[Format]) -> str:
    # Kinds of one agent's logs are told apart in brackets or behind a comma.
    whole = [item.title for item in formats if item.roots and not item.refusal]
    titles = dict.fromkeys(title.partition(" (")[0].partition(",")[0] for title in whole)
    moved = (f"{name}={os.environ[name]}" for item in formats for name in item.env_roots if os.environ.get(name))
    where = ", ".join([f"the usual places of {', '.join(titles)}", *dict.fromkeys(moved)])
    return f"No agent logs found in {where}: give the folder with the logs, for example `latprof analyze DIR`."


def _suffixes(formats: Sequence[Format]) -> tuple[str, ...]:
    plain = {suffix for item in formats for suffix in item.suffixes}
    return tuple(sorted(plain | {suffix + packed for suffix in plain for packed in _PACKED}))


def _expand(text: str) -> list[Path]:
    path = _home(text)
    if os.path.lexists(path) or _is_closed(path):
        return [path]
    if glob.has_magic(text):
        # Path.glob knows no absolute patterns and hides nothing by choice
        matches = sorted(glob.glob(str(path), recursive=True, include_hidden=True))  # noqa: PTH207
        if matches:
            return [Path(match) for match in matches]
        raise UsageError(f"No file matches {text}: check the pattern.")
    raise UsageError(f"No such file or folder: {text}.")


def _home(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise UsageError(f"No home folder is known for {text}: write the path in full.") from None


def _is_closed(path: Path) -> bool:
    """Whether it lies in a folder without permission, so that nobody can tell if it is there: reading says so."""
    try:
        path.lstat()
    except PermissionError:
        return True
    except (OSError, ValueError):  # no path has a zero byte
        return False
    return False


def _closed_folder(path: Path) -> Path | None:
    """The folder without permission that a place or pattern lies in; None where it lies in none."""
    plain = path
    while glob.has_magic(str(plain.parent)):
        plain = plain.parent
    return next(folder for folder in plain.parents if not _is_closed(folder)) if _is_closed(plain) else None


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _is_folder(path: Path) -> bool:
    """Whether it is a folder that may be looked at."""
    try:
        return path.is_dir()
    except OSError:
        return False


def _walk(root: Path, suffixes: tuple[str, ...], found: Found, tags: Tags) -> None:
    """As `os.walk` goes, through links; where a folder really is, is looked up for links only."""
    visited: set[str] = set()
    text = str(root)
    waiting = [(text, "" if text == os.curdir else os.path.join(text, ""), os.path.realpath(root))]  # noqa: PTH118
    while waiting:
        if _compiled is not None:
            found.add_plain(waiting, suffixes, visited, tags)
            if not waiting:
                return
        folder, start, real = waiting.pop()
        if real in visited:
            continue
        try:
            folders, files = _listed(folder)
        except OSError as error:
            found.problems.append(_problem(str(Path(error.filename or root)), error))
            continue
        visited.add(real)
        found.real[folder] = real
        for name in sorted(files):
            if name.endswith(suffixes) and name not in _SECRET:
                found.add_file(start + name, tags, named=False)
        # As texts: thousands of them.
        real_start = os.path.join(real, "")  # noqa: PTH118
        for name, is_link in sorted(folders, reverse=True):
            path = start + name
            waiting.append((path, path + os.sep, (is_link and _real(path)) or real_start + name))


def _real(path: str) -> str | None:
    """The path without links; None where it is gone by now."""
    try:
        return os.path.realpath(path)
    except OSError:
        return None


def _listed(folder: str) -> tuple[list[tuple[str, bool]], list[str]]:
    """The names of folders in a folder, each with whether it may be a link, and those of all else. Raises OSError."""
    folders: list[tuple[str, bool]] = []
    files: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                is_folder = entry.is_dir()
            except OSError:
                is_folder = False
            if is_folder:
                # Windows has links that do not say that they are.
                folders.append((entry.name, os.name == "nt" or _is_link(entry)))
            else:
                files.append(entry.name)
    return folders, files


def _is_link(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_symlink()
    except OSError:
        return True


def _problem(path: str, error: OSError) -> Problem:
    kind = "no_permission" if isinstance(error, PermissionError) else "unreadable"
    return Problem(kind, path, None, type(error).__name__)


def _standard_input() -> Source:
    """Standard input kept in a file without a name, because it is looked at before it is read."""
    import tempfile

    kept = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the source
    shutil.copyfileobj(sys.stdin.buffer, kept)
    kept.flush()

    def reopen() -> IO[bytes]:
        stream = os.fdopen(os.dup(kept.fileno()), "rb")
        stream.seek(0)
        return stream

    return Source(path="-", open_raw=reopen)
