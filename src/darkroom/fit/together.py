"""Statistics over the whole batch when several processes share it, so that they train what one process would."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from functools import partial

import torch
from torch import Tensor, distributed, nn
from torch.distributed.nn.functional import all_reduce


def summed(values: Tensor) -> Tensor:
    """Return the sum over all processes; with a single process, the values themselves."""
    if distributed.is_initialized():
        distributed.all_reduce(values)
    return values


def gathered(values: Tensor) -> Tensor:
    """Return the rows of all processes, one after another; with a single process, the values (N, ...) themselves."""
    if not distributed.is_initialized():
        return values
    counts = [torch.zeros(1, dtype=torch.int64, device=values.device) for _ in range(distributed.get_world_size())]
    distributed.all_gather(counts, torch.full_like(counts[0], len(values)))
    most = max(int(count) for count in counts)
    padded = torch.cat([values, values.new_zeros(most - len(values), *values.shape[1:])])
    parts = [torch.empty_like(padded) for _ in counts]
    distributed.all_gather(parts, padded)
    return torch.cat([part[: int(count)] for part, count in zip(parts, counts, strict=True)])


def averaged(values: Mapping[str, Tensor], weight: float) -> dict[str, float]:
    """Return the means over all processes, weighted by each one's share of the batch (see `Batches.weight`)."""
    if not distributed.is_initialized():
        return {name: float(value) for name, value in values.items()}
    table = torch.stack([value.float() for value in values.values()]) * weight
    means = summed(table) / distributed.get_world_size()
    return dict(zip(values, means.tolist(), strict=True))


@contextlib.contextmanager
def normalized(network: nn.Module) -> Iterator[None]:
    """Use whole-batch statistics in batch normalization; unlike torch's SyncBatchNorm, on CPUs too."""
    layers = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    for layer in layers:
        layer.forward = partial(_normalize, layer)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def _normalize(layer: nn.modules.batchnorm._BatchNorm, inputs: Tensor) -> Tensor:
    if not layer.training:
        plain: Tensor = type(layer).forward(layer, inputs)
        return plain
    values = inputs.float()  # (B, C, ...)
    dims = [0, *range(2, values.dim())]
    shape = (1, -1, *(1 for _ in dims[1:]))
    sums = all_reduce(torch.cat([values.sum(dims), values.new_tensor([values.numel() / values.shape[1]])]))
    count = sums[-1].detach()
    mean = sums[:-1] / count
    centred = values - mean.view(shape)
    variance = all_reduce(centred.square().sum(dims)) / count
    if layer.running_mean is not None and layer.running_var is not None and layer.num_batches_tracked is not None:
        with torch.no_grad():
            layer.num_batches_tracked.add_(1)
            share = layer.momentum if layer.momentum is not None else 1 / float(layer.num_batches_tracked)
            layer.running_mean.lerp_(mean, share)
            layer.running_var.lerp_(variance * count / (count - 1), share)
    outputs = centred * (variance + layer.eps).rsqrt().view(shape)
    if layer.affine:
        outputs = outputs * layer.weight.view(shape) + layer.bias.view(shape)
    normal: Tensor = outputs.to(inputs.dtype)
    return normal
