"""Another project's tests of a KMS, over the AWS dialect: those of moto, as its source distribution has them.

They run against boto3 with libkms attached, in one process, unchanged but for the values in `ADAPTED`, which AWS
itself would refuse. What is expected to differ is in differences.py, with the reason; everything else must pass.

    python tests/moto/run.py FOLDER    # where scripts/setup.sh has unpacked moto's tests
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
BINDING = HERE.parents[1] / "bindings/python/src"
# moto's other tests of KMS are of its own classes, of its HTTP server, and of CloudFormation.
FILES = ["test_kms.py", "test_kms_encrypt.py", "test_kms_grants.py", "test_kms_key_rotation.py", "test_kms_mac.py"]
# A policy is a policy, an operation of a grant has the name of AWS, and a principal is no two words.
ADAPTED = {
    '"my policy"': "POLICIES[0]",
    '"my awesome key policy"': "POLICIES[1]",
    '"policy 2.0"': "POLICIES[2]",
    '"new policy"': "POLICIES[2]",
    '"DECRYPT"': '"Decrypt"',
    '"ENCRYPT"': '"Encrypt"',
    '"sth else"': '"sth-else"',
}


def main() -> int:
    tests = Path(sys.argv[1]) / "tests"
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "tests/test_kms"
        package.mkdir(parents=True)
        (package.parent / "__init__.py").write_text((tests / "__init__.py").read_text())
        (package / "__init__.py").touch()
        for name in FILES:
            text = (tests / "test_kms" / name).read_text()
            for said, meant in ADAPTED.items():
                text = text.replace(said, meant)
            (package / name).write_text("from moto import POLICIES\n" + text)
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, [HERE / "stand_in", HERE, BINDING])),
            "TEST_SERVER_MODE": "true",  # moto's tests then leave the clock alone
        }
        options = ["-q", "-p", "differences", "-p", "no:cacheprovider", "--rootdir", folder, "--tb", "short"]
        command = [sys.executable, "-m", "pytest", *options, str(package)]
        return subprocess.run(command, env=environment, cwd=folder).returncode


sys.exit(main())
