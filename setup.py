"""Only what pyproject.toml cannot say: compiled code is optional, for there is Python code that does the same."""

from setuptools import Extension, setup

READER = "src/latprof/formats/claude_code"
TRACE = "src/latprof/trace"
SLOTS = (f"{TRACE}/_slots.h", f"{TRACE}/_slots.pxd")
TABLE = tuple(f"{READER}/{name}" for name in ("_table.h", "_index.h", "_pairs.h", "_calls.h", "_native.pxd"))
SOURCES = {
    f"{READER}/_native.pyx": (f"{READER}/_json.h", f"{READER}/_record.h", *TABLE),
    f"{READER}/_native_calls.pyx": TABLE,
    f"{TRACE}/_native_columns.pyx": SLOTS,
}

setup(
    ext_modules=[
        Extension(
            path.removeprefix("src/").removesuffix(".pyx").replace("/", "."),
            [path],
            depends=list(headers),
            include_dirs=[READER, TRACE],
            optional=True,
        )
        for path, headers in SOURCES.items()
    ]
)
