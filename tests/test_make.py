"""What `make run` says of a machine that it cannot install on."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OUTSIDE = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
"""The environment without what a `make` above hands down, which would write lines of its own."""

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")


@pytest.mark.parametrize(
    ("refused", "line"),
    [("version_info", "is no Python 3.11 or newer"), ("ensurepip", "install python3-venv"), ("", "")],
)
def test_what_a_python_lacks_is_one_line_and_leaves_no_environment(
    tmp_path: Path, refused: str, line: str
) -> None:
    """A Python that fails at what has a word in it, or in the middle of making an environment."""
    python = tmp_path / "python"
    fails = (
        f"*{refused}*) exit 1;;"
        if refused
        else "*-m*venv*) mkdir -p .venv/bin; touch .venv/bin/python; exit 1;;"
    )
    python.write_text(f'#!/bin/sh\ncase "$*" in {fails} esac\n')
    python.chmod(0o755)
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    done = subprocess.run(
        ["make", "run", f"PYTHON={python}"],
        cwd=tmp_path, env=OUTSIDE | {"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert done.stdout.count("\n") == bool(line)
    assert line in done.stdout
    assert not (tmp_path / ".venv").exists()


def test_half_an_environment_is_named(tmp_path: Path) -> None:
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    done = subprocess.run(
        ["make", "run"], cwd=tmp_path, env=OUTSIDE, capture_output=True, text=True, check=False
    )
    assert done.stdout == ".venv is not whole: delete it and try again\n"
