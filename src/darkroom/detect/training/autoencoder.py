"""Training of the autoencoder: squared error and its optional penalties."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom.detect.methods.autoencoder import Autoencoder
from darkroom.detect.methods.contraction import squared_jacobian
from darkroom.detect.training.reconstruction import ReconstructionTask


class AutoencoderTask(ReconstructionTask):
    """Minimizes the mean squared error and the weighted penalties."""

    network: Autoencoder

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return `loss` and, if there are penalties, its parts. Only training images are corrupted by noise."""
        network, given = self.network, images
        if network.denoising and self.training:
            noise = torch.randn(images.shape, generator=self.draws)
            given = images + network.denoising * noise.to(images.device)
        if network.contraction:
            given = given.detach().requires_grad_()
        code = network.encoder(given).float()
        error = F.mse_loss(network.decoder(code).float(), images)
        penalties: dict[str, Tensor] = {}
        if network.sparsity:
            penalties["sparsity"] = network.sparsity * density(code)
        if network.contraction:
            penalties["contraction"] = network.contraction * squared_jacobian(code, given, self.draws)
        parts = {"reconstruction": error, **penalties} if penalties else {}
        return {"loss": error + sum(penalties.values()), **parts}

    def measures(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the same for validation images, without noise."""
        if not self.network.contraction:
            return self.losses(images, labels)
        with torch.inference_mode(False), torch.enable_grad():  # the Jacobian consists of gradients
            return self.losses(images.clone(), labels)


def density(code: Tensor) -> Tensor:
    """Return the mean of non-negative codes (B, D) over their root mean square: 1 if all are equal, less if few are large."""
    return code.mean() / code.square().mean().sqrt().clamp_min(1e-6)
