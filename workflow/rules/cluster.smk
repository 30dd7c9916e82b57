"""What jobs ask of a cluster; a run on one machine takes no notice of it."""

from darkroom import track


def needs(stage):
    """Memory and minutes of a stage's jobs, as functions for `resources:`."""

    def ask(what):
        return lambda wildcards, input, attempt: getattr(
            plan.need(stage, [*input], attempt, **wildcards), what
        )

    return {what: ask(what) for what in ("mem_mb", "runtime")}


onstart:
    if workflow.non_local_exec:
        try:
            track.refuse_sqlite(os.environ[track.URI])
        except ValueError as error:
            sys.exit(str(error))
