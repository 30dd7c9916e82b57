"""What is looked at before the first job, and which jobs a cluster gets together."""

from darkroom.job import sigterm
from darkroom.tracking import spool


def bundle(rule, name):
    """The group of a stage's jobs of one process on a cluster: a model and its evaluation go there in one submission, and
    as many models as the profile's `group-components` says."""
    return lambda wildcards: (
        name
        if workflow.non_local_exec and not plan.processes(rule.name, **wildcards)
        else None
    )


onstart:
    sigterm.finish_jobs()
    if workflow.non_local_exec:
        try:
            spool.refuse_sqlite(os.environ[spool.URI])
        except ValueError as error:
            sys.exit(str(error))
