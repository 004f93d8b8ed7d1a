"""Stands in for moto: what its tests of KMS import from it. `mock_aws` gives a test one empty store for each region."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import boto3

import libkms
from libkms.adapters.boto3 import attach

from .core import DEFAULT_ACCOUNT_ID

_real_client = boto3.client

POLICIES = [
    json.dumps(
        {
            "Version": "2012-10-17",
            "Id": name,
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:root"},
                    "Action": "kms:*",
                    "Resource": "*",
                }
            ],
        }
    )
    for name in ("first", "second", "third")
]


@contextmanager
def _stores() -> Iterator[None]:
    stores: dict[str, libkms.Kms] = {}

    def client(service: str, region_name: str = "us-east-1") -> Any:
        assert service == "kms"
        if region_name not in stores:
            stores[region_name] = libkms.open(
                "memory:", root_key=bytes(32), create=True, account_id=DEFAULT_ACCOUNT_ID, region=region_name
            )
        # Nobody listens there: what the adapter does not answer fails.
        made = _real_client(
            "kms",
            region_name=region_name,
            aws_access_key_id="any",
            aws_secret_access_key="any",
            endpoint_url="http://127.0.0.1:1",
        )
        attach(made, stores[region_name])
        return made

    try:
        with mock.patch.object(boto3, "client", client):
            yield
    finally:
        for store in stores.values():
            store.close()


def mock_aws(test: Callable[..., Any] | None = None) -> Any:
    if test is None:
        return _stores()

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> Any:
        with _stores():
            return test(*args, **kwargs)

    return run
