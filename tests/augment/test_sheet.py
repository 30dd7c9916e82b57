"""A contact sheet shows images of every class, each beside its own copies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from darkroom import log
from darkroom.augment import apply, sheet
from darkroom.augment.config import Policy, SheetSpec
from darkroom.data.store import open_store


def test_copies_lie_beside_their_image(tmp_path: Path, make: Any) -> None:
    data = make(tmp_path / "data")
    policy = Policy(offline=[{"name": "hflip", "p": 1}], copies=2)
    apply.run(policy.apply_spec, data=data, out=tmp_path / "copies", log=log.silent)
    picture = sheet.contact_sheet(open_store(data), open_store(tmp_path / "copies"))
    left, right = picture[:, : picture.shape[1] // 4], picture[:, picture.shape[1] // 4 :]
    assert left.std() > 0
    assert right.std() > 0
    for out in ("one", "two"):
        sheet.run(SheetSpec(), data=data, copies=tmp_path / "copies", out=tmp_path / out, log=log.silent)
    names = [tmp_path / out / "contact_sheet.png" for out in ("one", "two")]
    assert names[0].read_bytes() == names[1].read_bytes()
    np.testing.assert_array_equal(np.asarray(Image.open(names[0]).convert("RGB")), picture)
