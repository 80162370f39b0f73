"""Logs of ten engineers, made by hand: sessions of their own, resumed ones of a colleague, whole copies."""

from __future__ import annotations

import random
from pathlib import Path

from claude_code_lines import Log, text, thinking, usage

ENGINEERS = ("ana", "ben", "cleo", "dora", "emil", "finn", "gus", "hana", "ivo", "jun")
_MODELS = ("claude-opus-4-7", "claude-sonnet-4-6")
_SESSIONS, _ROUNDS, _DAY_S = 3, 9, 86_400.0


def write_team(folder: Path) -> list[str]:
    """Write every engineer's logs and give the paths with their tags, `ana@mac-ana=DIR`.

    Each third engineer goes on with a session of the colleague before, under a new name, and each fourth holds a
    copy of a whole file of the colleague before.
    """
    random_ = random.Random(20)  # noqa: S311 - made-up logs
    before: dict[str, Log] = {}
    for place, name in enumerate(ENGINEERS):
        logs = {f"{name}-{n}": _session(f"{name}-{n}", place * 30.0 + n * _DAY_S, random_) for n in range(_SESSIONS)}
        if before and place % 3 == 0:
            logs |= {f"{name}-resumed": _resumed(f"{name}-resumed", next(iter(before.values())), random_)}
        copied = dict(list(before.items())[1:2]) if place % 4 == 1 else {}
        for session, log in {**logs, **copied}.items():
            path = folder / name / "projects" / f"{session}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(log.data())
        before = logs
    return [f"{name}@mac-{name}={folder / name}" for name in ENGINEERS]


def _session(session: str, at: float, random_: random.Random) -> Log:
    log = Log(session)
    _work(log, at, random_)
    return log


def _resumed(session: str, earlier: Log, random_: random.Random) -> Log:
    """The lines of the earlier session under the new name, then work of its own a day later."""
    lines = [record | {"sessionId": session} for record in earlier.lines]
    log = Log(session, lines=lines, last=earlier.last, count=earlier.count)
    _work(log, 9 * _DAY_S + random_.uniform(0, 3600), random_)
    return log


def _work(log: Log, at: float, random_: random.Random) -> None:
    """A prompt, then calls with a tool each; some attempts fail first, some calls are cut off."""
    log.prompt(at)
    for number in range(_ROUNDS):
        name = f"msg_{log.session}_{log.count}_{random_.getrandbits(64):016x}"
        if number % 4 == 3:
            at += 0.4
            log.add("system", at, subtype="api_error", retryInMs=500 + random_.random() * 100, retryAttempt=1)
            at += 0.6
        model = _MODELS[random_.randrange(2)]
        at = _answer(log, name, at, model, random_)
        if number % 5 == 4:
            log.prompt(at := at + random_.uniform(5, 60))
        else:
            log.result(at := at + random_.uniform(0.02, 3), f"toolu_{name}")


def _answer(log: Log, name: str, at: float, model: str, random_: random.Random) -> float:
    """One to three lines, one per block, as a model of even speed would write them; gives the time of the last."""
    sizes = [int(random_.lognormvariate(5.5, 0.9)) + 10 for _ in range(3)]
    tool = {"type": "tool_use", "id": f"toolu_{name}", "name": "Bash", "input": {"command": "x" * sizes[2]}}
    blocks = [thinking(sizes[0]), text(sizes[1]), tool]
    tokens = [sizes[0] // 4, 4 + sizes[1] // 4, 60 + sizes[2] // 3]
    first = random_.randrange(3)
    speed = random_.lognormvariate(4.1, 0.15)
    at += random_.lognormvariate(0.7, 0.35)
    for place in range(first, 3):
        at += tokens[place] / speed
        counts = usage(sum(tokens[first:]), read=29_000, write=1_000)
        stop = "tool_use" if place == 2 else None
        log.answer(at, name, blocks[place], tokens=counts, model=model, stop=stop)
    return at
