"""libkms under SDKs that send with requests, as Tencent's and Alibaba's do: `pip install libkms[requests]`.

client = tencentcloud.kms.v20190118.kms_client.KmsClient(credential, "local")
client.request.conn._session.mount("https://", libkms.adapters.requests.Adapter(kms, Dialect.TENCENT_V3))
"""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import urlsplit

import requests
import requests.adapters
import urllib3

from .._client import Kms
from .._enums import Dialect


class Adapter(requests.adapters.HTTPAdapter):  # type: ignore[misc]
    """A transport adapter that lets `kms` answer, in this process: it connects to nothing.

    Mount it on a session. The SDKs still sign their requests, so they want credentials, any at all; nobody checks them.
    """

    def __init__(self, kms: Kms, dialect: Dialect | int) -> None:
        super().__init__()
        self._kms = kms
        self._dialect = dialect

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        headers = {name: _text(value) for name, value in request.headers.items()}
        headers.setdefault("Host", urlsplit(request.url).netloc)
        answer = self._kms.exchange(self._dialect, request.method, request.path_url, headers, _bytes(request.body))
        raw = urllib3.HTTPResponse(
            body=io.BytesIO(answer.body), headers=answer.headers, status=answer.status, preload_content=False
        )
        return self.build_response(request, raw)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


def _bytes(body: Any) -> bytes:
    """What requests may have as a body: nothing, a text, bytes, a file, or parts."""
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    if hasattr(body, "read"):
        return _bytes(body.read())
    return bytes(body) if isinstance(body, (bytes, bytearray, memoryview)) else b"".join(body)
