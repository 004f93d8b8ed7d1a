"""libkms under Yandex's gRPC stubs: `pip install libkms[yandex]`.

from yandex.cloud.kms.v1.symmetric_crypto_service_pb2_grpc import SymmetricCryptoServiceStub
stub = SymmetricCryptoServiceStub(libkms.adapters.yandex.channel(kms))
stub.GenerateDataKey(GenerateDataKeyRequest(key_id="orders-1", data_key_spec="AES_256"))
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, NoReturn

import grpc

from .._client import Kms
from .._enums import Dialect
from .._results import Exchanged

_CODES = {code.value[0]: code for code in grpc.StatusCode}


def channel(kms: Kms) -> grpc.Channel:
    """A channel whose calls `kms` answers, in this process: it connects to nothing. Closing it leaves `kms` open.

    A call that fails raises a grpc.RpcError with code(), details() and the grpc-status-details-bin of the trailing
    metadata. Deadlines are not counted; nobody checks credentials.
    """
    return _Channel(kms)


class _Call(grpc.Call, grpc.Future):  # type: ignore[misc]
    """A call that is over."""

    def __init__(self, answer: Exchanged, response: Any) -> None:
        self._answer = answer
        self._response = response

    def code(self) -> grpc.StatusCode:
        return _CODES[self._answer.grpc_status]

    def details(self) -> str:
        return self._answer.grpc_message

    def initial_metadata(self) -> tuple[tuple[str, str], ...]:
        return (("x-request-id", self._answer.request_id),)

    def trailing_metadata(self) -> tuple[tuple[str, bytes], ...]:
        return (("grpc-status-details-bin", self._answer.body),) if self._answer.grpc_status else ()

    def is_active(self) -> bool:
        return False

    def time_remaining(self) -> None:
        return None

    def add_callback(self, callback: Callable[[], None]) -> bool:
        return False

    def cancel(self) -> bool:
        return False

    def cancelled(self) -> bool:
        return False

    def running(self) -> bool:
        return False

    def done(self) -> bool:
        return True

    def result(self, timeout: float | None = None) -> Any:
        return self._response

    def exception(self, timeout: float | None = None) -> Exception | None:
        return None

    def traceback(self, timeout: float | None = None) -> TracebackType | None:
        return None

    def add_done_callback(self, fn: Callable[[grpc.Future], None]) -> None:
        fn(self)


class _Error(grpc.RpcError, _Call):  # type: ignore[misc]
    """A call that failed."""

    def __init__(self, answer: Exchanged) -> None:
        _Call.__init__(self, answer, None)

    def __str__(self) -> str:
        return f"{self.code().name}: {self.details()} (request {self._answer.request_id})"

    def result(self, timeout: float | None = None) -> NoReturn:
        raise self

    def exception(self, timeout: float | None = None) -> Exception:
        return self

    def traceback(self, timeout: float | None = None) -> TracebackType | None:
        traceback: TracebackType | None = self.__traceback__
        return traceback


class _Method(grpc.UnaryUnaryMultiCallable):  # type: ignore[misc]
    def __init__(self, kms: Kms, method: str, serialize: Any, deserialize: Any) -> None:
        self._kms = kms
        self._method = method
        self._serialize = serialize
        self._deserialize = deserialize

    def __call__(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return self.future(request).result()

    def with_call(self, request: Any, *args: Any, **kwargs: Any) -> tuple[Any, _Call]:
        call = self.future(request)
        return call.result(), call

    def future(self, request: Any, *args: Any, **kwargs: Any) -> _Call:
        body = self._serialize(request) if self._serialize else request
        answer = self._kms.exchange(Dialect.YANDEX_GRPC, "POST", self._method, {}, body)
        if answer.grpc_status:
            return _Error(answer)
        return _Call(answer, self._deserialize(answer.body) if self._deserialize else answer.body)


class _Channel(grpc.Channel):  # type: ignore[misc]
    def __init__(self, kms: Kms) -> None:
        self._kms = kms

    def unary_unary(
        self,
        method: str,
        request_serializer: Callable[[Any], bytes] | None = None,
        response_deserializer: Callable[[bytes], Any] | None = None,
        _registered_method: bool | None = False,
    ) -> grpc.UnaryUnaryMultiCallable:
        return _Method(self._kms, method, request_serializer, response_deserializer)

    def unary_stream(self, *_: Any, **__: Any) -> NoReturn:
        raise NotImplementedError("the service has no streams")

    stream_unary = unary_stream
    stream_stream = unary_stream

    def subscribe(self, callback: Callable[[grpc.ChannelConnectivity], None], try_to_connect: bool = False) -> None:
        callback(grpc.ChannelConnectivity.READY)

    def unsubscribe(self, callback: Callable[[grpc.ChannelConnectivity], None]) -> None:
        pass

    def close(self) -> None:
        pass

    def __enter__(self) -> _Channel:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
