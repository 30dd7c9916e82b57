# Darkroom with its pinned packages: `docker build -t darkroom .`; see "Modules and containers" in docs/cluster.md.
FROM python:3.11-slim
WORKDIR /darkroom
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip install --no-cache-dir uv && uv pip install --system --no-cache ".[backbone,slurm]"
