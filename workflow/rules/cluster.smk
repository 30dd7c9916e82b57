"""What jobs ask of a cluster; a run on one machine takes no notice of it. And what is looked at before the first job."""

from darkroom.job import sigterm
from darkroom.tracking import spool


def needs(stage):
    """Memory and minutes of a stage's jobs, as functions for `resources:`."""

    def ask(what):
        return lambda wildcards, input, attempt: getattr(
            plan.need(stage, [*input], attempt, **wildcards), what
        )

    asked = {what: ask(what) for what in ("mem_mb", "runtime")}
    if plan.together:
        asked |= {what: layout(stage, what) for what in PROCESSES}
    return asked


PROCESSES = ("mpi", "nodes", "tasks", "tasks_per_node", "cpus_per_task")


def layout(stage, what):
    """What a stage's jobs of several processes ask for; None, which asks for nothing, for those of one."""
    return lambda wildcards: plan.processes(stage, **wildcards).get(what)


def bundle(name, stage):
    """On a cluster, the group of a stage's jobs of one process: what follows from each other is submitted together, and so
    many of them at once as the profile says in `group-components`."""
    return lambda wildcards: (
        name
        if workflow.non_local_exec and not plan.processes(stage, **wildcards)
        else None
    )


onstart:
    sigterm.finish_jobs()
    if workflow.non_local_exec:
        try:
            spool.refuse_sqlite(os.environ[spool.URI])
        except ValueError as error:
            sys.exit(str(error))
