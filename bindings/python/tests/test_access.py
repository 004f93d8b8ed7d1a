"""Principals, key policies, grants and tokens; what a tenant cannot reach; dry runs."""

from __future__ import annotations

import contextlib
import gc
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import libkms
from libkms import GrantContext, GrantOperation

from .conftest import Store
from .test_fork import in_child

KEY = "orders-1"
ALICE = "arn:aws:iam::000000000000:user/alice"
ROOT = "arn:aws:iam::000000000000:root"
CONTEXT = {"tenant": "alice"}
POLICY: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "kms:*", "Resource": "*"},
        {
            "Effect": "Allow",
            "Principal": {"AWS": ALICE},
            "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
            "Resource": "*",
            "Condition": {"StringEquals": {"kms:EncryptionContext:tenant": "alice"}},
        },
    ],
}
LOCKS_OUT = {"Statement": {"Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*"}}


@pytest.fixture
def alice(kms: libkms.Kms) -> Iterator[libkms.Kms]:
    with kms.as_principal(ALICE) as alice:
        yield alice


@pytest.fixture
def bob(kms: libkms.Kms) -> Iterator[libkms.Kms]:
    with kms.as_principal("bob") as bob:
        yield bob


def denied(action: str) -> contextlib.AbstractContextManager[Any]:
    return pytest.raises(libkms.AccessDeniedError, match=f"kms:{action} ")


def test_policies(kms: libkms.Kms, alice: libkms.Kms) -> None:
    default = kms.get_key_policy(KEY)
    assert json.loads(default)["Statement"][0]["Principal"] == {"AWS": ROOT}
    with denied("GenerateDataKey"):
        alice.generate_data_key(KEY, context=CONTEXT)

    kms.put_key_policy(KEY, POLICY)
    assert json.loads(kms.get_key_policy(KEY)) == POLICY
    key = alice.generate_data_key(KEY, context=CONTEXT)
    assert alice.decrypt(key.ciphertext, context=CONTEXT).plaintext == key.plaintext
    for context in ({}, {"tenant": "bob"}):
        with denied("GenerateDataKey"):
            alice.generate_data_key(KEY, context=context)
    with denied("PutKeyPolicy"):
        alice.put_key_policy(KEY, POLICY)
    with denied("GetKeyPolicy"):
        alice.get_key_policy(KEY)

    text = "  " + json.dumps(LOCKS_OUT)
    with pytest.raises(libkms.InvalidArgumentError, match="KMS_BYPASS_POLICY_LOCKOUT_CHECK"):
        kms.put_key_policy(KEY, text)
    kms.put_key_policy(KEY, text, bypass_policy_lockout_check=True)
    with denied("GetKeyPolicy"):
        kms.get_key_policy(KEY)
    assert alice.decrypt(key.ciphertext, context=CONTEXT).plaintext == key.plaintext


def test_the_policy_of_a_new_key(kms: libkms.Kms, alice: libkms.Kms) -> None:
    kms.create_key(key_id="hers", policy=POLICY)
    alice.generate_data_key("hers", context=CONTEXT).close()
    with pytest.raises(libkms.InvalidArgumentError, match=r"^request\.policy"):
        kms.create_key(key_id="locked", policy=LOCKS_OUT)
    kms.create_key(key_id="locked", policy=json.dumps(LOCKS_OUT), bypass_policy_lockout_check=True)
    with denied("DescribeKey"):
        kms.describe_key("locked")


@pytest.mark.parametrize("call", ["create_key", "put_key_policy"])
def test_policies_that_are_none(kms: libkms.Kms, call: str) -> None:
    def put(policy: Any) -> None:
        kms.create_key(policy=policy) if call == "create_key" else kms.put_key_policy(KEY, policy)

    for wrong in (b"{}", 1, ["{}"], object()):
        with pytest.raises(TypeError, match=f"^policy: must be str or a mapping, not {type(wrong).__name__}$"):
            put(wrong)
    with pytest.raises(TypeError, match="not JSON serializable"):
        put({"Statement": object()})
    for refused in ("", "{", {}, {"Statement": [{"Effect": "Maybe"}]}, POLICY | {"Further": 1}, " " * 32769):
        with pytest.raises(libkms.InvalidArgumentError, match=r"^request\.policy"):
            put(refused)
    with pytest.raises(libkms.InvalidArgumentError, match=r"^policy: has a NUL character"):
        put("{}\0")


def test_the_longest_policy(kms: libkms.Kms) -> None:
    longest = json.dumps(POLICY).ljust(32768)
    kms.put_key_policy(KEY, longest)
    assert kms.get_key_policy(KEY) == longest


def test_grants(kms: libkms.Kms, bob: libkms.Kms) -> None:
    key = kms.generate_data_key(KEY, context=CONTEXT)

    def opened(tokens: tuple[str, ...] = ()) -> bytearray:
        return bob.decrypt(key.ciphertext, context=CONTEXT, grant_tokens=tokens).plaintext

    operations = GrantOperation.DECRYPT | GrantOperation.DESCRIBE_KEY
    grant = kms.create_grant(KEY, "bob", operations, name="his", retiring_principal="bob", context_subset=CONTEXT)
    assert grant == kms.create_grant(
        KEY, "bob", operations, name="his", retiring_principal="bob", context_subset=CONTEXT
    )
    assert grant.grant_token not in repr(grant)
    assert opened() == opened((grant.grant_token,)) == key.plaintext
    with denied("GenerateDataKey"):
        bob.generate_data_key(KEY, context=CONTEXT, grant_tokens=[grant.grant_token])

    (info,) = kms.list_grants(KEY)
    assert (info.grant_id, info.key_id, info.name) == (grant.grant_id, KEY, "his")
    assert (info.grantee_principal, info.retiring_principal) == ("bob", "bob")
    assert info.operations is operations
    assert (info.constraint, info.context) == (GrantContext.SUBSET, CONTEXT)
    assert info.created_at > 1_700_000_000
    assert list(bob.list_retirable_grants("bob")) == list(kms.list_retirable_grants("bob")) == [info]
    with denied("ListRetirableGrants"):
        bob.list_retirable_grants("carol")

    forged = grant.grant_token[:40] + ("A" if grant.grant_token[40] != "A" else "B") + grant.grant_token[41:]
    for token in (forged, "", "nonsense", grant.grant_id):
        with pytest.raises(libkms.InvalidGrantTokenError):
            opened((token,))
    kms.create_key(key_id="other")
    with pytest.raises(libkms.InvalidGrantTokenError):
        kms.generate_data_key("other", grant_tokens=[grant.grant_token])

    bob.retire_grant(grant_token=grant.grant_token)
    with denied("Decrypt"):
        opened()
    for use in (lambda: opened((grant.grant_token,)), lambda: bob.retire_grant(grant_token=grant.grant_token)):
        with pytest.raises(libkms.InvalidGrantTokenError):
            use()
    assert list(kms.list_grants(KEY)) == []


def test_grants_are_revoked_and_filtered(kms: libkms.Kms, bob: libkms.Kms) -> None:
    made = [kms.create_grant(KEY, f"tenant-{number}", GrantOperation.ENCRYPT) for number in range(130)]
    exactly = kms.create_grant(KEY, "bob", GrantOperation.ENCRYPT, context_equals={})
    listed = list(kms.list_grants(KEY))
    assert {info.grant_id for info in listed} == {grant.grant_id for grant in [*made, exactly]}
    assert [info.created_at for info in listed] == sorted(info.created_at for info in listed)
    by_id = {info.grant_id: info for info in listed}
    first, last = by_id[made[0].grant_id], by_id[exactly.grant_id]
    assert (first.constraint, first.context, first.name) == (GrantContext.ANY, {}, "")
    assert (last.constraint, last.retiring_principal) == (GrantContext.EQUALS, "")
    assert list(kms.list_grants(KEY, grantee_principal="bob")) == [last]
    assert list(kms.list_grants(KEY, grant_id=made[7].grant_id)) == [by_id[made[7].grant_id]]
    assert list(kms.list_grants(KEY, grant_id="none")) == list(kms.list_grants(KEY, grantee_principal="nobody")) == []
    for name in ("grant_id", "grantee_principal"):
        with pytest.raises(TypeError, match=f"^{name}: must be str, not bytes$"):
            kms.list_grants(KEY, **{name: b"bob"})  # type: ignore[arg-type]

    bob.encrypt(KEY, b"payload")
    with denied("Encrypt"):
        bob.encrypt(KEY, b"payload", context=CONTEXT)
    with denied("RevokeGrant"):
        bob.revoke_grant(KEY, exactly.grant_id)
    kms.revoke_grant(KEY, exactly.grant_id)
    with denied("Encrypt"):
        bob.encrypt(KEY, b"payload")
    with pytest.raises(libkms.NotFoundError) as caught:
        kms.revoke_grant(KEY, exactly.grant_id)
    assert caught.value.detail is libkms.Detail.GRANT


def test_nobody_gives_more_than_is_theirs(kms: libkms.Kms, bob: libkms.Kms) -> None:
    kms.create_grant(KEY, "bob", GrantOperation.DECRYPT | GrantOperation.CREATE_GRANT, context_equals=CONTEXT)
    with denied("Encrypt"):
        bob.create_grant(KEY, "carol", GrantOperation.ENCRYPT, context_equals=CONTEXT)
    with denied("Decrypt"):
        bob.create_grant(KEY, "carol", GrantOperation.DECRYPT)
    bob.create_grant(KEY, "carol", GrantOperation.DECRYPT, context_equals=CONTEXT)


@pytest.mark.parametrize("name", ["context_equals", "context_subset"])
def test_contexts_of_grants(kms: libkms.Kms, name: str) -> None:
    def create(context: Any) -> None:
        kms.create_grant(KEY, "bob", GrantOperation.DECRYPT, **{name: context})

    for wrong in ("a=b", [("a", "b")], 1):
        with pytest.raises(TypeError, match=f"^{name}: must be a mapping of str to str, not {type(wrong).__name__}$"):
            create(wrong)
    with pytest.raises(TypeError, match=f"^{name} value: must be str"):
        create({"a": 1})
    for bad in ({"": "b"}, {"a": "b" * 32768}):
        with pytest.raises(libkms.InvalidArgumentError, match="context"):
            create(bad)
    with pytest.raises(libkms.InvalidArgumentError, match=r"^context_equals: and context_subset"):
        kms.create_grant(KEY, "bob", 1, context_equals={}, context_subset={})
    with pytest.raises(libkms.InvalidArgumentError, match="subset of nothing"):
        kms.create_grant(KEY, "bob", 1, context_subset={})
    for operations in (0, 256, 2**32 - 1):
        with pytest.raises(libkms.InvalidArgumentError, match="operations"):
            kms.create_grant(KEY, "bob", operations)


def management(kms: libkms.Kms, other: libkms.Kms, grant: libkms.Grant, path: Path) -> dict[str, Callable[[], object]]:
    """Dry runs of `other` on a key and a store of `kms`."""
    version = kms.describe_key(KEY).primary_version_id
    ciphertext = kms.generate_data_key(KEY).ciphertext
    return {
        "generate_data_key": lambda: other.generate_data_key(KEY, dry_run=True),
        "generate_data_keys": lambda: other.generate_data_keys(KEY, 2, dry_run=True),
        "encrypt": lambda: other.encrypt(KEY, b"payload", dry_run=True),
        "decrypt": lambda: other.decrypt(ciphertext, dry_run=True),
        "re_encrypt": lambda: other.re_encrypt(ciphertext, KEY, dry_run=True),
        "create_key": lambda: other.create_key(dry_run=True),
        "describe_key": lambda: other.describe_key(KEY, dry_run=True),
        "list_keys": lambda: list(other.list_keys(dry_run=True)),
        "create_alias": lambda: other.create_alias("alias/new", KEY, dry_run=True),
        "update_alias": lambda: other.update_alias("alias/orders", KEY, dry_run=True),
        "delete_alias": lambda: other.delete_alias("alias/orders", dry_run=True),
        "list_aliases": lambda: list(other.list_aliases(dry_run=True)),
        "list_aliases of a key": lambda: list(other.list_aliases(KEY, dry_run=True)),
        "enable_key": lambda: other.enable_key(KEY, dry_run=True),
        "disable_key": lambda: other.disable_key(KEY, dry_run=True),
        "schedule_key_deletion": lambda: other.schedule_key_deletion(KEY, dry_run=True),
        "set_key_rotation": lambda: other.set_key_rotation(KEY, rotation_period_s=1000, dry_run=True),
        "update_key_description": lambda: other.update_key_description(KEY, "new", dry_run=True),
        "tag_key": lambda: other.tag_key(KEY, {"a": "b"}, dry_run=True),
        "untag_key": lambda: other.untag_key(KEY, ["a"], dry_run=True),
        "list_key_tags": lambda: list(other.list_key_tags(KEY, dry_run=True)),
        "rotate_key": lambda: other.rotate_key(KEY, dry_run=True),
        "set_primary_version": lambda: other.set_primary_version(KEY, version, dry_run=True),
        "describe_key_version": lambda: other.describe_key_version(KEY, dry_run=True),
        "list_key_versions": lambda: list(other.list_key_versions(KEY, dry_run=True)),
        "put_key_policy": lambda: other.put_key_policy(KEY, POLICY, dry_run=True),
        "get_key_policy": lambda: other.get_key_policy(KEY, dry_run=True),
        "create_grant": lambda: other.create_grant(KEY, "carol", 1, dry_run=True),
        "list_grants": lambda: list(other.list_grants(KEY, dry_run=True)),
        "list_retirable_grants": lambda: list(other.list_retirable_grants("carol", dry_run=True)),
        "retire_grant": lambda: other.retire_grant(grant_token=grant.grant_token, dry_run=True),
        "revoke_grant": lambda: other.revoke_grant(KEY, grant.grant_id, dry_run=True),
        "rekey": lambda: other.rekey(root_key=bytes(range(32)), dry_run=True),
        "backup": lambda: other.backup(path / "backup.db", dry_run=True),
        "verify": lambda: list(other.verify(dry_run=True)),
        "verify_audit_log": lambda: list(other.verify_audit_log(path / "audit.log", dry_run=True)),
        "stats": lambda: other.stats(dry_run=True),
        "as_principal": lambda: other.as_principal(ALICE, dry_run=True),
    }


def test_dry_runs_do_nothing(kms: libkms.Kms, tmp_path: Path) -> None:
    grant = kms.create_grant(KEY, "carol", GrantOperation.DECRYPT)
    kms.verify_audit_log  # noqa: B018  # there is one, though this store has no log
    operations = management(kms, kms, grant, tmp_path)
    before = kms.stats()
    answers = {name: run() for name, run in operations.items()}
    assert {name for name, answer in answers.items() if answer not in (None, [])} == set()
    after = kms.stats()
    assert (after.store_revision, after.data_keys_generated) == (before.store_revision, before.data_keys_generated)
    assert [info.grant_id for info in kms.list_grants(KEY)] == [grant.grant_id]
    assert not (tmp_path / "backup.db").exists()


def test_a_stranger_may_do_nothing(kms: libkms.Kms, bob: libkms.Kms, tmp_path: Path) -> None:
    grant = kms.create_grant(KEY, "carol", GrantOperation.DECRYPT)
    for name, run in management(kms, bob, grant, tmp_path).items():
        with pytest.raises(libkms.AccessDeniedError) as caught:
            run()
        assert '"bob"' in caught.value.message, name


def test_the_root_by_its_name_is_the_root(kms: libkms.Kms) -> None:
    with kms.as_principal(ROOT) as root, root.as_principal("bob") as bob:
        root.create_key(key_id="mine")
        with denied("ActAsPrincipal"):
            bob.as_principal(ROOT)


def test_closing_either_leaves_the_other(store: Store) -> None:
    kms = store.open(create=True)
    kms.create_key(key_id=KEY, policy=POLICY)
    alice, again = kms.as_principal(ALICE), kms.as_principal(ALICE)
    key = alice.generate_data_key(KEY, context=CONTEXT)
    kms.close()
    with pytest.raises(libkms.ClosedError):
        kms.as_principal("bob")
    assert alice.decrypt(key.ciphertext, context=CONTEXT).plaintext == key.plaintext
    alice.close()
    with pytest.raises(libkms.ClosedError):
        alice.decrypt(key.ciphertext, context=CONTEXT)
    assert again.decrypt(key.ciphertext, context=CONTEXT).plaintext == key.plaintext
    del kms, alice
    gc.collect()
    assert again.decrypt(key.ciphertext, context=CONTEXT).plaintext == key.plaintext
    again.close()
    with store.open() as kms, kms.as_principal(ALICE) as alice:
        alice.close()
        assert kms.decrypt(key.ciphertext, context=CONTEXT).plaintext == key.plaintext


def test_principals_of_many_threads(kms: libkms.Kms) -> None:
    kms.put_key_policy(KEY, POLICY)
    outcomes: list[object] = []

    def tenant(number: int) -> None:
        name = ALICE if number % 2 == 0 else f"tenant-{number}"
        for _ in range(20):
            with kms.as_principal(name) as handle:
                try:
                    handle.generate_data_key(KEY, context=CONTEXT).close()
                    outcomes.append(number % 2 == 0)
                except libkms.AccessDeniedError:
                    outcomes.append(number % 2 == 1)

    threads = [threading.Thread(target=tenant, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [True] * 120


def test_principals_in_children(kms: libkms.Kms, alice: libkms.Kms) -> None:
    kms.put_key_policy(KEY, POLICY)
    key = alice.generate_data_key(KEY, context=CONTEXT)

    def work() -> tuple[bytes, bool]:
        opened = bytes(alice.decrypt(key.ciphertext, context=CONTEXT).plaintext)
        alice.close()
        with kms.as_principal("bob") as bob:
            try:
                bob.decrypt(key.ciphertext, context=CONTEXT)
            except libkms.AccessDeniedError:
                return opened, True
        return opened, False

    assert in_child(work) == (bytes(key.plaintext), True)
    assert alice.decrypt(key.ciphertext, context=CONTEXT).plaintext == key.plaintext


def test_a_token_works_at_once_elsewhere(store: Store) -> None:
    with store.open(create=True) as kms, store.open() as other, other.as_principal("bob") as bob:
        kms.create_key(key_id=KEY)
        key = kms.generate_data_key(KEY)
        with denied("Decrypt"):
            bob.decrypt(key.ciphertext)
        grant = kms.create_grant(KEY, "bob", GrantOperation.DECRYPT)
        assert bob.decrypt(key.ciphertext, grant_tokens=[grant.grant_token]).plaintext == key.plaintext
