"""One version: of the packages, the services, the images, the changelog and the newest released contracts."""

import re
import tomllib

from shared.runtime.service import VERSION
from tests.structure.house import ROOT


def test_every_package_has_the_version_that_services_tell() -> None:
    files = [ROOT / "pyproject.toml", *sorted(ROOT.glob("services/*/pyproject.toml"))]
    files += [*sorted(ROOT.glob("shared/*/pyproject.toml")), ROOT / "deploy" / "local" / "pyproject.toml"]
    told = {str(file): tomllib.loads(file.read_text(encoding="utf-8"))["project"]["version"] for file in files}
    assert len(files) == 8
    assert set(told.values()) == {VERSION}, told


def test_images_changelog_and_released_contracts_have_it_too() -> None:
    image = re.search(
        r"^ARG VERSION=(\S+)$", (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE
    )
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    released = sorted(path.name for path in (ROOT / "tests" / "contract" / "released").iterdir())
    samples = sorted(path.name for path in (ROOT / "tests" / "contract" / "samples").iterdir())
    assert image is not None and image[1] == VERSION
    assert newest is not None and newest[1] == VERSION
    assert released[-1] == samples[-1] == VERSION
