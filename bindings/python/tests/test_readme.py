"""The programs in README.md do what they say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

README = Path(__file__).resolve().parents[1] / "README.md"


def programs() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", README.read_text(), re.DOTALL | re.M)


def run(sources: list[str]) -> dict[str, Any]:
    """One after the other, as a reader types them."""
    names: dict[str, Any] = {}
    for number, source in enumerate(sources, 1):
        exec(compile(source, f"README.md, program {number}", "exec"), names)
    return names


def test_every_program_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sources = programs()
    assert len(sources) == README.read_text().count("```") / 2
    names = run(sources)
    assert (tmp_path / "keys.db").exists()
    assert len(names["wrapped"]) == 128


def test_a_program_that_does_not_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sources = programs()
    sources[0] = sources[0].replace("assert key.plaintext == first", "assert key.plaintext != first")
    with pytest.raises(AssertionError):
        run(sources)
