"""OpenCode's other stores, and Kilo: exports, printed events, the old store; the same calls as in the database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import opencode_rows as rows
from latprof.formats import Format, Source, kilo, opencode, opencode_events, opencode_export, opencode_store
from latprof.ingest import read_inputs
from latprof.model import Call, Problem
from opencode_rows import T0, answer, finish, reasoning, session, start, text, tool, user
from sound import assert_sound

Message = dict[str, Any]
TALK = [
    user(0),
    answer(1, start(2), reasoning(2.5, 3), tool(3, 4, 6), finish(6.1, "tool-calls"), done=6.2, finish="tool-calls"),
    answer(7, start(8), text(8.5, 9.5), finish(9.6), done=9.7, finish="stop"),
]


def events(*messages: Message) -> bytes:
    """Lines for the parts of answers, as the agent prints them when they are complete."""
    lines = []
    for entry in (
        entry for message in messages if message["info"]["role"] == "assistant" for entry in message["parts"]
    ):
        kind = {"tool": "tool_use"}.get(entry["type"], entry["type"].replace("-", "_"))
        lines.append({"type": kind, "timestamp": rows.ms(9), "sessionID": entry["sessionID"], "part": entry})
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def export(*messages: Message, info: Message | None = None) -> bytes:
    return json.dumps({"info": info or session(), "messages": list(messages)}).encode()


def store(folder: Path, *messages: Message, info: Message | None = None) -> Path:
    """A tree of files as before 1.2; gives the session's file."""
    info = info or session()
    place = folder / "storage" / "session" / "proj" / f"{info['id']}.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(info), encoding="utf-8")
    for message in messages:
        owner = message["info"]
        for path, record in [
            (f"message/{info['id']}/{owner['id']}.json", owner),
            *((f"part/{owner['id']}/{entry['id']}.json", entry) for entry in message["parts"]),
        ]:
            file = folder / "storage" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(record), encoding="utf-8")
    return place


def items(item: Format, source: Source | bytes) -> list[Call | Problem]:
    return list(item.read(source if isinstance(source, Source) else Source.from_bytes(source, "x.json")))


def calls(item: Format, source: Source | bytes) -> list[Call]:
    return [found for found in items(item, source) if isinstance(found, Call)]


def since(at: float | None) -> float | None:
    return None if at is None else round(at - T0, 3)


def test_all_stores_tell_the_same_of_a_call(tmp_path: Path) -> None:
    """Ids, instants and tokens; so copies in several stores are one call."""
    path = rows.database(tmp_path / "opencode.db", [session()], TALK)
    base = calls(opencode.FORMAT, Source.from_path(path))
    assert calls(opencode_export.FORMAT, export(*TALK)) == base
    assert calls(opencode_store.FORMAT, Source.from_path(store(tmp_path, *TALK))) == base
    (tmp_path / "export.json").write_bytes(export(*TALK))
    (tmp_path / "events.jsonl").write_bytes(events(*TALK))
    printed = calls(opencode_events.FORMAT, events(*TALK))
    assert [call.request_id for call in printed] == [call.request_id for call in base]
    reading = read_inputs([str(tmp_path)])
    assert len(reading.calls) == 2
    assert {(call.model, call.message_id, call.first_output_source) for call in reading.calls} == {
        ("big", base[0].message_id, "first_shown"), ("big", base[1].message_id, "block_start"),
    }  # fmt: skip


def test_printed_events_hold_what_ids_and_parts_say() -> None:
    """The message's id tells when it was created; the model and the prompt are not printed."""
    first, second = calls(opencode_events.FORMAT, events(*TALK))
    assert (first.trigger, since(first.trigger_at), since(first.sent_at)) == ("user", None, 1)
    assert (since(first.first_output_at), first.first_output_source) == (2.5, "first_shown")
    assert (since(first.last_output_at), first.last_output_source, first.output_tokens) == (4, "record_written", 50)
    assert (second.trigger, since(second.trigger_at), second.model) == ("tool_result", 6, None)


def test_events_that_are_not_whole() -> None:
    """An error is a failed attempt; an answer without a finish was cut; a part printed twice counts once."""
    lines = events(*TALK)
    error = json.dumps({"type": "error", "timestamp": rows.ms(9), "sessionID": "ses_one", "error": {}}).encode()
    found = items(opencode_events.FORMAT, lines + error + b"\n" + lines)
    assert [item.kind for item in found if isinstance(item, Problem)] == ["failed_attempt"]
    assert len([item for item in found if isinstance(item, Call)]) == 2
    cut = lines.splitlines(keepends=True)[:5]
    assert [call.flags for call in calls(opencode_events.FORMAT, b"".join(cut))] == [()]
    (call,) = calls(opencode_events.FORMAT, b"".join(lines.splitlines(keepends=True)[:3]))
    assert (call.flags, call.output_tokens) == (("interrupted",), None)


def test_an_export_that_is_cut_gives_whole_messages() -> None:
    """Never a part of one."""
    data = export(*TALK)
    whole = calls(opencode_export.FORMAT, data)
    for cut in range(0, len(data), 53):
        found = calls(opencode_export.FORMAT, data[:cut])
        assert found == whole[: len(found)]


@pytest.mark.parametrize(
    "document",
    [b"", b"[]", b"{}", b'{"info": 5, "messages": {"a": 1}}', b'{"info": {}, "messages": [5, {"info": {}}]}'],
)
def test_documents_of_another_shape_give_no_calls(document: bytes) -> None:
    """Nor exceptions."""
    assert calls(opencode_export.FORMAT, document) == []
    assert calls(opencode_store.FORMAT, document) == []


def test_the_old_store_in_its_older_folders(tmp_path: Path) -> None:
    """`session/info`, with parts below the session's folder."""
    new = store(tmp_path / "new", *TALK)
    expected = calls(opencode_store.FORMAT, Source.from_path(new))
    old = tmp_path / "old" / "storage" / "session"
    (old / "info").mkdir(parents=True)
    (old / "info" / "ses_one.json").write_bytes(new.read_bytes())
    (tmp_path / "new" / "storage" / "message").rename(old / "message")
    (old / "part").mkdir()
    (tmp_path / "new" / "storage" / "part").rename(old / "part" / "ses_one")
    assert calls(opencode_store.FORMAT, Source.from_path(old / "info" / "ses_one.json")) == expected
    assert len(expected) == 2


def test_sub_agents_of_the_old_store_find_their_root(tmp_path: Path) -> None:
    """By the parents' files beside; a circle of parents ends."""
    for name, parent in [("ses_one", None), ("ses_kid", "ses_one"), ("ses_a", "ses_b"), ("ses_b", "ses_a")]:
        store(tmp_path, info=session(name, parent))
    talk = [user(0, name="ses_kid2"), answer(1, start(2), text(2, 3), finish(3.1), done=4, name="ses_kid2")]
    (call,) = calls(
        opencode_store.FORMAT, Source.from_path(store(tmp_path, *talk, info=session("ses_kid2", "ses_kid")))
    )
    assert (call.session_id, call.agent_id, call.trigger) == ("ses_one", "ses_kid2", "subagent")
    assert calls(opencode_store.FORMAT, Source.from_path(store(tmp_path, info=session("ses_c", "ses_a")))) == []


def test_a_message_of_the_oldest_layout_is_counted(tmp_path: Path) -> None:
    """It is not read as something else."""
    old = {"info": {"id": "msg_old", "sessionID": "ses_one", "role": "assistant", "metadata": {}}, "parts": []}
    found = items(opencode_store.FORMAT, Source.from_path(store(tmp_path, old, *TALK)))
    assert [item.kind for item in found if isinstance(item, Problem)] == ["bad_record"]
    assert len(found) == 3


def test_each_claims_its_own() -> None:
    """And not the others' files."""
    heads = {
        "opencode-events": events(*TALK),
        "opencode-export": export(*TALK),
        "opencode-store": json.dumps(session()).encode(),
        "none": json.dumps(TALK[1]["info"]).encode(),
    }
    known = (opencode.FORMAT, kilo.FORMAT, opencode_events.FORMAT, opencode_export.FORMAT, opencode_store.FORMAT)
    for name, head in heads.items():
        assert [item.name for item in known if item.sniff("x.json", head)] == ([] if name == "none" else [name])


def test_kilo_is_told_by_its_place(tmp_path: Path) -> None:
    """The tables are OpenCode's; the calls are Kilo's."""
    path = rows.database(tmp_path / "kilo-dev.db", [session()], TALK)
    head = Source.from_path(path).head()
    assert kilo.FORMAT.sniff(str(path), head)
    assert not opencode.FORMAT.sniff(str(path), head)
    assert not kilo.FORMAT.sniff("/x/opencode.db", head)
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "kilo.log").write_text(rows.log_lines("a", "anthropic", TALK[1], 1.5), encoding="utf-8")
    first, second = calls(kilo.FORMAT, Source.from_path(path))
    assert (first.agent, since(first.sent_at), first.sent_source) == ("kilo", 1.5, "process_start")
    assert (second.sent_source, second.first_output_source) == ("record_created", "block_start")


@given(st.data())
def test_no_bytes_raise(data: st.DataObject) -> None:
    """Bytes put, lost and replaced anywhere."""
    item, whole = data.draw(
        st.sampled_from([(opencode_export.FORMAT, export(*TALK)), (opencode_events.FORMAT, events(*TALK))])
    )
    at = data.draw(st.integers(0, len(whole)))
    other = whole[:at] + data.draw(st.binary(max_size=8)) + whole[at + data.draw(st.integers(0, 40)) :]
    item.sniff("x.json", other)
    assert_sound(items(item, other))
