"""What can be wrong with a job. Apart from the engine, which is slow to import and not needed to know these."""


class JobMovedError(Exception):
    """A job went on by itself just when somebody wanted something of it."""


class HopelessError(Exception):
    """A job that cannot succeed however often it is tried; the message says why."""
