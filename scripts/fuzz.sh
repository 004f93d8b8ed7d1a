#!/usr/bin/env bash
# Fuzzes every parser that input from outside reaches, each for so many seconds: scripts/fuzz.sh SECONDS [TARGET...]
# libFuzzer on the stable compiler, without a sanitizer. The dialects begin with the recorded requests and the words that
# their sources have; what is found worth keeping goes into target/fuzz/corpus. A crash, a request that takes more than
# 2 s, one that takes more memory than fuzz/src/lib.rs allows and a process beyond 1 GiB end the run with an error.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=$1
shift
parsers=(ciphertext policy grant_token audit_log)
dialects=(yandex_grpc yandex_rest alibaba_dkms qkms tencent alibaba_rpc tencent_v3 aws)
[ "$#" != 0 ] || set -- "${parsers[@]}" "${dialects[@]}"
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")/fuzz
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1 -Cdebug-assertions \
-Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
-Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
host=$(rustc -vV | sed -n 's/^host: //p')
cargo build --quiet --release --manifest-path fuzz/Cargo.toml --target-dir "$target" --target "$host"

# The recorded requests of a dialect, as the targets read them: head, blank line and body in one file.
seeds() {
    local recorded=tests/vectors/dialects name method
    case "$1" in
        yandex_grpc)
            for name in decrypt gdk_aes256 gdk_all_fields; do
                method=$(sed -n '1s/^# //p' "$recorded/$1/$name.txt")
                { printf 'POST %s HTTP/1.1\n\n' "$method" && cat "$recorded/$1/$name.request.pb"; } >"$2/$name"
            done
            ;;
        alibaba_dkms)
            for name in advance_gdk decrypt gdk gdk_aad_alg; do
                { sed '/^\r*$/,$d' "$recorded/$1/$name.request.http" && echo && cat "$recorded/$1/$name.request.pb"; } >"$2/$name"
            done
            ;;
        aws) cp "$recorded"/qkms/*.request.http "$2" ;;
        tencent) cp "$recorded"/tencent_v2/*.request.http "$2" ;;
        *) cp "$recorded/$1"/*.request.http "$2" ;;
    esac
}
mkdir -p "$target/corpus"
grep -rhoE '"[A-Za-z][A-Za-z0-9/:._-]{2,40}"' src/dialect | sort -u >"$target/dialects.dict"

for name; do
    options=()
    if [[ " ${dialects[*]} " == *" $name "* ]]; then
        rm -rf "$target/seeds/$name" && mkdir -p "$target/seeds/$name"
        seeds "$name" "$target/seeds/$name"
        options=("seeds/$name" -dict=dialects.dict -max_len=16384)
    fi
    mkdir -p "$target/corpus/$name"
    printf '\n==> %s\n' "$name"
    # A finding is written beside the corpus, and ends the run with its exit code.
    (cd "$target" && "$host/release/$name" "corpus/$name" "${options[@]}" -max_total_time="$seconds" -timeout=2 \
        -rss_limit_mb=1024 -print_final_stats=1 2>&1 | tail -n 6)
done
