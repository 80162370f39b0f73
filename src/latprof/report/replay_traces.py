"""Calls as traces for tools that replay them on a server."""

from __future__ import annotations

from datetime import tzinfo

from latprof.trace import Trace

__all__ = ["mooncake", "weka"]


def weka(trace: Trace, _: tzinfo) -> bytes:
    """A JSON list with one document of kv-cache-tester per session. Raises UsageError without usable calls."""
    import orjson

    from latprof.replay.traces import weka_documents

    return orjson.dumps(weka_documents(trace)) + b"\n"


def mooncake(trace: Trace, _: tzinfo) -> bytes:
    """JSON Lines in Mooncake's form. Raises UsageError without usable calls."""
    import orjson

    from latprof.replay.traces import mooncake_rows

    return b"".join(orjson.dumps(row) + b"\n" for row in mooncake_rows(trace))
