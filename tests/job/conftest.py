"""A small package called darkroom in place of the real one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from darkroom.job import provenance, reach

STAGE = '''"""A stage."""
from __future__ import annotations
from typing import TYPE_CHECKING

from darkroom import ground
from darkroom.middle import half

if TYPE_CHECKING:
    from darkroom.typed import Thing

LIMIT = 3

def run(x: Thing) -> int:
    """Run."""
    from darkroom.late import grow  # inside a function
    return ground.keep(grow(half(x)))

def other():
    return LIMIT
'''
GROUND = """from darkroom.log import complain

PREFIX = "at"

def keep(x):
    if x < 0:
        hint = words(x)
        told = f"{PREFIX}: {hint}"
        raise ValueError(f"a negative number: {told}") from None
    if x == 0:
        complain(f"{x} is nothing")
    try:
        return check(x)
    except OSError as error:
        reason = words(error)
        raise Refused(reason) from error

def words(x):
    return f"what was wrong: {x}"

def check(x):
    return x

class Refused(ValueError):
    ...
"""
PLUGINS = """from darkroom.registry import register
from darkroom.options import Count, Share

@register("network", "small")
class Small(Base):
    def __init__(self, shape, *, width: Count = 2): ...

@register("network", "large")
class Large:
    def __init__(self, shape, *, part: Share = 0.5): ...

class Base:
    def forward(self, x):
        return x
"""
SOURCES = {
    "__init__.py": "",
    "stage.py": STAGE,
    "ground.py": GROUND,
    "log.py": "def complain(text):\n    print(text)\n",
    "middle.py": "import darkroom.deep.leaf as leaf\n\ndef half(x):\n    return leaf.half(x)\n",
    "late.py": "def grow(x):\n    return x + 1\n",
    "typed.py": "class Thing: ...\n",
    "other.py": "def other():\n    return 1\n",
    "registry.py": "def register(kind, name):\n    return lambda plugged: plugged\n",
    "options.py": "Count = int\nShare = float\n",
    "plugins.py": PLUGINS,
    "deep/__init__.py": "",
    "deep/leaf.py": "import math\nimport numpy as np\nimport torch\n\ndef half(x):\n    return np.floor(x / 2)\n\n"
    "def double(x):\n    return torch.mul(x, 2)\n",
}


def forget() -> None:
    """Have everything read again, as in a new process."""
    for module in (reach, provenance):
        for cached in vars(module).values():
            if hasattr(cached, "cache_clear"):
                cached.cache_clear()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    root = tmp_path / "darkroom"
    for name, text in SOURCES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for module in (reach, provenance):
        monkeypatch.setattr(module, "ROOT", root)
    forget()
    yield root
    forget()


@pytest.fixture
def code(package: Path) -> Callable[..., str]:
    """The code hash of the stage and of plug-ins, read afresh."""

    def read(*plugins: str) -> str:
        forget()
        return provenance.code(["darkroom.stage.run", *(f"darkroom.plugins.{name}" for name in plugins)])

    return read


@pytest.fixture
def edit(package: Path) -> Callable[[str, str, str], None]:
    """Replace some text in a file of the package."""

    def change(name: str, old: str, new: str) -> None:
        text = (package / name).read_text()
        assert old in text
        (package / name).write_text(text.replace(old, new))

    return change
