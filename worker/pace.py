"""How fast training goes: what progress reports say, and how much may be granted ahead."""

from __future__ import annotations

PROGRESS_SECONDS = 0.5
MEASURE_SECONDS = 0.05


class Pace:
    """The mean loss and rate since the last report, and a smoothed number of steps a second."""

    def __init__(self) -> None:
        self.steps_per_second = 0.0
        self._began = self._measured = 0.0
        self._measured_step = 0
        self._loss = 0.0
        self._samples = 0

    def begin(self, step: int, now: float) -> None:
        """Start the clock at `step`."""
        self._began = self._measured = now
        self._measured_step = step

    def measure(self, step: int, now: float) -> None:
        """Note that `step` is reached; once enough time has passed, that gives a speed."""
        steps, seconds = step - self._measured_step, now - self._measured
        if steps and seconds >= (MEASURE_SECONDS if self.steps_per_second else 1e-6):
            rate = steps / seconds
            self.steps_per_second = (
                rate if not self.steps_per_second else 0.5 * (self.steps_per_second + rate)
            )
            self._measured, self._measured_step = now, step

    def count(self, loss: float, samples: int) -> None:
        """Add a step's sum of losses and its number of samples to the next report."""
        self._loss += loss
        self._samples += samples

    def due(self, now: float) -> bool:
        """Whether it is time for a report."""
        return self._samples > 0 and now - self._began >= PROGRESS_SECONDS

    def report(self, now: float) -> tuple[float, float]:
        """The mean loss and the samples a second since the last report; begins the next one."""
        loss, samples_per_second = self._loss / self._samples, self._samples / (now - self._began)
        self._began, self._loss, self._samples = now, 0.0, 0
        return loss, samples_per_second
