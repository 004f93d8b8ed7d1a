package kms

// #include "crossing.h"
// #cgo noescape kmsgo_as_principal
// #cgo nocallback kmsgo_as_principal
// #cgo noescape kmsgo_put_key_policy
// #cgo nocallback kmsgo_put_key_policy
// #cgo noescape kmsgo_get_key_policy
// #cgo nocallback kmsgo_get_key_policy
// #cgo noescape kmsgo_create_grant
// #cgo nocallback kmsgo_create_grant
// #cgo noescape kmsgo_list_grants
// #cgo nocallback kmsgo_list_grants
// #cgo noescape kmsgo_list_retirable_grants
// #cgo nocallback kmsgo_list_retirable_grants
// #cgo noescape kmsgo_retire_grant
// #cgo nocallback kmsgo_retire_grant
// #cgo noescape kmsgo_revoke_grant
// #cgo nocallback kmsgo_revoke_grant
import "C"

import (
	"encoding/json"
	"iter"
	"runtime"
	"time"
)

const (
	// MaxPolicySize is the most bytes of a key policy.
	MaxPolicySize = C.KMS_MAX_POLICY_SIZE
	// MaxPrincipal is the most characters of a principal's name.
	MaxPrincipal = C.KMS_MAX_PRINCIPAL
	// MaxGrantName is the most characters of a grant's name.
	MaxGrantName = C.KMS_MAX_GRANT_NAME
	// MaxGrants is the most grants of a key.
	MaxGrants = C.KMS_MAX_GRANTS
)

// PrincipalRequest says who a KMS shall act as.
type PrincipalRequest struct {
	// Principal is an ARN or any other name, 1..MaxPrincipal characters, without * and ?.
	Principal string
	// DryRun checks everything and does nothing; see ErrDryRunOK.
	DryRun bool
}

// AsPrincipal gives a KMS that shares everything with this one, and acts as a principal. One from Open acts as the
// account's root, which alone may call this and the other operations on the store as a whole. What a principal may do
// with a key, its policy and grants say. Close both, in any order.
func (k *KMS) AsPrincipal(request PrincipalRequest) (*KMS, error) {
	text := text{}.put(fieldPrincipal, request.Principal)
	if err := text.check(); err != nil {
		return nil, err
	}
	h := &handle{calls: newGate(runtime.GOMAXPROCS(0))}
	err := k.with(func(parent C.kmsgo_handle_t) *C.kms_error_t {
		return C.kmsgo_as_principal(parent, text.pointer(), flag(request.DryRun, C.KMS_DRY_RUN), &h.kms)
	})
	if err != nil {
		return nil, err
	}
	return newKMS(h), nil
}

// PutKeyPolicyRequest is a policy for a key.
type PutKeyPolicyRequest struct {
	// KeyID is the key's id, "alias/NAME", or an ARN of either.
	KeyID string
	// Policy is JSON, at most MaxPolicySize bytes.
	Policy string
	// BypassPolicyLockoutCheck puts the policy even if nobody could put another one after it.
	BypassPolicyLockoutCheck bool
	GrantTokens              []string
	// DryRun checks everything and does nothing; see ErrDryRunOK.
	DryRun bool
}

func policyFlags(bypass, dryRun bool) C.uint32_t {
	return flag(bypass, C.KMS_BYPASS_POLICY_LOCKOUT_CHECK) | flag(dryRun, C.KMS_DRY_RUN)
}

// PutKeyPolicy gives a key a policy in place of the one it has. Without one of its own a key has the default policy,
// which lets the root do everything. What could not be evaluated is refused.
func (k *KMS) PutKeyPolicy(request PutKeyPolicyRequest) error {
	text := text{}.put(fieldKeyID, request.KeyID).put(fieldPolicy, request.Policy).
		putAll(fieldGrantToken, request.GrantTokens)
	if err := text.check(); err != nil {
		return err
	}
	return k.with(func(h C.kmsgo_handle_t) *C.kms_error_t {
		return C.kmsgo_put_key_policy(h, text.pointer(), C.size_t(len(request.GrantTokens)),
			policyFlags(request.BypassPolicyLockoutCheck, request.DryRun))
	})
}

// GetKeyPolicy gives the text of a key's policy, as it was put, or of the default one.
func (k *KMS) GetKeyPolicy(request KeyRequest) (string, error) {
	text, call, err := request.cross()
	if err != nil {
		return "", err
	}
	policy := make([]byte, MaxPolicySize)
	size := C.size_t(len(policy))
	err = k.with(func(h C.kmsgo_handle_t) *C.kms_error_t {
		return C.kmsgo_get_key_policy(h, text.pointer(), call, pointer(policy), &size)
	})
	if err != nil {
		return "", err
	}
	return string(policy[:size]), nil
}

// GrantOperations is what a grant allows. It is a set of flags.
type GrantOperations uint32

const (
	GrantDecrypt         GrantOperations = C.KMS_GRANT_DECRYPT
	GrantEncrypt         GrantOperations = C.KMS_GRANT_ENCRYPT
	GrantGenerateDataKey GrantOperations = C.KMS_GRANT_GENERATE_DATA_KEY
	GrantReEncryptFrom   GrantOperations = C.KMS_GRANT_RE_ENCRYPT_FROM
	GrantReEncryptTo     GrantOperations = C.KMS_GRANT_RE_ENCRYPT_TO
	GrantCreateGrant     GrantOperations = C.KMS_GRANT_CREATE_GRANT
	GrantRetireGrant     GrantOperations = C.KMS_GRANT_RETIRE_GRANT
	GrantDescribeKey     GrantOperations = C.KMS_GRANT_DESCRIBE_KEY
)

// GrantConstraint says which encryption contexts a grant is for.
type GrantConstraint uint32

const (
	// GrantContextAny: any.
	GrantContextAny GrantConstraint = C.KMS_GRANT_CONTEXT_ANY
	// GrantContextEquals: just the one that is given.
	GrantContextEquals GrantConstraint = C.KMS_GRANT_CONTEXT_EQUALS
	// GrantContextSubset: any that has at least the pairs that are given.
	GrantContextSubset GrantConstraint = C.KMS_GRANT_CONTEXT_SUBSET
)

// CreateGrantRequest is a grant to create.
type CreateGrantRequest struct {
	// KeyID is the key's id, "alias/NAME", or an ARN of either.
	KeyID string
	// GranteePrincipal is who may use the key by it.
	GranteePrincipal string
	// RetiringPrincipal is who may retire it; empty: nobody is named.
	RetiringPrincipal string
	// Name has at most MaxGrantName characters. A grant of the same name and content is not made twice; empty: none.
	Name string
	// Operations is one or more.
	Operations GrantOperations
	// Constraint says what Context is for.
	Constraint  GrantConstraint
	Context     map[string]string
	GrantTokens []string
	// DryRun checks everything and does nothing; see ErrDryRunOK.
	DryRun bool
}

// Grant is a grant that was created.
type Grant struct {
	GrantID string
	// GrantToken is opaque. It works at once in every process, and is worthless once the grant is gone.
	GrantToken string
}

// CreateGrant creates a grant: its grantee may do its operations with the key, in the encryption contexts of its
// constraint. A policy's Deny wins over it. A grant that gives more than its creator may do is ErrAccessDenied.
func (k *KMS) CreateGrant(request CreateGrantRequest) (*Grant, error) {
	text := text{}.put(fieldKeyID, request.KeyID).put(fieldGranteePrincipal, request.GranteePrincipal).
		put(fieldRetiringPrincipal, request.RetiringPrincipal).put(fieldGrantName, request.Name).
		putAll(fieldGrantToken, request.GrantTokens).putContext(request.Context)
	if err := text.check(); err != nil {
		return nil, err
	}
	call := C.kmsgo_create_grant_t{
		context_len:      C.size_t(len(request.Context)),
		grant_tokens_len: C.size_t(len(request.GrantTokens)),
		operations:       C.uint32_t(request.Operations),
		constraint:       C.uint32_t(request.Constraint),
		flags:            flag(request.DryRun, C.KMS_DRY_RUN),
	}
	var grant C.kms_created_grant_t
	err := k.with(func(h C.kmsgo_handle_t) *C.kms_error_t {
		return C.kmsgo_create_grant(h, call, text.pointer(), &grant)
	})
	if err != nil {
		return nil, err
	}
	return &Grant{GrantID: string(chars(grant.grant_id[:])), GrantToken: string(chars(grant.grant_token[:]))}, nil
}

// GrantInfo is what there is to know of a grant.
type GrantInfo struct {
	GrantID           string
	KeyID             string
	Name              string
	GranteePrincipal  string
	RetiringPrincipal string
	Operations        GrantOperations
	Constraint        GrantConstraint
	// Context is the pairs of the constraint.
	Context map[string]string
	// CreatedAt is in whole seconds.
	CreatedAt time.Time
}

func grantInfo(info *C.kms_grant_info_t, strings []byte) GrantInfo {
	grant := GrantInfo{
		GrantID:           string(chars(info.grant_id[:])),
		KeyID:             string(chars(info.key_id[:])),
		Name:              span(info.name, strings),
		GranteePrincipal:  span(info.grantee_principal, strings),
		RetiringPrincipal: span(info.retiring_principal, strings),
		Operations:        GrantOperations(info.operations),
		Constraint:        GrantConstraint(info.constraint),
		CreatedAt:         time.Unix(int64(info.created_at), 0),
	}
	if context := span(info.context, strings); context != "" {
		// It is the library's own JSON; a context that cannot be read stays nil.
		_ = json.Unmarshal([]byte(context), &grant.Context)
	}
	return grant
}

// ListGrantsRequest says which grants of a key to list.
type ListGrantsRequest struct {
	// KeyID is the key's id, "alias/NAME", or an ARN of either.
	KeyID string
	// GrantID restricts the list to this one; empty: any.
	GrantID string
	// GranteePrincipal restricts the list to this grantee's; empty: any.
	GranteePrincipal string
	GrantTokens      []string
	// DryRun checks everything and does nothing; see ErrDryRunOK.
	DryRun bool
}

// ListGrants lists the grants of a key, the oldest first, as ListKeys does keys.
func (k *KMS) ListGrants(request ListGrantsRequest) iter.Seq2[GrantInfo, error] {
	return func(yield func(GrantInfo, error) bool) {
		text := text{}.put(fieldKeyID, request.KeyID).put(fieldGrantID, request.GrantID).
			put(fieldGranteePrincipal, request.GranteePrincipal).putAll(fieldGrantToken, request.GrantTokens)
		if err := text.check(); err != nil {
			yield(GrantInfo{}, err)
			return
		}
		strings := make([]byte, C.KMS_LIST_MIN_TEXT)
		pages(k, yield, func(h C.kmsgo_handle_t, page *C.kms_page_t, items []C.kms_grant_info_t) *C.kms_error_t {
			return C.kmsgo_list_grants(h, text.pointer(), C.size_t(len(request.GrantTokens)),
				flag(request.DryRun, C.KMS_DRY_RUN), page, &items[0], C.size_t(len(items)), pointer(strings),
				C.size_t(len(strings)))
		}, func(item *C.kms_grant_info_t) GrantInfo { return grantInfo(item, strings) })
	}
}

// ListRetirableGrantsRequest says whose retirable grants to list.
type ListRetirableGrantsRequest struct {
	RetiringPrincipal string
	// DryRun checks everything and does nothing; see ErrDryRunOK.
	DryRun bool
}

// ListRetirableGrants lists the grants, of all keys, that name a principal to retire them. For the root, and for that
// principal itself.
func (k *KMS) ListRetirableGrants(request ListRetirableGrantsRequest) iter.Seq2[GrantInfo, error] {
	return func(yield func(GrantInfo, error) bool) {
		text := text{}.put(fieldRetiringPrincipal, request.RetiringPrincipal)
		if err := text.check(); err != nil {
			yield(GrantInfo{}, err)
			return
		}
		strings := make([]byte, C.KMS_LIST_MIN_TEXT)
		pages(k, yield, func(h C.kmsgo_handle_t, page *C.kms_page_t, items []C.kms_grant_info_t) *C.kms_error_t {
			return C.kmsgo_list_retirable_grants(h, text.pointer(), flag(request.DryRun, C.KMS_DRY_RUN), page, &items[0],
				C.size_t(len(items)), pointer(strings), C.size_t(len(strings)))
		}, func(item *C.kms_grant_info_t) GrantInfo { return grantInfo(item, strings) })
	}
}

// GrantRequest says which grant: KeyID and GrantID, or for RetireGrant GrantToken alone.
type GrantRequest struct {
	// KeyID is the key's id, "alias/NAME", or an ARN of either.
	KeyID      string
	GrantID    string
	GrantToken string
	// DryRun checks everything and does nothing; see ErrDryRunOK.
	DryRun bool
}

func (r *GrantRequest) cross() (text, C.uint32_t, error) {
	text := text{}.put(fieldKeyID, r.KeyID).put(fieldGrantID, r.GrantID).put(fieldOneGrantToken, r.GrantToken)
	return text, flag(r.DryRun, C.KMS_DRY_RUN), text.check()
}

// RetireGrant ends a grant: for the principal that it names to retire it, for a grantee whom it allows GrantRetireGrant,
// and for whoever the key's policy allows kms:RetireGrant.
func (k *KMS) RetireGrant(request GrantRequest) error {
	text, flags, err := request.cross()
	if err != nil {
		return err
	}
	return k.with(func(h C.kmsgo_handle_t) *C.kms_error_t { return C.kmsgo_retire_grant(h, text.pointer(), flags) })
}

// RevokeGrant ends a grant, for whoever the key's policy allows kms:RevokeGrant. In other processes it ends within
// Options.MaxStaleness.
func (k *KMS) RevokeGrant(request GrantRequest) error {
	text, flags, err := request.cross()
	if err != nil {
		return err
	}
	return k.with(func(h C.kmsgo_handle_t) *C.kms_error_t { return C.kmsgo_revoke_grant(h, text.pointer(), flags) })
}
