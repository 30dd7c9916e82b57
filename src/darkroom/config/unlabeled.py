"""What the sections that need few labels or none must agree on with others."""

from __future__ import annotations

from collections.abc import Iterator

from darkroom import settings
from darkroom.audit.config import Judging
from darkroom.config.model import Config
from darkroom.labels.config import Labels


def problems(config: Config) -> Iterator[str]:
    """Find embeddings by a classifier that does not exist, and settings of judges that the audit has, too."""
    if config.labels and config.audit:
        usual = Labels()
        for key in Judging.model_fields:
            if getattr(config.labels, key) != getattr(usual, key):
                yield f"labels.{key}: the judges are those of the audit; set audit.{key} instead"
    models = list(config.classify.models) if config.classify else []
    for name, entry in config.explore.embeddings.items() if config.explore else ():
        wanted = getattr(entry.embedding, "model", None)
        if wanted is not None and wanted not in models:
            hint = settings.choice(wanted, models) if models else " There is no section classify"
            yield f"explore.embeddings.{name}.embedding.model: no model {settings.quoted(wanted)} in classify.models.{hint}"
