"""A tiny BERT with random weights, in a folder as Hugging Face's library saves it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors

WORDS = (
    *(
        "the",
        "number",
        "is",
        "good",
        "not",
        "plot",
        "actor",
        "scene",
        "score",
        "camera",
        "script",
        "ending",
        "dialogue",
    ),
    *map(str, range(200)),
)


def made(folder: Path, *, words: Sequence[str] = WORDS) -> Path:
    """Write the folder; its padding and unknown tokens have other numbers than those of Darkroom's own tokenizers."""
    from transformers import BertConfig, BertModel

    names = ["[CLS]", "[SEP]", "[UNK]", "[PAD]", *words]
    tokenizer = Tokenizer(models.WordLevel({name: n for n, name in enumerate(names)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(names[:4])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 0), ("[SEP]", 1)]
    )
    tokenizer.enable_padding(pad_id=3, pad_token="[PAD]", length=30)
    folder.mkdir(parents=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = BertConfig(vocab_size=len(names), max_position_embeddings=32, pad_token_id=3, **sizes)
    BertModel(config).save_pretrained(folder)
    return folder
