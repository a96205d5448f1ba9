"""What a release says about itself: versions, extras, files."""

import re
import tomllib
from pathlib import Path

import jaxnn as nn

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_the_citation_has_the_version_of_the_package() -> None:
    citation = (ROOT / "CITATION.cff").read_text()
    assert re.findall(r"^version: (.+)$", citation, re.MULTILINE) == [nn.__version__]


def test_the_readme_names_every_extra_and_no_other() -> None:
    table = (ROOT / "README.md").read_text().partition("| extra | for |")[2].partition("\n\n")[0]
    named = [extra for row in table.splitlines()[2:] for extra in re.findall(r"`([a-z]+)`", row.split("|")[1])]
    assert sorted(named) == sorted(PROJECT["project"]["optional-dependencies"])


def test_a_source_distribution_holds_what_its_tests_need() -> None:
    included = PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert [name for name in included if not (ROOT / name).exists()] == []
    assert {"jaxnn", "tests", "experiments", "CITATION.cff"} <= set(included)


def test_versions_name_the_packages_and_devices(capsys) -> None:
    nn.show_versions()
    facts = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert facts["jaxnn"] == nn.__version__
    assert {"python", "system", "cores", "jax", "jaxlib", "optax", "numpy", "devices"} <= set(facts)
    assert facts["devices"].startswith("cpu")
