"""How far long work has come: a bar on a terminal, lines elsewhere. Standard output stays free for results."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

err = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)

# How often the progress is told: in rows per line of a log, and per frame of a bar.
LINE_EVERY = 10_000
FRAME_EVERY = 200


class Steps:
    """Counts rows and now and then shows how many there were."""

    def __init__(self, show: Callable[[int, int], None], every: int) -> None:
        self.count = 0
        self._show = show
        self._every = every

    def __call__(self, position: int = 0) -> None:
        """Count one more row; `position` tells how much of the total is behind."""
        self.count += 1
        if self.count % self._every == 0:
            self._show(self.count, position)


@contextmanager
def progress(done: str, total: int | None = None) -> Iterator[Steps]:
    """Show the progress of what happens in the block; `done` is its verb, such as `Checked`."""
    if not err.is_terminal:
        yield Steps(lambda rows, _position: err.print(f"{done} {rows:,} rows …"), LINE_EVERY)
        return
    # Slow to import, and most commands have no progress to show.
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(done, total=total)
        yield Steps(
            lambda rows, position: bar.update(task, description=f"{done} {rows:,} rows", completed=position),
            FRAME_EVERY,
        )
