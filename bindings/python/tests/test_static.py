"""The type checker and the linter find nothing here, and would."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]


def check(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=PROJECT, capture_output=True, text=True, timeout=600, check=False
    )


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mypy")


def mypy(cache: Path, *files: Path) -> subprocess.CompletedProcess[str]:
    return check("mypy", "--strict", "--cache-dir", cache, *files)


def test_types(cache: Path) -> None:
    done = mypy(cache)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("formatting", [["check"], ["format", "--check"]], ids=["check", "format"])
def test_lint(formatting: list[str]) -> None:
    done = check("ruff", *formatting, "--no-cache", ".")
    assert done.returncode == 0, done.stdout


def test_a_program_that_uses_the_package_is_checked(tmp_path: Path, cache: Path) -> None:
    right = tmp_path / "right.py"
    right.write_text(
        "import libkms\n"
        "with libkms.open('memory:', root_key=bytes(32), create=True) as kms:\n"
        "    created: str = kms.create_key(alias='alias/a').key_id\n"
        "    plaintext: bytearray = kms.generate_data_key(created).plaintext\n"
        "    maybe: libkms.DataKey | None = kms.generate_data_key(created, dry_run=True)\n"
        "    ivs: list[bytes] = [key.iv for key in kms.generate_data_keys(created, 2)]\n"
    )
    done = mypy(cache, right)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "wrong",
    [
        "libkms.open('memory:', root_key='text')",
        "kms.generate_data_key(b'alias/a')",
        "kms.generate_data_key('alias/a', context={'a': 1})",
        "kms.generate_data_key('alias/a', spec=1)",
        "kms.generate_data_key('alias/a', dry_run=True).plaintext",
        "kms.decrypt('text')",
        "kms.encrypt('alias/a', b'').plaintext",
        "text: str = kms.generate_data_key('alias/a').plaintext",
    ],
)
def test_a_wrong_program_is_seen(tmp_path: Path, cache: Path, wrong: str) -> None:
    program = tmp_path / "wrong.py"
    program.write_text(f"import libkms\nkms = libkms.open('memory:', root_key=bytes(32))\n{wrong}\n")
    done = mypy(cache, program)
    assert done.returncode == 1
    assert "wrong.py:3: error" in done.stdout
