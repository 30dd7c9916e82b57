"""Every stage by its command: `darkroom classify train ...` runs `run` of its module."""

from __future__ import annotations

STAGES = {
    "data fetch": "darkroom.data.fetch",
    "data prepare": "darkroom.data.prepare",
    "augment apply": "darkroom.augment.apply",
    "augment gallery": "darkroom.augment.gallery",
    "audit train": "darkroom.audit.train",
    "audit measure": "darkroom.audit.measure",
    "classify train": "darkroom.classify.train",
    "classify evaluate": "darkroom.classify.evaluate",
    "generate judge": "darkroom.generate.judge",
    "generate train": "darkroom.generate.train",
    "generate evaluate": "darkroom.generate.evaluate",
    "generate synthesize": "darkroom.generate.synthesize",
    "detect fit": "darkroom.detect.fit",
    "detect evaluate": "darkroom.detect.evaluate",
    "report build": "darkroom.report.build",
}

COMMANDS = {
    "detect score": "darkroom.detect.score",
    "generate export": "darkroom.generate.diffusion.export",
}
"""Commands that are no job of the workflow: `run` has neither spec nor log, may give an exit code, and nothing is tracked."""
