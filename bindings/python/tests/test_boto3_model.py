"""AWS KMS' own model of its operations, as botocore has it, against the dialects: the limits of every member of every
request, types, what is required, and that an answer has nothing that the model does not know.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import libkms
from libkms import Dialect

pytest.importorskip("boto3", reason="scripts/test.sh installs it")

ACCOUNT = "111122223333"
KEY = "1234abcd-12ab-34cd-56ef-1234567890ab"
ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"
POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
                "Action": "kms:*",
                "Resource": "*",
            }
        ],
    }
)

# Arguments with which an operation succeeds, in an order in which all of them do; GRANT and BLOB are put in. Those that
# are not here are served too, with a key and nothing more, or are not served at all.
SERVED: dict[str, dict[str, Any]] = {
    "CreateKey": {"Description": "d", "Tags": [{"TagKey": "a", "TagValue": "b"}], "Policy": POLICY},
    "DescribeKey": {"KeyId": KEY},
    "UpdateKeyDescription": {"KeyId": KEY, "Description": "d"},
    "ListKeys": {},
    "GenerateDataKey": {"KeyId": KEY, "NumberOfBytes": 1},
    "GenerateDataKeyWithoutPlaintext": {"KeyId": KEY, "NumberOfBytes": 1},
    "GenerateRandom": {"NumberOfBytes": 1},
    "Encrypt": {"KeyId": KEY, "Plaintext": "QUJD"},
    "Decrypt": {"CiphertextBlob": "BLOB"},
    "ReEncrypt": {"CiphertextBlob": "BLOB", "DestinationKeyId": KEY},
    "CreateAlias": {"AliasName": "alias/x", "TargetKeyId": KEY},
    "UpdateAlias": {"AliasName": "alias/x", "TargetKeyId": KEY},
    "ListAliases": {},
    "DeleteAlias": {"AliasName": "alias/x"},
    "TagResource": {"KeyId": KEY, "Tags": [{"TagKey": "a", "TagValue": ""}]},
    "ListResourceTags": {"KeyId": KEY},
    "UntagResource": {"KeyId": KEY, "TagKeys": ["a"]},
    "EnableKeyRotation": {"KeyId": KEY},
    "GetKeyRotationStatus": {"KeyId": KEY},
    "DisableKeyRotation": {"KeyId": KEY},
    "RotateKeyOnDemand": {"KeyId": KEY},
    "ListKeyRotations": {"KeyId": KEY},
    "GetKeyPolicy": {"KeyId": KEY},
    "PutKeyPolicy": {"KeyId": KEY, "Policy": POLICY},
    "ListKeyPolicies": {"KeyId": KEY},
    "CreateGrant": {"KeyId": KEY, "GranteePrincipal": ALICE, "RetiringPrincipal": ALICE, "Operations": ["Decrypt"]},
    "ListGrants": {"KeyId": KEY},
    "ListRetirableGrants": {"RetiringPrincipal": ALICE},
    "RetireGrant": {"KeyId": KEY, "GrantId": "GRANT"},
    "RevokeGrant": {"KeyId": KEY, "GrantId": "0" * 64},
    "DisableKey": {"KeyId": KEY},
    "EnableKey": {"KeyId": KEY},
    "ScheduleKeyDeletion": {"KeyId": KEY},
    "CancelKeyDeletion": {"KeyId": KEY},
}
# Where the vendor's pages say less than its model.
LIMITS = {
    ("ScheduleKeyDeletion", "PendingWindowInDays"): (7, 30),
    ("ListAliases", "Limit"): (1, 100),
    ("ListGrants", "Limit"): (1, 100),
    ("ListRetirableGrants", "Limit"): (1, 100),
    ("ListResourceTags", "Limit"): (1, 50),
}
# Required here, since no service is a principal, and a dry run opens the ciphertext.
REQUIRED = {
    "CreateGrant": ["GranteePrincipal"],
    "ListRetirableGrants": ["RetiringPrincipal"],
    "Decrypt": ["CiphertextBlob"],
    "ReEncrypt": ["CiphertextBlob"],
}
# Refused whole.
UNSUPPORTED = {"GranteeServicePrincipal", "RetiringServicePrincipal", "Recipient", "XksKeyId"}


@pytest.fixture(params=[Dialect.AWS, Dialect.QKMS])
def call(request: pytest.FixtureRequest) -> Iterator[Callable[[str, dict[str, Any]], dict[str, Any]]]:
    with libkms.open("memory:", root_key=bytes(32), account_id=ACCOUNT, region="us-east-1", create=True) as kms:
        kms.create_key(key_id=KEY)

        def exchange(operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
            headers = {"X-Amz-Target": f"TrentService.{operation}"}
            answer = kms.exchange(Dialect(request.param), "POST", "/", headers, json.dumps(arguments).encode())
            assert answer.status == 200 or (answer.status == 400 and b"__type" in answer.body)
            body: dict[str, Any] = json.loads(answer.body or b"{}")
            return body

        yield exchange


@pytest.fixture(scope="module")
def model() -> Any:
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    return ServiceModel(Loader().load_service_model("kms", "service-2"), "kms")


def of_model(shape: Any, value: Any) -> bool:
    """Whether a value of an answer is one of the model: no member that it does not know, no other type."""
    if shape.type_name == "structure":
        known = isinstance(value, dict) and all(
            name in shape.members and of_model(shape.members[name], member) for name, member in value.items()
        )
        return known and set(shape.required_members) <= set(value)
    if shape.type_name == "list":
        return isinstance(value, list) and all(of_model(shape.member, member) for member in value)
    if shape.type_name == "map":
        return isinstance(value, dict) and all(of_model(shape.value, member) for member in value.values())
    if shape.type_name == "blob":
        return base64.b64encode(base64.b64decode(value)) == str(value).encode()
    kinds: dict[str, type] = {"string": str, "boolean": bool, "integer": int, "timestamp": int}
    in_set = not getattr(shape, "enum", None) or value in shape.enum
    return isinstance(value, kinds[shape.type_name]) and bool(in_set)


def test_answers_are_of_the_model(call: Callable[..., dict[str, Any]], model: Any) -> None:
    found: dict[str, str] = {}
    for operation, arguments in SERVED.items():
        if operation == "RevokeGrant":
            continue  # RetireGrant took the only one
        body = call(operation, {name: found.get(str(value), value) for name, value in arguments.items()})
        output = model.operation_model(operation).output_shape
        assert of_model(output, body) if output else body == {}, f"{operation}: {body}"
        for name, member in (("BLOB", "CiphertextBlob"), ("GRANT", "GrantId")):
            if member in body:
                found[name] = body[member]


def test_what_is_not_served_is_unsupported(call: Callable[..., dict[str, Any]], model: Any) -> None:
    assert set(SERVED) < set(model.operation_names)
    for operation in set(model.operation_names) - set(SERVED):
        assert call(operation, {})["__type"] == "UnsupportedOperationException", operation


def values(operation: str, name: str, shape: Any) -> Iterator[tuple[Any, str]]:
    """Values of a member, and what becomes of them: "fits", "constraint" or "type"."""
    least, most = LIMITS.get((operation, name), (shape.metadata.get("min", 0), shape.metadata.get("max")))
    kind = shape.type_name
    others: dict[str, Any] = {"string": "a", "integer": 1, "boolean": True, "list": [], "map": {}}
    same = {"blob": "string", "structure": "map"}.get(kind, kind)
    yield from ((value, "type") for other, value in others.items() if other != same)
    if kind == "integer":
        yield from [(least, "fits"), (most, "fits"), (least - 1, "constraint"), (most + 1, "constraint")]
        yield from [(-1, "constraint"), (2**31, "type"), (1.5, "type"), ("1", "type")]
    elif getattr(shape, "enum", None):
        yield from ((value, "fits") for value in shape.enum)
        yield from [("", "constraint"), ("OTHER", "constraint"), (shape.enum[0].lower(), "constraint")]
    elif kind == "string" and most:
        yield from [("a" * most, "fits"), ("a" * (most + 1), "constraint")]
        if least:
            yield ("", "constraint")
        # A marker with other characters is one that no list returned.
        pattern = shape.metadata.get("pattern") if name != "Marker" else None
        for text in ("a b", "\u0100", "a\x00", "%", "a\n"):
            if pattern and not re.fullmatch(pattern, text, re.ASCII):
                yield (text, "constraint")
    elif kind == "blob":
        texts = [base64.b64encode(bytes(length)).decode() for length in (least, most, most + 1)]
        yield from [(texts[0], "fits"), (texts[1], "fits"), (texts[2], "constraint"), ("", "constraint")]
        yield from [("*", "type"), ("QQ", "type"), ("Q Q=", "type")]
    elif kind == "list" and shape.member.type_name == "string":
        yield from (([value], what) for value, what in values(operation, name, shape.member) if value != {})
        yield ([None], "type")
        if most:
            item = (getattr(shape.member, "enum", None) or ["a"])[0]
            yield from [([item] * most, "fits"), ([item] * (most + 1), "constraint")]
    elif kind == "map":
        yield from [({}, "fits"), ({"a": ""}, "fits"), ({"a": 1}, "type"), ({"a": None}, "type")]


def outcome(body: dict[str, Any], name: str) -> str:
    if body.get("__type") == "SerializationException":
        return "type"
    at = f"at '{name[0].lower()}{name[1:]}' failed to satisfy constraint: Member must"
    return "constraint" if body.get("__type") == "ValidationException" and at in body["message"] else "fits"


def test_limits_of_every_member(call: Callable[..., dict[str, Any]], model: Any) -> None:
    blob = call("Encrypt", SERVED["Encrypt"])["CiphertextBlob"]
    tried = 0
    for operation, arguments in SERVED.items():
        valid = {name: blob if value == "BLOB" else value for name, value in arguments.items()}
        members = model.operation_model(operation).input_shape.members
        for name, shape in members.items():
            if name in UNSUPPORTED:
                continue
            for value, expected in values(operation, name, shape):
                body = call(operation, {**valid, name: value})
                assert outcome(body, name) == expected, f"{operation} {name}: {value!r:.80}: {body!s:.300}"
                tried += 1
        assert call(operation, {**valid, "Other": 1})["__type"] == "SerializationException", operation
    assert tried > 1000


def test_what_is_required_and_what_null_is(call: Callable[..., dict[str, Any]], model: Any) -> None:
    for operation, arguments in SERVED.items():
        shape = model.operation_model(operation).input_shape
        required = {*shape.required_members, *REQUIRED.get(operation, [])}
        for name in shape.members:
            expected = "constraint" if name in required else "fits"
            without = {other: value for other, value in arguments.items() if other != name}
            if "BLOB" in without.values():
                without["CiphertextBlob"] = "QUJD"
            for body in (call(operation, without), call(operation, {**without, name: None})):
                assert outcome(body, name) == expected, f"{operation} without {name}: {body}"


def test_what_is_refused_whole(call: Callable[..., dict[str, Any]], model: Any) -> None:
    seen = set()
    for operation, arguments in SERVED.items():
        for name in UNSUPPORTED & set(model.operation_model(operation).input_shape.members):
            value: Any = {} if name == "Recipient" else "a.amazonaws.com"
            valid = {key: "QUJD" if key == "CiphertextBlob" else member for key, member in arguments.items()}
            assert call(operation, {**valid, name: value})["__type"] == "UnsupportedOperationException", operation
            seen.add(name)
    assert seen == UNSUPPORTED
