"""Studies: the concepts of the field as pages, each with an experiment that runs on this machine."""
