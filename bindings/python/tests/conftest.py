"""Fixtures: a store on disk, open, with one key that every test may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import libkms


@dataclass(frozen=True)
class Store:
    """A store and what opens it."""

    path: Path
    root_key: bytes

    @property
    def name(self) -> str:
        return f"sqlite:{self.path}"

    def open(
        self,
        *,
        create: bool = False,
        read_only: bool = False,
        timeout_ms: int = 0,
        audit_log: Path | None = None,
        audit_data: libkms.AuditData | None = None,
        audit_context_values: bool = False,
        audit_max_kib: int = 0,
    ) -> libkms.Kms:
        return libkms.open(
            self.name,
            root_key=self.root_key,
            create=create,
            read_only=read_only,
            timeout_ms=timeout_ms,
            audit_log=audit_log,
            audit_data=audit_data,
            audit_context_values=audit_context_values,
            audit_max_kib=audit_max_kib,
        )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "keys.db", os.urandom(32))


@pytest.fixture
def kms(store: Store) -> Iterator[libkms.Kms]:
    with store.open(create=True) as kms:
        kms.create_key(key_id="orders-1", alias="alias/orders")
        yield kms
