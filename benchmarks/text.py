"""Texts: n-grams beside scikit-learn's, EDA on few sentences, and mixed word vectors.

    python benchmarks/text.py ngrams ZIP
    python benchmarks/text.py eda ZIP [--sets sst2 trec] [--network ngrams] [--sizes 100 500] [--seeds N]
    python benchmarks/text.py mixup ZIP [--sets trec sst2] [--network textcnn] [--sizes 500 2000] [--seeds N]

ZIP holds text/trec/TREC.{train,test}.all (a class, a space and a question per line), text/sst2/{train,dev,test}.tsv (a
sentence, a tab and 0 or 1) and text/sms/SMSSpamCollection.tsv. TREC and SST-2 have their own test split; of SMS messages, a
stratified fifth is tested, with copies and near-duplicates in one split.

`ngrams` fits scikit-learn's TfidfVectorizer and HashingVectorizer with LogisticRegression to the same tokens, at the same C.

`eda` trains on random stratified subsets without copies, and with 16 copies of each sentence by EDA with α = 0.05, as the
experiments of `snakemake reproduce` do for 500 sentences beside the gains of Wei & Zou 2019. Vocabularies are those of the
subset.

`mixup` trains on such subsets plainly and with the word vectors of two sentences mixed (wordMixup with α = 1, Guo, Mao & Zhang
2019), for as many steps as `eda`.

Differences are paired by seed, with t-intervals.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from darkroom import files, registry
from darkroom.augment.config import OnlineSpec
from darkroom.classify.train import train
from darkroom.data import prepare
from darkroom.data.config import PrepareSpec
from darkroom.data.store import TOKENIZER, Store, labeled, open_store
from darkroom.data.text import tokens
from darkroom.fit.model import predict
from darkroom.log import silent
from darkroom.measure.seeds import t_interval
from darkroom.reproduce.classify import trainings
from darkroom.reproduce.config import ClassifySpec, GainSpec
from darkroom.reproduce.gain import WORDS, pairs

SOURCES: dict[str, dict[str, Any]] = {
    "trec": {"path": "text/trec", "columns": ["label", "text"], "separator": " "},
    "sst2": {"path": "text/sst2", "columns": ["text", "label"]},
    "sms": {"path": "text/sms", "text": "SMS", "label": "Label"},
}
C = 10.0


def main() -> None:
    """Run the part that is asked for."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("part", choices=["ngrams", "eda", "mixup"])
    asked.add_argument("data", type=Path)
    asked.add_argument("--sets", nargs="+", choices=list(SOURCES))
    asked.add_argument("--seeds", type=int, default=5)
    asked.add_argument("--sizes", nargs="+", type=int, default=[100, 500], help="training sentences")
    asked.add_argument("--network", choices=["ngrams", "textcnn", "text_transformer"])
    asked.add_argument("--epochs", type=int)
    given = asked.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(given.data) as archive:
            archive.extractall(folder)
        if given.part == "ngrams":
            ngrams(Path(folder), given.sets or list(SOURCES))
        elif given.part == "eda":
            eda(Path(folder), given.sets or ["sst2", "trec"], given)
        else:
            mixup(Path(folder), given.sets or ["trec", "sst2"], given)
    print(f"{time.monotonic() - started:.0f} s")


def stores(folder: Path, names: Sequence[str], **source: Any) -> Iterator[tuple[str, Store, Path]]:
    """Yield the name, the prepared store and the folder of each set."""
    for name in names:
        options = {"name": "text_table", "rare": 1, **SOURCES[name], **source}
        options["path"] = str(folder / options["path"])
        split = {"val": 0.0, "test": 0.2} if name == "sms" else {"val": 0.0}
        spec = PrepareSpec.model_validate({"name": name, "source": options, "split": split})
        raw, out = folder / f"{name}-raw", folder / f"{name}-prepared"
        with files.folder(raw) as fresh:
            registry.build(spec.source).fetch(fresh)
        prepare.run(spec, raw=raw, out=out, log=silent)
        yield name, open_store(out), out


def accuracy(network: Any, store: Store, rows: NDArray[np.int64]) -> float:
    """Return the accuracy on these rows."""
    return float((predict(network, store.samples, rows).argmax(1) == store.labels[rows]).mean())


def ngrams(folder: Path, names: Sequence[str]) -> None:
    """Print the accuracy of the network `ngrams` beside scikit-learn's pipelines."""
    for name, store, root in stores(folder, names):
        rows, test = store.rows("train"), store.rows("test")
        network = registry.load("network", "ngrams")(store.shape, len(store.classes), c=C)
        network.fit(store.samples[rows], store.labels[rows], np.ones(len(rows)), seed=0)
        tokenizer = tokens.load(root / TOKENIZER)
        words = [encoded.tokens for encoded in tokenizer.encode_batch(store.items["text"].tolist())]

        def grams(row: int, words: list[list[str]] = words) -> list[str]:
            own = words[row]
            pairs = [f"{a} {b}" for a, b in itertools.pairwise(own)]
            return [gram for gram in own + pairs if tokens.UNKNOWN not in gram]

        found = {"darkroom": accuracy(network, store, test)}
        peers = {
            "tf-idf": TfidfVectorizer(analyzer=grams),
            "hashing": HashingVectorizer(analyzer=grams, n_features=2**18, alternate_sign=False),
        }
        for peer, vectors in peers.items():
            model = LogisticRegression(C=C, max_iter=1000).fit(vectors.fit_transform(rows), store.labels[rows])
            found[peer] = float((model.predict(vectors.transform(test)) == store.labels[test]).mean())
        shown = "  ".join(f"{key} {value:.4f}" for key, value in found.items())
        print(
            f"{name:<5} train {len(rows):,}  test {len(test):,}  {shown}  difference {found['darkroom'] - found['tf-idf']:+.4f}"
        )


def eda(folder: Path, names: Sequence[str], given: Any) -> None:
    """Print what EDA gains on few sentences."""
    network = given.network or "ngrams"
    for name, store, _ in stores(folder, names):
        for size in given.sizes:
            # about 400 steps of 50 sentences each, with and without copies
            epochs = given.epochs or max(1, 20_000 // size)
            spec = GainSpec.model_validate(
                {
                    "source": {"name": "text_table", "path": str(folder)},
                    "models": {network: {"training": {"epochs": epochs, "threads": 2}}},
                    "texts": size,
                    "copies": 16,
                    "transform": {"name": "eda", "share": 0.05},
                }
            )
            found = np.array([pairs(spec, store, seed)[network] for seed in range(given.seeds)])
            plain, augmented = found.mean(0)
            print(
                f"{name:<5} {network} {size} sentences  plain {plain:.3f}  EDA {augmented:.3f}  "
                f"gain {interval((found[:, 1] - found[:, 0]).tolist())}",
                flush=True,
            )


def mixup(folder: Path, names: Sequence[str], given: Any) -> None:
    """Print what mixing the word vectors of two sentences brings."""
    network = given.network or "textcnn"
    for name, store, _ in stores(folder, names):
        pool = labeled(store, "train")
        for size in given.sizes:
            training = {"epochs": given.epochs or max(1, 20_000 // size)}  # as for EDA
            source = {"name": "text_table", "path": str(folder)}
            spec = ClassifySpec.model_validate({"source": source, "models": {network: {"training": training}}})
            found: dict[str, list[float]] = {"none": [], "mixup": []}
            for seed in range(given.seeds):
                chosen = train_test_split(pool, train_size=size, stratify=store.labels[pool], random_state=seed)[0]
                some, rows, test = subset(store, np.sort(chosen))
                own = trainings(spec, seed)[network]
                for policy, online in (("none", []), ("mixup", [{"name": "mixup", "alpha": 1.0}])):
                    changed = own.model_copy(update={"policy": OnlineSpec.model_validate({"online": online})})
                    with contextlib.redirect_stderr(io.StringIO()):
                        fitted, _ = train(changed, some, rows, held_out=rows[:0], log=silent)
                    found[policy].append(accuracy(fitted, some, test))
            none, mixed = np.array(found["none"]), np.array(found["mixup"])
            print(
                f"{name:<5} {network} {size} sentences  none {none.mean():.3f}  mixup {mixed.mean():.3f}  "
                f"gain {interval((mixed - none).tolist())}",
                flush=True,
            )


def subset(store: Store, chosen: NDArray[np.int64]) -> tuple[Store, NDArray[np.int64], NDArray[np.int64]]:
    """Return a store of some training texts and the test split, with a vocabulary of the former, and the rows of both."""
    items = store.items.iloc[np.concatenate([chosen, labeled(store, "test")])].reset_index(drop=True)
    texts = items["text"].tolist()
    tokenizer = tokens.train(texts[: len(chosen)], WORDS)
    numbers = tokens.encode(tokenizer, texts)
    length = max(len(own) for own in numbers[: len(chosen)])
    sizes = (length, tokenizer.get_vocab_size())
    some = Store("some", store.classes, tokens.padded(numbers, length), items, kind="text", sizes=sizes)
    return some, np.arange(len(chosen)), np.arange(len(chosen), len(items))


def interval(values: Sequence[float]) -> str:
    """Return the mean with its 95 % t-interval over seeds."""
    if len(values) < 2:
        return f"{values[0]:+.3f} (one seed)"
    mean, low, high = t_interval(values)
    return f"{mean:+.3f} [{low:+.3f}, {high:+.3f}] over {len(values)} seeds"


if __name__ == "__main__":
    torch.set_num_threads(2)
    main()
