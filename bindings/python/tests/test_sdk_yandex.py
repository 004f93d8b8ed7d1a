"""The story of a data key through yandexcloud's stubs, unmodified, and gRPC's own errors."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import libkms

yandexcloud = pytest.importorskip("yandexcloud", reason="scripts/test.sh has an environment with it")

KEY = "abj0123456789abcdefg"


@pytest.fixture
def kms() -> Iterator[libkms.Kms]:
    with libkms.open("memory:", root_key=bytes(32), create=True) as kms:
        kms.create_key(key_id=KEY)
        yield kms


@pytest.fixture
def channel(kms: libkms.Kms) -> Any:
    from libkms.adapters.yandex import channel

    return channel(kms)


@pytest.fixture
def stub(channel: Any) -> Any:
    from yandex.cloud.kms.v1.symmetric_crypto_service_pb2_grpc import SymmetricCryptoServiceStub

    return SymmetricCryptoServiceStub(channel)


@pytest.fixture
def pb() -> Any:
    from yandex.cloud.kms.v1 import symmetric_crypto_service_pb2

    return symmetric_crypto_service_pb2


def refused(call: Any, request: Any) -> Any:
    """The error of a call, whose parts are those of gRPC."""
    import grpc
    from google.rpc import error_details_pb2, status_pb2

    with pytest.raises(grpc.RpcError) as raised:
        call(request)
    error: Any = raised.value
    metadata = dict(error.trailing_metadata())
    status = status_pb2.Status.FromString(metadata["grpc-status-details-bin"])
    assert (status.code, status.message) == (error.code().value[0], error.details())
    info = error_details_pb2.RequestInfo()
    assert len(status.details) == 1
    assert status.details[0].Unpack(info)
    assert len(info.request_id) == 36
    return error


def code(call: Any, request: Any) -> str:
    return str(refused(call, request).code().name)


def test_the_story(stub: Any, pb: Any, kms: libkms.Kms) -> None:
    made = stub.GenerateDataKey(pb.GenerateDataKeyRequest(key_id=KEY, data_key_spec="AES_256", aad_context=b"a\0\xff"))
    assert made.key_id == KEY
    assert made.version_id == kms.describe_key(KEY).primary_version_id
    assert len(made.data_key_plaintext) == 32
    opened = stub.Decrypt(
        pb.SymmetricDecryptRequest(key_id=KEY, aad_context=b"a\0\xff", ciphertext=made.data_key_ciphertext)
    )
    assert (opened.plaintext, opened.key_id) == (made.data_key_plaintext, KEY)
    # And natively.
    assert bytes(kms.decrypt(made.data_key_ciphertext, aad=b"a\0\xff").plaintext) == made.data_key_plaintext

    skipped = stub.GenerateDataKey(pb.GenerateDataKeyRequest(key_id=KEY, skip_plaintext=True))
    assert (skipped.data_key_plaintext, len(skipped.data_key_ciphertext)) == (b"", 128)

    sealed = stub.Encrypt(pb.SymmetricEncryptRequest(key_id=KEY, plaintext=b"payload"))
    kms.create_key(key_id="other")
    moved = stub.ReEncrypt(
        pb.SymmetricReEncryptRequest(key_id="other", source_key_id=KEY, ciphertext=sealed.ciphertext)
    )
    assert (moved.key_id, moved.source_key_id) == ("other", KEY)
    opened = stub.Decrypt(pb.SymmetricDecryptRequest(key_id="other", ciphertext=moved.ciphertext))
    assert opened.plaintext == b"payload"


def test_errors_are_grpc_s_own(stub: Any, pb: Any, kms: libkms.Kms) -> None:
    missing = refused(stub.GenerateDataKey, pb.GenerateDataKeyRequest(key_id="abjmissing"))
    assert (missing.code().name, missing.details()) == ("NOT_FOUND", "Key abjmissing not found")
    assert "NOT_FOUND" in str(missing)

    made = stub.GenerateDataKey(pb.GenerateDataKeyRequest(key_id=KEY, aad_context=b"right"))
    wrong = pb.SymmetricDecryptRequest(key_id=KEY, aad_context=b"wrong", ciphertext=made.data_key_ciphertext)
    assert code(stub.Decrypt, wrong) == "INVALID_ARGUMENT"
    assert code(stub.GenerateDataKey, pb.GenerateDataKeyRequest(key_id=KEY, data_key_spec=5)) == "UNIMPLEMENTED"
    hsm = pb.GenerateDataKeyRequest(key_id=KEY, data_key_spec="AES_256_HSM")
    assert code(stub.GenerateDataKey, hsm) == "FAILED_PRECONDITION"

    kms.disable_key(KEY)
    assert code(stub.GenerateDataKey, pb.GenerateDataKeyRequest(key_id=KEY)) == "FAILED_PRECONDITION"
    right = pb.SymmetricDecryptRequest(key_id=KEY, aad_context=b"right", ciphertext=made.data_key_ciphertext)
    assert code(stub.Decrypt, right) == "FAILED_PRECONDITION"
    kms.enable_key(KEY)
    assert stub.Decrypt(right).plaintext == made.data_key_plaintext


def test_limits(stub: Any, pb: Any) -> None:
    made = stub.GenerateDataKey(pb.GenerateDataKeyRequest(key_id=KEY, aad_context=bytes(8192)))
    assert len(made.data_key_ciphertext) == 128
    invalid = [
        pb.GenerateDataKeyRequest(),
        pb.GenerateDataKeyRequest(key_id="k" * 51),
        pb.GenerateDataKeyRequest(key_id=KEY, version_id="v" * 51),
        pb.GenerateDataKeyRequest(key_id=KEY, aad_context=bytes(8193)),
        pb.GenerateDataKeyRequest(key_id=KEY, data_key_spec=6),
    ]
    assert [code(stub.GenerateDataKey, request) for request in invalid] == ["INVALID_ARGUMENT"] * 5
    assert code(stub.GenerateDataKey, pb.GenerateDataKeyRequest(key_id="k" * 50)) == "NOT_FOUND"
    assert stub.Encrypt(pb.SymmetricEncryptRequest(key_id=KEY, plaintext=bytes(32768))).ciphertext
    for plaintext in (b"", bytes(32769)):
        request = pb.SymmetricEncryptRequest(key_id=KEY, plaintext=plaintext)
        assert code(stub.Encrypt, request) == "INVALID_ARGUMENT"


def test_calls_in_every_form(channel: Any, stub: Any, pb: Any) -> None:
    import grpc

    request = pb.GenerateDataKeyRequest(key_id=KEY)
    response, call = stub.GenerateDataKey.with_call(request, timeout=5, metadata=(("authorization", "Bearer x"),))
    assert len(response.data_key_plaintext) == 32
    assert call.code() is grpc.StatusCode.OK
    assert dict(call.trailing_metadata()) == {}
    assert len(dict(call.initial_metadata())["x-request-id"]) == 36

    called = threading.Event()
    future = stub.GenerateDataKey.future(request)
    future.add_done_callback(lambda _: called.set())
    assert called.is_set()
    assert future.done()
    assert future.exception() is None
    assert len(future.result(timeout=1).data_key_plaintext) == 32
    failed = stub.GenerateDataKey.future(pb.GenerateDataKeyRequest(key_id="nowhere"))
    assert failed.exception() is failed
    with pytest.raises(grpc.RpcError):
        failed.result()

    seen = []

    class Interceptor(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]
        def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
            seen.append(details.method)
            return continuation(details, request)

    from yandex.cloud.kms.v1.symmetric_crypto_service_pb2_grpc import SymmetricCryptoServiceStub

    with grpc.intercept_channel(channel, Interceptor()) as intercepted:
        stub = SymmetricCryptoServiceStub(intercepted)
        assert len(stub.GenerateDataKey(request).data_key_plaintext) == 32
        assert code(stub.GenerateDataKey, pb.GenerateDataKeyRequest(key_id="nowhere")) == "NOT_FOUND"
    assert seen == ["/yandex.cloud.kms.v1.SymmetricCryptoService/GenerateDataKey"] * 2


def test_a_denied_principal(pb: Any, kms: libkms.Kms) -> None:
    from yandex.cloud.kms.v1.symmetric_crypto_service_pb2_grpc import SymmetricCryptoServiceStub

    from libkms.adapters.yandex import channel

    with kms.as_principal("arn:aws:iam::000000000000:user/alice") as alice:
        stub = SymmetricCryptoServiceStub(channel(alice))
        error = refused(stub.GenerateDataKey, pb.GenerateDataKeyRequest(key_id=KEY))
        assert (error.code().name, error.details()) == ("PERMISSION_DENIED", "Permission denied")
        assert code(stub.Encrypt, pb.SymmetricEncryptRequest(key_id=KEY, plaintext=b"x")) == "PERMISSION_DENIED"


def test_other_services_are_not_there(channel: Any) -> None:
    from yandex.cloud.kms.v1.symmetric_key_service_pb2 import GetSymmetricKeyRequest
    from yandex.cloud.kms.v1.symmetric_key_service_pb2_grpc import SymmetricKeyServiceStub

    assert code(SymmetricKeyServiceStub(channel).Get, GetSymmetricKeyRequest(key_id=KEY)) == "UNIMPLEMENTED"


def test_our_messages_are_the_vendor_s(pb: Any) -> None:
    ours = (Path(__file__).parents[3] / "src/dialect/yandex/messages.proto").read_text()
    messages = {
        name: {(field, int(number)) for field, number in re.findall(r"(\w+) = (\d+);", body)}
        for name, body in re.findall(r"^message (\w+) {\n(.*?)^}", ours, re.MULTILINE | re.DOTALL)
    }
    theirs = pb.DESCRIPTOR.message_types_by_name
    shared = messages.keys() & theirs.keys()
    assert len(shared) == 8
    assert {name: {(f.name, f.number) for f in theirs[name].fields} for name in shared} == {
        name: messages[name] for name in shared
    }
