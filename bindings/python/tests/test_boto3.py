"""The story of a data key through boto3, unmodified, in the dialects that it speaks; and boto3's own typed errors."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import libkms
from libkms import Dialect

boto3 = pytest.importorskip("boto3", reason="scripts/test.sh installs it")

ACCOUNT = "111122223333"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[libkms.Kms]:
    options = {"account_id": ACCOUNT, "region": "us-east-1", "create": True}
    with libkms.open(f"sqlite:{tmp_path / 'keys.db'}", root_key=bytes(32), **options) as kms:  # type: ignore[arg-type]
        yield kms


@pytest.fixture(params=[Dialect.QKMS, Dialect.AWS])
def dialect(request: pytest.FixtureRequest) -> Dialect:
    return Dialect(request.param)


@pytest.fixture
def client(store: libkms.Kms, dialect: Dialect) -> Any:
    from botocore.config import Config

    from libkms.adapters.boto3 import attach

    # Nobody listens there: what the adapter does not answer fails.
    made = boto3.session.Session(aws_access_key_id="any", aws_secret_access_key="any", region_name="us-east-1").client(
        "kms", endpoint_url="http://127.0.0.1:1", config=Config(retries={"total_max_attempts": 1})
    )
    attach(made, store, dialect)
    return made


def arn(dialect: Dialect, resource: str) -> str:
    start = f"arn:aws:kms:us-east-1:{ACCOUNT}" if dialect is Dialect.AWS else f"arn:verenc:{ACCOUNT}"
    return f"{start}:{resource}"


def test_the_story(client: Any, dialect: Dialect, store: libkms.Kms) -> None:
    key_id = client.create_key(Description="orders")["KeyMetadata"]["KeyId"]
    client.create_alias(AliasName="alias/orders", TargetKeyId=key_id)
    context = {"tenant": "7", "\u0431": '"\\'}
    made = client.generate_data_key(KeyId="alias/orders", KeySpec="AES_256", EncryptionContext=context)
    assert made["KeyId"] == arn(dialect, f"key/{key_id}")
    assert len(made["Plaintext"]) == 32
    assert made["ResponseMetadata"]["RequestId"]
    opened = client.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=context)
    assert opened["Plaintext"] == made["Plaintext"]
    assert store.decrypt(made["CiphertextBlob"], context=context).plaintext == made["Plaintext"]
    assert "Plaintext" not in client.generate_data_key_without_plaintext(KeyId=key_id, NumberOfBytes=9)

    errors = client.exceptions
    with pytest.raises(errors.InvalidCiphertextException):
        client.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext={"tenant": "8"})
    with pytest.raises(errors.NotFoundException, match="Invalid keyId 'missing'"):
        client.generate_data_key(KeyId="missing", KeySpec="AES_256")
    other = client.create_key()["KeyMetadata"]["KeyId"]
    with pytest.raises(errors.IncorrectKeyException):
        client.decrypt(CiphertextBlob=made["CiphertextBlob"], KeyId=other, EncryptionContext=context)
    with pytest.raises(errors.DryRunOperationException):
        client.generate_data_key(KeyId=key_id, KeySpec="AES_128", DryRun=True)
    with pytest.raises(errors.InvalidGrantTokenException):
        client.generate_data_key(KeyId=key_id, KeySpec="AES_128", GrantTokens=["never-issued"])
    with pytest.raises(errors.AlreadyExistsException):
        client.create_alias(AliasName="alias/orders", TargetKeyId=key_id)
    client.disable_key(KeyId=key_id)
    with pytest.raises(errors.DisabledException, match=rf"{key_id} is disabled\."):
        client.generate_data_key(KeyId="alias/orders", KeySpec="AES_256")
    client.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)
    with pytest.raises(errors.KMSInvalidStateException, match=r"is pending deletion\."):
        client.encrypt(KeyId=key_id, Plaintext=b"x")


def test_a_denied_principal(client: Any, dialect: Dialect, store: libkms.Kms) -> None:
    from botocore.exceptions import ClientError

    from libkms.adapters.boto3 import attach

    key_id = client.create_key()["KeyMetadata"]["KeyId"]
    user = f"arn:aws:iam::{ACCOUNT}:user/alice"
    with store.as_principal(user) as alice:
        attach(client, alice, dialect)  # in place of the root's
        with pytest.raises(ClientError) as caught:
            client.generate_data_key(KeyId=key_id, KeySpec="AES_256")
    error = caught.value.response["Error"]
    assert error["Code"] == "AccessDeniedException"
    said = (
        f"User: {user} is not authorized to perform: kms:GenerateDataKey on resource: {arn(dialect, 'key/' + key_id)}"
    )
    assert error["Message"] == said


@pytest.mark.parametrize(("number", "fits"), [(0, False), (1, True), (1024, True), (1025, False)])
def test_limits(client: Any, number: int, fits: bool) -> None:
    from botocore.exceptions import ClientError, ParamValidationError

    key_id = client.create_key()["KeyMetadata"]["KeyId"]
    if fits:
        made = client.generate_data_key(KeyId=key_id, NumberOfBytes=number)
        assert len(made["Plaintext"]) == number
        assert len(client.generate_random(NumberOfBytes=number)["Plaintext"]) == number
        return
    # Below the least value, boto3 itself refuses.
    with pytest.raises((ClientError, ParamValidationError), match=r"NumberOfBytes|numberOfBytes"):
        client.generate_data_key(KeyId=key_id, NumberOfBytes=number)


def test_both_or_neither(client: Any) -> None:
    from botocore.exceptions import ClientError

    key_id = client.create_key()["KeyMetadata"]["KeyId"]
    for arguments in ({}, {"NumberOfBytes": 32, "KeySpec": "AES_256"}):
        with pytest.raises(ClientError, match="Please specify either number of bytes or key spec") as caught:
            client.generate_data_key(KeyId=key_id, **arguments)
        assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_payloads(client: Any) -> None:
    from botocore.exceptions import ClientError

    key_id, other = (client.create_key()["KeyMetadata"]["KeyId"] for _ in range(2))
    sealed = client.encrypt(KeyId=key_id, Plaintext=b"p" * 4096)
    moved = client.re_encrypt(CiphertextBlob=sealed["CiphertextBlob"], DestinationKeyId=other)
    assert moved["SourceKeyId"].endswith(key_id)
    assert moved["KeyId"].endswith(other)
    assert client.decrypt(CiphertextBlob=moved["CiphertextBlob"])["Plaintext"] == b"p" * 4096
    with pytest.raises(ClientError, match="Member must have length less than or equal to 4096"):
        client.encrypt(KeyId=key_id, Plaintext=b"p" * 4097)
    # A blob is bytes to boto3, whatever they are.
    with pytest.raises(client.exceptions.InvalidCiphertextException):
        client.decrypt(CiphertextBlob=base64.b64encode(sealed["CiphertextBlob"]))


def test_management(client: Any, dialect: Dialect) -> None:
    metadata = client.create_key(Tags=[{"TagKey": "team", "TagValue": "a"}])["KeyMetadata"]
    key_id = metadata["KeyId"]
    assert metadata["AWSAccountId"] == ACCOUNT
    assert metadata["Arn"] == arn(dialect, f"key/{key_id}")
    assert metadata["CreationDate"].year >= 2024
    others = {client.create_key()["KeyMetadata"]["KeyId"] for _ in range(5)}
    pages = client.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 2})
    assert {key["KeyId"] for page in pages for key in page["Keys"]} == others | {key_id}
    client.tag_resource(KeyId=key_id, Tags=[{"TagKey": "stage", "TagValue": "test"}])
    client.untag_resource(KeyId=key_id, TagKeys=["team"])
    assert client.list_resource_tags(KeyId=key_id)["Tags"] == [{"TagKey": "stage", "TagValue": "test"}]
    client.update_key_description(KeyId=key_id, Description="new")
    assert client.describe_key(KeyId=key_id)["KeyMetadata"]["Description"] == "new"
    client.enable_key_rotation(KeyId=key_id, RotationPeriodInDays=90)
    status = client.get_key_rotation_status(KeyId=key_id)
    assert (status["KeyRotationEnabled"], status["RotationPeriodInDays"]) == (True, 90)
    client.rotate_key_on_demand(KeyId=key_id)
    rotations = client.list_key_rotations(KeyId=key_id)["Rotations"]
    assert [rotation["RotationType"] for rotation in rotations] == ["ON_DEMAND"]
    client.disable_key_rotation(KeyId=key_id)
    client.create_alias(AliasName="alias/x", TargetKeyId=key_id)
    client.update_alias(AliasName="alias/x", TargetKeyId=others.pop())
    assert [alias["AliasName"] for alias in client.list_aliases()["Aliases"]] == ["alias/x"]
    client.delete_alias(AliasName="alias/x")
    grantee = f"arn:aws:iam::{ACCOUNT}:user/alice"
    grant = client.create_grant(KeyId=key_id, GranteePrincipal=grantee, Operations=["Decrypt"])
    assert client.list_grants(KeyId=key_id)["Grants"][0]["GrantId"] == grant["GrantId"]
    client.revoke_grant(KeyId=key_id, GrantId=grant["GrantId"])
    policy = client.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"]
    client.put_key_policy(KeyId=key_id, Policy=policy)
    with pytest.raises(client.exceptions.MalformedPolicyDocumentException):
        client.put_key_policy(KeyId=key_id, Policy="{}")
    window = client.schedule_key_deletion(KeyId=key_id)
    assert (window["PendingWindowInDays"], window["KeyState"]) == (30, "PendingDeletion")
    assert client.cancel_key_deletion(KeyId=key_id)["KeyId"] == metadata["Arn"]
    with pytest.raises(client.exceptions.UnsupportedOperationException):
        client.sign(KeyId=key_id, Message=b"m", SigningAlgorithm="RSASSA_PSS_SHA_256")
    with pytest.raises(client.exceptions.InvalidMarkerException):
        client.list_keys(Marker="none")
