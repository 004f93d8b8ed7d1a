#!/usr/bin/env bash
# Fuzzes every parser that input from outside reaches, each for so many seconds: scripts/fuzz.sh [SECONDS] [TARGET...]
# libFuzzer on the stable compiler, without a sanitizer; what it finds worth keeping goes into target/fuzz/corpus.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
[ "$#" = 0 ] || shift
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")/fuzz
[ "$#" != 0 ] || set -- ciphertext policy grant_token audit_log exchange
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1 -Cdebug-assertions \
-Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
-Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
host=$(rustc -vV | sed -n 's/^host: //p')
cargo build --quiet --release --manifest-path fuzz/Cargo.toml --target-dir "$target" --target "$host"
for name; do
    mkdir -p "$target/corpus/$name"
    printf '\n==> %s\n' "$name"
    # A finding is written beside the corpus, and ends the run with its exit code.
    (cd "$target" && "$host/release/$name" "corpus/$name" -max_total_time="$seconds" -print_final_stats=1 2>&1 | tail -n 8)
done
