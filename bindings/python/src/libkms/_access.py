"""Who may: key policies and grants. Principals are made by Kms.as_principal()."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ctypes import addressof, c_char
from typing import Any, Literal, overload

from ._arguments import (
    Context,
    ContextSlot,
    Policy,
    flag,
    optional_text,
    policy_text,
    set_grant_tokens,
    text,
    uint32,
)
from ._enums import GrantContext, GrantOperation
from ._errors import InvalidArgumentError
from ._ffi import lib
from ._handle import Handle
from ._infos import grant_info, pages
from ._lifecycle import key_request
from ._results import Grant, GrantInfo
from ._structs import (
    KMS_BYPASS_POLICY_LOCKOUT_CHECK,
    KMS_DRY_RUN,
    KMS_MAX_POLICY_SIZE,
    kms_buffer_t,
    kms_create_grant_request_t,
    kms_created_grant_t,
    kms_grant_info_t,
    kms_grant_request_t,
    kms_list_grants_request_t,
    kms_list_retirable_grants_request_t,
    kms_policy_request_t,
    sized,
)


class AccessOperations:
    __slots__ = ()

    _handle: Handle

    def put_key_policy(
        self,
        key_id: str,
        policy: Policy,
        *,
        bypass_policy_lockout_check: bool = False,
        grant_tokens: Sequence[str] = (),
        dry_run: bool = False,
    ) -> None:
        """Gives a key a policy, JSON or what json.dumps() takes, in place of the one it has.

        Without one of its own a key has the default policy, which lets the root do everything. What could not be
        evaluated is refused, and so is a policy after which nobody could put another one, unless
        `bypass_policy_lockout_check` says that it shall be put.
        """
        request = sized(kms_policy_request_t)
        request.key_id = text("key_id", key_id)
        request.policy = policy_text(policy)
        set_grant_tokens(request, grant_tokens)
        request.flags = flag("dry_run", dry_run, KMS_DRY_RUN) | flag(
            "bypass_policy_lockout_check", bypass_policy_lockout_check, KMS_BYPASS_POLICY_LOCKOUT_CHECK
        )
        self._handle.call(lib.kms_put_key_policy, request)

    @overload
    def get_key_policy(
        self, key_id: str, *, grant_tokens: Sequence[str] = (), dry_run: Literal[False] = False
    ) -> str: ...
    @overload
    def get_key_policy(self, key_id: str, *, grant_tokens: Sequence[str] = (), dry_run: bool) -> str | None: ...
    def get_key_policy(self, key_id: str, *, grant_tokens: Sequence[str] = (), dry_run: bool = False) -> str | None:
        """The text of a key's policy, as it was put, or of the default one."""
        memory = (c_char * KMS_MAX_POLICY_SIZE)()
        buffer = kms_buffer_t(addressof(memory), KMS_MAX_POLICY_SIZE, 0)
        request = key_request(key_id, None, grant_tokens, dry_run)
        done = self._handle.call(lib.kms_get_key_policy, request, buffer)
        return memory.raw[: buffer.len].decode() if done else None

    @overload
    def create_grant(
        self,
        key_id: str,
        grantee_principal: str,
        operations: GrantOperation | int,
        *,
        retiring_principal: str | None = None,
        name: str | None = None,
        context_equals: Context | None = None,
        context_subset: Context | None = None,
        grant_tokens: Sequence[str] = (),
        dry_run: Literal[False] = False,
    ) -> Grant: ...
    @overload
    def create_grant(
        self,
        key_id: str,
        grantee_principal: str,
        operations: GrantOperation | int,
        *,
        retiring_principal: str | None = None,
        name: str | None = None,
        context_equals: Context | None = None,
        context_subset: Context | None = None,
        grant_tokens: Sequence[str] = (),
        dry_run: bool,
    ) -> Grant | None: ...
    def create_grant(
        self,
        key_id: str,
        grantee_principal: str,
        operations: GrantOperation | int,
        *,
        retiring_principal: str | None = None,
        name: str | None = None,
        context_equals: Context | None = None,
        context_subset: Context | None = None,
        grant_tokens: Sequence[str] = (),
        dry_run: bool = False,
    ) -> Grant | None:
        """Lets a principal do operations with a key, in just one encryption context, in those that have certain pairs,
        or in any. None for a dry run that would succeed.

        A policy's Deny wins over a grant. One that gives more than its creator may do is an AccessDeniedError. The same
        `name` and content give the same grant.
        """
        request = sized(kms_create_grant_request_t)
        request.key_id = text("key_id", key_id)
        request.grantee_principal = text("grantee_principal", grantee_principal)
        request.retiring_principal = optional_text("retiring_principal", retiring_principal)
        request.name = optional_text("name", name)
        request.operations = uint32("operations", operations)
        request.constraint = _constraint(request, context_equals, context_subset)
        set_grant_tokens(request, grant_tokens)
        request.flags = flag("dry_run", dry_run, KMS_DRY_RUN)
        made = sized(kms_created_grant_t)
        if not self._handle.call(lib.kms_create_grant, request, made):
            return None
        return Grant(made.grant_id.decode(), made.grant_token.decode())

    def list_grants(
        self,
        key_id: str,
        *,
        grant_id: str | None = None,
        grantee_principal: str | None = None,
        grant_tokens: Sequence[str] = (),
        dry_run: bool = False,
    ) -> Iterator[GrantInfo]:
        """The grants of a key, the oldest first; all, one by its id, or those of a grantee."""
        request = sized(kms_list_grants_request_t)
        request.key_id = text("key_id", key_id)
        request.grant_id = optional_text("grant_id", grant_id)
        request.grantee_principal = optional_text("grantee_principal", grantee_principal)
        set_grant_tokens(request, grant_tokens)
        request.flags = flag("dry_run", dry_run, KMS_DRY_RUN)
        return pages(self._handle, lib.kms_list_grants, request, kms_grant_info_t, grant_info)

    def list_retirable_grants(self, retiring_principal: str, *, dry_run: bool = False) -> Iterator[GrantInfo]:
        """The grants, of all keys, that name a principal to retire them. For the root, and for that principal."""
        request = sized(kms_list_retirable_grants_request_t)
        request.retiring_principal = text("retiring_principal", retiring_principal)
        request.flags = flag("dry_run", dry_run, KMS_DRY_RUN)
        return pages(self._handle, lib.kms_list_retirable_grants, request, kms_grant_info_t, grant_info)

    def retire_grant(
        self,
        key_id: str | None = None,
        grant_id: str | None = None,
        *,
        grant_token: str | None = None,
        dry_run: bool = False,
    ) -> None:
        """Ends a grant, by its key and id or by its token alone: for the principal that it names to retire it, for a
        grantee whom it allows RETIRE_GRANT, and for whoever the key's policy allows kms:RetireGrant."""
        request = _grant_request(key_id, grant_id, grant_token, dry_run)
        self._handle.call(lib.kms_retire_grant, request)

    def revoke_grant(self, key_id: str, grant_id: str, *, dry_run: bool = False) -> None:
        """Ends a grant, for whoever the key's policy allows kms:RevokeGrant."""
        self._handle.call(lib.kms_revoke_grant, _grant_request(key_id, grant_id, None, dry_run))


def _constraint(request: Any, equals: Context | None, subset: Context | None) -> GrantContext:
    if equals is not None and subset is not None:
        raise InvalidArgumentError("context_equals: and context_subset cannot both be given")
    if equals is not None:
        ContextSlot(request, "context_equals").set(equals)
        return GrantContext.EQUALS
    ContextSlot(request, "context_subset").set(subset)
    return GrantContext.ANY if subset is None else GrantContext.SUBSET


def _grant_request(key_id: str | None, grant_id: str | None, grant_token: str | None, dry_run: bool) -> Any:
    request = sized(kms_grant_request_t)
    request.key_id = optional_text("key_id", key_id)
    request.grant_id = optional_text("grant_id", grant_id)
    request.grant_token = optional_text("grant_token", grant_token)
    request.flags = flag("dry_run", dry_run, KMS_DRY_RUN)
    return request
