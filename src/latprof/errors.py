"""The errors a user can cause, each with the exit code it ends the program with.

    LatprofError            1   (never raised itself)
    ├── CheckFailed         1   a budget or the comparison with a baseline failed
    ├── UsageError          2   an option or argument that cannot be used
    │   └── OutputExists    2   a file that would be overwritten
    └── NothingReadable     3   nothing given could be read, or held a known log

Bad lines in logs are not errors: they become counted `latprof.model.Problem` values.
"""

from __future__ import annotations

__all__ = ["CheckFailed", "LatprofError", "NothingReadable", "OutputExists", "UsageError"]


class LatprofError(Exception):
    """A mistake the user can mend; its text is one sentence with the next step."""

    exit_code = 1


class CheckFailed(LatprofError):
    """A budget, or a figure compared with a baseline, failed."""


class UsageError(LatprofError):
    """An option or argument that cannot be used."""

    exit_code = 2


class OutputExists(UsageError):
    """The output file is there already and was not to be replaced."""


class NothingReadable(LatprofError):
    """No given path could be read, or none held a log of a known format."""

    exit_code = 3
