"""Only what pyproject.toml cannot say: the compiled reader is optional, for there is Python code that does the same."""

from setuptools import Extension, setup

FOLDER = "src/latprof/formats/claude_code"

setup(
    ext_modules=[
        Extension(
            "latprof.formats.claude_code._native",
            [f"{FOLDER}/_native.pyx"],
            depends=[f"{FOLDER}/_json.h", f"{FOLDER}/_record.h"],
            include_dirs=[FOLDER],
            optional=True,
        )
    ]
)
