"""KMS keys and aliases."""

from __future__ import annotations

import time
import uuid

import pytest

import libkms
from libkms import Detail, KeyState, Origin

from .conftest import Store


def test_a_new_key(kms: libkms.Kms) -> None:
    info = kms.create_key(alias="alias/a/b_c-9", description="d")
    assert str(uuid.UUID(info.key_id)) == info.key_id
    assert info.state is KeyState.ENABLED
    assert info.origin is Origin.KMS
    assert info.primary_version_number == 1
    assert info.versions_len == 1
    assert info.rotation_period_s == 0
    assert abs(info.created_at - time.time()) < 60
    assert info.description == "d"
    assert kms.describe_key(info.key_id) == info
    assert kms.describe_key("alias/a/b_c-9") == info


def test_the_callers_own_id(kms: libkms.Kms) -> None:
    for key_id in ("k", "A-Z_09", "x" * 64):
        assert kms.create_key(key_id=key_id).key_id == key_id
    for key_id in ("", "x" * 65, "a/b", "a b", "schlüssel", "alias/x"):
        with pytest.raises(libkms.InvalidArgumentError, match="key_id"):
            kms.create_key(key_id=key_id)
    with pytest.raises(libkms.AlreadyExistsError) as caught:
        kms.create_key(key_id="k")
    assert caught.value.detail is Detail.KEY


def test_descriptions(kms: libkms.Kms) -> None:
    longest = "é" * 4096
    info = kms.create_key(key_id="long", description=longest)
    assert info.description == longest
    assert kms.describe_key("long").description == longest
    with pytest.raises(libkms.InvalidArgumentError, match="description"):
        kms.create_key(description=longest + "x")


def test_aliases(kms: libkms.Kms) -> None:
    kms.create_alias("alias/second", "orders-1")
    kms.create_key(key_id="other", alias="alias/other")
    assert {alias.alias for alias in kms.list_aliases()} == {"alias/orders", "alias/second", "alias/other"}
    assert {alias.alias for alias in kms.list_aliases("orders-1")} == {"alias/orders", "alias/second"}
    assert {alias.key_id for alias in kms.list_aliases("orders-1")} == {"orders-1"}
    assert all(abs(alias.created_at - time.time()) < 60 for alias in kms.list_aliases())
    assert kms.decrypt(kms.generate_data_key("alias/second").ciphertext).key_id == "orders-1"

    with pytest.raises(libkms.AlreadyExistsError) as taken:
        kms.create_alias("alias/orders", "other")
    assert taken.value.detail is Detail.ALIAS
    with pytest.raises(libkms.NotFoundError) as nobody:
        kms.create_alias("alias/new", "nobody")
    assert nobody.value.detail is Detail.KEY
    for alias in ("orders", "alias/", "alias/" + "x" * 251, "alias/a b"):
        with pytest.raises(libkms.InvalidArgumentError, match="alias"):
            kms.create_alias(alias, "other")
    kms.create_alias("alias/" + "x" * 250, "other")
    assert "alias/" + "x" * 250 in {alias.alias for alias in kms.list_aliases("other")}


def test_lists_are_read_page_by_page(store: Store) -> None:
    with store.open(create=True) as kms:
        assert list(kms.list_keys()) == []
        assert list(kms.list_aliases()) == []
        made = {f"key-{number}": f"{number} " * 1000 for number in range(200)}
        for key_id, description in made.items():
            kms.create_key(key_id=key_id, alias=f"alias/{key_id}", description=description)
        # 64 items are a page; 64 KiB of descriptions are one before that.
        assert {key.key_id: key.description for key in kms.list_keys()} == made
        assert sorted(alias.alias for alias in kms.list_aliases()) == sorted(f"alias/{key_id}" for key_id in made)
        assert len({key.key_id for key in kms.list_keys()}) == len(list(kms.list_keys())) == 200


def test_what_is_wrong_with_a_list_is_said_at_once(kms: libkms.Kms) -> None:
    with pytest.raises(libkms.NotFoundError):
        kms.list_aliases("nobody")


def test_dry_runs_of_changes(kms: libkms.Kms) -> None:
    before = kms.stats().store_revision
    assert kms.create_key(key_id="new", alias="alias/new", dry_run=True) is None
    kms.create_alias("alias/new", "orders-1", dry_run=True)
    assert kms.describe_key("orders-1", dry_run=True) is None
    assert [key.key_id for key in kms.list_keys()] == ["orders-1"]
    assert [alias.alias for alias in kms.list_aliases()] == ["alias/orders"]
    assert kms.stats().store_revision == before
    with pytest.raises(libkms.AlreadyExistsError):
        kms.create_key(key_id="orders-1", dry_run=True)
    with pytest.raises(libkms.AlreadyExistsError):
        kms.create_alias("alias/orders", "orders-1", dry_run=True)
    with pytest.raises(libkms.NotFoundError):
        kms.describe_key("nobody", dry_run=True)
