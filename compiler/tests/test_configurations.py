"""Configurations by name and from files."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.configurations import config_of, short_name
from compiler.errors import MalformedFile, UnknownName
from rtl.bcnn.config import CONFIGS, to_json


def test_a_file_is_a_configuration_of_its_own_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pipe.json").write_text(to_json(CONFIGS["cnv"]))
    monkeypatch.chdir(tmp_path)
    config = config_of("bcnn", "pipe.json")
    assert config.name == str(tmp_path / "pipe.json")
    assert (config.layers, config.hash) == (CONFIGS["cnv"].layers, CONFIGS["cnv"].hash)
    assert config_of("bcnn", config.name) == config
    assert config_of("bcnn", "cnv") is CONFIGS["cnv"]


def test_a_file_is_named_in_other_names_by_its_stem() -> None:
    assert short_name("/some/where/my.pipe.json") == "my_pipe"
    assert short_name("paper") == "paper"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "is no configuration"),
        ("[" * 100_000, "is no configuration"),
        ("{}", "is no configuration"),
        ("[1]", "is no configuration"),
        ('{"layers": [], "memory_bytes": 16}', "0 layers, must be 1 to 64"),
        (to_json(CONFIGS["cnv"]).replace('"uf": 27', '"uf": 26'), "layer conv1: uf is 26"),
        (to_json(CONFIGS["cnv"]).replace('"uf": 27', '"uf": "x"'), "is no configuration"),
        (to_json(CONFIGS["cnv"]).replace('"uf"', '"fu"'), "is no configuration"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused(tmp_path: Path, text: str, rule: str) -> None:
    (tmp_path / "pipe.json").write_text(text)
    with pytest.raises(MalformedFile, match=rule) as caught:
        config_of("bcnn", str(tmp_path / "pipe.json"))
    assert caught.value.file.endswith("pipe.json")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    for name, rule in (("none.json", "No such file"), ("binary.json", "is no text")):
        with pytest.raises(MalformedFile, match=rule):
            config_of("bcnn", str(tmp_path / name))


def test_names_that_are_none_are_told() -> None:
    with pytest.raises(UnknownName, match="no accelerator 'nowhere'"):
        config_of("nowhere", "tiny")
    with pytest.raises(UnknownName, match="no configuration 'huge': there are mini, tiny"):
        config_of("bcnn", "huge")
    with pytest.raises(UnknownName, match="systolic has no configurations in files"):
        config_of("systolic", "pipe.json")
