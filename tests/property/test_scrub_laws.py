"""Laws of the other ids: one for one, the same everywhere, in the same order, of the same kind of signs."""

from __future__ import annotations

import re
import uuid

from hypothesis import given
from hypothesis import strategies as st

from latprof.share.known import parts_of_names
from latprof.share.masking import Masker

UUIDS = st.uuids(version=4).map(str)
STAMPED = st.builds(
    lambda at, rest: f"msg_{at:012x}{rest}",
    st.integers(0, (1 << 48) - 1),
    st.text("abcXYZ0189", min_size=14, max_size=14),
)
MIXED = st.text("abcdefxyzABCXYZ0189", min_size=16, max_size=16).filter(lambda text: any(map(str.isdigit, text)))
IDS = st.lists(st.one_of(UUIDS, STAMPED, MIXED), min_size=1, max_size=40, unique=True)


def others(ids: list[str], salt: bytes) -> list[str]:
    """What becomes of ids that stand in one run."""
    masker = Masker(salt)
    masker.ids.looking = True
    for text in ids:
        masker.identifier(text)
    masker.settle()
    first = [masker.identifier(text) for text in ids]
    assert [masker.identifier(text) for text in ids] == first
    return first


@given(ids=IDS, salt=st.binary(min_size=1, max_size=8))
def test_no_two_ids_become_one_and_none_stays(ids: list[str], salt: bytes) -> None:
    """Calls are neither merged nor taken apart."""
    found = others(ids, salt)
    assert len(set(found)) == len(ids)
    assert [len(text) for text in found] == [len(text) for text in ids]


@given(ids=st.lists(UUIDS, min_size=2, max_size=60, unique=True), salt=st.binary(min_size=1, max_size=8))
def test_uuids_keep_their_order_and_their_shape(ids: list[str], salt: bytes) -> None:
    """Statistics go through sessions in the order of their ids."""
    found = others(ids, salt)
    assert sorted(found) == [text for _, text in sorted(zip(ids, found, strict=True))]
    assert all(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text) for text in found)


@given(ids=st.lists(STAMPED, min_size=1, max_size=30, unique=True), salt=st.binary(min_size=1, max_size=8))
def test_the_time_in_an_id_stays(ids: list[str], salt: bytes) -> None:
    """OpenCode's ids begin with their milliseconds, and its readers read them there."""
    assert [text[:16] for text in others(ids, salt)] == [text[:16] for text in ids]


@given(at=st.integers(0, (1 << 48) - 1), rest=st.integers(0, (1 << 62) - 1))
def test_the_time_in_a_uuid_of_version_7_stays(at: int, rest: int) -> None:
    """The first 48 bits (RFC 9562, section 5.7); the random ones become others."""
    whole = str(uuid.UUID(int=(at << 80) | (7 << 76) | (2 << 62) | rest))
    (found,) = others([whole], b"salt")
    assert found[:15] == whole[:15]
    assert found[15:] != whole[15:]


@given(ids=IDS)
def test_another_salt_gives_other_ids(ids: list[str]) -> None:
    """Nobody can try out ids without the salt."""
    one, other = others(ids, b"1" * 32), others(ids, b"2" * 32)
    assert sum(left == right for left, right in zip(one, other, strict=True)) <= len(ids) // 4


# Words of the readers' own stay, such as cache.
WORDS = st.text("abcdefgh", min_size=5, max_size=9).filter(lambda word: word not in parts_of_names())


@given(words=st.lists(WORDS, min_size=2, max_size=30, unique=True))
def test_names_of_folders_keep_their_order(words: list[str]) -> None:
    """Files are read in the order of their names."""
    masker = Masker(b"salt")
    masker.ids.looking = True
    masker.ids.ordered |= {*words, "cache"}
    masker.settle()
    found = [masker.path(word) for word in sorted([*words, "cache"])]
    assert found == sorted(found)
    assert len(set(found)) == len(words) + 1
    assert not set(words).intersection(found)
