"""The image, built once per run, and an installation whose processes run from it."""

import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.image import Image, built_image


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where two workers share the tests, one has all that needs the image, which is built once; of the rest
    each file stays together.
    """
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            needs_image = "image" in getattr(item, "fixturenames", ())
            item.add_marker(pytest.mark.xdist_group("image" if needs_image else item.path.stem))


@pytest.fixture(scope="session")
def image() -> Iterator[Image]:
    """The image, built from this tree and unpacked."""
    with built_image() as image:
        yield image


@pytest.fixture
def container_folder() -> Iterator[Path]:
    """Where bundles, states and logs of containers are, outside the image."""
    folder = Path("/run") / f"ringline-{secrets.token_hex(4)}"
    folder.mkdir(mode=0o711)
    yield folder
    shutil.rmtree(folder)
