#!/usr/bin/env bash
# Prints the names of the functions that include/kms.h declares, one per line.
set -euo pipefail
sed -n 's/^KMS_API .*KMS_CALL \(kms_[a-z0-9_]*\)(.*/\1/p' "$(dirname "$0")/../include/kms.h"
