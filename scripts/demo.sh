#!/usr/bin/env bash
# `make demo`: builds examples/c/demo.c against target/prefix and lets it encrypt and decrypt a real file, the shared
# library itself, with a key store on disk.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(realpath "${CARGO_TARGET_DIR:-target}")
export PKG_CONFIG_PATH=$target/prefix/lib/pkgconfig
export LD_LIBRARY_PATH=$target/prefix/lib

work=$target/demo
rm -rf "$work"
mkdir -p "$work/store"
# shellcheck disable=SC2046 # a list of options
cc -std=c99 -O2 -o "$work/demo" examples/c/demo.c examples/c/sealed_file.c $(pkg-config --cflags --libs kms libcrypto)
"$work/demo" "$work/store" "$target/prefix/lib/libkms.so.0"
