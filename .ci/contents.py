"""What the wheel and the source archive must hold: every module and face of the package, the data and the studies.

python .ci/contents.py FILE...      exit code 1 and a list where something is missing
"""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLACES = {"liuan_eval": "liuan_eval", "data": "liuan_eval/data", "nbs/studies": "liuan_eval/studies"}  # in the tree and in the wheel


def wanted() -> list[str]:
    "The files of the tree that travel"
    listed = subprocess.run(["git", "ls-files", "-z", *PLACES], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return [name for name in listed if name and not (ROOT / name).is_symlink()]


def held(archive: Path) -> set[str]:
    "The files of an archive as they are called in the tree, or in the wheel"
    if archive.suffix == ".whl":
        return set(zipfile.ZipFile(archive).namelist())
    return {name.partition("/")[2] for name in tarfile.open(archive).getnames()}


def place(name: str, archive: Path) -> str:
    "Where a file of the tree lies in an archive"
    top = next(top for top in PLACES if name.startswith(f"{top}/"))
    return PLACES[top] + name.removeprefix(top) if archive.suffix == ".whl" else name


def main(archives: list[Path]) -> int:
    missing = []
    for archive in archives:
        there = held(archive)
        missing += [f"{archive.name} lacks {name}" for name in wanted() if place(name, archive) not in there]
    print(*missing, f"{len(missing)} files missing in {', '.join(a.name for a in archives)}", sep="\n")
    return bool(missing)


if __name__ == "__main__":
    sys.exit(main([Path(a) for a in sys.argv[1:]]))
