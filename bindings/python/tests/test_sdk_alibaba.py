"""The story of a data key through alibabacloud_kms20160120, unmodified, and its own typed errors."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

import libkms
from libkms import Dialect

pytest.importorskip("alibabacloud_kms20160120", reason="scripts/test.sh has an environment with it")

KEY = "1234abcd-12ab-34cd-56ef-123456780000"


@pytest.fixture
def kms() -> Iterator[libkms.Kms]:
    with libkms.open("memory:", root_key=bytes(32), create=True, region="cn-hangzhou") as kms:
        kms.create_key(key_id=KEY, alias="alias/example")
        yield kms


@pytest.fixture(params=["ACS3-HMAC-SHA256", "v2"])
def client(kms: libkms.Kms, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client in both ways that the SDK signs: with headers, and with parameters in the query."""
    from alibabacloud_kms20160120.client import Client
    from alibabacloud_tea_openapi.utils_models import Config
    from darabonba.core import DaraCore

    from libkms.adapters.requests import Adapter

    # The SDK keeps one session for each host, and asks this for the adapter of a new one.
    monkeypatch.setattr(DaraCore, "_sessions", {})
    monkeypatch.setattr(DaraCore, "get_adapter", lambda *_, **__: Adapter(kms, Dialect.ALIBABA_RPC))
    config = Config(access_key_id="any", access_key_secret="any", endpoint="kms.libkms.invalid")
    config.signature_algorithm = request.param
    return Client(config)


def call(client: Any, action: str, **members: Any) -> Any:
    from alibabacloud_kms20160120 import models

    method = {"GenerateDataKeyWithoutPlaintext": "generate_data_key_without_plaintext"}.get(
        action, "".join("_" + c.lower() if c.isupper() else c for c in action).lstrip("_")
    )
    return getattr(client, method)(getattr(models, f"{action}Request")(**members)).body


def refused(client: Any, action: str, **members: Any) -> tuple[int, str]:
    from alibabacloud_tea_openapi.exceptions import ClientException

    with pytest.raises(ClientException) as raised:
        call(client, action, **members)
    error: Any = raised.value
    assert len(error.data["RequestId"]) == 36
    assert {"Code", "Message", "HostId", "Recommend"} <= set(error.data)
    return error.status_code, error.code


def test_the_story(client: Any, kms: libkms.Kms) -> None:
    context = {"tenant": "7", "\u0431": '"\\'}
    for key_id in (KEY, "alias/example", f"acs:kms:cn-hangzhou:000000000000:key/{KEY}"):
        made = call(client, "GenerateDataKey", key_id=key_id, key_spec="AES_256", encryption_context=context)
        assert made.key_id == KEY
        assert made.key_version_id == kms.describe_key(KEY).primary_version_id
        plaintext, ciphertext = base64.b64decode(made.plaintext), base64.b64decode(made.ciphertext_blob)
        assert len(plaintext) == 32
        opened = call(client, "Decrypt", ciphertext_blob=made.ciphertext_blob, encryption_context=context)
        assert (opened.plaintext, opened.key_id) == (made.plaintext, KEY)
        # And natively.
        assert bytes(kms.decrypt(ciphertext, context=context).plaintext) == plaintext

    hidden = call(client, "GenerateDataKeyWithoutPlaintext", key_id=KEY, number_of_bytes=48)
    opened = call(client, "Decrypt", ciphertext_blob=hidden.ciphertext_blob)
    assert len(base64.b64decode(opened.plaintext)) == 48

    sealed = call(client, "Encrypt", key_id=KEY, plaintext=base64.b64encode(b"payload").decode())
    kms.create_key(key_id="other")
    moved = call(
        client,
        "ReEncrypt",
        ciphertext_blob=sealed.ciphertext_blob,
        destination_key_id="other",
        destination_encryption_context={"to": "other"},
    )
    assert moved.key_id == KEY
    opened = call(client, "Decrypt", ciphertext_blob=moved.ciphertext_blob, encryption_context={"to": "other"})
    assert (base64.b64decode(opened.plaintext), opened.key_id) == (b"payload", "other")


def test_errors_are_the_sdk_s_own(client: Any, kms: libkms.Kms) -> None:
    made = call(client, "GenerateDataKey", key_id=KEY, encryption_context={"a": "b"})
    for context in ({"a": "c"}, None):
        wrong = refused(client, "Decrypt", ciphertext_blob=made.ciphertext_blob, encryption_context=context)
        assert wrong == (400, "InvalidParameter")
    assert refused(client, "GenerateDataKey", key_id="nowhere") == (404, "Forbidden.KeyNotFound")
    assert refused(client, "GenerateDataKey", key_id="alias/nowhere") == (404, "Forbidden.AliasNotFound")
    assert refused(client, "GenerateDataKey") == (400, "MissingParameter")
    assert refused(client, "DescribeKey", key_id=KEY) == (404, "InvalidAction.NotFound")
    kms.disable_key(KEY)
    assert refused(client, "GenerateDataKey", key_id=KEY) == (409, "Rejected.Disabled")
    kms.schedule_key_deletion(KEY)
    assert refused(client, "Decrypt", ciphertext_blob=made.ciphertext_blob) == (409, "Rejected.PendingDeletion")


def test_limits(client: Any) -> None:
    def length(**members: Any) -> int:
        return len(base64.b64decode(call(client, "GenerateDataKey", key_id=KEY, **members).plaintext))

    assert length() == 32
    assert length(key_spec="AES_128") == 16
    assert length(key_spec="AES_128", number_of_bytes=64) == 64
    assert length(number_of_bytes=1) == 1
    assert length(number_of_bytes=1024) == 1024
    for members in ({"number_of_bytes": 0}, {"number_of_bytes": 1025}, {"key_spec": "AES_192"}):
        assert refused(client, "GenerateDataKey", key_id=KEY, **members) == (400, "InvalidParameter")
    # The SDK writes {"k":"vvv"}.
    assert length(encryption_context={"k": "v" * (8192 - 8)}) == 32
    too_long = {"k": "v" * (8192 - 7)}
    assert refused(client, "GenerateDataKey", key_id=KEY, encryption_context=too_long) == (400, "InvalidParameter")


def test_a_denied_principal(client: Any, kms: libkms.Kms, monkeypatch: pytest.MonkeyPatch) -> None:
    from darabonba.core import DaraCore

    from libkms.adapters.requests import Adapter

    with kms.as_principal("arn:aws:iam::000000000000:user/alice") as alice:
        monkeypatch.setattr(DaraCore, "get_adapter", lambda *_, **__: Adapter(alice, Dialect.ALIBABA_RPC))
        assert refused(client, "GenerateDataKey", key_id=KEY) == (403, "Forbidden.NoPermission")
        assert refused(client, "GenerateDataKey", key_id=KEY, dry_run="true") == (403, "AccessDeniedError")


def test_a_dry_run_always_fails(client: Any, kms: libkms.Kms) -> None:
    assert refused(client, "GenerateDataKey", key_id=KEY, dry_run="true") == (400, "DryRunOperationError")
    assert refused(client, "GenerateDataKey", key_id="nowhere", dry_run="true") == (400, "ValidationError")
    assert call(client, "GenerateDataKey", key_id=KEY, dry_run="false").key_id == KEY
    assert kms.stats().data_keys_generated == 1
