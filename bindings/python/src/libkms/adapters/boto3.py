"""libkms under boto3's KMS client: `pip install libkms[boto3]`.

client = boto3.client("kms", region_name="local", aws_access_key_id="-", aws_secret_access_key="-")
libkms.adapters.boto3.attach(client, kms)
client.generate_data_key(KeyId="alias/orders", KeySpec="AES_256")
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from .._client import Kms
from .._enums import Dialect


class _Raw(io.BytesIO):
    """A body as botocore reads it."""

    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        yield self.getvalue()


def attach(client: Any, kms: Kms, dialect: Dialect | int = Dialect.AWS) -> None:
    """Lets `kms` answer every request of a boto3 KMS client, which then opens no connection.

    The client still signs its requests, so it wants credentials, any at all; nobody checks them. Its region should be
    the one that the store was opened with, as ARNs name it. What was attached to the client before is so no longer.
    """

    def send(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        path = "/" + request.url.split("://", 1)[-1].partition("/")[2]
        body = request.body or b""
        headers = {name: _text(value) for name, value in request.headers.items()}
        answer = kms.exchange(dialect, request.method, path, headers, body.encode() if isinstance(body, str) else body)
        return AWSResponse(request.url, answer.status, answer.headers, _Raw(answer.body))

    # The first handler that answers is the last that is asked: another principal's must not stay before this one.
    client.meta.events.unregister("before-send.kms", unique_id="libkms")
    client.meta.events.register("before-send.kms", send, unique_id="libkms")


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")
