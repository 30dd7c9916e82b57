"""Rows that SMOTE and ADASYN make, copies before the split, copies of sentences by EDA, and sounds by formula."""

from __future__ import annotations

import numpy as np
import pytest

from darkroom.augment.rows.smote import SMOTE
from darkroom.augment.text.wordnet import synonyms
from darkroom.study.beyond_images.experiment import refused, synthetic
from darkroom.study.beyond_images.oversampling import (
    RARE,
    Floats,
    Table,
    balanced,
    islands,
    leaked,
    misplaced,
    standard,
    tumors,
)
from darkroom.study.beyond_images.sentences import LIBRARIES, MASK, Corpus, distinct, numbered, summaries
from darkroom.study.beyond_images.sounds import BAR, INSTRUMENTS, LENGTH, ONSET, RATE, pink, plucked, sounds, struck
from darkroom.study.beyond_images.synonyms import SETS, wordnet
from darkroom.study.beyond_images.text import WAYS, compared, divided, operations

SOURCE = '''
def outer():
    """Return the rows of a :class:`~pandas.DataFrame` as a pandas object.

    More of it.
    """
    def inner():
        """Return what no reader of the module can call."""

class Reader:
    """Read what is not the summary of a function."""

    def read(self):
        """Read the whole file
        into one array."""

    def _hidden(self):
        """Read the part of the file that nobody asked for."""

def short(): "Return it."
def twice(): "Return one thing or the other. Then return both of them."
'''


def test_sentences_are_summaries_of_public_functions_without_names_of_libraries() -> None:
    assert [*summaries(SOURCE)] == [
        f"Return the rows of a {MASK}.DataFrame as a {MASK} object.",
        "Read the whole file into one array.",
    ]


def test_a_sentence_occurs_once_and_in_one_library() -> None:
    found = {"one": ["A", "shared", "B", "a"], "other": ["Shared", "C"]}
    assert distinct("one", found) == ["A", "B"]


def test_numbers_of_words_leave_out_padding_and_the_unknown() -> None:
    known: dict[str, int] = {}
    first, second = numbered(["Fit a model.", "A model!"], known)
    assert first[:4].tolist() == [2, 3, 4, 0]
    assert second[:3].tolist() == [3, 4, 0]
    assert known == {"fit": 2, "a": 3, "model": 4}


def test_synonyms_are_read_as_wordnets() -> None:
    with wordnet(None) as folder:
        known = synonyms(folder)
    assert known["return"] == ("give back", "hand back")
    assert {*known} == {word for words in SETS for word in words.split(", ") if " " not in word}


def test_each_operation_does_what_its_name_says() -> None:
    with wordnet(None) as folder:
        made = operations(["Nothing.", "Return the index of each new element in an array."], share=0.1, wordnet=folder)
    words = {name: text.split() for name, text in made.items()}
    assert made["none"].startswith("Return the index")
    assert sorted(words["swap"]) == sorted(words["none"])
    assert len(words["deletion"]) < len(words["none"]) < len(words["insertion"])
    assert len({*words["none"]} - {*words["synonyms"]}) == 1


def test_training_and_test_sentences_are_apart_and_balanced() -> None:
    labels = np.repeat(np.arange(5), 30)
    first, second = divided(labels, 50, 75, seed=1)
    assert not {*first.tolist()} & {*second.tolist()}
    assert np.bincount(labels[first]).tolist() == [10] * 5
    assert np.bincount(labels[second]).tolist() == [15] * 5


def test_copies_of_sentences_bring_words_and_the_classifier_learns() -> None:
    told = [f"Return the {kind} of a new element." for kind in ("canvas", "frame", "spline", "forest", "tensor")]
    texts = tuple(f"{text[:-1]} number {place}." for text in told for place in "abcdefgh")
    corpus = Corpus(texts, np.repeat(np.arange(len(LIBRARIES)), 8))
    with wordnet(None) as folder:
        found = compared(corpus, training=20, tested=20, copies=2, share=0.1, wordnet=folder, seed=0)
    assert [found[way].accuracy for way in WAYS] == [1.0, 1.0, 1.0]
    assert found["alone"].words == found["repeated"].words < found["EDA"].words


def spectrum(wave: Floats) -> Floats:
    return np.abs(np.fft.rfft(wave * np.hanning(len(wave))))


def test_a_plucked_string_has_harmonics_and_loses_the_high_ones_first() -> None:
    wave = plucked(200, np.random.default_rng(0), RATE)
    found = spectrum(wave)  # a bin per hertz
    period = round(RATE / 200 - 0.5) + 0.5
    for harmonic in (1, 2, 3):
        near = round(harmonic * RATE / period)
        assert found[near - 3 : near + 4].max() > 20 * np.median(found)
    early, late = spectrum(wave[: RATE // 4]), spectrum(wave[-RATE // 4 :])
    assert late[250:].sum() / late.sum() < 0.2 * early[250:].sum() / early.sum()  # above 1 kHz


def test_a_struck_bar_has_its_inharmonic_partials() -> None:
    found = spectrum(struck(200, np.random.default_rng(0), RATE))
    loudest = [
        near for near in range(50, 4000) if found[near] == found[near - 40 : near + 41].max() > 0.02 * found.max()
    ]
    assert loudest == pytest.approx([200 * ratio for ratio in BAR], abs=2)


def test_pink_noise_has_equal_power_in_octaves() -> None:
    power = np.square(np.abs(np.fft.rfft(pink(2**16, np.random.default_rng(0)))))
    octaves = [power[2**n : 2 ** (n + 1)].sum() for n in range(8, 15)]
    assert max(octaves) / min(octaves) < 1.3


def test_noisy_sounds_are_the_clean_ones_at_the_ratio() -> None:
    clean, noisy = (sounds(4, seed=3, name="any", snr=snr).samples / 2**15 for snr in (None, 10.0))
    assert clean.shape == (4 * len(INSTRUMENTS), LENGTH)
    assert not clean[:, : ONSET - 1].any()
    ratio = np.square(clean).mean(1) / np.square(noisy - clean).mean(1)
    unclipped = np.abs(noisy).max(1) < 0.99
    assert unclipped.sum() >= 6
    assert 10 * np.log10(ratio[unclipped]) == pytest.approx(10, abs=0.1)
    late = sounds(4, seed=3, name="any", shift=0.2).samples
    starts = (np.abs(late) > 0).argmax(1)
    assert (starts >= ONSET).all()
    assert len({*starts.tolist()}) > 6
    assert starts.max() <= ONSET + 0.2 * LENGTH + 50


def test_made_rows_lie_on_lines_between_rare_rows() -> None:
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [9.0, 5.0], [9.0, 6.0]])
    table = Table(
        np.concatenate([np.random.default_rng(0).normal(size=(20, 2)), corners]), np.repeat([0, RARE], [20, 4])
    )
    given = standard(table)
    made = given.stored(balanced(given, SMOTE(k=1), seed=0).rows[len(table.rows) :])
    assert len(made) == 16  # as many as of the other class
    low, right = np.isclose(made[:, 1], 0, atol=1e-5), np.isclose(made[:, 0], 9, atol=1e-5)
    assert (low ^ right).all()
    assert made[low, 0].min() >= -1e-5
    assert made[low, 0].max() <= 1 + 1e-5


def test_adasyn_makes_more_rows_in_the_wrong_place() -> None:
    made = synthetic(islands(seed=0), k=5, seed=0)
    assert misplaced(made["ADASYN"]) > misplaced(made["SMOTE"])


def test_copies_before_the_split_predict_noise() -> None:
    found = np.mean([leaked(rows=200, columns=5, rare=20, k=5, seed=seed) for seed in range(8)], axis=0)
    assert found[0] == pytest.approx(0.5, abs=0.08)
    assert found[1] > 0.7


def test_adasyn_refuses_distant_classes() -> None:
    assert refused()


def test_rare_training_rows_and_untouched_test_rows() -> None:
    train, test = tumors(rare=15, test=200, seed=0)
    assert (train.labels == RARE).sum() == 15
    assert len(test.rows) == 200
    assert not {row.tobytes() for row in train.rows} & {row.tobytes() for row in test.rows}
