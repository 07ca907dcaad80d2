"""The image, built once per run, and an installation whose processes run from it."""

import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.deploy.image import Image, built_image

OF_THE_IMAGE = ("test_image.py", "test_cluster.py", "test_production.py")


class Files(LoadScopeScheduling):  # type: ignore[misc]  # the library has no types
    """Two workers share the tests file by file, but one has all that needs the image, which is built once."""

    def _split_scope(self, nodeid: str) -> str:
        """The share of a test."""
        file = nodeid.partition("::")[0]
        return "image" if Path(file).name in OF_THE_IMAGE else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Files:
    """How the tests are shared. (Groups by mark, `loadgroup`, do nothing with pytest 9 and xdist 3.8.)"""
    return Files(config, log)


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
