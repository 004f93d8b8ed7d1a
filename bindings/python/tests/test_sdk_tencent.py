"""The story of a data key through tencentcloud-sdk-python-kms, unmodified, and its own typed errors."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

import libkms
from libkms import Dialect

pytest.importorskip("tencentcloud", reason="scripts/test.sh has an environment with it")

KEY = "23e80852-1e38-11e9-b129-5cb9019b4b01"


@pytest.fixture
def kms() -> Iterator[libkms.Kms]:
    with libkms.open("memory:", root_key=bytes(32), create=True) as kms:
        kms.create_key(key_id=KEY)
        yield kms


@pytest.fixture(params=["TC3-HMAC-SHA256 POST", "TC3-HMAC-SHA256 GET", "HmacSHA1 POST", "HmacSHA256 GET"])
def client(kms: libkms.Kms, request: pytest.FixtureRequest) -> Any:
    """A client in each way that the SDK sends: parameters in JSON, in the query, in a form."""
    from tencentcloud.common.credential import Credential
    from tencentcloud.common.profile.client_profile import ClientProfile
    from tencentcloud.common.profile.http_profile import HttpProfile
    from tencentcloud.kms.v20190118.kms_client import KmsClient

    from libkms.adapters.requests import Adapter

    sign, method = request.param.split()
    profile = ClientProfile(signMethod=sign, httpProfile=HttpProfile(endpoint="kms.libkms.invalid", reqMethod=method))
    client = KmsClient(Credential("any", "any"), "local", profile)
    client.request.conn._session.mount("https://", Adapter(kms, Dialect.TENCENT_V3))
    return client


def call(client: Any, action: str, **members: Any) -> Any:
    from tencentcloud.kms.v20190118 import models

    request = getattr(models, f"{action}Request")()
    for name, value in members.items():
        assert hasattr(request, name)
        setattr(request, name, value)
    return getattr(client, action)(request)


def code(client: Any, action: str, **members: Any) -> str:
    from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

    with pytest.raises(TencentCloudSDKException) as raised:
        call(client, action, **members)
    error = raised.value
    assert error.get_message()
    assert len(error.get_request_id()) == 36
    return str(error.get_code())


def test_the_story(client: Any, kms: libkms.Kms) -> None:
    context = json.dumps({"tenant": "7", "\u0431": '"\\'})
    made = call(client, "GenerateDataKey", KeyId=KEY, KeySpec="AES_256", EncryptionContext=context)
    assert made.KeyId == KEY
    assert len(made.RequestId) == 36
    plaintext, ciphertext = base64.b64decode(made.Plaintext), base64.b64decode(made.CiphertextBlob)
    assert len(plaintext) == 32
    opened = call(client, "Decrypt", CiphertextBlob=made.CiphertextBlob, EncryptionContext=context)
    assert (opened.Plaintext, opened.KeyId) == (made.Plaintext, KEY)
    # And natively.
    assert bytes(kms.decrypt(ciphertext, context={"tenant": "7", "\u0431": '"\\'}).plaintext) == plaintext

    sealed = call(client, "Encrypt", KeyId=KEY, Plaintext=base64.b64encode(b"payload").decode())
    kms.create_key(key_id="other")
    moved = call(client, "ReEncrypt", CiphertextBlob=sealed.CiphertextBlob, DestinationKeyId="other")
    assert (moved.KeyId, moved.SourceKeyId, moved.ReEncrypted) == ("other", KEY, True)
    opened = call(client, "Decrypt", CiphertextBlob=moved.CiphertextBlob)
    assert base64.b64decode(opened.Plaintext) == b"payload"
    assert len(base64.b64decode(call(client, "GenerateRandom", NumberOfBytes=48).Plaintext)) == 48


def test_errors_are_the_sdk_s_own(client: Any, kms: libkms.Kms) -> None:
    from tencentcloud.kms.v20190118 import errorcodes

    made = call(client, "GenerateDataKey", KeyId=KEY, NumberOfBytes=16, EncryptionContext='{"a":"b"}')
    for context in ('{"a":"c"}', None):
        wrong = code(client, "Decrypt", CiphertextBlob=made.CiphertextBlob, EncryptionContext=context)
        assert wrong == errorcodes.INVALIDPARAMETERVALUE_INVALIDCIPHERTEXT
    missing = code(client, "GenerateDataKey", KeyId="nowhere", KeySpec="AES_256")
    assert missing == errorcodes.RESOURCEUNAVAILABLE_CMKNOTFOUND
    assert code(client, "DescribeKey", KeyId=KEY) == "InvalidAction"
    hosted = code(client, "GenerateDataKey", KeyId=KEY, KeySpec="AES_256", IsHostedByKms=1)
    assert hosted == errorcodes.UNSUPPORTEDOPERATION
    kms.disable_key(KEY)
    disabled = code(client, "GenerateDataKey", KeyId=KEY, KeySpec="AES_256")
    assert disabled == errorcodes.RESOURCEUNAVAILABLE_CMKDISABLED
    kms.schedule_key_deletion(KEY)
    deleted = code(client, "Decrypt", CiphertextBlob=made.CiphertextBlob, EncryptionContext='{"a":"b"}')
    assert deleted == errorcodes.RESOURCEUNAVAILABLE_KEYPENDINGDELETE


def test_limits(client: Any) -> None:
    def length(**members: Any) -> int:
        return len(base64.b64decode(call(client, "GenerateDataKey", KeyId=KEY, **members).Plaintext))

    assert length(KeySpec="AES_128") == 16
    assert length(KeySpec="AES_128", NumberOfBytes=64) == 64
    assert length(NumberOfBytes=1) == 1
    assert length(NumberOfBytes=1024) == 1024
    for members in ({}, {"NumberOfBytes": 0}, {"NumberOfBytes": 1025}, {"NumberOfBytes": -1}, {"KeySpec": "AES_192"}):
        assert code(client, "GenerateDataKey", KeyId=KEY, **members) == "InvalidParameter"
    for number in (0, 1025):
        assert code(client, "GenerateRandom", NumberOfBytes=number) == "InvalidParameter"

    def encrypt(count: int) -> dict[str, Any]:
        return {"KeyId": KEY, "Plaintext": base64.b64encode(bytes(count)).decode()}

    assert len(base64.b64decode(call(client, "Encrypt", **encrypt(4096)).CiphertextBlob)) == 4096 + 96
    assert code(client, "Encrypt", **encrypt(4097)) == "InvalidParameterValue.InvalidPlaintext"


def test_a_denied_principal(client: Any, kms: libkms.Kms) -> None:
    from libkms.adapters.requests import Adapter

    made = call(client, "GenerateDataKey", KeyId=KEY, NumberOfBytes=1)
    with kms.as_principal("arn:aws:iam::000000000000:user/alice") as alice:
        client.request.conn._session.mount("https://", Adapter(alice, Dialect.TENCENT_V3))
        assert code(client, "GenerateDataKey", KeyId=KEY, NumberOfBytes=1) == "UnauthorizedOperation"
        assert code(client, "Decrypt", CiphertextBlob=made.CiphertextBlob) == "UnauthorizedOperation"


def test_v2_by_hand(kms: libkms.Kms) -> None:
    """The SDK of API v2 is gone; its requests are forms."""
    import requests

    from libkms.adapters.requests import Adapter

    session = requests.Session()
    session.mount("https://", Adapter(kms, Dialect.TENCENT))
    url = "https://kms-bj.api.tencentyun.com/v2/index.php"
    made = session.get(url, params={"Action": "GenerateDataKey", "keyId": KEY, "Nonce": "1"}).json()
    assert (made["code"], made["message"], made["codeDesc"]) == (0, "", "Success")
    opened = session.post(url, data={"Action": "Decrypt", "ciphertextBlob": made["ciphertextBlob"]}).json()
    assert opened["plaintext"] == made["plaintext"]
    kms.disable_key(KEY)
    refused = session.post(url, data={"Action": "GenerateDataKey", "keyId": KEY})
    assert refused.status_code == 200
    assert refused.json()["code"] == 5100
    assert refused.json()["message"].startswith("(5100) ")
