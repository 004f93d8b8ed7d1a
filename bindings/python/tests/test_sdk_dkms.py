"""The story of a data key through alibabacloud-dkms-gcs, unmodified, and its own errors.

It needs protobuf before version 4, and so an environment of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import libkms
from libkms import Dialect

pytest.importorskip("openapi_util.protobuf", reason="scripts/test.sh has an environment with it")

KEY = "key-hzz62f1cb66fa42qo0000"


@pytest.fixture
def kms() -> Iterator[libkms.Kms]:
    with libkms.open("memory:", root_key=bytes(32), create=True) as kms:
        kms.create_key(key_id=KEY, alias="alias/x")
        yield kms


@pytest.fixture(scope="module")
def private_key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return "".join(pem.decode().splitlines()[1:-1])


@pytest.fixture
def client(kms: libkms.Kms, private_key: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    from openapi.models import Config
    from sdk.client import Client
    from Tea.core import TeaCore

    from libkms.adapters.requests import Adapter

    # The SDK keeps one session for each host, and asks this for the adapter of a new one.
    monkeypatch.setattr(TeaCore, "_sessions", {})
    monkeypatch.setattr(TeaCore, "get_adapter", lambda *_, **__: Adapter(kms, Dialect.ALIBABA_DKMS))
    endpoint = "kst-any.cryptoservice.kms.aliyuncs.com"
    return Client(Config(access_key_id="any", private_key=private_key, endpoint=endpoint, protocol="https"))


def call(client: Any, action: str, **members: Any) -> Any:
    from sdk import models

    method = "".join("_" + c.lower() if c.isupper() else c for c in action).lstrip("_")
    return getattr(client, method)(getattr(models, f"{action}Request")(**members))


def refused(client: Any, action: str, **members: Any) -> tuple[int, str]:
    from Tea.exceptions import TeaException

    with pytest.raises(TeaException) as raised:
        call(client, action, **members)
    error: Any = raised.value
    assert error.message
    assert len(error.data["requestId"]) == 36
    return error.data["httpCode"], error.code


def test_the_story(client: Any, kms: libkms.Kms) -> None:
    made = call(client, "GenerateDataKey", key_id="alias/x", algorithm="AES_GCM", number_of_bytes=64, aad=b"aad\0")
    assert (made.key_id, made.algorithm) == (KEY, "AES_GCM")
    assert (len(made.plaintext), len(made.iv), len(made.request_id)) == (64, 12, 36)
    shown = {"ciphertext_blob": made.ciphertext_blob, "iv": made.iv, "algorithm": made.algorithm, "aad": b"aad\0"}
    opened = call(client, "Decrypt", key_id=KEY, **shown)
    assert (opened.plaintext, opened.key_id, opened.algorithm) == (made.plaintext, KEY, "AES_GCM")
    # And natively, with the IV and without.
    for iv in (made.iv, None):
        assert bytes(kms.decrypt(made.ciphertext_blob, aad=b"aad\0", iv=iv).plaintext) == made.plaintext

    sealed = call(client, "Encrypt", key_id=KEY, plaintext=b"payload")
    opened = call(client, "Decrypt", ciphertext_blob=sealed.ciphertext_blob, iv=sealed.iv, algorithm=sealed.algorithm)
    assert opened.plaintext == b"payload"
    assert len(call(client, "GenerateRandom", length=48).random) == 48


def test_initial_and_primary_versions(client: Any, kms: libkms.Kms) -> None:
    first = kms.describe_key(KEY).primary_version_id
    kms.rotate_key(KEY)
    second = kms.describe_key(KEY).primary_version_id
    plain = call(client, "GenerateDataKey", key_id=KEY, number_of_bytes=32)
    advance = call(client, "AdvanceGenerateDataKey", key_id=KEY, number_of_bytes=32)
    assert advance.key_version_id == second
    opened = call(client, "AdvanceDecrypt", ciphertext_blob=plain.ciphertext_blob)
    assert (opened.plaintext, opened.key_version_id) == (plain.plaintext, first)
    opened = call(client, "AdvanceDecrypt", ciphertext_blob=advance.ciphertext_blob)
    assert (opened.plaintext, opened.key_version_id) == (advance.plaintext, second)

    def decrypt(made: Any) -> dict[str, Any]:
        return {"ciphertext_blob": made.ciphertext_blob, "iv": made.iv, "algorithm": made.algorithm, "key_id": KEY}

    assert call(client, "Decrypt", **decrypt(plain)).plaintext == plain.plaintext
    assert refused(client, "Decrypt", **decrypt(advance)) == (400, "InvalidParameter")


def test_errors_are_the_sdk_s_own(client: Any, kms: libkms.Kms) -> None:
    made = call(client, "GenerateDataKey", key_id=KEY, number_of_bytes=32, aad=b"right")
    shown = {"ciphertext_blob": made.ciphertext_blob, "iv": made.iv, "algorithm": made.algorithm, "key_id": KEY}
    assert refused(client, "Decrypt", **shown, aad=b"wrong") == (400, "InvalidParameter")
    assert refused(client, "Decrypt", **shown) == (400, "InvalidParameter")
    no_iv = {name: value for name, value in shown.items() if name != "iv"}
    assert refused(client, "Decrypt", **no_iv, aad=b"right") == (400, "MissingParameter")
    encrypt = {"key_id": KEY, "plaintext": b"payload"}
    assert refused(client, "Encrypt", **encrypt, iv=bytes(range(12))) == (400, "InvalidParameter")
    assert refused(client, "GenerateDataKey", key_id="nowhere") == (404, "Forbidden.KeyNotFound")
    assert refused(client, "GenerateDataKey", key_id="alias/nowhere") == (404, "Forbidden.AliasNotFound")
    assert refused(client, "GetPublicKey", key_id=KEY) == (400, "InvalidApiName")
    kms.disable_key(KEY)
    assert refused(client, "GenerateDataKey", key_id=KEY) == (409, "Rejected.Disabled")
    kms.schedule_key_deletion(KEY)
    assert refused(client, "Decrypt", **shown, aad=b"right") == (409, "Rejected.PendingDeletion")


def test_a_denied_principal(client: Any, kms: libkms.Kms, monkeypatch: pytest.MonkeyPatch) -> None:
    from Tea.core import TeaCore

    from libkms.adapters.requests import Adapter

    with kms.as_principal("arn:aws:iam::000000000000:user/alice") as alice:
        monkeypatch.setattr(TeaCore, "get_adapter", lambda *_, **__: Adapter(alice, Dialect.ALIBABA_DKMS))
        for action in ("GenerateDataKey", "AdvanceGenerateDataKey"):
            assert refused(client, action, key_id=KEY) == (403, "Forbidden.NoPermission")


def test_limits(client: Any) -> None:
    for number in (1, 1024):
        assert len(call(client, "GenerateDataKey", key_id=KEY, number_of_bytes=number).plaintext) == number
    assert len(call(client, "GenerateDataKey", key_id=KEY).plaintext) == 32
    for number in (-1, 1025):
        assert refused(client, "GenerateDataKey", key_id=KEY, number_of_bytes=number) == (400, "InvalidParameter")
    assert len(call(client, "GenerateDataKey", key_id=KEY, aad=bytes(8192)).plaintext) == 32
    assert refused(client, "GenerateDataKey", key_id=KEY, aad=bytes(8193)) == (400, "InvalidParameter")
    assert refused(client, "GenerateDataKey", number_of_bytes=32) == (400, "MissingParameter")
    assert refused(client, "GenerateDataKey", key_id=KEY, algorithm="AES_CBC") == (400, "InvalidParameter")


def test_our_messages_are_the_vendor_s() -> None:
    from openapi_util.protobuf import api_pb2

    ours = (Path(__file__).parents[3] / "src/dialect/alibaba_dkms/messages.proto").read_text()
    their_names = {
        "DataKeyResponse": ["GenerateDataKeyResponse", "AdvanceGenerateDataKeyResponse"],
        "EncryptRequest": ["EncryptRequest", "AdvanceEncryptRequest"],
        "EncryptResponse": ["EncryptResponse", "AdvanceEncryptResponse"],
        "DecryptRequest": ["DecryptRequest", "AdvanceDecryptRequest"],
        "DecryptResponse": ["DecryptResponse", "AdvanceDecryptResponse"],
        "RequestError": ["Error"],
    }
    messages = re.findall(r"^message (\w+) {\n(.*?)^}", ours, re.MULTILINE | re.DOTALL)
    assert len(messages) == 10
    for name, body in messages:
        fields = {
            ("".join(part.title() for part in field.split("_")), int(number))
            for field, number in re.findall(r"(\w+) = (\d+);", body)
        }
        for their_name in their_names.get(name, [name]):
            theirs = {(f.name, f.number) for f in api_pb2.DESCRIPTOR.message_types_by_name[their_name].fields}
            # The plain form has no version, which our one message for both leaves empty there.
            assert fields - theirs <= {field for field in fields if field[0] == "KeyVersionId"}, their_name
            assert theirs <= fields, their_name
