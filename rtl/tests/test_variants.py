"""Variants inside and outside the tree are found, and what is wrong with a folder is said in a line."""

import sys

import pytest

from rtl import variants
from rtl.contract import UnknownVariant, elaborate
from rtl.variants import RTL, VariantError, given_files, homes, optional_part, outside_paths, part

PIECES = {
    "config.py": "CONFIGS = {'tiny': 1}\n",
    "compiler.py": "NAME = 'compiler'\n",
    "programs.py": "",
    "top.py": "",
}


def make(folder, name, **changes):
    """A variant's folder; a piece that is None is left out."""
    place = folder / name
    place.mkdir(parents=True)
    for file, text in {**PIECES, **changes}.items():
        if text is not None:
            (place / file).write_text(text)
    return place


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """An empty folder that ASSAY_VARIANTS names."""
    monkeypatch.setenv(variants.VARIABLE, str(tmp_path))
    monkeypatch.setattr("sys.path", [*sys.path])
    variants._homes.cache_clear()
    yield tmp_path
    variants._homes.cache_clear()


def refusal():
    """What is wrong with ASSAY_VARIANTS."""
    with pytest.raises(VariantError) as caught:
        homes()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_without_the_variable_there_are_those_of_the_tree(monkeypatch):
    monkeypatch.delenv(variants.VARIABLE, raising=False)
    found = homes()
    assert {"systolic", "bcnn"} <= set(found)
    assert found["systolic"].folder == RTL / "systolic" and not found["systolic"].outside
    assert found["systolic"].sources == () and found["systolic"].testplan is None
    assert part("systolic", "config").__name__ == "rtl.systolic.config"
    assert optional_part("bcnn", "choose").__name__ == "compiler.bcnn.choose"
    assert optional_part("systolic", "choose") is None


def test_a_folder_outside_is_a_package_of_its_own(outside):
    place = make(outside, "ownone", **{"testplan.toml": "", "core.v": "", "notes.md": ""})
    home = homes()["ownone"]
    assert home.outside and home.folder == place and home.testplan == place / "testplan.toml"
    assert {file.name for file in home.sources} == {*PIECES, "core.v"}
    assert part("ownone", "compiler").NAME == "compiler"
    assert optional_part("ownone", "waves") is None
    assert "systolic" in homes()


def test_paths_become_absolute_also_for_other_processes(outside, monkeypatch):
    make(outside / "here", "owntwo")
    monkeypatch.chdir(outside)
    monkeypatch.setenv(variants.VARIABLE, "here:here")
    assert outside_paths() == (outside / "here",)
    assert variants.os.environ[variants.VARIABLE] == str(outside / "here")
    monkeypatch.chdir("/")
    assert "owntwo" in homes()


def test_a_path_that_is_no_folder(outside, monkeypatch):
    monkeypatch.setenv(variants.VARIABLE, str(outside / "missing"))
    assert refusal() == f"ASSAY_VARIANTS: {outside / 'missing'} is no folder"


def test_a_path_without_variants(outside):
    assert refusal() == f"ASSAY_VARIANTS: {outside} has no variant: no folder in it has a config.py"


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("compiler.py", "no compiler.py"),
        ("programs.py", "no programs.py"),
        ("top.py", "no top.py (or VERILOG in config.py)"),
    ],
)
def test_a_missing_piece(outside, missing, told):
    place = make(outside, "ownthree", **{missing: None})
    assert refusal() == f"{place}: {told}"


def test_a_name_of_the_tree(outside):
    place = make(outside, "systolic", **{"programs.py": None})
    assert refusal() == f"{place}: there is a variant 'systolic' in {RTL / 'systolic'}"


@pytest.mark.parametrize("name", ["numpy", "compiler", "json"])
def test_a_name_of_another_package(outside, name):
    place = make(outside, name)
    assert refusal() == f"{place}: '{name}' is the name of another Python package; choose another one"


def test_a_name_that_is_none(outside):
    place = make(outside, "own-four")
    assert refusal() == f"{place}: 'own-four' is no name of a Python package"


def test_a_module_that_cannot_be_imported(outside):
    place = make(outside, "ownfive", **{"compiler.py": "import nothing_of_this_name\n"})
    with pytest.raises(VariantError, match=r"compiler.py cannot be imported: ModuleNotFoundError") as caught:
        part("ownfive", "compiler")
    assert str(caught.value).startswith(str(place))


def test_an_unknown_variant():
    with pytest.raises(VariantError, match="no accelerator 'nosuch': there are bcnn, "):
        part("nosuch", "config")


def test_verilog_that_is_not_there(outside):
    place = make(
        outside, "ownsix", **{"top.py": None, "config.py": "CONFIGS = {'tiny': 1}\nVERILOG = ('a.v',)\n"}
    )
    with pytest.raises(VariantError) as caught:
        given_files("ownsix")
    assert str(caught.value) == f"{place}: VERILOG in config.py names a.v, which is not there"


def test_verilog_is_nothing_for_the_simulator_of_myhdl(outside):
    place = make(
        outside, "ownseven", **{"config.py": "CONFIGS = {'tiny': 1}\nVERILOG = ('a.v',)\n", "a.v": ""}
    )
    assert given_files("ownseven") == (place / "a.v",)
    with pytest.raises(
        UnknownVariant, match="ownseven is given as Verilog: it has no block that MyHDL could simulate"
    ):
        elaborate("ownseven", "tiny")
