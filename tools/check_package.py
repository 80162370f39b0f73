"""Build sdist and wheel, install the wheel alone in a new environment, run it on the fixtures."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMPILED = (
    *("formats/claude_code/_native", "formats/claude_code/_native_calls", "trace/_native_columns"),
    *("estimate/_native_sums", "stats/_native_quantiles", "store/_native_crc", "ingest/_native_walk"),
)
HEADERS = (
    *(f"formats/claude_code/_{name}.h" for name in ("json", "record", "table", "index", "pairs", "calls")),
    *("formats/claude_code/_native.pxd", "trace/_slots.h", "trace/_slots.pxd"),
    *("estimate/_sums.h", "estimate/_plain.h", "estimate/_exact.h"),
    *(f"stats/_{name}.h" for name in ("quantiles", "group", "student", "order", "parts")),
    "store/_crc.h",
    "ingest/_folder.h",
)
IN_SDIST = (
    *("README.md", "LICENSE", "CHANGELOG.md", "justfile", "setup.py"),
    *(f"src/latprof/{name}" for name in (*(f"{name}.pyx" for name in COMPILED), *HEADERS)),
)


def run(*command: str, cwd: Path = ROOT) -> str:
    """Run a command and give its output; a failure ends the check with that output."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"failed: {' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> None:
    """Exit with 1 when an archive misses what it must hold or the installed program does not run."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        run(sys.executable, "-m", "build", "--outdir", str(out), str(ROOT))
        (wheel,), (sdist,) = out.glob("*.whl"), out.glob("*.tar.gz")
        names = zipfile.ZipFile(wheel).namelist()
        missing = [name for name in ("latprof/py.typed", "latprof/cli/__init__.py") if name not in names]
        with tarfile.open(sdist) as archive:
            held = {"/".join(name.split("/")[1:]) for name in archive.getnames()}
        missing += [name for name in IN_SDIST if name not in held]
        if missing:
            sys.exit(f"missing in the archives: {', '.join(missing)}")
        venv.create(out / "env", with_pip=True)
        scripts = out / "env" / ("Scripts" if os.name == "nt" else "bin")
        # Few of the modules are loaded below, so compiling all of them would take longer than it saves.
        run(str(scripts / "python"), "-m", "pip", "install", "-q", "--no-compile", str(wheel), cwd=out)
        program = str(scripts / "latprof")
        # The second and third need the data files that lie beside the code.
        for words, *command in (
            ("Waiting by trigger", "analyze", str(ROOT / "fixtures" / "claude-code")),
            ("RTX 4090", "catalogue", "show", "rtx-4090"),
            (
                "TPOT",
                "predict",
                "--gpu",
                "8xH200",
                "--model",
                "DeepSeek-R1",
                "--isl",
                "8192",
                "--osl",
                "1024",
                "--concurrency",
                "4",
            ),
            ("<svg", "report", str(ROOT / "fixtures" / "examples"), "--format", "html", "-o", "-"),
        ):
            if words not in run(program, *command, cwd=out):
                sys.exit(f"the installed program's {command[0]} does not show {words}")
        print(f"{wheel.name} and {sdist.name} build, install and run")


if __name__ == "__main__":
    main()
