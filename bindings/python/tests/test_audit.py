"""The audit log: what is on record, and what verify_audit_log() finds of a log that was edited."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

import libkms
from libkms import AuditData

from .conftest import Store
from .test_fork import in_child

KEY = "orders-1"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "audit.log"


def records(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def work(kms: libkms.Kms) -> None:
    kms.create_key(key_id=KEY)
    kms.generate_data_key(KEY, context={"tenant": "7"}).close()
    with kms.as_principal("bob") as bob, pytest.raises(libkms.AccessDeniedError):
        bob.generate_data_key(KEY)
    kms.flush()


def test_what_is_on_record(store: Store, log: Path) -> None:
    with store.open(create=True, audit_log=log) as kms:
        work(kms)
        found = records(log)
        (created,) = [record for record in found if record["action"] == "kms:CreateKey"]
        assert (created["principal"], created["key"]) == ("arn:aws:iam::000000000000:root", KEY)
        served, refused = [record for record in found if record["action"] == "kms:GenerateDataKey"]
        assert (served["outcome"], served["context"]) == ("KMS_OK", ["tenant"])
        assert (refused["principal"], refused["outcome"]) == ("bob", "KMS_ACCESS_DENIED")
        assert list(kms.verify_audit_log(log)) == list(kms.verify_audit_log(str(log))) == []
        kms.flush()
        stats = kms.stats()
        assert stats.audit_records >= len(found)
        assert stats.audit_records_lost == 0
    assert log.stat().st_mode & 0o777 == 0o600


def test_the_id_of_a_refused_request_is_on_record(store: Store, log: Path) -> None:
    with store.open(create=True, audit_log=log) as kms:
        with pytest.raises(libkms.NotFoundError) as caught:
            kms.describe_key("nobody")
        kms.flush()
        assert records(log)[-1]["request_id"] == caught.value.request_id


@pytest.mark.parametrize(
    ("choice", "outcomes"),
    [
        (None, ["KMS_OK", "KMS_ACCESS_DENIED"]),
        (AuditData.ALL, ["KMS_OK", "KMS_ACCESS_DENIED"]),
        (AuditData.REFUSED, ["KMS_ACCESS_DENIED"]),
    ],
)
def test_what_is_wanted_of_data(store: Store, log: Path, choice: AuditData | None, outcomes: list[str]) -> None:
    with store.open(create=True, audit_log=log, audit_data=choice) as kms:
        work(kms)
    found = [record["outcome"] for record in records(log) if record["action"] == "kms:GenerateDataKey"]
    assert found == outcomes


def test_counts(store: Store, log: Path) -> None:
    with store.open(create=True, audit_log=log, audit_data=AuditData.COUNTED) as kms:
        kms.create_key(key_id=KEY)
        for _ in range(25):
            kms.generate_data_key(KEY).close()
    (counted,) = [record for record in records(log) if record["action"] == "kms:GenerateDataKey"]
    assert counted["count"] == 25


def test_values_of_contexts_on_request(store: Store, log: Path) -> None:
    with store.open(create=True, audit_log=log, audit_context_values=True) as kms:
        work(kms)
    assert any(record.get("context") == {"tenant": "7"} for record in records(log))


def test_edits_are_found(store: Store, log: Path) -> None:
    with store.open(create=True, audit_log=log) as kms:
        work(kms)
    whole = log.read_bytes()
    lines = whole.splitlines(keepends=True)
    assert len(lines) > 3
    # A change is told at its line, another damage at the line that does not follow the one before it.
    edits = {
        "a flipped bit": (2, lines[0] + lines[1].replace(b"KMS_", b"KMS^", 1) + b"".join(lines[2:])),
        "a line left out": (2, lines[0] + b"".join(lines[2:])),
        "two lines swapped": (2, lines[0] + lines[2] + lines[1] + b"".join(lines[3:])),
        "the tail cut off": (0, b"".join(lines[:-1])),
    }
    with store.open() as kms:
        assert list(kms.verify_audit_log(log)) == []
        for what, (line, edited) in edits.items():
            log.write_bytes(edited)
            damages = list(kms.verify_audit_log(log))
            assert damages, what
            assert all(damage.problem and damage.file_number == 0 for damage in damages)
            assert damages[0].line == line, what
        log.write_bytes(whole)
        assert list(kms.verify_audit_log(log)) == []
        with pytest.raises(libkms.NotFoundError):
            kms.verify_audit_log(log.with_name("none.log"))


def test_a_log_in_several_files(store: Store, log: Path) -> None:
    with store.open(create=True, audit_log=log, audit_max_kib=4) as kms:
        for number in range(60):
            kms.create_key(key_id=f"key-{number}")
        assert list(kms.verify_audit_log(log)) == []
    first = log.with_name(log.name + ".1")
    assert first.exists()
    with store.open() as kms:
        first.write_bytes(first.read_bytes().replace(b"key-0", b"key-x", 1))
        damages = list(kms.verify_audit_log(log))
    assert damages[0].file_number == 1
    assert damages[0].line >= 1


def test_a_child_writes_to_the_same_log(store: Store, log: Path) -> None:
    with store.open(create=True, audit_log=log) as kms:
        kms.create_key(key_id=KEY)

        def child() -> int:
            kms.create_key(key_id="of the child".replace(" ", "-"))
            kms.flush()
            return os.getpid()

        assert in_child(child) != os.getpid()
        kms.create_key(key_id="of-the-parent")
        assert list(kms.verify_audit_log(log)) == []
    created = [record["key"] for record in records(log) if record["action"] == "kms:CreateKey"]
    assert created == [KEY, "of-the-child", "of-the-parent"]


def test_a_log_that_cannot_be_written(store: Store, tmp_path: Path) -> None:
    with pytest.raises(libkms.StoreError) as caught:
        store.open(create=True, audit_log=tmp_path / "no" / "such" / "folder.log")
    assert caught.value.native_code != 0
    for options in ({"audit_data": AuditData.ALL}, {"audit_context_values": True}, {"audit_max_kib": 4}):
        with pytest.raises(libkms.InvalidArgumentError, match="audit_log"):
            store.open(create=True, **options)
    for options in ({"audit_data": 4}, {"audit_max_kib": 3}):
        with pytest.raises(libkms.InvalidArgumentError, match="audit_"):
            store.open(create=True, audit_log=tmp_path / "audit.log", **options)  # type: ignore[arg-type]
