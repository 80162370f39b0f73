__all__ = ["IS_THERE", "gone_through"]

IS_THERE: bool

def gone_through(
    waiting: list[tuple[str, str, str]],
    visited: set[str],
    real_of: dict[str, str],
    suffixes: tuple[str, ...],
    skipped: frozenset[str],
    seen: set[tuple[int, int]],
    paths: list[str],
    states: list[tuple[int, int, int, int, int]],
) -> None: ...
