"""Only what pyproject.toml cannot say: compiled code is optional, for there is Python code that does the same."""

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

READER = "src/latprof/formats/claude_code"
TRACE = "src/latprof/trace"
ESTIMATE = "src/latprof/estimate"
STATS = "src/latprof/stats"
STORE = "src/latprof/store"
SLOTS = (f"{TRACE}/_slots.h", f"{TRACE}/_slots.pxd")
TABLE = tuple(f"{READER}/{name}" for name in ("_table.h", "_index.h", "_pairs.h", "_calls.h", "_native.pxd"))
SOURCES = {
    f"{READER}/_native.pyx": (f"{READER}/_json.h", f"{READER}/_record.h", *TABLE),
    f"{READER}/_native_calls.pyx": TABLE,
    f"{TRACE}/_native_columns.pyx": SLOTS,
    f"{ESTIMATE}/_native_sums.pyx": tuple(f"{ESTIMATE}/{name}.h" for name in ("_sums", "_plain", "_exact")),
    f"{STATS}/_native_quantiles.pyx": (
        *(f"{STATS}/{name}.h" for name in ("_quantiles", "_group", "_order", "_parts")),
        f"{ESTIMATE}/_exact.h",
    ),
    f"{STORE}/_native_crc.pyx": (f"{STORE}/_crc.h",),
}
# Sums must be those of the Python code to the last bit: no multiplication fused with an addition. The others only let
# the compiler take several calls at once. Microsoft's compiler keeps to the order as it is.
EXACT = ("-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math")


class Build(build_ext):
    """Adds what compilers of the usual kind have to be told."""

    def build_extension(self, ext: Extension) -> None:
        """One extension."""
        if ext.name.endswith(("_sums", "_quantiles")) and self.compiler.compiler_type != "msvc":
            ext.extra_compile_args = [*ext.extra_compile_args, *EXACT]
        super().build_extension(ext)


setup(
    ext_modules=[
        Extension(
            path.removeprefix("src/").removesuffix(".pyx").replace("/", "."),
            [path],
            depends=list(headers),
            include_dirs=[READER, TRACE, ESTIMATE, STATS, STORE],
            optional=True,
        )
        for path, headers in SOURCES.items()
    ],
    cmdclass={"build_ext": Build},
)
