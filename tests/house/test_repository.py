"""Rules for the repository: it can be cloned anywhere and installed from any mirror."""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

from tests.house.sources import ROOT, all_files, found, read, text_files, written

REGISTRIES = ["pypi" + r"\.org", "pythonhosted" + r"\.org", "npm" + r"js\.(org|com)", "yarnpkg" + r"\.com"]


def test_no_absolute_path_of_a_machine() -> None:
    paths = [path for path in text_files() if str(path) != "LICENSE"]
    folders = "|".join(["home", "root", "Users", "work", "opt", "mnt"])
    assert not found(paths, rf"(?<![\w.\-/:~$}}@*])/({folders})/\w")


def test_no_registry_host() -> None:
    assert not found(text_files(), "|".join(REGISTRIES))


def test_the_locks_are_fresh() -> None:
    checked = subprocess.run([sys.executable, "tools/lock.py", "--check"], cwd=ROOT, check=False)
    assert checked.returncode == 0


def test_everything_that_is_installed_is_pinned_by_hash() -> None:
    for name in ("bootstrap.txt", "runtime.txt", "dev.txt", "image.txt"):
        for block in re.split(r"\n(?=\S)", (ROOT / "requirements" / name).read_text().strip()):
            assert re.match(r"[\w.\[\],-]+==\S+", block) and "--hash=sha256:" in block, block[:80]


def test_the_locks_agree_with_each_other() -> None:
    versions = [dict(re.findall(r"^([\w.-]+)==(\S+)", _lock(name), re.M)) for name in ("runtime", "dev")]
    assert versions[0].items() <= versions[1].items()


def test_the_web_lock_names_no_address() -> None:
    lock = ROOT / "web" / "package-lock.json"
    packages = json.loads(lock.read_text())["packages"] if lock.exists() else {}
    assert not [name for name, entry in packages.items() if "resolved" in entry and not entry.get("link")]
    assert not [
        name
        for name, entry in packages.items()
        if name.startswith("node_modules/") and not entry.get("link") and "integrity" not in entry
    ]


def test_the_licence_is_apache_2() -> None:
    text = " ".join(read(Path("LICENSE")).split())
    assert text.startswith("Apache License Version 2.0, January 2004")


def test_nothing_that_is_made_is_committed() -> None:
    made = re.compile(r"(^|/)(node_modules|__pycache__|dist|\.venv|\.ringline)/|\.pyc$|\.log$")
    assert not [str(path) for path in all_files() if made.search(str(path))]


def test_no_file_is_there_twice() -> None:
    seen: dict[str, str] = {}
    twice = []
    for path in written(".py", ".ts", ".tsx", ".proto"):
        if len(read(path)) < 200:
            continue
        digest = hashlib.sha256(read(path).encode()).hexdigest()
        if digest in seen:
            twice.append(f"{path} = {seen[digest]}")
        seen[digest] = str(path)
    assert not twice


def test_scripts_can_be_run() -> None:
    scripts = [path for path in all_files() if _start(path).startswith("#!")]
    assert not [str(path) for path in scripts if not (ROOT / path).stat().st_mode & 0o100]


def _start(path: Path) -> str:
    with (ROOT / path).open("rb") as file:
        return file.read(64).decode(errors="replace")


def _lock(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.txt").read_text()
