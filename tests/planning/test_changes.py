"""What differs between two records, in words."""

from __future__ import annotations

from typing import Any

import pytest

from darkroom.planning import changes


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ({"lr": 0.001}, {"lr": 0.01}, ["lr 0.001 → 0.01"]),
        ({"lr": 0.1, "wd": 0.2}, {"lr": 0.2, "wd": 0.1}, ["lr 0.1 → 0.2", "wd 0.2 → 0.1"]),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": True}}}, []),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 2}}}, ["a.b.c 1 → 2"]),
        ({"loss": "mse"}, {"loss": None}, ["loss mse → nothing"]),
        ({}, {"clip": 1.0}, ["clip nothing → 1.0"]),
        ({"seeds": [0]}, {"seeds": [0, 1]}, ["seeds [0] → [0, 1]"]),
        ({"network": {"name": "mlp", "hidden": 8}}, {"network": {"name": "resnet"}}, ["network mlp → resnet"]),
        (
            {"network": {"name": "mlp", "hidden": 8}},
            {"network": {"name": "mlp", "hidden": 9}},
            ["network.hidden 8 → 9"],
        ),
        ({"online": [{"name": "a"}]}, {"online": [{"name": "a"}, {"name": "b"}]}, ["online: with b"]),
        ({"online": [{"name": "a"}, {"name": "b"}]}, {"online": []}, ["online: without a", "online: without b"]),
        ({"online": [{"name": "a", "p": 1}]}, {"online": [{"name": "a", "p": 0}]}, ["online[0].p 1 → 0"]),
        (
            {"online": [{"name": "a", "p": 1}, {"name": "b"}]},
            {"online": [{"name": "c"}, {"name": "a", "p": 0}, {"name": "b"}]},
            ["online: with c", "online.a.p 1 → 0"],
        ),
        (
            {"online": [{"name": "a", "p": 1}]},
            {"online": [{"name": "a", "p": 1}, {"name": "a", "p": 2}]},
            ["online: with a"],
        ),
        ({"models": {"wide": {"hidden": 8}}}, {"models": {}}, ["models.wide taken out"]),
        ({"audit": None}, {"audit": {"folds": 2}}, ["audit added"]),
        ({"network": None}, {"network": {"name": "mlp"}}, ["network nothing → mlp"]),
        ({"backbone": "0" * 64}, {"backbone": "a" * 64}, ["backbone 00000000 → aaaaaaaa"]),
    ],
)
def test_settings(old: dict[str, Any], new: dict[str, Any], lines: list[str]) -> None:
    assert list(changes.settings(old, new)) == lines


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ({"n.py": {"f": "1"}}, {"n.py": {"f": "2"}}, ["n.py: function f changed"]),
        ({"n.py": {"A": "1", "A.f": "1"}}, {"n.py": {"A": "2", "A.f": "1"}}, ["n.py: class A changed"]),
        ({"n.py": {"A": "1", "A.f": "1"}}, {"n.py": {"A": "1", "A.f": "2"}}, ["n.py: function A.f changed"]),
        (
            {"n.py": {"": "1"}},
            {"n.py": {"": "2", "g": "1"}},
            ["n.py: what is outside of functions changed, function g added"],
        ),
        ({"n.py": {"f": "1"}}, {"n.py": {}}, ["n.py: function f removed"]),
        ({"n.py": {}}, {"m.py": {}}, ["m.py: now used", "n.py: no longer used"]),
        ({"n.py": {"f": "1"}}, {"n.py": {"f": "1"}}, []),
        (
            {"n.py": dict.fromkeys("abcde", "1")},
            {"n.py": dict.fromkeys("abcde", "2")},
            ["n.py: function a, function b, function c and 2 more changed"],
        ),
    ],
)
def test_code(old: dict[str, dict[str, str]], new: dict[str, dict[str, str]], lines: list[str]) -> None:
    assert changes.code(old, new) == lines


def test_many_files_of_code_are_counted() -> None:
    old = {f"{name}.py": {"f": "1"} for name in "abcdefgh"}
    new = {f"{name}.py": {"f": "2"} for name in "abcdefgh"}
    assert changes.code(old, new)[-1] == "4 more files of code changed"


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ({}, {"a": "1", "b": "2", "c": "3"}, ["3 new images"]),
        ({"a": "1"}, {}, ["1 removed image"]),
        ({"a": "1", "b": "2"}, {"a": "1", "c": "2"}, ["1 renamed image"]),
        ({"a": "1", "b": "2"}, {"a": "2", "b": "1"}, ["2 replaced images"]),
        ({"a": "1", "b": "2"}, {"c": "3", "b": "2", "d": "4"}, ["2 new images, 1 removed"]),
        ({"a": "1"}, {"a": "1"}, []),
    ],
)
def test_images(old: dict[str, str | None], new: dict[str, str | None], lines: list[str]) -> None:
    assert changes.images(old, new) == lines


def test_equal_records_have_no_changes_and_library_versions_are_reported() -> None:
    record = {"spec": {"lr": 1}, "code": "a", "definitions": {}, "libraries": {"torch": "2.14", "numpy": "2"}}
    assert changes.changes(record, record) == []
    newer = {**record, "libraries": {"torch": "2.15", "numpy": "2"}}
    assert changes.changes(record, newer) == ["torch 2.14 → 2.15"]
