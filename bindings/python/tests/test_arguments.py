"""Whatever is passed in: a TypeError or an InvalidArgumentError that names the argument, and nothing in between."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

import libkms

KEY = "alias/orders"
ROOT_KEY = bytes(32)
VERSION = "00000000-0000-4000-8000-000000000000"  # of no key

Call = Callable[..., object]


def calls(kms: libkms.Kms) -> dict[str, Call]:
    """Each operation with the arguments that it cannot do without, to which a test adds the one that is wrong."""
    ciphertext = kms.generate_data_key(KEY).ciphertext
    defaults: dict[str, tuple[Call, dict[str, Any]]] = {
        "open": (libkms.open, {"store": "memory:", "root_key": ROOT_KEY, "create": True}),
        "create_key": (kms.create_key, {}),
        "describe_key": (kms.describe_key, {"key_id": KEY}),
        "create_alias": (kms.create_alias, {"alias": "alias/new", "key_id": "orders-1"}),
        "list_aliases": (kms.list_aliases, {}),
        "generate_data_key": (kms.generate_data_key, {"key_id": KEY}),
        "generate_data_keys": (kms.generate_data_keys, {"key_id": KEY, "count": 2}),
        "encrypt": (kms.encrypt, {"key_id": KEY, "plaintext": b"payload"}),
        "decrypt": (kms.decrypt, {"ciphertext": ciphertext}),
        "re_encrypt": (kms.re_encrypt, {"ciphertext": ciphertext, "destination_key_id": KEY}),
        "update_alias": (kms.update_alias, {"alias": KEY, "key_id": "orders-1"}),
        "delete_alias": (kms.delete_alias, {"alias": "alias/nobody"}),
        "enable_key": (kms.enable_key, {"key_id": KEY}),
        "disable_key": (kms.disable_key, {"key_id": KEY}),
        "schedule_key_deletion": (kms.schedule_key_deletion, {"key_id": KEY}),
        "cancel_key_deletion": (kms.cancel_key_deletion, {"key_id": KEY}),
        "set_key_rotation": (kms.set_key_rotation, {"key_id": KEY}),
        "update_key_description": (kms.update_key_description, {"key_id": KEY, "description": "d"}),
        "tag_key": (kms.tag_key, {"key_id": KEY, "tags": {"team": "a"}}),
        "untag_key": (kms.untag_key, {"key_id": KEY, "tag_keys": ["team"]}),
        "list_key_tags": (kms.list_key_tags, {"key_id": KEY}),
        "rotate_key": (kms.rotate_key, {"key_id": KEY}),
        "set_primary_version": (kms.set_primary_version, {"key_id": KEY, "version_id": VERSION}),
        "describe_key_version": (kms.describe_key_version, {"key_id": KEY}),
        "list_key_versions": (kms.list_key_versions, {"key_id": KEY}),
        "schedule_version_destruction": (kms.schedule_version_destruction, {"key_id": KEY, "version_id": VERSION}),
        "cancel_version_destruction": (kms.cancel_version_destruction, {"key_id": KEY, "version_id": VERSION}),
        "import_key_material": (kms.import_key_material, {"key_id": KEY, "material": bytes(32)}),
        "delete_imported_key_material": (kms.delete_imported_key_material, {"key_id": KEY}),
        "rekey": (kms.rekey, {}),
        "backup": (kms.backup, {"path": "nowhere/backup.db"}),
        "list_keys": (kms.list_keys, {}),
        "verify": (kms.verify, {}),
        "verify_audit_log": (kms.verify_audit_log, {"path": "nowhere/audit.log"}),
        "stats": (kms.stats, {}),
        "as_principal": (kms.as_principal, {"principal": "tenant"}),
        "put_key_policy": (kms.put_key_policy, {"key_id": KEY, "policy": "{}"}),
        "get_key_policy": (kms.get_key_policy, {"key_id": KEY}),
        "create_grant": (kms.create_grant, {"key_id": KEY, "grantee_principal": "tenant", "operations": 1}),
        "list_grants": (kms.list_grants, {"key_id": KEY}),
        "list_retirable_grants": (kms.list_retirable_grants, {"retiring_principal": "tenant"}),
        "retire_grant": (kms.retire_grant, {"key_id": KEY, "grant_id": "0" * 64}),
        "revoke_grant": (kms.revoke_grant, {"key_id": KEY, "grant_id": "0" * 64}),
        "exchange": (
            kms.exchange,
            {"dialect": 8, "method": "POST", "target": "/", "headers": {}, "body": b""},
        ),
        "generate_random": (kms.generate_random, {"number_of_bytes": 16}),
    }

    def bound(function: Call, arguments: dict[str, Any]) -> Call:
        return lambda **wrong: function(**arguments | wrong)

    return {name: bound(*pair) for name, pair in defaults.items()}


ON_VERSIONS = ["set_primary_version", "schedule_version_destruction", "cancel_version_destruction"]
CHANGES = [
    *ON_VERSIONS,
    "enable_key",
    "disable_key",
    "schedule_key_deletion",
    "cancel_key_deletion",
    "set_key_rotation",
    "rotate_key",
    "import_key_material",
    "delete_imported_key_material",
]
LISTS_OF_KEYS = ["list_key_versions", "list_key_tags", "list_grants"]
WITH_POLICIES = ["put_key_policy", "get_key_policy", "create_grant"]
ON_KEYS = [*CHANGES, "describe_key_version", *LISTS_OF_KEYS, *WITH_POLICIES]
TEXTS = [
    ("open", "store"),
    ("open", "root_key_uri"),
    ("open", "account_id"),
    ("open", "region"),
    ("create_key", "key_id"),
    ("create_key", "alias"),
    ("create_key", "description"),
    ("describe_key", "key_id"),
    ("create_alias", "alias"),
    ("create_alias", "key_id"),
    ("list_aliases", "key_id"),
    ("generate_data_key", "key_id"),
    ("generate_data_key", "version_id"),
    ("generate_data_keys", "key_id"),
    ("generate_data_keys", "version_id"),
    ("encrypt", "key_id"),
    ("encrypt", "version_id"),
    ("decrypt", "key_id"),
    ("re_encrypt", "source_key_id"),
    ("re_encrypt", "destination_key_id"),
    ("re_encrypt", "destination_version_id"),
    ("update_alias", "alias"),
    ("update_alias", "key_id"),
    ("delete_alias", "alias"),
    ("update_key_description", "key_id"),
    ("update_key_description", "description"),
    ("tag_key", "key_id"),
    ("untag_key", "key_id"),
    *((call, "key_id") for call in ON_KEYS),
    *((call, "version_id") for call in (*ON_VERSIONS, "describe_key_version")),
    ("rekey", "root_key_uri"),
    ("backup", "path"),
    ("open", "audit_log"),
    ("verify_audit_log", "path"),
    ("as_principal", "principal"),
    ("create_grant", "grantee_principal"),
    ("create_grant", "retiring_principal"),
    ("create_grant", "name"),
    ("list_retirable_grants", "retiring_principal"),
    *((call, name) for call in ("retire_grant", "revoke_grant") for name in ("key_id", "grant_id")),
    ("retire_grant", "grant_token"),
]
BYTES = [
    ("open", "root_key"),
    ("open", "passphrase"),
    ("generate_data_key", "aad"),
    ("generate_data_keys", "aad"),
    ("encrypt", "plaintext"),
    ("encrypt", "aad"),
    ("decrypt", "ciphertext"),
    ("decrypt", "iv"),
    ("decrypt", "aad"),
    ("re_encrypt", "ciphertext"),
    ("re_encrypt", "source_iv"),
    ("re_encrypt", "source_aad"),
    ("re_encrypt", "destination_aad"),
    ("create_key", "key_uuid"),
    ("import_key_material", "material"),
    ("rekey", "root_key"),
    ("rekey", "passphrase"),
    ("exchange", "body"),
]
INTEGERS = [
    ("open", "max_staleness_ms", 32),
    ("open", "timeout_ms", 32),
    ("open", "max_cached_keys", 32),
    ("open", "audit_data", 32),
    ("open", "audit_max_kib", 32),
    ("create_grant", "operations", 32),
    ("create_key", "rotation_period_s", 32),
    ("create_key", "origin", 32),
    ("generate_data_key", "key_spec", 32),
    ("generate_data_key", "number_of_bytes", 32),
    ("generate_data_keys", "key_spec", 32),
    ("generate_data_keys", "number_of_bytes", 32),
    ("generate_data_keys", "count", 64),
    ("generate_random", "number_of_bytes", 32),
    ("create_key", "rotate_after_uses", 64),
    ("set_key_rotation", "rotation_period_s", 32),
    ("set_key_rotation", "rotate_after_uses", 64),
    ("schedule_key_deletion", "waiting_days", 32),
    ("schedule_version_destruction", "waiting_days", 32),
    ("import_key_material", "expires_at", 63),
    ("import_key_material", "version_number", 32),
    ("exchange", "dialect", 32),
]
FLAGS = [
    ("open", "create"),
    ("open", "read_only"),
    ("open", "require_locked_memory"),
    ("open", "system_rng"),
    ("open", "audit_context_values"),
    ("open", "audit_go_on_when_full"),
    ("create_key", "bypass_policy_lockout_check"),
    ("put_key_policy", "bypass_policy_lockout_check"),
    *((call, "dry_run") for call in ("list_keys", "list_aliases", *LISTS_OF_KEYS, "list_retirable_grants")),
    *((call, "dry_run") for call in ("backup", "verify", "verify_audit_log", "stats", "as_principal")),
    *((call, "dry_run") for call in (*WITH_POLICIES, "retire_grant", "revoke_grant")),
    ("create_key", "dry_run"),
    ("describe_key", "dry_run"),
    ("create_alias", "dry_run"),
    ("generate_data_key", "skip_plaintext"),
    ("generate_data_key", "initial_version"),
    ("generate_data_key", "dry_run"),
    ("generate_data_keys", "skip_plaintext"),
    ("generate_data_keys", "initial_version"),
    ("generate_data_keys", "dry_run"),
    ("encrypt", "initial_version"),
    ("encrypt", "dry_run"),
    ("decrypt", "dry_run"),
    ("generate_random", "dry_run"),
    ("re_encrypt", "initial_version"),
    ("re_encrypt", "dry_run"),
    ("update_alias", "dry_run"),
    ("delete_alias", "dry_run"),
    ("update_key_description", "dry_run"),
    ("tag_key", "dry_run"),
    ("untag_key", "dry_run"),
    ("describe_key_version", "dry_run"),
    ("rekey", "dry_run"),
    *((call, "dry_run") for call in CHANGES),
]
BOUND = ["generate_data_key", "generate_data_keys", "encrypt", "decrypt"]
TOKENS = ["describe_key", "re_encrypt", *ON_KEYS]
CONTEXTS = [
    *((call, "context") for call in BOUND),
    ("re_encrypt", "source_context"),
    ("re_encrypt", "destination_context"),
]
REQUIRED = [
    ("open", "store"),
    ("describe_key", "key_id"),
    ("create_alias", "alias"),
    ("create_alias", "key_id"),
    ("generate_data_key", "key_id"),
    ("generate_data_keys", "key_id"),
    ("generate_data_keys", "count"),
    ("encrypt", "key_id"),
    ("encrypt", "plaintext"),
    ("decrypt", "ciphertext"),
    ("generate_random", "number_of_bytes"),
    ("re_encrypt", "ciphertext"),
    ("re_encrypt", "destination_key_id"),
    ("update_alias", "alias"),
    ("update_alias", "key_id"),
    ("delete_alias", "alias"),
    ("update_key_description", "key_id"),
    ("update_key_description", "description"),
    ("tag_key", "key_id"),
    ("tag_key", "tags"),
    ("untag_key", "key_id"),
    ("untag_key", "tag_keys"),
    ("import_key_material", "material"),
    ("backup", "path"),
    ("verify_audit_log", "path"),
    ("as_principal", "principal"),
    ("put_key_policy", "policy"),
    ("create_grant", "grantee_principal"),
    ("create_grant", "operations"),
    ("list_retirable_grants", "retiring_principal"),
    *(("exchange", name) for name in ("dialect", "method", "target", "headers", "body")),
    *((call, "key_id") for call in ON_KEYS),
    *((call, "version_id") for call in ON_VERSIONS),
]


def test_every_parameter_is_in_a_table() -> None:
    """A new parameter has to be added above, or this fails."""
    import inspect

    others = {(call, name) for call in BOUND for name in ("context", "grant_tokens")}
    others |= {(call, "grant_tokens") for call in TOKENS}
    others |= {("re_encrypt", "source_context"), ("re_encrypt", "destination_context")}
    # test_access.py has these.
    others |= {("create_key", "policy"), ("put_key_policy", "policy")}
    others |= {("create_grant", "context_equals"), ("create_grant", "context_subset")}
    others |= {("list_grants", "grant_id"), ("list_grants", "grantee_principal")}
    # test_exchange.py has these.
    others |= {("exchange", name) for name in ("method", "target", "headers")}
    others |= {("create_key", "tags"), ("tag_key", "tags"), ("untag_key", "tag_keys")}
    tables = {(call, name) for table in (TEXTS, BYTES, FLAGS) for call, name in table} | others
    tables |= {(call, name) for call, name, _ in INTEGERS}
    functions = {name: getattr(libkms.Kms, name) for name in dir(libkms.Kms) if not name.startswith("_")}
    functions["open"] = libkms.open
    parameters = {
        (call, name)
        for call, function in functions.items()
        for name in inspect.signature(function).parameters
        if name != "self"
    }
    assert parameters == tables


@pytest.mark.parametrize(("call", "name"), TEXTS)
def test_texts(kms: libkms.Kms, call: str, name: str) -> None:
    function = calls(kms)[call]
    for wrong in (b"alias/orders", 1, 1.5, True, ["alias/orders"], object()):
        with pytest.raises(TypeError, match=f"^{name}: must be str, not {type(wrong).__name__}$"):
            function(**{name: wrong})
    with pytest.raises(libkms.InvalidArgumentError, match=f"^{name}: has a NUL character$"):
        function(**{name: "alias/orders\0"})
    with pytest.raises(libkms.InvalidArgumentError, match=f"^{name}: has a lone surrogate"):
        function(**{name: "alias/\ud800"})
    with pytest.raises(libkms.KmsError) as caught:
        function(**{name: "x" * 100_000})
    assert caught.value.status in (
        libkms.Status.INVALID_ARGUMENT,
        libkms.Status.NOT_FOUND,
        libkms.Status.STORE_ERROR,
    )
    assert len(caught.value.message) < 448


@pytest.mark.parametrize(("call", "name"), BYTES)
def test_bytes(kms: libkms.Kms, call: str, name: str) -> None:
    function = calls(kms)[call]
    for wrong in ("text", 1, 1.5, True, [1, 2], object()):
        with pytest.raises(TypeError, match=f"^{name}: must be bytes-like, not {type(wrong).__name__}$"):
            function(**{name: wrong})
    released = memoryview(b"gone")
    released.release()
    with pytest.raises(ValueError, match="released"):
        function(**{name: released})


@pytest.mark.parametrize(("call", "name", "bits"), INTEGERS)
def test_integers(kms: libkms.Kms, call: str, name: str, bits: int) -> None:
    function = calls(kms)[call]
    for wrong in (b"1", "1", 1.0, True, False, [1], object()):
        with pytest.raises(TypeError, match=f"^{name}: must be int, not {type(wrong).__name__}$"):
            function(**{name: wrong})
    for out_of_range in (-1, 2**bits, 2**bits + 16, 2**200, -(2**200)):
        with pytest.raises(libkms.InvalidArgumentError, match=re.escape(f"{name}: must be 0 to 2**{bits} - 1")):
            function(**{name: out_of_range})


@pytest.mark.parametrize(("call", "name"), FLAGS)
def test_flags(kms: libkms.Kms, call: str, name: str) -> None:
    function = calls(kms)[call]
    values: list[object] = [0, 1, None, "yes", [], 1.0]
    for wrong in values:
        with pytest.raises(TypeError, match=f"^{name}: must be bool, not {type(wrong).__name__}$"):
            function(**{name: wrong})


@pytest.mark.parametrize(("call", "name"), REQUIRED)
def test_none_for_what_is_required(kms: libkms.Kms, call: str, name: str) -> None:
    with pytest.raises(TypeError, match=f"^{name}: must be .*, not NoneType$"):
        calls(kms)[call](**{name: None})


@pytest.mark.parametrize(("call", "name"), CONTEXTS)
def test_contexts(kms: libkms.Kms, call: str, name: str) -> None:
    function = calls(kms)[call]
    for wrong in ("a=b", [("a", "b")], b"{}", 1, object()):
        with pytest.raises(TypeError, match=f"^{name}: must be a mapping of str to str, not {type(wrong).__name__}$"):
            function(**{name: wrong})
    for context in ({"a": 1}, {"a": b"b"}, {"a": None}):
        with pytest.raises(TypeError, match=f"^{name} value: must be str"):
            function(**{name: context})
    for key in (1, b"a", None):
        with pytest.raises(TypeError, match=f"^{name} key: must be str"):
            function(**{name: {key: "b"}})
    for bad in ({"a\0": "b"}, {"a": "b\0"}, {"\udfff": "b"}, {"a": "\udfff"}, {"": "b"}):
        with pytest.raises(libkms.InvalidArgumentError, match="context"):
            function(**{name: bad})
    with pytest.raises(libkms.InvalidArgumentError, match="context"):
        function(**{name: {str(number): "" for number in range(2049)}})
    with pytest.raises(libkms.InvalidArgumentError, match="context"):
        function(**{name: {"a": "b" * 32768}})
    with pytest.raises(libkms.InvalidArgumentError, match="context"):
        function(**{name: {"a": "b"}, name.replace("context", "aad"): b"aad"})


@pytest.mark.parametrize("call", ["create_key", "tag_key"])
def test_tags(kms: libkms.Kms, call: str) -> None:
    function = calls(kms)[call]
    for wrong in ("a=b", [("a", "b")], b"{}", 1, object()):
        with pytest.raises(TypeError, match=f"^tags: must be a mapping of str to str, not {type(wrong).__name__}$"):
            function(tags=wrong)
    with pytest.raises(TypeError, match=r"^tags value: must be str, not int$"):
        function(tags={"a": 1})
    with pytest.raises(TypeError, match=r"^tags key: must be str, not bytes$"):
        function(tags={b"a": "b"})
    for bad in ({"a\0": "b"}, {"a": "\udfff"}, {"": "b"}, {"k" * 129: ""}, {"k": "v" * 257}):
        with pytest.raises(libkms.InvalidArgumentError, match="tag"):
            function(tags=bad)


def test_tag_keys(kms: libkms.Kms) -> None:
    for wrong in ("team", b"team", 1, {"team"}, iter(["team"])):
        with pytest.raises(TypeError, match=f"^tag_keys: must be a sequence of str, not {type(wrong).__name__}$"):
            kms.untag_key(KEY, wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^tag_keys: must be str, not int$"):
        kms.untag_key(KEY, [1])  # type: ignore[list-item]
    with pytest.raises(libkms.InvalidArgumentError, match=r"^tag_keys: has a NUL character$"):
        kms.untag_key(KEY, ["team\0"])


def test_the_largest_contexts_and_aads(kms: libkms.Kms) -> None:
    many = {str(number): "" for number in range(2048)}
    long = {"a": "b" * 32767}
    for context in (many, long):
        key = kms.generate_data_key(KEY, context=context)
        assert kms.decrypt(key.ciphertext, context=context).plaintext == key.plaintext
    key = kms.generate_data_key(KEY, aad=bytes(8192))
    assert kms.decrypt(key.ciphertext, aad=bytes(8192)).plaintext == key.plaintext
    for call in BOUND:
        with pytest.raises(libkms.InvalidArgumentError, match="aad"):
            calls(kms)[call](aad=bytes(8193))


@pytest.mark.parametrize("call", [*BOUND, *TOKENS])
def test_grant_tokens(kms: libkms.Kms, call: str) -> None:
    function = calls(kms)[call]
    for wrong in ("token", b"token", None, 1, {"a"}, iter(["a"])):
        with pytest.raises(TypeError, match=f"^grant_tokens: must be a sequence of str, not {type(wrong).__name__}$"):
            function(grant_tokens=wrong)
    for tokens in ([b"token"], [None], ["good", 1]):
        with pytest.raises(TypeError, match=r"^grant_tokens: must be str"):
            function(grant_tokens=tokens)
    with pytest.raises(libkms.InvalidArgumentError, match="grant_tokens"):
        function(grant_tokens=["token\0"])
    with pytest.raises(libkms.InvalidArgumentError, match="grant_tokens"):
        function(grant_tokens=["token"] * 11)
    for unknown in (["token"], ("token",) * 10):
        with pytest.raises(libkms.InvalidGrantTokenError):
            function(grant_tokens=unknown)
    if call in BOUND:
        function(grant_tokens=[])
        function(grant_tokens=())


def test_payload_sizes(kms: libkms.Kms) -> None:
    for size in (65537, 10_000_000):
        with pytest.raises(libkms.InvalidArgumentError, match="plaintext"):
            kms.encrypt(KEY, bytes(size))


def test_random_sizes(kms: libkms.Kms) -> None:
    for size in (0, 65537, 2**32 - 1):
        with pytest.raises(libkms.InvalidArgumentError, match="number_of_bytes"):
            kms.generate_random(size)


def test_root_keys() -> None:
    for size in (0, 1, 31, 33, 64):
        with pytest.raises(libkms.InvalidArgumentError, match="root"):
            libkms.open("memory:", root_key=bytes(size), create=True)
    with pytest.raises(libkms.InvalidArgumentError, match="root"):
        libkms.open("memory:", create=True)
    with pytest.raises(libkms.InvalidArgumentError, match="root"):
        libkms.open("memory:", root_key=ROOT_KEY, passphrase=b"both", create=True)
    with pytest.raises(libkms.InvalidArgumentError, match="root"):
        libkms.open("memory:", root_key_uri="nonsense:x", create=True)
    with pytest.raises(libkms.InvalidArgumentError, match="store"):
        libkms.open("nonsense:x", root_key=ROOT_KEY, create=True)
    with pytest.raises(libkms.InvalidArgumentError, match="account_id"):
        libkms.open("memory:", root_key=ROOT_KEY, create=True, account_id="12")
    with libkms.open("memory:", root_key=ROOT_KEY, create=True, account_id="123456789012", region="here") as kms:
        assert kms.create_key(key_id="k").key_id == "k"


def test_settings_that_open_takes() -> None:
    for settings in (
        {"system_rng": True},
        {"max_staleness_ms": 1, "timeout_ms": 1},
        {"max_staleness_ms": 60_000, "timeout_ms": 60_000},
    ):
        with libkms.open("memory:", root_key=ROOT_KEY, create=True, **settings) as kms:
            kms.create_key(alias=KEY)
            key = kms.generate_data_key(KEY)
            assert kms.decrypt(key.ciphertext).plaintext == key.plaintext


def test_the_cache_is_bounded_as_open_is_told() -> None:
    with libkms.open("memory:", root_key=ROOT_KEY, create=True, max_cached_keys=3) as kms:
        keys = [kms.generate_data_key(kms.create_key().key_id) for _ in range(10)]
        assert [kms.decrypt(key.ciphertext).plaintext for key in keys] == [key.plaintext for key in keys]
        assert 1 <= kms.stats().keys_cached <= 3
