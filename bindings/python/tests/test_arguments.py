"""Whatever is passed in: a TypeError or an InvalidArgumentError that names the argument, and nothing in between."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

import libkms

KEY = "alias/orders"
ROOT_KEY = bytes(32)

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
        "generate_random": (kms.generate_random, {"number_of_bytes": 16}),
    }

    def bound(function: Call, arguments: dict[str, Any]) -> Call:
        return lambda **wrong: function(**arguments | wrong)

    return {name: bound(*pair) for name, pair in defaults.items()}


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
]
INTEGERS = [
    ("open", "max_staleness_ms", 32),
    ("open", "timeout_ms", 32),
    ("create_key", "rotation_period_s", 32),
    ("create_key", "origin", 32),
    ("generate_data_key", "key_spec", 32),
    ("generate_data_key", "number_of_bytes", 32),
    ("generate_data_keys", "key_spec", 32),
    ("generate_data_keys", "number_of_bytes", 32),
    ("generate_data_keys", "count", 64),
    ("generate_random", "number_of_bytes", 32),
]
FLAGS = [
    ("open", "create"),
    ("open", "read_only"),
    ("open", "require_locked_memory"),
    ("open", "system_rng"),
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
]
BOUND = ["generate_data_key", "generate_data_keys", "encrypt", "decrypt"]
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
]


def test_every_parameter_is_in_a_table() -> None:
    """A new parameter has to be added above, or this fails."""
    import inspect

    others = {(call, name) for call in BOUND for name in ("context", "grant_tokens")} | {
        ("describe_key", "grant_tokens")
    }
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


@pytest.mark.parametrize("call", BOUND)
def test_contexts(kms: libkms.Kms, call: str) -> None:
    function = calls(kms)[call]
    for wrong in ("a=b", [("a", "b")], b"{}", 1, object()):
        with pytest.raises(TypeError, match=f"^context: must be a mapping of str to str, not {type(wrong).__name__}$"):
            function(context=wrong)
    for context in ({"a": 1}, {"a": b"b"}, {"a": None}):
        with pytest.raises(TypeError, match=r"^context value: must be str"):
            function(context=context)
    for key in (1, b"a", None):
        with pytest.raises(TypeError, match=r"^context key: must be str"):
            function(context={key: "b"})
    for bad in ({"a\0": "b"}, {"a": "b\0"}, {"\udfff": "b"}, {"a": "\udfff"}, {"": "b"}):
        with pytest.raises(libkms.InvalidArgumentError, match="context"):
            function(context=bad)
    with pytest.raises(libkms.InvalidArgumentError, match="context"):
        function(context={str(number): "" for number in range(2049)})
    with pytest.raises(libkms.InvalidArgumentError, match="context"):
        function(context={"a": "b" * 32768})
    with pytest.raises(libkms.InvalidArgumentError, match="context"):
        function(context={"a": "b"}, aad=b"aad")


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


@pytest.mark.parametrize("call", [*BOUND, "describe_key"])
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
