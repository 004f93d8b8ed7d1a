#!/usr/bin/env bash
# Prints the system libraries that a program needs which links libkms.a, for Libs.private of kms.pc. They are those of
# Rust's standard library: libkms itself links no other. Left out is gcc_s, which compilers add by themselves, and which
# has another name in fully static programs.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: >"$work/empty.rs"
rustc --crate-type staticlib --print native-static-libs --out-dir "$work" "$work/empty.rs" 2>&1 |
    sed -n 's/^note: native-static-libs: //p' | tr ' ' '\n' | grep -vx -e -lgcc_s -e '' | paste -sd ' '
