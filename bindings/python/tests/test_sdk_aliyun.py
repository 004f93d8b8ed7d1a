"""The story of a data key through aliyun-python-sdk-kms, Alibaba's older SDK, unmodified, and its own typed errors."""

from __future__ import annotations

import base64
import importlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

import libkms
from libkms import Dialect

pytest.importorskip("aliyunsdkkms", reason="scripts/test.sh has an environment with it")

KEY = "1234abcd-12ab-34cd-56ef-123456780000"


@pytest.fixture
def kms() -> Iterator[libkms.Kms]:
    with libkms.open("memory:", root_key=bytes(32), create=True, region="cn-hangzhou") as kms:
        kms.create_key(key_id=KEY, alias="alias/example")
        yield kms


@pytest.fixture
def client(kms: libkms.Kms) -> Any:
    from aliyunsdkcore.client import AcsClient

    from libkms.adapters.requests import Adapter

    made = AcsClient("any", "any", "cn-hangzhou", auto_retry=False)
    made.add_endpoint("cn-hangzhou", "Kms", "kms.libkms.invalid")
    made.session.mount("https://", Adapter(kms, Dialect.ALIBABA_RPC))
    return made


@pytest.fixture(params=["query", "form", "GET"])
def way(request: pytest.FixtureRequest) -> str:
    """How the arguments travel."""
    return str(request.param)


def call(client: Any, way: str, action: str, **members: Any) -> Any:
    request = getattr(importlib.import_module(f"aliyunsdkkms.request.v20160120.{action}Request"), f"{action}Request")()
    if way == "GET":
        request.set_method("GET")
    for name, value in members.items():
        if way == "form":
            request.add_body_params(name, value)
        else:
            getattr(request, f"set_{name}")(value)
    return json.loads(client.do_action_with_exception(request))


def refused(client: Any, way: str, action: str, **members: Any) -> tuple[int, str]:
    from aliyunsdkcore.acs_exception.exceptions import ServerException

    with pytest.raises(ServerException) as raised:
        call(client, way, action, **members)
    error = raised.value
    assert len(error.get_request_id()) == 36
    assert error.get_error_msg()
    return error.get_http_status(), error.get_error_code()


def test_the_story(client: Any, way: str, kms: libkms.Kms) -> None:
    context = {"tenant": "7", "\u0431": '"\\ +&=%'}
    text = json.dumps(context)
    for key_id in (KEY, "alias/example", f"acs:kms:cn-hangzhou:000000000000:key/{KEY}"):
        made = call(client, way, "GenerateDataKey", KeyId=key_id, KeySpec="AES_256", EncryptionContext=text)
        assert made["KeyId"] == KEY
        assert made["KeyVersionId"] == kms.describe_key(KEY).primary_version_id
        opened = call(client, way, "Decrypt", CiphertextBlob=made["CiphertextBlob"], EncryptionContext=text)
        assert (opened["Plaintext"], opened["KeyId"]) == (made["Plaintext"], KEY)
        natively = kms.decrypt(base64.b64decode(made["CiphertextBlob"]), context=context)
        assert bytes(natively.plaintext) == base64.b64decode(made["Plaintext"])

    hidden = call(client, way, "GenerateDataKeyWithoutPlaintext", KeyId=KEY, NumberOfBytes=48)
    opened = call(client, way, "Decrypt", CiphertextBlob=hidden["CiphertextBlob"])
    assert len(base64.b64decode(opened["Plaintext"])) == 48

    sealed = call(client, way, "Encrypt", KeyId=KEY, Plaintext=base64.b64encode(b"payload").decode())
    kms.create_key(key_id="other")
    moved = call(
        client,
        way,
        "ReEncrypt",
        CiphertextBlob=sealed["CiphertextBlob"],
        DestinationKeyId="other",
        DestinationEncryptionContext='{"to":"other"}',
    )
    assert moved["KeyId"] == KEY
    opened = call(client, way, "Decrypt", CiphertextBlob=moved["CiphertextBlob"], EncryptionContext='{"to":"other"}')
    assert (base64.b64decode(opened["Plaintext"]), opened["KeyId"]) == (b"payload", "other")


def test_errors_are_the_sdk_s_own(client: Any, way: str, kms: libkms.Kms) -> None:
    made = call(client, way, "GenerateDataKey", KeyId=KEY, EncryptionContext='{"a":"b"}')
    for context in ('{"a":"c"}', "{}"):
        wrong = refused(client, way, "Decrypt", CiphertextBlob=made["CiphertextBlob"], EncryptionContext=context)
        assert wrong == (400, "InvalidParameter")
    assert refused(client, way, "GenerateDataKey", KeyId="nowhere") == (404, "Forbidden.KeyNotFound")
    assert refused(client, way, "GenerateDataKey", KeyId="alias/nowhere") == (404, "Forbidden.AliasNotFound")
    assert refused(client, way, "GenerateDataKey") == (400, "MissingParameter")
    assert refused(client, way, "DescribeKey", KeyId=KEY) == (404, "InvalidAction.NotFound")
    kms.disable_key(KEY)
    assert refused(client, way, "GenerateDataKey", KeyId=KEY) == (409, "Rejected.Disabled")
    kms.schedule_key_deletion(KEY)
    gone = refused(client, way, "Decrypt", CiphertextBlob=made["CiphertextBlob"], EncryptionContext='{"a":"b"}')
    assert gone == (409, "Rejected.PendingDeletion")


def test_limits(client: Any, way: str) -> None:
    def length(**members: Any) -> int:
        return len(base64.b64decode(call(client, way, "GenerateDataKey", KeyId=KEY, **members)["Plaintext"]))

    assert length() == 32
    assert length(KeySpec="AES_128") == 16
    assert length(KeySpec="AES_128", NumberOfBytes=64) == 64
    assert (length(NumberOfBytes=1), length(NumberOfBytes=1024)) == (1, 1024)
    for members in ({"NumberOfBytes": 0}, {"NumberOfBytes": 1025}, {"KeySpec": "AES_192"}):
        assert refused(client, way, "GenerateDataKey", KeyId=KEY, **members) == (400, "InvalidParameter")
    longest = '{"k":"' + "v" * (8192 - 8) + '"}'
    assert length(EncryptionContext=longest) == 32
    too_long = longest.replace("v", "vv", 1)
    assert refused(client, way, "GenerateDataKey", KeyId=KEY, EncryptionContext=too_long) == (400, "InvalidParameter")


def test_a_dry_run_and_a_denied_principal(client: Any, way: str, kms: libkms.Kms) -> None:
    from libkms.adapters.requests import Adapter

    assert refused(client, way, "GenerateDataKey", KeyId=KEY, DryRun="true") == (400, "DryRunOperationError")
    assert refused(client, way, "GenerateDataKey", KeyId="nowhere", DryRun="true") == (400, "ValidationError")
    assert call(client, way, "GenerateDataKey", KeyId=KEY, DryRun="false")["KeyId"] == KEY
    with kms.as_principal("arn:aws:iam::000000000000:user/alice") as alice:
        client.session.mount("https://", Adapter(alice, Dialect.ALIBABA_RPC))
        assert refused(client, way, "GenerateDataKey", KeyId=KEY) == (403, "Forbidden.NoPermission")
        assert refused(client, way, "GenerateDataKey", KeyId=KEY, DryRun="true") == (403, "AccessDeniedError")
