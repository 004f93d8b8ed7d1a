package kms

// #include "crossing.h"
// #include <stdlib.h>
import "C"

import (
	"reflect"
	"unsafe"
)

// What the tests need of C and cannot ask for themselves: cgo is not for _test files.

// layouts are the structs of kms.h as cgo sees them.
func layouts() map[string]reflect.Type {
	return map[string]reflect.Type{
		"kms_bytes_t":                         reflect.TypeFor[C.kms_bytes_t](),
		"kms_buffer_t":                        reflect.TypeFor[C.kms_buffer_t](),
		"kms_column_t":                        reflect.TypeFor[C.kms_column_t](),
		"kms_context_entry_t":                 reflect.TypeFor[C.kms_context_entry_t](),
		"kms_span_t":                          reflect.TypeFor[C.kms_span_t](),
		"kms_page_t":                          reflect.TypeFor[C.kms_page_t](),
		"kms_error_t":                         reflect.TypeFor[C.kms_error_t](),
		"kms_open_options_t":                  reflect.TypeFor[C.kms_open_options_t](),
		"kms_create_key_request_t":            reflect.TypeFor[C.kms_create_key_request_t](),
		"kms_key_request_t":                   reflect.TypeFor[C.kms_key_request_t](),
		"kms_key_info_t":                      reflect.TypeFor[C.kms_key_info_t](),
		"kms_list_keys_request_t":             reflect.TypeFor[C.kms_list_keys_request_t](),
		"kms_create_alias_request_t":          reflect.TypeFor[C.kms_create_alias_request_t](),
		"kms_list_aliases_request_t":          reflect.TypeFor[C.kms_list_aliases_request_t](),
		"kms_alias_info_t":                    reflect.TypeFor[C.kms_alias_info_t](),
		"kms_data_key_request_t":              reflect.TypeFor[C.kms_data_key_request_t](),
		"kms_encrypt_request_t":               reflect.TypeFor[C.kms_encrypt_request_t](),
		"kms_decrypt_request_t":               reflect.TypeFor[C.kms_decrypt_request_t](),
		"kms_random_request_t":                reflect.TypeFor[C.kms_random_request_t](),
		"kms_data_key_info_t":                 reflect.TypeFor[C.kms_data_key_info_t](),
		"kms_tag_t":                           reflect.TypeFor[C.kms_tag_t](),
		"kms_schedule_request_t":              reflect.TypeFor[C.kms_schedule_request_t](),
		"kms_rotation_request_t":              reflect.TypeFor[C.kms_rotation_request_t](),
		"kms_description_request_t":           reflect.TypeFor[C.kms_description_request_t](),
		"kms_tags_request_t":                  reflect.TypeFor[C.kms_tags_request_t](),
		"kms_tag_info_t":                      reflect.TypeFor[C.kms_tag_info_t](),
		"kms_version_info_t":                  reflect.TypeFor[C.kms_version_info_t](),
		"kms_import_request_t":                reflect.TypeFor[C.kms_import_request_t](),
		"kms_alias_request_t":                 reflect.TypeFor[C.kms_alias_request_t](),
		"kms_re_encrypt_request_t":            reflect.TypeFor[C.kms_re_encrypt_request_t](),
		"kms_rekey_request_t":                 reflect.TypeFor[C.kms_rekey_request_t](),
		"kms_backup_request_t":                reflect.TypeFor[C.kms_backup_request_t](),
		"kms_verify_request_t":                reflect.TypeFor[C.kms_verify_request_t](),
		"kms_damage_info_t":                   reflect.TypeFor[C.kms_damage_info_t](),
		"kms_principal_options_t":             reflect.TypeFor[C.kms_principal_options_t](),
		"kms_policy_request_t":                reflect.TypeFor[C.kms_policy_request_t](),
		"kms_create_grant_request_t":          reflect.TypeFor[C.kms_create_grant_request_t](),
		"kms_created_grant_t":                 reflect.TypeFor[C.kms_created_grant_t](),
		"kms_grant_info_t":                    reflect.TypeFor[C.kms_grant_info_t](),
		"kms_list_grants_request_t":           reflect.TypeFor[C.kms_list_grants_request_t](),
		"kms_list_retirable_grants_request_t": reflect.TypeFor[C.kms_list_retirable_grants_request_t](),
		"kms_grant_request_t":                 reflect.TypeFor[C.kms_grant_request_t](),
		"kms_verify_audit_log_request_t":      reflect.TypeFor[C.kms_verify_audit_log_request_t](),
		"kms_log_damage_info_t":               reflect.TypeFor[C.kms_log_damage_info_t](),
		"kms_exchange_request_t":              reflect.TypeFor[C.kms_exchange_request_t](),
		"kms_exchange_response_t":             reflect.TypeFor[C.kms_exchange_response_t](),
		"kms_stats_request_t":                 reflect.TypeFor[C.kms_stats_request_t](),
		"kms_stats_t":                         reflect.TypeFor[C.kms_stats_t](),
	}
}

// structSize is what the loaded library says; 0: it knows no such struct.
func structSize(name string) uintptr {
	c := C.CString(name)
	defer C.free(unsafe.Pointer(c))
	return uintptr(C.kms_struct_size(c))
}
