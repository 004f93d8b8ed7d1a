#!/usr/bin/env bash
# Every check of this repository, in order, each under a heading: scripts/test.sh [lint | STEP...]
# Stops at the first that fails; the summary says what passed, what failed, and what was not reached.
set -uo pipefail
cd "$(dirname "$0")/.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
prefix=$target/prefix
venv=$target/venv/bin
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
# The Go bindings, as a user of an installed libkms builds them.
go_env=(env CGO_ENABLED=1 LD_LIBRARY_PATH="$prefix/lib")
go_tags=libkms_pkgconfig

c_files() { git ls-files --cached --others --exclude-standard '*.c' '*.h' '*.cpp' '*.hpp' ':!include' ':!tools'; }

rust_format() {
    cargo fmt --check && cargo fmt --check --manifest-path fuzz/Cargo.toml &&
        cargo fmt --check --manifest-path benches/rivals/Cargo.toml
}
c_format() { c_files | xargs clang-format --dry-run --Werror; }
clippy() {
    cargo clippy --quiet -- -D warnings &&
        cargo clippy --quiet --all-targets --features test-hooks,cli -- -D warnings &&
        cargo clippy --quiet --no-default-features -- -D warnings
}
python_lint() {
    "$venv/ruff" check bindings/python examples/python tests benches &&
        "$venv/ruff" format --check bindings/python examples/python tests benches &&
        (cd bindings/python && "$venv/mypy" --strict) && (cd benches && "$venv/mypy" --strict .)
}
go_format() {
    local files
    files=$(gofmt -l bindings/go examples/go tests/go_sdk) && [ -z "$files" ] || { echo "gofmt: $files"; return 1; }
}
licences() {
    if command -v cargo-deny >/dev/null; then cargo deny check; else echo "cargo-deny is not installed"; fi
}
release() { make --no-print-directory prefix; }
go_vet() {
    (cd bindings/go && "${go_env[@]}" go vet -tags "$go_tags" ./...) &&
        (cd examples/go && "${go_env[@]}" go vet -tags "$go_tags" ./...) &&
        (cd tests/go_sdk && "${go_env[@]}" go vet -tags "$go_tags" ./...)
}
rust_tests() { cargo test --features test-hooks,cli --no-fail-fast; }
python_tests() { (cd bindings/python && LIBKMS_PATH="$prefix/lib/libkms.so.0" "$venv/python" -m pytest); }
go_tests() {
    (cd bindings/go && "${go_env[@]}" GODEBUG=cgocheck=1 go test -count=1 -race -tags "$go_tags" ./...) &&
        (cd examples/go && "${go_env[@]}" GODEBUG=cgocheck=1 go test -count=1 -race -tags "$go_tags" ./...)
}

# Vendors' own SDKs, unmodified, over this library; boto3 is among the Python tests. Where a Python SDK is missing its
# tests are skipped, so that is looked at first. Last another project's tests of a KMS, over the AWS dialect.
sdk_tests() {
    local sdk=$target/venv-sdk/bin/python dkms=$target/venv-dkms/bin/python
    (cd tests/go_sdk && "${go_env[@]}" GODEBUG=cgocheck=1 go test -tags "$go_tags" ./...) &&
        (cd tests/node && LIBKMS_PATH="$prefix/lib/libkms.so.0" node --test) &&
        (
            cd bindings/python && export LIBKMS_PATH="$prefix/lib/libkms.so.0" &&
                "$sdk" -c 'import alibabacloud_kms20160120, aliyunsdkkms, tencentcloud.kms, yandexcloud' &&
                "$sdk" -m pytest -o filterwarnings=default tests/test_sdk_{alibaba,aliyun,tencent,yandex}.py &&
                "$dkms" -c 'import openapi_util.protobuf' &&
                "$dkms" -m pytest -o filterwarnings=default tests/test_sdk_dkms.py
        ) &&
        LIBKMS_PATH="$prefix/lib/libkms.so.0" "$venv/python" tests/moto/run.py "$target/moto"
}

# `make fuzz`, shortly.
fuzz() { scripts/fuzz.sh 4; }

lint_steps=(rust_format c_format clippy python_lint go_format licences)
all_steps=("${lint_steps[@]}" release go_vet rust_tests python_tests go_tests sdk_tests fuzz)
case "${1:-}" in
    '') steps=("${all_steps[@]}") ;;
    lint) steps=("${lint_steps[@]}") ;;
    *) steps=("$@") ;;
esac

summary=()
failed=0
for step in "${steps[@]}"; do
    if [ "$failed" = 1 ]; then
        summary+=("not run  $step")
        continue
    fi
    printf '\n==> %s\n' "$step"
    start=$SECONDS
    if "$step"; then result=passed; else result=FAILED failed=1; fi
    summary+=("$result   $step ($((SECONDS - start)) s)")
done
printf '\n==> summary\n'
printf '%s\n' "${summary[@]}"
exit "$failed"
