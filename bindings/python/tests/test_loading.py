"""Where the library is looked for, and what is said of one that will not do. Each in an interpreter of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import libkms
from libkms import _ffi, _structs

PACKAGE = Path(libkms.__file__).parent
LIBRARY = Path(_ffi.find()).resolve()

linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="names of shared libraries as on Linux")


def run(code: str, environment: dict[str, str], package: Path = PACKAGE) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name not in ("LIBKMS_PATH", "LD_LIBRARY_PATH")}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=clean | {"PYTHONPATH": str(package.parent)} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def import_error(path: Path) -> str:
    """The text of the ImportError, which has to be one line's worth: no traceback of ctypes before it."""
    done = run("try:\n import libkms\nexcept ImportError as error:\n print(error)", {"LIBKMS_PATH": str(path)})
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def compile_library(path: Path, source: str) -> Path:
    path.with_suffix(".c").write_text(source)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", path, path.with_suffix(".c")], check=True)
    return path


def test_libkms_path_comes_first(tmp_path: Path) -> None:
    copy = shutil.copy(LIBRARY, tmp_path / "elsewhere.so")
    done = run("import libkms._ffi as f; print(f.find(), f.lib.kms_abi_version())", {"LIBKMS_PATH": str(copy)})
    assert done.stdout.split() == [str(copy), str(_structs.KMS_ABI_VERSION)]


@linux_only
def test_then_the_package_itself(tmp_path: Path) -> None:
    package = Path(shutil.copytree(PACKAGE, tmp_path / "libkms", ignore=shutil.ignore_patterns("__pycache__")))
    shutil.copy(LIBRARY, package / "libkms.so")
    done = run("import libkms._ffi as f; print(f.find(), f.lib.kms_abi_version())", {}, package)
    assert done.stdout.split() == [str(package / "libkms.so"), str(_structs.KMS_ABI_VERSION)]


@linux_only
def test_then_the_system_loader(tmp_path: Path) -> None:
    (tmp_path / "libkms.so.0").symlink_to(LIBRARY)
    done = run("import libkms; print(libkms._ffi.find(), libkms.version())", {"LD_LIBRARY_PATH": str(tmp_path)})
    assert done.stdout.split() == ["libkms.so.0", libkms.version()]


def test_no_library(tmp_path: Path) -> None:
    text = import_error(tmp_path / "nothing.so")
    assert "nothing.so" in text
    assert "set LIBKMS_PATH" in text


def test_another_library(tmp_path: Path) -> None:
    other = compile_library(tmp_path / "other.so", "int other(void) { return 0; }\n")
    assert import_error(other) == f"{str(other)!r} is not the libkms library: it has no kms_abi_version()"


def test_another_abi_version(tmp_path: Path) -> None:
    newer = compile_library(tmp_path / "newer.so", "unsigned kms_abi_version(void) { return 7; }\n")
    assert import_error(newer) == (
        f"the libkms library at {str(newer)!r} has ABI version 7; "
        f"this package works with ABI version {_structs.KMS_ABI_VERSION} only"
    )


def test_a_library_that_lacks_a_function(tmp_path: Path) -> None:
    stubs = "".join(
        f"void {name}(void) {{}}\n" for name in _ffi.PROTOTYPES if name not in ("kms_abi_version", "kms_stats")
    )
    version = f"unsigned kms_abi_version(void) {{ return {_structs.KMS_ABI_VERSION}; }}\n"
    older = compile_library(tmp_path / "older.so", stubs + version)
    assert import_error(older) == f"the libkms library at {str(older)!r} is too old: it has no kms_stats()"


def test_a_function_without_a_prototype_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="kms_later is not in PROTOTYPES"):
        _ffi.lib.kms_later()
