"""Copy makers, one per kind of sample; see `augment.copies`."""
