"""Only what pyproject.toml cannot say: compiled code is optional, for there is Python code that does the same."""

import sys

from setuptools import Extension, setup

READER = "src/latprof/formats/claude_code"
TRACE = "src/latprof/trace"
STATS = "src/latprof/stats"
SLOTS = (f"{TRACE}/_slots.h", f"{TRACE}/_slots.pxd")
SOURCES = {
    f"{READER}/_native.pyx": (f"{READER}/_json.h", f"{READER}/_record.h", *SLOTS),
    f"{READER}/_native_calls.pyx": SLOTS,
    f"{TRACE}/_native_columns.pyx": SLOTS,
    f"{STATS}/_native_quantiles.pyx": (f"{STATS}/_quantiles.h", f"{STATS}/_parts.h"),
}
# Python and C must round alike: two steps are not to become one that rounds once.
EXACT = [] if sys.platform == "win32" else ["-ffp-contract=off"]

setup(
    ext_modules=[
        Extension(
            path.removeprefix("src/").removesuffix(".pyx").replace("/", "."),
            [path],
            depends=list(headers),
            include_dirs=[READER, TRACE, STATS],
            extra_compile_args=EXACT,
            optional=True,
        )
        for path, headers in SOURCES.items()
    ]
)
