"""Kms.exchange: what it takes, what it gives back, and what it leaves of a body."""

from __future__ import annotations

import json

import pytest

import libkms
from libkms import Dialect, Status


def test_an_answer_and_an_error_of_the_vendor(kms: libkms.Kms) -> None:
    headers = {"X-Amz-Target": "TrentService.GenerateDataKey"}
    body = json.dumps({"KeyId": "alias/orders", "NumberOfBytes": 5}).encode()
    answer = kms.exchange(Dialect.QKMS, "POST", "/", headers, body)
    assert (answer.status, answer.grpc_status, answer.grpc_message) == (200, -1, "")
    assert answer.kms_status is Status.OK
    assert answer.headers["Content-Type"] == "application/x-amz-json-1.1"
    assert answer.headers["x-amzn-RequestId"] == answer.request_id
    assert json.loads(answer.body)["KeyId"] == "arn:verenc:000000000000:key/orders-1"
    assert json.loads(answer.body)["Plaintext"] not in repr(answer)
    # The number and other bytes-like bodies do as well.
    assert kms.exchange(8, "POST", "/", headers, bytearray(body)).status == 200
    wrong = kms.exchange(Dialect.AWS, "POST", "/", headers, body.replace(b"orders", b"none"))
    assert (wrong.status, wrong.kms_status) == (400, Status.NOT_FOUND)
    assert json.loads(wrong.body)["__type"] == "NotFoundException"
    assert "alias/none" in wrong.grpc_message


def test_misuse(kms: libkms.Kms) -> None:
    with pytest.raises(libkms.InvalidArgumentError, match="dialect: 99 is unknown"):
        kms.exchange(99, "POST", "/", {}, b"")
    for headers in ({"a": "b\r\nX-Amz-Target: x"}, {"a\n": "b"}, {"a": "\0"}):
        with pytest.raises(libkms.InvalidArgumentError, match="headers"):
            kms.exchange(Dialect.AWS, "POST", "/", headers, b"")
    with pytest.raises(TypeError, match="headers"):
        kms.exchange(Dialect.AWS, "POST", "/", [("a", "b")], b"")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="body"):
        kms.exchange(Dialect.AWS, "POST", "/", {}, "text")  # type: ignore[arg-type]
    for name in ("method", "target"):
        for wrong in (None, 1, b"/"):
            with pytest.raises(TypeError, match=f"^{name}: must be str"):
                kms.exchange(Dialect.AWS, **{"method": "POST", "target": "/", name: wrong}, headers={}, body=b"")  # type: ignore[arg-type]
        with pytest.raises(libkms.InvalidArgumentError, match=f"^{name}: has a NUL character$"):
            kms.exchange(Dialect.AWS, **{"method": "POST", "target": "/", name: "\0"}, headers={}, body=b"")
    kms.close()
    with pytest.raises(libkms.ClosedError):
        kms.exchange(Dialect.AWS, "POST", "/", {}, b"")
