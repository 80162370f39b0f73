"""Only what pyproject.toml cannot say: compiled code is optional, for there is Python code that does the same."""

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.modified import newer_group

READER = "src/latprof/formats/claude_code"
TRACE = "src/latprof/trace"
ESTIMATE = "src/latprof/estimate"
STATS = "src/latprof/stats"
STORE = "src/latprof/store"
INGEST = "src/latprof/ingest"
SLOTS = (f"{TRACE}/_slots.h", f"{TRACE}/_slots.pxd")
TABLE = tuple(f"{READER}/{name}" for name in ("_table.h", "_index.h", "_pairs.h", "_calls.h", "_native.pxd"))
SOURCES = {
    f"{READER}/_native.pyx": (f"{READER}/_json.h", f"{READER}/_record.h", *TABLE),
    f"{READER}/_native_calls.pyx": TABLE,
    f"{TRACE}/_native_columns.pyx": SLOTS,
    f"{ESTIMATE}/_native_sums.pyx": tuple(f"{ESTIMATE}/{name}.h" for name in ("_sums", "_plain", "_exact")),
    f"{STATS}/_native_quantiles.pyx": (
        *(f"{STATS}/{name}.h" for name in ("_quantiles", "_group", "_student", "_order", "_parts")),
        f"{ESTIMATE}/_exact.h",
    ),
    f"{STORE}/_native_crc.pyx": (f"{STORE}/_crc.h",),
    f"{INGEST}/_native_walk.pyx": (f"{INGEST}/_folder.h",),
}
# Sums must be those of the Python code to the last bit: no multiplication fused with an addition. The others only let
# the compiler take several calls at once. Microsoft's compiler keeps to the order as it is.
EXACT = ("-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math")
# What a debugger would need is most of what the compiler writes, and a fifth of its time.
SMALL = ("-g0",)


class Build(build_ext):
    """Adds what compilers of the usual kind have to be told, and lets several of them run at once."""

    def build_extensions(self) -> None:
        """All extensions: Cython takes one after the other, for it has state of its own; then the C compiler.

        What was written before is taken again when nothing of ours is newer: Cython by itself would look at its own
        files too, which pip unpacks anew for each build.
        """
        for ext in self.extensions:
            (source,) = ext.sources
            written = source.removesuffix(".pyx") + ".c"
            if self.force or newer_group([source, *ext.depends], written):
                cythonize([ext], force=True)
            ext.sources = [written]
        self.parallel = self.parallel or True
        super().build_extensions()

    def build_extension(self, ext: Extension) -> None:
        """One extension."""
        if self.compiler.compiler_type != "msvc":
            exact = EXACT if ext.name.endswith(("_sums", "_quantiles")) else ()
            ext.extra_compile_args = [*ext.extra_compile_args, *SMALL, *exact]
        super().build_extension(ext)


setup(
    ext_modules=[
        Extension(
            path.removeprefix("src/").removesuffix(".pyx").replace("/", "."),
            [path],
            depends=["setup.py", *headers],
            include_dirs=[READER, TRACE, ESTIMATE, STATS, STORE, INGEST],
            optional=True,
        )
        for path, headers in SOURCES.items()
    ],
    cmdclass={"build_ext": Build},
)
