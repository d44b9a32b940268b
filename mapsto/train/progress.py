"""Progress on the terminal: a bar for every epoch with figures, samples per second and time left."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mapsto.core.lazy import optional
from mapsto.train.results import Figures

if TYPE_CHECKING:
    import rich.console
    import rich.progress
else:
    rich = optional("rich", extra="", parts=("console", "progress"))

Row = dict[str, Any]


def figures_text(figures: Figures) -> str:
    """Figures on one line of a terminal, those of validation in brackets: `loss 0.1234 (0.2345)`."""
    plain = [name for name in figures if not name.startswith("validation ")]
    return "  ".join(f"{name} {figures[name]:.4f}{bracket(figures.get(f'validation {name}'))}" for name in plain)


def bracket(value: float | None) -> str:
    return "" if value is None else f" ({value:.4f})"


class Quiet:
    """Says nothing; where nobody watches."""

    def __enter__(self) -> Quiet:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def say(self, words: str) -> None:
        """What is being done before the first epoch."""

    def begin(self, epoch: int, epochs: int, batches: int) -> None:
        """An epoch begins."""

    def advance(self, samples: int, figures: Callable[[], Figures]) -> None:
        """A batch is done; the figures so far are made only when they are shown."""

    def end(self, figures: Figures) -> None:
        """An epoch is done."""


class Bars(Quiet):
    """One line an epoch: a bar while it runs, its figures when it is done."""

    def __init__(self, console: rich.console.Console | None = None) -> None:
        self.console = console or rich.console.Console()
        self.bar = rich.progress.Progress(
            rich.progress.TextColumn("{task.description}"),
            rich.progress.BarColumn(bar_width=24),
            rich.progress.MofNCompleteColumn(),
            rich.progress.TextColumn("{task.fields[rate]}"),
            rich.progress.TimeRemainingColumn(compact=True),
            rich.progress.TextColumn("{task.fields[figures]}"),
            console=self.console,
            transient=True,
        )
        self.title, self.seen, self.began, self.due = "", 0, 0.0, 0.0
        self.explained = False

    def __enter__(self) -> Bars:
        self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.stop()

    def say(self, words: str) -> None:
        self.bar.add_task(words, total=None, rate="", figures="")
        self.bar.refresh()

    def begin(self, epoch: int, epochs: int, batches: int) -> None:
        self.title = f"epoch {epoch:>{len(str(epochs))}}/{epochs}"
        for task in self.bar.task_ids:
            self.bar.remove_task(task)
        self.task = self.bar.add_task(self.title, total=batches, rate="", figures="")
        self.seen, self.began, self.due = 0, time.monotonic(), 0.0

    def rate(self) -> str:
        return f"{self.seen / max(time.monotonic() - self.began, 1e-9):,.0f} samples/s"

    def advance(self, samples: int, figures: Callable[[], Figures]) -> None:
        self.seen += samples
        self.bar.advance(self.task)
        now = time.monotonic()
        if now > self.due:  # text costs more than a small batch
            self.bar.update(self.task, rate=self.rate(), figures=figures_text(figures()))
            # Figures that need all samples so far, as the area under a curve does, may take a tenth of the time.
            self.due = now + max(0.1, 10 * (time.monotonic() - now))

    def end(self, figures: Figures) -> None:
        if not self.explained and any(name.startswith("validation ") for name in figures):
            self.bar.console.print("[dim]in brackets: on the validation data[/dim]")
            self.explained = True
        self.bar.console.print(
            f"{self.title}  {figures_text(figures)}  [dim]{self.rate()}[/dim]", highlight=False, soft_wrap=True
        )


def progress_for(wanted: bool | None) -> Quiet:
    """Bars if wanted, or, when nothing is said, if a person is at the terminal."""
    console = rich.console.Console()
    return Bars(console) if wanted or (wanted is None and console.is_terminal) else Quiet()
