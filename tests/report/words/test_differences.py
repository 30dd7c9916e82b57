"""Two texts side by side: every difference is marked, nothing else is, and the texts stay what they are."""

from __future__ import annotations

from darkroom.report.words.differences import AROUND, marked


def test_deleted_and_inserted_words_are_marked_and_everything_is_escaped() -> None:
    before, after = marked("this is not a <b>bad</b> film", "this is a bad film indeed")
    assert before == "this is <del>not</del> a <del>&lt;b&gt;bad&lt;/b&gt;</del> film"
    assert after == "this is a <ins>bad</ins> film <ins>indeed</ins>"
    assert marked("the same", "the same") == ("the same", "the same")


def test_long_stretches_without_a_difference_are_cut_to_what_is_next_to_one() -> None:
    words = [f"w{number}" for number in range(100)]
    before, after = marked(" ".join(words), " ".join([*words[:50], "new", *words[50:]]))
    assert after.split() == ["…", *words[50 - AROUND : 50], "<ins>new</ins>", *words[50 : 50 + AROUND], "…"]
    assert "<" not in before
    two = [*words[:20], "a", *words[20:80], "b", *words[80:]]
    assert marked(" ".join(words), " ".join(two))[1].count("…") == 3
