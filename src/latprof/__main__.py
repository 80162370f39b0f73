"""The program: `latprof` and `python -m latprof`."""

from __future__ import annotations

import atexit
import gc
import os
import sys
import threading
from typing import Final

__all__ = ["run"]

_INTERRUPTED: Final = 130


def run() -> None:
    """Run the program and end the process.

    The interpreter would free every object one by one first, which takes a tenth of the time of a small command. All
    else that it does at the end is done here; where more may depend on it, it ends as ever.

    Ctrl-C is told in a word also while modules load and while an earlier one ends the program.
    """
    try:
        _run()
    except KeyboardInterrupt:
        _let_ctrl_c_end_it()
        os.write(2, b"latprof: stopped.\n")
        sys.exit(_INTERRUPTED)


def _run() -> None:
    gc.disable()
    from latprof.cli import main

    # What is loaded stays and need not be gone through. Later, hardly any object of latprof lies in a cycle, and to
    # look for them each time that 700 more are there costs a third of the time where millions are made.
    gc.freeze()
    gc.set_threshold(200_000, 10, 50)
    gc.enable()
    try:
        main()
    except SystemExit as end:
        code = 0 if end.code is None else end.code
        if isinstance(code, int) and 0 <= code <= 255 and not _somebody_waits() and _nothing_is_left():
            os._exit(code)
        if code == _INTERRUPTED:
            _let_ctrl_c_end_it()
        raise


def _let_ctrl_c_end_it() -> None:
    """At once: while the interpreter ends, it would print a trace-back."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _somebody_waits() -> bool:
    """Whether another thread, a debugger, a profiler, a prompt or a check for leaks goes on after this."""
    flags = sys.flags
    monitoring = getattr(sys, "monitoring", None)
    return (
        threading.active_count() > 1
        or bool(flags.inspect or flags.interactive or flags.dev_mode)
        or sys.gettrace() is not None
        or sys.getprofile() is not None
        or (monitoring is not None and any(monitoring.get_tool(number) is not None for number in range(6)))
    )


def _nothing_is_left() -> bool:
    """Call what wants to be called at the end, and write what was printed; whether all of that was written."""
    atexit._run_exitfuncs()  # noqa: SLF001 - there is no other way to have them called
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None and not stream.closed:
                stream.flush()
    except (OSError, ValueError):
        return False  # the interpreter tells of it
    return True


if __name__ == "__main__":
    run()
