"""Transforms of texts: what each does, and that a draw depends on seed, item and copy alone."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from darkroom import registry
from darkroom.augment.text import wordnet
from darkroom.augment.text.eda import EDA, Deletion, Insertion, Swap, Synonyms
from darkroom.augment.text.pipeline import TextPipeline
from darkroom.augment.text.translation import BackTranslation
from darkroom.augment.text.typing_noise import NEIGHBORS, Keyboard, Spelling

TEXT = "The actor gave a GOOD performance, but the plot did not surprise anyone."
NAMES = list(registry.taking("transform", "text"))


@pytest.fixture(autouse=True)
def dictionary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A WordNet of three synonym sets in the place of an installed one."""
    root = tmp_path / "dict"
    root.mkdir()
    (root / "data.noun").write_text(
        "  1 This software and database is licensed\n"
        "00000100 18 n 03 actor 0 player 0 role_player 0 001 @ 0000 n 0000 | a theatrical performer  \n"
        "00000200 18 n 01 plot 0 000 | a story  \n"
    )
    (root / "data.verb").write_text("00000100 30 v 02 surprise 0 astonish 1 000 01 + 08 00 | to cause wonder  \n")
    (root / "data.adj").write_text("00000100 00 a 02 good(a) 0 Fine 0 000 | pleasing  \n")
    (root / "data.adv").write_text("")
    monkeypatch.setenv("WNSEARCHDIR", str(root))
    wordnet.synonyms.cache_clear()
    return root


def options(name: str, **more: Any) -> Any:
    if name == "back_translation":
        more = {"there": ["sed", "s/not/never/"], "back": None, **more}
    return registry.options("transform", name).model_validate({"name": name, "p": 1.0, **more})


def draws(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_synonyms_are_the_other_words_of_a_words_sets() -> None:
    found = wordnet.synonyms(None)
    assert found["actor"] == ("player", "role player")
    assert found["good"] == ("Fine",)
    assert "plot" not in found


def test_a_missing_wordnet_names_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("WNSEARCHDIR")
    monkeypatch.setattr(wordnet, "PLACES", (str(tmp_path),))
    with pytest.raises(ValueError, match="apt-get install wordnet-base"):
        wordnet.folder(None)
    with pytest.raises(ValueError, match=r"has no data\.noun"):
        wordnet.folder("/nowhere")


@pytest.mark.parametrize("name", NAMES)
def test_a_draw_depends_on_seed_item_and_copy_alone(name: str) -> None:
    long = " ".join([TEXT] * 5)
    one = TextPipeline([options(name)], seed=0).draw([long], items=["a"], copies=[3])
    both = TextPipeline([options(name)], seed=0).draw([TEXT, long], items=["b", "a"], copies=[0, 3])
    assert (both.texts[1], both.applied[1]) == (one.texts[0], one.applied[0])
    assert one.texts[0] != long
    assert json.loads(one.applied[0])[0]["name"] == name
    if name != "back_translation":
        others = TextPipeline([options(name)], seed=1).draw([long], items=["a"], copies=[3])
        assert others.texts != one.texts


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", ["", "a", "?!", "你好 世界", "x" * 5000])
def test_odd_texts_do_not_fail(name: str, text: str) -> None:
    drawn = TextPipeline([options(name)], seed=0).draw([text], items=["a"], copies=[0])
    assert drawn.texts[0].strip() or not text
    assert (drawn.applied[0] == "[]") == (drawn.texts[0] == text)


@pytest.mark.parametrize("name", NAMES)
def test_without_probability_nothing_changes(name: str) -> None:
    if name != "back_translation":
        drawn = TextPipeline([options(name, p=0.0)], seed=0).draw([TEXT], items=["a"], copies=[0])
        assert (drawn.texts, drawn.applied) == ([TEXT], ["[]"])


def test_a_synonym_keeps_capitals_and_signs_and_stop_words_stay() -> None:
    words = ["The", "GOOD,", "actor:", "Surprise", "not"]
    Synonyms(share=1.0).change(words, draws())
    assert words[:2] == ["The", "FINE,"]
    assert words[2] in ("player:", "role player:")
    assert words[3:] == ["Astonish", "not"]


@pytest.mark.parametrize("share", [0.01, 0.3])
def test_a_share_of_the_words_at_least_one_is_changed(share: float) -> None:
    text = " ".join([f"actor{i}" for i in range(20)] + ["actor", "good", "surprise"] * 10)
    expected = max(1, int(share * 50))
    words = text.split()
    assert len(Insertion(share=share).change(words, draws())["inserted"]) == expected
    assert len(words) == 50 + expected
    words = text.split()
    assert len(Swap(share=share).change(words, draws())["swapped"]) == expected
    assert Counter(words) == Counter(text.split())


def test_deletion_removes_the_share_on_average_and_never_everything() -> None:
    lengths = []
    for seed in range(300):
        words = ["a"] * 20
        Deletion(share=0.3).change(words, draws(seed))
        lengths.append(len(words))
    assert np.mean(lengths) == pytest.approx(14, abs=4 * (20 * 0.21 / 300) ** 0.5)
    words = ["a", "b"]
    Deletion(share=0.999999).change(words, draws())
    assert len(words) == 1


def test_eda_takes_each_operation_equally_often() -> None:
    eda = EDA(share=0.3)
    operations = Counter(eda.change(TEXT.split() * 5, draws(seed))["operation"] for seed in range(400))
    assert set(operations) == {"synonyms", "insertion", "swap", "deletion"}
    assert all(abs(count - 100) < 4 * (400 * 3 / 16) ** 0.5 for count in operations.values())


def test_a_mistake_on_the_keyboard_is_a_neighbor() -> None:
    assert set(NEIGHBORS["s"]) == set("adwezx")
    assert all(key in NEIGHBORS[other] for key, around in NEIGHBORS.items() for other in around)
    new = Keyboard().misspelled("PLAY.", draws())
    (old, hit), *more = [(a, b) for a, b in zip("PLAY.", new, strict=True) if a != b]
    assert not more
    assert hit.lower() in NEIGHBORS[old.lower()]
    assert hit.isupper()


def test_a_spelling_mistake_keeps_the_first_letter_and_short_words() -> None:
    assert Spelling().misspelled("it's", draws()) != "it's"
    assert Spelling().misspelled("the", draws()) == "the"
    for seed in range(30):
        new = Spelling().misspelled("(surprise)", draws(seed))
        assert new.startswith("(s")
        assert abs(len(new) - 10) <= 1


def test_translations_run_once_for_all_texts(tmp_path: Path) -> None:
    script = tmp_path / "upper.sh"
    script.write_text(f"#!/bin/sh\necho run >> {tmp_path}/runs\ntr a-z A-Z\n")
    script.chmod(0o755)
    made = BackTranslation(there=[str(script)], back=["tr", "A", "4"], p=1.0)
    found = made(["a\nb", "c", "a b", "1"], [draws(seed) for seed in range(4)])
    assert [changed.text for changed in found] == ["4 B", "C", "4 B", "1"]
    assert found[3].applied is None
    assert (tmp_path / "runs").read_text() == "run\n"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["nosuchprogram"], "there is no program nosuchprogram; name another program"),
        (["false"], "exit status 1"),
        (["head", "-n1"], "got 1 lines for 2"),
    ],
)
def test_a_translator_that_fails_is_reported(command: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=f"back_translation: {command[0]}.*{message}"):
        BackTranslation(there=command, p=1.0)(["a", "b"], [draws(), draws(1)])
