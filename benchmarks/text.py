"""Texts: n-grams beside scikit-learn's, Kim's convolutional network beside the paper's, EDA on few sentences.

    python benchmarks/text.py ngrams ZIP
    python benchmarks/text.py textcnn ZIP [--sets trec sst2] [--seeds N]
    python benchmarks/text.py eda ZIP [--sets sst2 trec] [--network ngrams] [--sizes 100 500] [--seeds N]

ZIP holds text/trec/TREC.{train,test}.all (a class, a space and a question per line), text/sst2/{train,dev,test}.tsv (a
sentence, a tab and 0 or 1) and text/sms/SMSSpamCollection.tsv. TREC and SST-2 have their own test split; of SMS messages, a
stratified fifth is tested, with copies and near-duplicates in one split.

`ngrams` fits scikit-learn's TfidfVectorizer and HashingVectorizer with LogisticRegression to the same tokens, at the same C.

`textcnn` trains the network `textcnn` with its defaults, and takes the last epoch. Kim 2014 (arXiv 1408.5882, table 2) reports
91.2 on TREC and 82.7 on SST-2 for CNN-rand, with Adadelta and early stopping, and for SST-2 learns from the labeled phrases of
each sentence, too; here are whole sentences alone.

`eda` trains on random stratified subsets without copies, and with 16 copies of each sentence by EDA with α = 0.05, as Wei & Zou
2019 (arXiv 1901.11196, table 3) recommend for 500 sentences. Vocabularies are those of the subset. Differences are paired by
seed, with t-intervals. The paper reports 76.9 -> 79.9 at 500 sentences, the mean of five sets and of two networks that start
from pretrained word vectors.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from darkroom import files, registry
from darkroom.augment.text.pipeline import TextPipeline
from darkroom.classify.config import TrainSpec
from darkroom.classify.train import train
from darkroom.data import prepare
from darkroom.data.config import PrepareSpec
from darkroom.data.store import TOKENIZER, Store, open_store
from darkroom.data.text import tokens
from darkroom.data.text.options import Tokenization
from darkroom.fit.model import predict
from darkroom.log import silent
from darkroom.measure.seeds import t_interval

SOURCES: dict[str, dict[str, Any]] = {
    "trec": {"path": "text/trec", "columns": ["label", "text"], "separator": " "},
    "sst2": {"path": "text/sst2", "columns": ["text", "label"]},
    "sms": {"path": "text/sms", "text": "SMS", "label": "Label"},
}
PUBLISHED = {"trec": 0.912, "sst2": 0.827}
C = 10.0


def main() -> None:
    """Run the part that is asked for."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("part", choices=["ngrams", "textcnn", "eda"])
    asked.add_argument("data", type=Path)
    asked.add_argument("--sets", nargs="+", choices=list(SOURCES))
    asked.add_argument("--seeds", type=int, default=5)
    asked.add_argument("--sizes", nargs="+", type=int, default=[100, 500])
    asked.add_argument("--network", default="ngrams", choices=["ngrams", "textcnn"])
    asked.add_argument("--epochs", type=int)
    given = asked.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(given.data) as archive:
            archive.extractall(folder)
        if given.part == "ngrams":
            ngrams(Path(folder), given.sets or list(SOURCES))
        elif given.part == "textcnn":
            textcnn(Path(folder), given.sets or list(PUBLISHED), given.seeds, given.epochs)
        else:
            eda(Path(folder), given.sets or ["sst2", "trec"], given)
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


def textcnn(folder: Path, names: Sequence[str], seeds: int, epochs: int | None) -> None:
    """Print the accuracy of the network `textcnn` over seeds, beside Kim's."""
    for name, store, _ in stores(folder, names):
        found = []
        for seed in range(seeds):
            spec = specified("textcnn", seed, **({"epochs": epochs} if epochs else {}))
            network, fitted = train(spec, store, store.rows("train"), held_out=store.rows("val"), log=silent)
            found.append(accuracy(network, store, store.rows("test")))
            print(f"{name} seed {seed}  accuracy {found[-1]:.4f}  {fitted.seconds:.0f} s", flush=True)
        print(f"{name:<5} {interval(found)}  Kim 2014 {PUBLISHED[name]:.3f}", flush=True)


def eda(folder: Path, names: Sequence[str], given: Any) -> None:
    """Print what EDA gains on few sentences."""
    policy = registry.options("transform", "eda").model_validate({"name": "eda", "share": 0.05})
    for name, store, _ in stores(folder, names):
        for size in given.sizes:
            plain: list[float] = []
            augmented: list[float] = []
            for seed in range(given.seeds):
                pool = store.rows("train")
                chosen = np.sort(
                    train_test_split(pool, train_size=size, stratify=store.labels[pool], random_state=seed)[0]
                )
                some, copies = few(store, chosen, TextPipeline([policy], seed=seed))
                rows = np.arange(size)
                # about 400 steps of 50 sentences each, with and without copies
                spec = specified(given.network, seed, epochs=given.epochs or max(1, 20_000 // size))
                for made, into in ((None, plain), (copies, augmented)):
                    network, _ = train(spec, some, rows, held_out=rows[:0], copies=made, log=silent)
                    into.append(accuracy(network, some, np.arange(size, len(some.items))))
            gain = np.subtract(augmented, plain)
            print(
                f"{name:<5} {given.network} {size} sentences  plain {np.mean(plain):.3f}  EDA {np.mean(augmented):.3f}  "
                f"gain {interval(gain.tolist(), sign='+')}",
                flush=True,
            )


def few(store: Store, chosen: NDArray[np.int64], pipeline: TextPipeline) -> tuple[Store, Store]:
    """Return a store of the chosen sentences and the test split, with a vocabulary of the former, and 16 copies of each."""
    how = Tokenization(unit="word", vocabulary=20_000, rare=1, length=None, lowercase=True)
    rows = np.concatenate([chosen, store.rows("test")])
    items = store.items.iloc[rows].reset_index(drop=True)
    texts = items["text"].tolist()
    tokenizer = tokens.train(texts[: len(chosen)], how)
    numbers = tokens.encode(tokenizer, texts)
    length = max(len(own) for own in numbers[: len(chosen)]) + 5

    def made(table: pd.DataFrame, own: Sequence[NDArray[np.int32]]) -> Store:
        sizes = (length, tokenizer.get_vocab_size())
        return Store("few", store.classes, tokens.padded(own, length), table, kind="text", sizes=sizes)

    parents = pd.concat([items.iloc[: len(chosen)]] * 16, ignore_index=True)
    copy = np.repeat(np.arange(16), len(chosen)).tolist()
    drawn = pipeline.draw(parents["text"].tolist(), items=parents["id"].tolist(), copies=copy)
    copies = parents.assign(parent=parents["id"], text=drawn.texts)
    return made(items, numbers), made(copies, tokens.encode(tokenizer, drawn.texts))


def specified(network: str, seed: int, **training: Any) -> TrainSpec:
    """Return the spec of a training."""
    own = registry.entry("network", network).training
    return TrainSpec.model_validate({"network": network, "seed": seed, "training": {**own, "threads": 2, **training}})


def interval(values: Sequence[float], sign: str = "") -> str:
    """Return the mean with its 95 % t-interval over seeds."""
    if len(values) < 2:
        return f"{values[0]:{sign}.3f} (one seed)"
    mean, low, high = t_interval(values)
    return f"{mean:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}] over {len(values)} seeds"


if __name__ == "__main__":
    torch.set_num_threads(2)
    main()
