"""Generator and discriminator: small convolutional networks after DCGAN (Radford et al. 2016), for images from 8×8 up.

Images are in [-1, 1]. Both networks follow the sizes of `nets.autoencoder.plan`: each level halves the image, rounding up,
until the shorter side is 4 to 7 pixels. Without classes, both ignore labels.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from darkroom.nets.autoencoder import plan

Conditioning = Literal["none", "concatenation", "projection", "auxiliary"]

CLASS_STD = 0.25
"""Initial standard deviation of the class embedding beside the noise; with more, classes collapse to one image each."""
LEAK = 0.2
HIDDEN = 128
"""Width of the discriminator's last hidden layer."""


class Generator(nn.Module):
    """Map noise (B, Z) and labels (B,) to images (B, C, H, W).

    A class embedding is concatenated to the noise, and every normalization has class-conditional gains and shifts. Each
    level upsamples by a convolution on the smaller image and a pixel shuffle (Shi et al. 2016), which is cheap.
    """

    def __init__(self, shape: tuple[int, int, int], classes: int, *, latent: int, width: int) -> None:
        super().__init__()
        sizes, widths = plan(shape, width)
        self.start = (widths[-1], *sizes[-1])
        self.embedding = nn.Embedding(classes, latent) if classes else None
        if self.embedding is not None:
            nn.init.normal_(self.embedding.weight, std=CLASS_STD)
        inputs = 2 * latent if classes else latent
        self.head = nn.Linear(inputs, math.prod(self.start), bias=False)  # normalization subtracts the mean
        self.norms = nn.ModuleList(ClassNorm(channels, classes) for channels in widths[::-1])
        steps = zip(widths[::-1], [*widths[-2::-1], shape[0]], sizes[-2::-1], strict=True)
        self.levels = nn.ModuleList(
            Enlarge(before, after, size, bias=size == sizes[0]) for before, after, size in steps
        )

    def forward(self, noise: Tensor, labels: Tensor) -> Tensor:  # (B, Z), (B,) -> (B, C, H, W) in [-1, 1]
        given = noise if self.embedding is None else torch.cat([noise, self.embedding(labels)], dim=1)
        x: Tensor = self.head(given).unflatten(1, self.start)
        for norm, level in zip(self.norms, self.levels, strict=True):
            x = level(F.relu(norm(x, labels)))
        return x.float().tanh()


class ClassNorm(nn.Module):
    """Batch normalization with class-conditional gains and shifts (Dumoulin et al. 2017), shared without classes."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.norm = nn.BatchNorm2d(channels, affine=False)
        # stored as an offset from 1, so that weight decay keeps the scale
        self.gain = nn.Parameter(torch.zeros(max(1, classes), channels))
        self.shift = nn.Parameter(torch.zeros(max(1, classes), channels))

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:  # (B, C, H, W), (B,)
        rows = labels if self.classes else torch.zeros_like(labels)
        gain, shift = self.gain[rows], self.shift[rows]  # (B, C)
        even: Tensor = self.norm(x)
        return even * (1 + gain[..., None, None]) + shift[..., None, None]


class Enlarge(nn.Module):
    """Double the resolution by convolution and pixel shuffle, cropped to `size`: (B, C, h, w) to (B, C', H, W)."""

    def __init__(self, before: int, after: int, size: tuple[int, int], *, bias: bool) -> None:
        super().__init__()
        self.size = size
        self.spread = nn.Conv2d(before, 4 * after, 3, padding=1, bias=bias)
        with torch.no_grad():  # the four sub-pixels start equal: no checkerboard (ICNR, Aitken et al. 2017)
            for parameter in self.spread.parameters():
                parameter.copy_(parameter[::4].repeat_interleave(4, 0))

    def forward(self, x: Tensor) -> Tensor:
        return F.pixel_shuffle(self.spread(x), 2)[..., : self.size[0], : self.size[1]]


class Judgement(NamedTuple):
    """Discriminator output: scores (B,), higher for real; features (B, D); class logits (B, K) if it is auxiliary."""

    score: Tensor
    features: Tensor
    logits: Tensor | None


class Discriminator(nn.Module):
    """Map images (B, C, H, W) and labels (B,) to scores; `conditioning` says how it uses labels.

    `concatenation` concatenates a class embedding to the image features before the last hidden layer (Mirza & Osindero
    2014; Reed et al. 2016). `projection` adds the inner product of features and class embedding to the score (Miyato &
    Koyama 2018). `auxiliary` sees no label and predicts it (AC-GAN, Odena et al. 2017).
    """

    def __init__(
        self, shape: tuple[int, int, int], classes: int, *, conditioning: Conditioning, width: int, spectral: bool
    ) -> None:
        super().__init__()
        sizes, widths = plan(shape, width)
        steps = zip([shape[0], *widths[:-1]], widths, strict=True)
        self.levels = nn.ModuleList(nn.Conv2d(before, after, 4, stride=2, padding=1) for before, after in steps)
        beside = HIDDEN if conditioning == "concatenation" else 0
        self.hidden = nn.Linear(widths[-1] * math.prod(sizes[-1]) + beside, HIDDEN)
        self.score = nn.Linear(HIDDEN, 1, bias=False)
        self.beside = nn.Embedding(classes, HIDDEN) if conditioning == "concatenation" else None
        self.projection = nn.Embedding(classes, HIDDEN) if conditioning == "projection" else None
        self.auxiliary = nn.Linear(HIDDEN, classes) if conditioning == "auxiliary" else None
        if spectral:
            for module in [m for m in self.modules() if isinstance(m, nn.Conv2d | nn.Linear | nn.Embedding)]:
                spectral_norm(module)

    def forward(self, images: Tensor, labels: Tensor) -> Judgement:
        x = images
        for level in self.levels:
            even = F.pad(x, (0, x.shape[3] % 2, 0, x.shape[2] % 2))
            x = F.leaky_relu(level(even), LEAK)
        x = x.flatten(1)
        if self.beside is not None:
            x = torch.cat([x, self.beside(labels).to(x.dtype)], dim=1)
        features = F.leaky_relu(self.hidden(x), LEAK).float()
        score = self.score(features).float().squeeze(1)
        if self.projection is not None:
            score = score + (self.projection(labels).float() * features).sum(1)
        logits = None if self.auxiliary is None else self.auxiliary(features).float()
        return Judgement(score, features, logits)
