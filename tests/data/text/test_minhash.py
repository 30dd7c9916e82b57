"""Near-duplicate texts: MinHash against exact Jaccard similarity."""

from __future__ import annotations

import numpy as np

from darkroom.data.text import minhash


def made(seed: int, count: int) -> list[str]:
    """Return random texts, each third a copy of the one before with a few words changed."""
    draws = np.random.default_rng(seed)
    words = np.array(["".join(draws.choice(list("abcdefghij"), 5)) for _ in range(400)])
    texts: list[str] = []
    for number in range(count):
        if number % 3 == 2:
            changed = texts[-1].split()
            for place in draws.integers(0, len(changed), draws.integers(1, 6)):
                changed[place] = str(draws.choice(words))
            texts.append(" ".join(changed))
        else:
            texts.append(" ".join(draws.choice(words, 60)))
    return texts


def exact(one: str, two: str) -> float:
    a, b = ({text[i : i + 5] for i in range(len(text) - 4)} for text in (one.lower(), two.lower()))
    return len(a & b) / len(a | b)


def test_all_and_only_the_pairs_of_high_jaccard_similarity_are_found() -> None:
    texts = made(0, 120)
    found = minhash.find(texts, np.arange(len(texts)))
    wanted = {
        (i, j): exact(texts[i], texts[j])
        for i in range(len(texts))
        for j in range(i + 1, len(texts))
        if j == i + 1 and exact(texts[i], texts[j]) >= minhash.THRESHOLD
    }
    assert len(wanted) > 8
    assert dict(zip(map(tuple, found.pairs.tolist()), found.similarity, strict=True)) == {
        pair: round(value, 4) for pair, value in wanted.items()
    }


def test_the_share_of_equal_minima_estimates_jaccard_similarity() -> None:
    texts = made(1, 24)
    for one, two in zip(texts[1::3], texts[2::3], strict=True):
        sets = [minhash.shingles(one), minhash.shingles(two)]
        minima = minhash.signatures(sets, functions=1024)
        error = (minima[0] == minima[1]).mean() - exact(one, two)
        assert abs(error) < 4 * 0.5 / 1024**0.5  # four standard deviations at most
        assert minhash.jaccard(*sets) == exact(one, two)


def test_case_and_white_space_do_not_matter_and_empty_texts_have_no_twin() -> None:
    texts = ["Free entry  in 2 a wkly comp", "free entry in 2 a WKLY\ncomp", "", "", "你好世界你好世界", "ok", "ok."]
    found = minhash.find(texts, np.arange(len(texts)))
    assert found.pairs.tolist() == [[0, 1]]
    assert found.similarity.tolist() == [1.0]
