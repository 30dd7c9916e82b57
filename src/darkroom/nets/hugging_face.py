"""Pretrained encoders of texts from a folder of Hugging Face's library: its config, and weights as safetensors.

Nothing is downloaded, and no code or pickle of the folder runs. The source must cut the texts by the model's own tokenizer,
whose numbers `data.text.coder` shifts by 2.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from importlib import util
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from darkroom import files
from darkroom.nets.embedding import Mixed, embedded
from darkroom.nets.pretrained import SHIFT, encoder_weights
from darkroom.nets.transfer import Pretrained
from darkroom.registry import register

EXTRA = "pip install 'darkroom[transformers]'"


@register("network", "hugging_face")
class HuggingFace(Pretrained):
    """A pretrained transformer encoder from a local folder, and a linear classifier on the mean of its last layer's tokens."""

    TAKES = ("text",)

    def __init__(
        self,
        shape: tuple[int, int],
        classes: int,
        *,
        encoder: Annotated[
            str,
            Field(
                description="folder with config.json, model.safetensors and tokenizer.json, as save_pretrained writes"
            ),
        ],
        dropout: Annotated[
            float, Field(ge=0, lt=1, description="share of features dropped before the last layer")
        ] = 0.1,
    ) -> None:
        nn.Module.__init__(self)
        self.classes = classes
        self.backbone = TextEncoder(encoder, *shape)  # type: ignore[assignment]
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(self.backbone.features_size, classes))

    def load_pretrained(self, path: Path | None = None) -> None:
        """Fill in the encoder's weights. Raises ValueError if they are missing, damaged or do not fit."""
        self.backbone.load()


class TextEncoder(nn.Module):
    """A transformer in a folder, with random weights until `load`; maps token numbers (B, L) to features (B, D)."""

    def __init__(self, folder: str, length: int, vocabulary: int) -> None:
        super().__init__()
        self.folder = _folder(folder)
        auto = _library()
        with _told(f"network.encoder: {folder} is no model that can be used"):
            config = auto.AutoConfig.from_pretrained(self.folder, local_files_only=True, trust_remote_code=False)
            if getattr(config, "is_encoder_decoder", False):
                raise ValueError(
                    f"it is a {config.model_type}, which has a decoder, too; expected an encoder such as BERT"
                )
            self.network = auto.AutoModel.from_config(config, trust_remote_code=False)
        if hasattr(self.network, "pooler"):
            self.network.pooler = None  # the features are a mean
        self.features_size: int = config.hidden_size
        known = self.network.get_input_embeddings().weight.shape[0]
        if vocabulary - SHIFT > known:
            raise ValueError(
                f"network.encoder: {folder} knows {known:,} tokens, and the data has {vocabulary - SHIFT:,}; set "
                "data.source.tokenizer to the same folder"
            )
        most = getattr(config, "max_position_embeddings", None)
        if most and length > most:
            raise ValueError(f"network.encoder: {folder} reads {most} tokens at most; set data.source.length to that")

    def load(self) -> None:
        """Fill in the weights of the folder. Raises ValueError if they do not fit."""
        auto = _library()
        with _told(f"network.encoder: the weights in {self.folder} cannot be loaded"):
            if not encoder_weights(self.folder).is_file():
                raise ValueError("there is no model.safetensors; save the model as safetensors")
            found, about = auto.AutoModel.from_pretrained(
                self.folder,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=torch.float32,
                output_loading_info=True,
            )
            if missing := sorted(key for key in about["missing_keys"] if not key.startswith("pooler.")):
                raise ValueError(f"{len(missing)} tensors are missing: {', '.join(missing[:3])}")
        known = found.state_dict()
        self.network.load_state_dict({key: known[key] for key in self.network.state_dict()})

    def features(self, tokens: Tensor | Mixed) -> Tensor:
        """Return the mean of the last layer's tokens (B, D); dropped tokens, of number 1, are masked out."""
        several = tokens if isinstance(tokens, Mixed) else (tokens,)
        words = torch.stack([each >= SHIFT for each in several[:2]]).any(0)
        words = words | ~words.any(1, keepdim=True)
        table = self.network.get_input_embeddings()
        vectors = embedded(lambda numbers: table((numbers - SHIFT).clamp_min(0)), tokens)
        found: Tensor = self.network(inputs_embeds=vectors, attention_mask=words.long()).last_hidden_state
        return (found * words[..., None]).sum(1) / words.sum(1, keepdim=True)

    def forward(self, tokens: Tensor | Mixed) -> Tensor:
        """Return `features`."""
        return self.features(tokens)

    def blocks(self) -> list[nn.Module]:
        """Return the layers from input to output: the longest list of modules in the transformer."""
        return max((list(m) for m in self.network.modules() if isinstance(m, nn.ModuleList)), key=len)


def _folder(path: str) -> Path:
    folder = files.local(path)
    if folder is None or not (folder / "config.json").is_file():
        raise ValueError(
            f"network.encoder: there is no config.json in {path}; give the folder of a Hugging Face model on this machine"
        )
    return folder


def _library() -> Any:
    if util.find_spec("transformers") is None:
        raise ValueError(f"network.encoder: the package transformers is not installed; {EXTRA} installs it")
    library: Any = importlib.import_module("transformers")
    library.logging.set_verbosity_error()
    library.logging.disable_progress_bar()
    return library


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    """Raise ValueError with the first line of whatever the library raises."""
    try:
        yield
    except Exception as error:  # it raises errors of its own and of other libraries
        raise ValueError(f"{what}: {(str(error).splitlines() or [type(error).__name__])[0]}") from None
