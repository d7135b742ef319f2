"""Brings axe-core, by which the pages are judged, from npm: `python -m tests.service.web.vendor`."""

import base64
import hashlib
import io
import subprocess
import tarfile
import tempfile
from pathlib import Path

from contract.errors import EarshotError

PACKAGE, VERSION = "axe-core", "4.14.1"
INTEGRITY = "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
"""Of the package, as npm knows it."""
FILES = ("axe.min.js", "LICENSE", "LICENSE-3RD-PARTY.txt")
PLACE = Path(__file__).parent / "vendor"


def packed() -> bytes:
    """The package as it was published, proven by its checksum."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", f"{PACKAGE}@{VERSION}"], cwd=folder, check=True)  # noqa: S607
        (file,) = Path(folder).glob("*.tgz")
        content = file.read_bytes()
    found = f"sha512-{base64.b64encode(hashlib.sha512(content).digest()).decode()}"
    if found != INTEGRITY:
        raise EarshotError(f"{PACKAGE} {VERSION} is not what it was: {found}")
    return content


def main() -> None:
    """Lay out the files that are needed, beside what they are."""
    PLACE.mkdir(exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(packed())) as package:
        for name in FILES:
            member = package.extractfile(f"package/{name}")
            assert member
            (PLACE / name).write_bytes(member.read())
    about = f"{PACKAGE} {VERSION} (MPL-2.0, see LICENSE), {INTEGRITY}\n"
    (PLACE / "VERSION").write_text(about, encoding="utf-8")


if __name__ == "__main__":
    main()
