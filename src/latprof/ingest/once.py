"""Each call once, on columns: only what may be a copy or another record of a call is made into objects.

The rules are those of `merge` for copies and of `join` for records of several sources.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.ingest.chunk import Chunk
from latprof.ingest.join import whole_call
from latprof.ingest.match import Record, match
from latprof.ingest.merge import Merger, Owner
from latprof.ingest.twins import Groups, rows_alike, told_alike
from latprof.model import Call
from latprof.store.cache import Cache
from latprof.trace import Columns
from latprof.trace.columns import keys_of
from latprof.trace.numbers import repeated

__all__ = ["drop_copies", "join_sources"]

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

# So many calls are objects at a time.
_BATCH: Final = 2048


@dataclass(slots=True)
class _Decision:
    """What becomes of some rows: which row stands in the place of each, whether none does, and the owners of rows."""

    rows: Ints
    best: Ints
    dropped: Mask
    owners: dict[int, Owner] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """The decision, with places in `rows` instead of rows: the owners as JSON in a line, then arrays."""
        different = list(dict.fromkeys(self.owners.values()))
        number = {owner: place for place, owner in enumerate(different)}
        arrays = (
            np.searchsorted(self.rows, self.best),
            np.flatnonzero(self.dropped),
            np.searchsorted(self.rows, np.array(list(self.owners), dtype=np.int64)),
            np.array([number[owner] for owner in self.owners.values()], dtype=np.int64),
        )
        header = json.dumps([different, [len(array) for array in arrays]]).encode()
        return header + b"\n" + b"".join(array.astype("<i8").tobytes() for array in arrays)

    @classmethod
    def from_bytes(cls, rows: Ints, data: bytes) -> _Decision:
        """What `to_bytes` wrote for these rows."""
        header, _, body = data.partition(b"\n")
        listed, sizes = json.loads(header)
        best, dropped, owned, owner = np.split(np.frombuffer(body, dtype="<i8"), np.cumsum(sizes)[:-1])
        mask = np.zeros(len(rows), dtype=np.bool_)
        mask[dropped] = True
        different = [Owner(*item) for item in listed]
        owners = zip(rows[owned].tolist(), owner.tolist(), strict=True)
        return cls(rows, rows[best], mask, {row: different[place] for row, place in owners})


def drop_copies(columns: Columns, cache: Cache | None = None) -> int:
    """Keep the best copy of each call of each source, in the place of its first one; how many were dropped.

    What was decided of the same calls is found in the cache.
    """
    groups = rows_alike(columns.keys)
    if not len(groups.rows):
        return 0
    ends = _ends(columns, groups.rows)
    found = np.sort(groups.rows)
    name = None if cache is None else _name_by_places(columns, found, ends, cache)
    known = None if cache is None or name is None else cache.get(name)
    if known is not None:
        decision = _Decision.from_bytes(found, known)
    else:
        decision = _settled(columns, groups, found, ends, cache)
        if cache is not None and name is not None:
            cache.put("copies", name, decision.to_bytes())
    rows, dropped = np.arange(len(columns)), np.zeros(len(columns), dtype=np.bool_)
    rows[decision.rows], dropped[decision.rows] = decision.best, decision.dropped
    _set_owners(columns, decision.owners)
    rows = rows[~dropped]
    if len(rows) < len(columns) or (rows != np.arange(len(rows))).any():
        columns.keep(rows)
    return int(dropped.sum())


def _settled(
    columns: Columns, groups: Groups, found: Ints, ends: dict[str | Owner, int], cache: Cache | None
) -> _Decision:
    """What becomes of all rows that have any alike, which are `found` in order."""
    twins, others = groups.parted(told_alike(columns.take(groups.rows), groups))
    dropped = np.zeros(len(found), dtype=np.bool_)
    dropped[np.searchsorted(found, twins.rows[twins.rows != twins.first])] = True
    decision = _Decision(found, found.copy(), dropped)
    decision.owners |= _owners(columns, twins, ends)
    if len(others.rows):
        some = _kept_decision(columns, others, ends, cache)
        places = np.searchsorted(found, some.rows)
        decision.best[places], decision.dropped[places] = some.best, some.dropped
        decision.owners |= some.owners
    return decision


def _owners(columns: Columns, twins: Groups, ends: dict[str | Owner, int]) -> dict[int, Owner]:
    """The owners of calls whose copies tell the same and belong to several."""
    size = len(columns.pool) + 1
    session, engineer, host = (columns.code(name, twins.rows).astype(np.int64) + 1 for name in Owner._fields)
    own = (session * size + engineer) * size + host
    several = twins.rows[twins.starts][twins.any_of(own != np.repeat(own[twins.starts], twins.sizes))]
    found: dict[int, set[int]] = {row: set() for row in several.tolist()}
    for row, owner in zip(twins.first.tolist(), own.tolist(), strict=True):
        if row in found:
            found[row].add(owner)
    texts, merger, known = [None, *columns.pool], Merger(ends), {}
    for key in {frozenset(numbers) for numbers in found.values()}:
        known[key] = merger.owner({_owner_of(number, size, texts) for number in key})
    return {row: known[frozenset(numbers)] for row, numbers in found.items()}


def _owner_of(number: int, size: int, texts: Sequence[str | None]) -> Owner:
    return Owner(texts[number // size // size] or "", texts[number // size % size], texts[number % size])


def _kept_decision(columns: Columns, groups: Groups, ends: dict[str | Owner, int], cache: Cache | None) -> _Decision:
    """What becomes of copies that tell different things, from the cache if they are known."""
    found = np.sort(groups.rows)
    name = _name(columns.take(found), ends, cache) if cache is not None else b""
    known = cache.get(name) if cache is not None else None
    if known is not None:
        return _Decision.from_bytes(found, known)
    decision = _decided(columns, groups.listed(), found, ends)
    if cache is not None:
        cache.put("copies", name, decision.to_bytes())
    return decision


def _decided(columns: Columns, groups: list[Ints], found: Ints, ends: dict[str | Owner, int]) -> _Decision:
    decision = _Decision(found, found.copy(), np.zeros(len(found), dtype=np.bool_))
    for batch in _batches(groups):
        merger, numbers, places = Merger(ends), {}, []
        for row, call, reader in _calls(columns, batch):
            numbers[id(call)] = row, call
            if merger.add(call, reader):
                places.append(row)
            else:
                decision.dropped[np.searchsorted(found, row)] = True
        for place, (_, best, owner) in zip(places, merger.settled(), strict=True):
            row = numbers[id(best)][0]
            decision.best[np.searchsorted(found, place)] = row
            if owner is not None:
                decision.owners[row] = owner
    return decision


def _name(columns: Columns, ends: dict[str | Owner, int], cache: Cache) -> bytes:
    """Everything that the decision on these calls depends on."""
    columns.sort_pool()
    sessions = {text or "" for text in columns.texts("session_id")}
    known = {key: end for key, end in ends.items() if (key.session_id if isinstance(key, Owner) else key) in sessions}
    return cache.name("copies", Chunk("", "log", columns).to_bytes(), _listed(known))


def _name_by_places(columns: Columns, rows: Ints, ends: dict[str | Owner, int], cache: Cache) -> bytes | None:
    """The same for calls that all come from one kept piece; None for others.

    Owners are as logs and tags told, and no piece is used under other tags: so its entries stand for these, too.
    """
    origin = None if columns.origin is None else columns.origin.take(rows)
    if origin is None or (origin.entries < 0).any():
        return None
    return cache.name("copies", origin.name, origin.entries.tobytes(), _listed(ends))


def _listed(ends: dict[str | Owner, int]) -> bytes:
    known = [
        (*((key.session_id, key.engineer, key.host) if isinstance(key, Owner) else (key,)), end)
        for key, end in ends.items()
    ]
    return repr(sorted(known, key=repr)).encode("utf-8", "surrogatepass")


def _batches(groups: list[Ints]) -> Iterator[Ints]:
    """Whole groups, about so many calls at a time."""
    waiting: list[Ints] = []
    count = 0
    for group in groups:
        waiting.append(group)
        count += len(group)
        if count >= _BATCH:
            yield np.sort(np.concatenate(waiting))
            waiting, count = [], 0
    if waiting:
        yield np.sort(np.concatenate(waiting))


def _calls(columns: Columns, rows: Ints) -> list[tuple[int, Call, str]]:
    part = columns.take(rows)
    return list(zip(rows.tolist(), part.calls(), (text or "" for text in part.texts("reader")), strict=True))


def _ends(columns: Columns, rows: Ints) -> dict[str | Owner, int]:
    """When the sessions of some rows and their owners put out their last, in whole ms; left out where never."""
    last, session = columns.number("last_output_at"), columns.code("session_id")
    wanted = np.zeros(len(columns.pool) + 1, dtype=np.bool_)
    wanted[session[rows]] = True
    known = np.flatnonzero(~np.isnan(last) & wanted[session])
    parts = [columns.code(name)[known].astype(np.int64) + 1 for name in ("session_id", "engineer", "host")]
    size = len(columns.pool) + 1
    owners, number = np.unique((parts[0] * size + parts[1]) * size + parts[2], return_inverse=True)
    latest = np.full(len(owners), -np.inf)
    np.maximum.at(latest, number, np.rint(last[known] * 1000))
    texts = [None, *columns.pool]
    ends: dict[str | Owner, int] = {}
    for owner, end in zip(owners.tolist(), latest.tolist(), strict=True):
        whole = _owner_of(owner, size, texts)
        ends[whole] = int(end)
        ends[whole.session_id] = max(int(end), ends.get(whole.session_id, int(end)))
    return ends


def _set_owners(columns: Columns, owners: dict[int, Owner]) -> None:
    if not owners:
        return
    numbers: dict[str | None, int] = {text: number for number, text in enumerate(columns.pool)} | {None: -1}
    rows, codes = list(owners), {}
    for name in Owner._fields:
        codes[name] = columns.code(name).copy()
        codes[name][rows] = [numbers[getattr(owner, name)] for owner in owners.values()]
    columns.recode(columns.pool, codes)


def join_sources(columns: Columns) -> tuple[Columns, int]:
    """One call for the records of several sources that tell of it; and how many were taken into another one."""
    source = _sources(columns)
    if not len(source) or source.strides == (0,) or (source == source[0]).all():
        return columns, 0
    rows = np.flatnonzero(_meeting(columns, source))
    records = [Record(f"{reader}/{call.told_by}", call) for _, call, reader in _calls(columns, rows)]
    places = {id(record): row for record, row in zip(records, rows.tolist(), strict=True)}
    sizes = _session_sizes(columns)
    target, dropped = np.arange(len(columns)), np.zeros(len(columns), dtype=np.bool_)
    wholes: list[Call] = []
    for group in match(records):
        if len(group) > 1:
            first, *others = (places[id(record)] for record in group)
            target[first] = len(columns) + len(wholes)
            dropped[others] = True
            wholes.append(whole_call(group, sizes))
    if not wholes:
        return columns, 0
    joined = Columns.concat([columns, Columns.of(wholes)])
    joined.keep(target[~dropped])
    joined.sort_pool()
    return joined, int(dropped.sum())


def _sources(columns: Columns) -> Ints:
    """A number per kind of source that told a call: the reader, and the kind of record it was read from."""
    short = [columns.code(name) for name in ("reader", "told_by")]
    if len(columns) and all((codes == codes[0]).all() for codes in short):
        one: Ints = repeated(np.int64(0), len(columns))
        return one
    reader, told_by = (codes.astype(np.int64) + 1 for codes in short)
    numbers: Ints = np.unique(reader * (len(columns.pool) + 1) + told_by, return_inverse=True)[1]
    return numbers


def _session_sizes(columns: Columns) -> dict[str, int]:
    counts = np.bincount(columns.code("session_id").astype(np.int64) + 1, minlength=len(columns.pool) + 1)
    return dict(zip(("", *columns.pool), counts.tolist(), strict=True))


def _meeting(columns: Columns, source: Ints) -> Mask:
    """Calls that some key of `match` could bring together with one of another source.

    Those that share an id, a session or both counts with one; and all others of these sessions, since a session may
    turn out to go by two names.
    """
    size = len(columns.pool) + 1
    agent, session = (columns.code(name).astype(np.int64) + 1 for name in ("agent", "session_id"))
    own = agent * size + session
    tokens = [columns.number(name) for name in ("input_tokens", "output_tokens")]
    counts = np.nan_to_num(tokens[0]).astype(np.int64) * 1_000_003 + np.nan_to_num(tokens[1]).astype(np.int64)
    found = _shared(columns.keys.astype(np.int64), source) | _shared(own, source)
    found |= _shared(counts * size + agent, source) & ~np.isnan(tokens[0]) & ~np.isnan(tokens[1])
    ids = [text or "" for name in ("message_id", "request_id") for text in columns.texts(name)]
    alike = _shared(keys_of(ids).astype(np.int64), np.tile(source, 2)) & np.array([text != "" for text in ids])
    found |= alike[: len(columns)] | alike[len(columns) :]
    return found | np.isin(own, own[found])


def _shared(values: Ints, source: Ints) -> Mask:
    """Where a value is one that another source has, too."""
    _, number = np.unique(values, return_inverse=True)
    pairs = np.unique(number * (int(source.max()) + 1) + source)
    sources: NDArray[Any] = np.bincount(pairs // (int(source.max()) + 1))
    return sources[number] > 1
