"""Static quantization of an exported ONNX file to 8-bit integers, calibrated with validation images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.serve.export.formats import INPUT, quiet

BATCH = 16


def quantize(path: Path, images: NDArray[np.uint8]) -> None:
    """Replace an ONNX file by its quantized form; `images` (N, h, w, C) calibrate the ranges of its activations.

    Weights are quantized per channel, activations per tensor (Jacob et al. 2018), and only those of convolutions and linear
    layers: the preparation stays in floats.
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):
        """Hands out the images in batches."""

        def __init__(self) -> None:
            self.batches: Iterator[Any] = iter(images[start : start + BATCH] for start in range(0, len(images), BATCH))

        def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
            batch = next(self.batches, None)
            return None if batch is None else {INPUT: batch}

    prepared, made = path.with_suffix(".prepared.onnx"), path.with_suffix(".int8.onnx")
    with quiet():
        quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(made),
            Reader(),
            op_types_to_quantize=["Conv", "Gemm"],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
    prepared.unlink()
    made.replace(path)
