"""Only what pyproject.toml cannot say: compiled code is optional, for there is Python code that does the same."""

from setuptools import Extension, setup

FOLDER = "src/latprof/formats/claude_code"
HEADERS = {"_native": ("_json.h", "_record.h", "_slots.h", "_slots.pxd"), "_native_calls": ("_slots.h", "_slots.pxd")}

setup(
    ext_modules=[
        Extension(
            f"latprof.formats.claude_code.{name}",
            [f"{FOLDER}/{name}.pyx"],
            depends=[f"{FOLDER}/{header}" for header in headers],
            include_dirs=[FOLDER],
            optional=True,
        )
        for name, headers in HEADERS.items()
    ]
)
