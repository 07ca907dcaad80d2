"""What is in the image: one CycloneDX list of parts, and the licence text of each. Run while it is built.

Python's parts come from cyclonedx-py, those of the web client from Vite (what is in the bundle, not what was
installed to build it), Debian's from dpkg. Ends with an error where the product would contain a licence that
it may not, or where a text is missing.
"""

import argparse
import json
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from license_expression import get_spdx_licensing
from packageurl import PackageURL

Part = dict[str, Any]

ALLOWED = frozenset(
    "0BSD Apache-2.0 BSD-2-Clause BSD-3-Clause BlueOak-1.0.0 CC0-1.0 ISC MIT MIT-0 MPL-2.0 PSF-2.0 Python-2.0"
    " Unlicense Zlib".split()
)
"""What the product may contain (SPDX). No GPL of any kind."""
SAID_IN_WORDS = {"protobuf": "BSD-3-Clause"}
"""Licences of packages that name them in words only."""
TEXTS = ("licen", "copying", "notice")
"""How the names of files with licence texts begin, in lower case."""


class Unfit(Exception):
    """The image may not be shipped like this."""


def licences(part: Part) -> str:
    """The licence of a part as an SPDX expression; empty where it names none."""
    found = []
    for entry in part.get("licenses", []):
        expression = entry.get("expression") or entry["license"].get("id")
        if expression:
            found.append(f"({expression})")
    return " AND ".join(found)


def check_licences(parts: Iterable[Part]) -> None:
    """Raises Unfit where a part names no licence, or one that the product may not contain."""
    licensing = get_spdx_licensing()
    wrong = []
    for part in parts:
        keys = set(licensing.license_keys(licences(part)))
        if not keys or not keys <= ALLOWED:
            wrong.append(f"{part['name']} {part['version']}: {licences(part) or 'no licence named'}")
    if wrong:
        raise Unfit("licences that the product may not contain:\n" + "\n".join(wrong))


def python_parts(sbom: dict[str, Any]) -> list[Part]:
    """The Python packages, as cyclonedx-py lists them, each with a licence."""
    parts: list[Part] = sbom["components"]
    for part in parts:
        if not licences(part) and part["name"] in SAID_IN_WORDS:
            part["licenses"] = [{"license": {"id": SAID_IN_WORDS[part["name"]]}}]
        if part["name"] == "ringline":
            part.pop("externalReferences", None)  # they say where it lay while it was built
    return parts


def web_parts(bundled: list[dict[str, str]], lock: dict[str, Any]) -> list[Part]:
    """The packages in the bundle of the web client. Raises Unfit for one that the lock does not know."""
    locked = {(path.rpartition("node_modules/")[2], entry.get("version")) for path, entry in lock.items()}
    parts = []
    for package in bundled:
        name, version = package["name"], package["version"]
        if (name, version) not in locked:
            raise Unfit(f"{name} {version} is in the bundle and not in the lock")
        space, _, short = name.rpartition("/")
        purl = PackageURL("npm", space or None, short, version).to_string()
        licence = [{"expression": package["identifier"]}] if "identifier" in package else []
        part = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
        parts.append(part | {"licenses": licence})
    return parts


def system_parts(listed: str) -> list[Part]:
    """CPython, and Debian's packages as `dpkg-query` lists them: name, version, architecture."""
    version = platform.python_version()
    parts: list[Part] = [_part("application", PackageURL("generic", None, "cpython", version))]
    for line in filter(None, listed.splitlines()):
        name, version, architecture = line.split("\t")
        parts.append(_part("library", PackageURL("deb", "debian", name, version, {"arch": architecture})))
    return parts


def _part(kind: str, purl: PackageURL) -> Part:
    ref = purl.to_string()
    return {"type": kind, "bom-ref": ref, "name": purl.name, "version": purl.version, "purl": ref}


def joined(sbom: dict[str, Any], parts: list[Part]) -> dict[str, Any]:
    """The list of parts of the whole image. `sbom` is that of the Python packages."""
    image = next(part for part in parts if part["name"] == "ringline")
    about = {"type": "container", "bom-ref": "image", "name": "ringline", "version": image["version"]}
    edges = [*sbom["dependencies"], {"ref": "image", "dependsOn": sorted(part["bom-ref"] for part in parts)}]
    known = {edge["ref"] for edge in edges}
    edges += [{"ref": part["bom-ref"]} for part in parts if part["bom-ref"] not in known]
    return sbom | {
        "metadata": sbom["metadata"] | {"component": about},
        "components": sorted(parts, key=lambda part: str(part["bom-ref"])),
        "dependencies": sorted(edges, key=lambda edge: str(edge["ref"])),
    }


def write_python_texts(found: Iterable[Distribution], into: Path) -> None:
    """Copies the licence texts of the distributions. Raises Unfit where one has none."""
    for distribution in found:
        name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower()
        inside = [file for file in distribution.files or [] if file.parts[0].endswith(".dist-info")]
        texts = [file for file in inside if "licenses" in file.parts or file.name.lower().startswith(TEXTS)]
        if not texts:
            raise Unfit(f"{name} comes without the text of its licence")
        for text in texts:
            target = into / name / Path(*text.parts[1:])
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(distribution.locate_file(text)), target)


def complete(bundled: list[dict[str, str]], texts: Path, apache: str) -> None:
    """Gives packages that come without a text the one of `texts` (all of Apache-2.0)."""
    for package in bundled:
        text = texts / f"{package['name']}.txt"
        if not package.get("text") and text.exists():
            package["text"] = f"{text.read_text()}\n{apache}"


def write_web_texts(bundled: list[dict[str, str]], into: Path) -> None:
    """Writes the licence texts of the packages in the bundle. Raises Unfit where one has none."""
    for package in bundled:
        if not package.get("text"):
            raise Unfit(f"{package['name']} comes without the text of its licence")
        target = into / package["name"] / "LICENSE"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(package["text"] + "\n")


def debian_packages() -> str:
    """What dpkg has installed here, a package a line."""
    command = ["dpkg-query", "-W", "-f", "${Package}\\t${Version}\\t${Architecture}\\n"]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def make(app: Path, sbom: dict[str, Any], lock: dict[str, Any]) -> None:
    """Writes sbom.cdx.json and the folder licences below `app`. In the folder of LICENSE. Raises Unfit."""
    served = app / "web" / "licences.json"
    bundled = json.loads(served.read_text())
    complete(bundled, Path("texts"), Path("LICENSE").read_text())
    served.write_text(json.dumps(bundled))
    product = python_parts(sbom) + web_parts(bundled, lock)
    check_licences(product)
    folder = app / "licences"
    [site] = app.glob("lib/python*/site-packages")
    write_python_texts(distributions(path=[str(site)]), folder / "python")
    write_web_texts(bundled, folder / "web")
    shutil.copyfile("LICENSE", folder / "ringline.txt")
    shutil.copyfile(Path(sysconfig.get_path("stdlib")) / "LICENSE.txt", folder / "cpython.txt")
    text = json.dumps(joined(sbom, product + system_parts(debian_packages())), indent=1)
    if error := JsonStrictValidator(SchemaVersion.from_version(sbom["specVersion"])).validate_str(text):
        raise Unfit(f"not CycloneDX: {error}")
    (app / "sbom.cdx.json").write_text(text + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--app", "--python-sbom", "--web-lock"):
        parser.add_argument(name, type=Path, required=True)
    given = parser.parse_args()
    try:
        lock = json.loads(given.web_lock.read_text())["packages"]
        make(given.app, json.loads(given.python_sbom.read_text()), lock)
    except Unfit as why:
        sys.exit(f"inventory: {why}")


if __name__ == "__main__":
    main()
