package kms

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
)

const (
	alice = "arn:aws:iam::000000000000:user/alice"
	root  = "arn:aws:iam::000000000000:root"
	// The root does all; alice works with data, in her own context only.
	alicesPolicy = `{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Principal": {"AWS": "` + root + `"}, "Action": "kms:*", "Resource": "*"},
		{"Effect": "Allow", "Principal": {"AWS": "` + alice + `"}, "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
		 "Resource": "*", "Condition": {"StringEquals": {"kms:EncryptionContext:tenant": "alice"}}}]}`
	locksOut = `{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*"}}`
)

var alicesContext = map[string]string{"tenant": "alice"}

func actAs(t testing.TB, k *KMS, principal string) *KMS {
	t.Helper()
	other, err := k.AsPrincipal(PrincipalRequest{Principal: principal})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Close() })
	return other
}

func generateFor(k *KMS, keyID string, context map[string]string) (*DataKey, error) {
	return k.GenerateDataKey(DataKeyRequest{KeyID: keyID, Context: context})
}

func opensFor(k *KMS, key *DataKey, context map[string]string, tokens ...string) error {
	opened, err := k.Decrypt(DecryptRequest{Ciphertext: key.Ciphertext, Context: context, GrantTokens: tokens})
	if err == nil && !bytes.Equal(opened.Plaintext, key.Plaintext) {
		return fmt.Errorf("another plaintext")
	}
	return err
}

func TestKeyPolicies(t *testing.T) {
	k := openFile(t)
	createKey(t, k, "k")
	her := actAs(t, k, alice)
	policy, err := k.GetKeyPolicy(KeyRequest{KeyID: "k"})
	if err != nil || !strings.Contains(policy, root) {
		t.Errorf("the default policy: %q, %v", policy, err)
	}
	expect(t, "without a policy", second(generateFor(her, "k", alicesContext)), ErrAccessDenied)

	if err := k.PutKeyPolicy(PutKeyPolicyRequest{KeyID: "k", Policy: alicesPolicy}); err != nil {
		t.Fatal(err)
	}
	if policy, err := k.GetKeyPolicy(KeyRequest{KeyID: "k"}); err != nil || policy != alicesPolicy {
		t.Errorf("the policy: %q, %v", policy, err)
	}
	key, err := generateFor(her, "k", alicesContext)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "her own data key", opensFor(her, key, alicesContext), nil)
	expect(t, "for the root", opensFor(k, key, alicesContext), nil)
	expect(t, "another context", second(generateFor(her, "k", map[string]string{"tenant": "bob"})), ErrAccessDenied)
	expect(t, "no context", second(generateFor(her, "k", nil)), ErrAccessDenied)
	expect(t, "putting", her.PutKeyPolicy(PutKeyPolicyRequest{KeyID: "k", Policy: alicesPolicy}), ErrAccessDenied)
	expect(t, "getting", second(her.GetKeyPolicy(KeyRequest{KeyID: "k"})), ErrAccessDenied)

	locks := PutKeyPolicyRequest{KeyID: "k", Policy: locksOut}
	expect(t, "a lockout", k.PutKeyPolicy(locks), ErrInvalidArgument)
	locks.BypassPolicyLockoutCheck = true
	expect(t, "a lockout on purpose", k.PutKeyPolicy(locks), nil)
	expect(t, "locked out", second(k.GetKeyPolicy(KeyRequest{KeyID: "k"})), ErrAccessDenied)

	longest := alicesPolicy + strings.Repeat(" ", MaxPolicySize-len(alicesPolicy))
	need[*KeyInfo](t)(k.CreateKey(CreateKeyRequest{KeyID: "longest", Policy: longest}))
	if policy, err := k.GetKeyPolicy(KeyRequest{KeyID: "longest"}); err != nil || policy != longest {
		t.Errorf("the longest policy has %d bytes, %v", len(policy), err)
	}
	expect(t, "one byte more", second(k.CreateKey(CreateKeyRequest{Policy: longest + " "})), ErrInvalidArgument)
	expect(t, "a new key's lockout", second(k.CreateKey(CreateKeyRequest{Policy: locksOut})), ErrInvalidArgument)
	need[*KeyInfo](t)(k.CreateKey(CreateKeyRequest{Policy: locksOut, BypassPolicyLockoutCheck: true}))
	expect(t, "no JSON", second(k.CreateKey(CreateKeyRequest{Policy: "{"})), ErrInvalidArgument)
}

func TestGrants(t *testing.T) {
	k := openFile(t)
	createKey(t, k, "k")
	createKey(t, k, "other")
	bob := actAs(t, k, "bob")
	key, err := generateFor(k, "k", alicesContext)
	if err != nil {
		t.Fatal(err)
	}
	request := CreateGrantRequest{KeyID: "k", GranteePrincipal: "bob", RetiringPrincipal: "bob", Name: "his",
		Operations: GrantDecrypt | GrantDescribeKey, Constraint: GrantContextSubset, Context: alicesContext}
	grant := need[*Grant](t)(k.CreateGrant(request))
	if again := need[*Grant](t)(k.CreateGrant(request)); *again != *grant {
		t.Errorf("the same name and content gave another grant: %v, %v", again, grant)
	}
	if strings.Contains(fmt.Sprintf("%v %+v", grant, *grant), grant.GrantToken) {
		t.Error("a printed grant shows its token")
	}
	expect(t, "by grant", opensFor(bob, key, alicesContext), nil)
	expect(t, "by token", opensFor(bob, key, alicesContext, grant.GrantToken), nil)
	expect(t, "another operation", second(generateFor(bob, "k", alicesContext)), ErrAccessDenied)
	expect(t, "more than his", second(bob.CreateGrant(request)), ErrAccessDenied)

	for name, list := range map[string]func(func(GrantInfo, error) bool){
		"ListGrants":                    k.ListGrants(ListGrantsRequest{KeyID: "k"}),
		"ListGrants by id":              k.ListGrants(ListGrantsRequest{KeyID: "k", GrantID: grant.GrantID}),
		"ListGrants by grantee":         k.ListGrants(ListGrantsRequest{KeyID: "k", GranteePrincipal: "bob"}),
		"ListRetirableGrants":           k.ListRetirableGrants(ListRetirableGrantsRequest{RetiringPrincipal: "bob"}),
		"ListRetirableGrants by bob":    bob.ListRetirableGrants(ListRetirableGrantsRequest{RetiringPrincipal: "bob"}),
		"ListGrants of nobody":          k.ListGrants(ListGrantsRequest{KeyID: "k", GranteePrincipal: "nobody"}),
		"ListRetirableGrants of nobody": k.ListRetirableGrants(ListRetirableGrantsRequest{RetiringPrincipal: "nobody"}),
	} {
		seen := 0
		for info, err := range list {
			seen++
			if err != nil || info.GrantID != grant.GrantID || info.KeyID != "k" || info.Name != "his" ||
				info.GranteePrincipal != "bob" || info.RetiringPrincipal != "bob" ||
				info.Operations != request.Operations || info.Constraint != GrantContextSubset ||
				len(info.Context) != 1 || info.Context["tenant"] != "alice" || info.CreatedAt.Unix() < 1_700_000_000 {
				t.Errorf("%s: %+v, %v", name, info, err)
			}
		}
		if wanted := !strings.HasSuffix(name, "nobody"); (seen == 1) != wanted {
			t.Errorf("%s: %d grants", name, seen)
		}
	}
	expect(t, "another's retirable grants", last(bob.ListRetirableGrants(ListRetirableGrantsRequest{RetiringPrincipal: "carol"})), ErrAccessDenied)

	forged := []byte(grant.GrantToken)
	forged[40] ^= 1
	for _, token := range []string{string(forged), "", "nonsense", grant.GrantID} {
		expect(t, "a token that is none", opensFor(bob, key, alicesContext, token), ErrInvalidGrantToken)
	}
	_, err = k.GenerateDataKey(DataKeyRequest{KeyID: "other", GrantTokens: []string{grant.GrantToken}})
	expect(t, "a token of another key", err, ErrInvalidGrantToken)

	expect(t, "revoking", bob.RevokeGrant(GrantRequest{KeyID: "k", GrantID: grant.GrantID}), ErrAccessDenied)
	expect(t, "retiring", bob.RetireGrant(GrantRequest{GrantToken: grant.GrantToken}), nil)
	expect(t, "a retired grant", opensFor(bob, key, alicesContext), ErrAccessDenied)
	expect(t, "its token", opensFor(bob, key, alicesContext, grant.GrantToken), ErrInvalidGrantToken)
	expect(t, "retiring again", bob.RetireGrant(GrantRequest{GrantToken: grant.GrantToken}), ErrInvalidGrantToken)

	exactly := need[*Grant](t)(k.CreateGrant(CreateGrantRequest{KeyID: "k", GranteePrincipal: "bob",
		Operations: GrantGenerateDataKey, Constraint: GrantContextEquals}))
	expect(t, "no context", second(generateFor(bob, "k", nil)), nil)
	expect(t, "a context", second(generateFor(bob, "k", alicesContext)), ErrAccessDenied)
	expect(t, "revoking", k.RevokeGrant(GrantRequest{KeyID: "k", GrantID: exactly.GrantID}), nil)
	expect(t, "revoking again", k.RevokeGrant(GrantRequest{KeyID: "k", GrantID: exactly.GrantID}), ErrNotFound)
	expect(t, "a revoked grant", second(generateFor(bob, "k", nil)), ErrAccessDenied)
}

func TestBoundsOfAccess(t *testing.T) {
	k := openFile(t)
	createKey(t, k, "k")
	grant := func(edit func(*CreateGrantRequest)) error {
		request := CreateGrantRequest{KeyID: "k", GranteePrincipal: "bob", Operations: GrantDecrypt}
		edit(&request)
		return second(k.CreateGrant(request))
	}
	principal := func(name string) error {
		other, err := k.AsPrincipal(PrincipalRequest{Principal: name})
		other.Close() // nil if it failed
		return err
	}
	for what, c := range map[string]struct{ good, bad error }{
		"principal":      {principal(strings.Repeat("é", MaxPrincipal)), principal(strings.Repeat("p", MaxPrincipal+1))},
		"no principal":   {principal("p"), principal("")},
		"wildcard":       {principal("tenant 7"), principal("tenant-*")},
		"operations":     {grant(func(r *CreateGrantRequest) { r.Operations = 255 }), grant(func(r *CreateGrantRequest) { r.Operations = 256 })},
		"no operation":   {nil, grant(func(r *CreateGrantRequest) { r.Operations = 0 })},
		"constraint":     {nil, grant(func(r *CreateGrantRequest) { r.Constraint = 3 })},
		"a free context": {nil, grant(func(r *CreateGrantRequest) { r.Context = alicesContext })},
		"name": {
			grant(func(r *CreateGrantRequest) { r.Name = strings.Repeat("n", MaxGrantName) }),
			grant(func(r *CreateGrantRequest) { r.Name = strings.Repeat("n", MaxGrantName+1) }),
		},
	} {
		expect(t, what+", at a bound", c.good, nil)
		expect(t, what+", past a bound", c.bad, ErrInvalidArgument)
	}
}

func TestStrangersMayDoNothing(t *testing.T) {
	k := openFile(t)
	createKey(t, k, "k")
	bob := actAs(t, k, "bob")
	// What names no key that there is, or is refused before anyone is asked who he is.
	others := map[string]error{
		"Flush": nil, "Exchange": nil, "Decrypt": ErrInvalidCiphertext, "DecryptInto": ErrInvalidCiphertext,
	}
	for method, err := range everyCall(bob) {
		if _, ok := others[method]; ok {
			continue
		}
		switch method {
		case "ReEncrypt", "ImportKeyMaterial", "Rekey", "RetireGrant", "RevokeGrant", "ListRetirableGrants", "DeleteAlias", "UpdateAlias":
			if err == nil {
				t.Errorf("%s succeeded", method)
			}
		default:
			expect(t, method, err, ErrAccessDenied)
		}
	}
	again := actAs(t, k, root)
	expect(t, "the root by its name", second(again.CreateKey(CreateKeyRequest{KeyID: "mine"})), nil)
}

func TestClosingEitherLeavesTheOther(t *testing.T) {
	k, err := Open(Options{Store: fileStore(t), RootKey: testRootKey, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	need[*KeyInfo](t)(k.CreateKey(CreateKeyRequest{KeyID: "k", Policy: alicesPolicy}))
	her, again := actAs(t, k, alice), actAs(t, k, alice)
	key, err := generateFor(her, "k", alicesContext)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "closing the first", k.Close(), nil)
	expect(t, "a principal of a closed one", second(k.AsPrincipal(PrincipalRequest{Principal: "bob"})), ErrClosed)
	k = nil
	runtime.GC()
	expect(t, "after the first was closed", opensFor(her, key, alicesContext), nil)
	expect(t, "closing the second", her.Close(), nil)
	expect(t, "the closed one", opensFor(her, key, alicesContext), ErrClosed)
	expect(t, "after both were closed", opensFor(again, key, alicesContext), nil)
}

func TestPrincipalsOfManyGoroutines(t *testing.T) {
	k := openFile(t)
	need[*KeyInfo](t)(k.CreateKey(CreateKeyRequest{KeyID: "k", Policy: alicesPolicy}))
	var group sync.WaitGroup
	for number := range 8 {
		group.Add(1)
		go func() {
			defer group.Done()
			name, want := alice, error(nil)
			if number%2 == 1 {
				name, want = fmt.Sprintf("tenant-%d", number), ErrAccessDenied
			}
			for range 20 {
				other, err := k.AsPrincipal(PrincipalRequest{Principal: name})
				if err != nil {
					t.Error(err)
					return
				}
				expect(t, name, second(generateFor(other, "k", alicesContext)), want)
				expect(t, "closing", other.Close(), nil)
			}
		}()
	}
	group.Wait()
}
