"""What may be in the image, and what its list of parts says."""

import importlib.util
from importlib.metadata import PathDistribution
from pathlib import Path
from typing import Any

import pytest

PLACE = Path(__file__).parents[2] / "deploy" / "image" / "inventory.py"
_spec = importlib.util.spec_from_file_location("inventory", PLACE)
assert _spec is not None and _spec.loader is not None
inventory = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(inventory)


def part(*licenses: dict[str, Any], name: str = "thing") -> dict[str, Any]:
    return {"name": name, "version": "1", "licenses": list(licenses)}


@pytest.mark.parametrize(
    "licence",
    [
        {"license": {"id": "GPL-3.0-only"}},
        {"license": {"id": "AGPL-3.0-or-later"}},
        {"license": {"id": "LGPL-2.1-only"}},
        {"expression": "MIT AND GPL-2.0-or-later"},
        {"license": {"name": "License :: OSI Approved :: GNU General Public License v3 (GPLv3)"}},
        {"license": {"name": "ask us"}},
    ],
)
def test_a_licence_that_the_product_may_not_contain_ends_the_build(licence: dict[str, Any]) -> None:
    with pytest.raises(inventory.Unfit, match="thing 1"):
        inventory.check_licences([part({"license": {"id": "MIT"}}, name="other"), part(licence)])


def test_a_part_without_a_licence_ends_the_build() -> None:
    with pytest.raises(inventory.Unfit, match="no licence named"):
        inventory.check_licences([part()])


def test_what_the_product_may_contain_passes() -> None:
    choices = {"expression": "MPL-2.0 AND (Apache-2.0 OR MIT)"}
    said_twice = [{"license": {"id": "MIT"}}, {"license": {"name": "License :: OSI Approved :: MIT License"}}]
    inventory.check_licences([part(choices), part(*said_twice)])


def test_a_python_package_without_the_text_of_its_licence_ends_the_build(tmp_path: Path) -> None:
    info = tmp_path / "thing-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: thing\nVersion: 1\n")
    (info / "RECORD").write_text("thing-1.dist-info/METADATA,,\n")
    with pytest.raises(inventory.Unfit, match="thing comes without"):
        inventory.write_python_texts([PathDistribution(info)], tmp_path / "texts")


def test_all_texts_of_a_python_package_are_kept_apart(tmp_path: Path) -> None:
    info = tmp_path / "thing-1.dist-info"
    for name in ("licenses/LICENSE", "licenses/vendor/LICENSE", "METADATA"):
        (info / name).parent.mkdir(parents=True, exist_ok=True)
        (info / name).write_text("Metadata-Version: 2.1\nName: thing\nVersion: 1\n")
    (info / "RECORD").write_text(
        "".join(f"thing-1.dist-info/{name},,\n" for name in ("licenses/LICENSE", "licenses/vendor/LICENSE"))
    )
    inventory.write_python_texts([PathDistribution(info)], tmp_path / "texts")
    found = {str(path.relative_to(tmp_path / "texts")) for path in (tmp_path / "texts").rglob("LICENSE")}
    assert found == {"thing/licenses/LICENSE", "thing/licenses/vendor/LICENSE"}


def test_a_package_in_the_bundle_that_is_not_locked_ends_the_build() -> None:
    bundled = [{"name": "@a/b", "version": "2.0.0", "identifier": "MIT"}]
    lock = {"node_modules/@a/b": {"version": "1.0.0"}, "node_modules/x/node_modules/c": {"version": "2.0.0"}}
    with pytest.raises(inventory.Unfit, match="@a/b 2.0.0"):
        inventory.web_parts(bundled, lock)
    bundled[0]["version"] = "1.0.0"
    [found] = inventory.web_parts(bundled, lock)
    assert found["purl"] == "pkg:npm/%40a/b@1.0.0" and inventory.licences(found) == "(MIT)"


def test_a_bundled_package_without_the_text_of_its_licence_ends_the_build(tmp_path: Path) -> None:
    with pytest.raises(inventory.Unfit, match="silent comes without"):
        inventory.write_web_texts([{"name": "silent", "version": "1"}], tmp_path)


def test_a_text_that_a_package_forgot_is_supplied(tmp_path: Path) -> None:
    (tmp_path / "@a").mkdir()
    (tmp_path / "@a" / "b.txt").write_text("by a and b")
    bundled = [{"name": "@a/b"}, {"name": "c", "text": "its own"}, {"name": "d"}]
    inventory.complete(bundled, tmp_path, "Apache")
    assert bundled == [
        {"name": "@a/b", "text": "by a and b\nApache"},
        {"name": "c", "text": "its own"},
        {"name": "d"},
    ]


def test_the_list_has_every_part_once_and_names_the_image() -> None:
    ours = part({"license": {"id": "Apache-2.0"}}, name="ringline") | {"bom-ref": "ringline==1"}
    sbom = {"metadata": {"tools": []}, "components": [ours], "dependencies": [{"ref": "ringline==1"}]}
    whole = inventory.joined(sbom, [ours, *inventory.system_parts("libc6\t2.41-12\tamd64\n")])
    refs = [one["bom-ref"] for one in whole["components"]]
    assert len(refs) == 3 and "pkg:deb/debian/libc6@2.41-12?arch=amd64" in refs
    [root] = [edge for edge in whole["dependencies"] if edge["ref"] == "image"]
    assert sorted(root["dependsOn"]) == sorted(refs)
    assert whole["metadata"]["component"]["name"] == "ringline"
