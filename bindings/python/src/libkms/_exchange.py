"""Requests in the forms of vendors' SDKs, which libkms answers as the vendors do."""

from __future__ import annotations

from collections.abc import Mapping
from ctypes import addressof, c_char, memset, string_at

from ._arguments import Buffer, lend, text, uint32
from ._enums import Dialect, Status
from ._errors import InvalidArgumentError
from ._ffi import lib
from ._handle import Handle
from ._results import Exchanged
from ._structs import (
    KMS_EXCHANGE_MIN_CAPACITY,
    KMS_EXCHANGE_MIN_HEADERS,
    kms_buffer_t,
    kms_exchange_request_t,
    kms_exchange_response_t,
    sized,
)


class ExchangeOperations:
    __slots__ = ()

    _handle: Handle

    def exchange(
        self, dialect: Dialect | int, method: str, target: str, headers: Mapping[str, str], body: Buffer
    ) -> Exchanged:
        """Answers one request of a vendor's SDK, without a socket.

        `target` is "/path?query"; for gRPC "/package.Service/Method", with the bare message as `body`. A vendor's error
        (no such key) is an answer, not an exception. Signatures are not checked. libkms.adapters has adapters that put
        this under the SDKs.
        """
        request = sized(kms_exchange_request_t)
        request.method = text("method", method)
        request.target = text("target", target)
        lent = (lend(request.headers, "headers", _lines(headers)), lend(request.body, "body", body))
        response = sized(kms_exchange_response_t)
        body_memory = (c_char * KMS_EXCHANGE_MIN_CAPACITY)()
        headers_memory = (c_char * KMS_EXCHANGE_MIN_HEADERS)()
        response.body = kms_buffer_t(addressof(body_memory), KMS_EXCHANGE_MIN_CAPACITY, 0)
        response.headers = kms_buffer_t(addressof(headers_memory), KMS_EXCHANGE_MIN_HEADERS, 0)
        try:
            self._handle.call(lib.kms_exchange, uint32("dialect", dialect), request, response)
            return Exchanged(
                status=response.http_status,
                headers=_parsed(string_at(headers_memory, response.headers.len).decode()),
                body=string_at(body_memory, response.body.len),
                grpc_status=response.grpc_status,
                grpc_message=response.message.decode(),
                kms_status=Status(response.status),
                request_id=response.request_id.decode(),
            )
        finally:
            del lent
            memset(body_memory, 0, response.body.len)


def _lines(headers: Mapping[str, str]) -> bytes:
    if not isinstance(headers, Mapping):
        raise TypeError(f"headers: must be a mapping of str to str, not {type(headers).__name__}")
    lines = []
    for name, value in headers.items():
        line = text("headers name", name) + b": " + text("headers value", value)
        if b"\r" in line or b"\n" in line:
            raise InvalidArgumentError("headers: a header has a line break")
        lines.append(line + b"\r\n")
    return b"".join(lines)


def _parsed(lines: str) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in lines.splitlines())
