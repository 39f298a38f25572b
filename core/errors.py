"""The errors that chainrule raises on purpose; each one's text is a clear paragraph for its reader."""

from __future__ import annotations


class ChainruleError(Exception):
    """Something that the user can understand and mend: where, what was expected, what came, what to do."""

    def inside(self, place: str) -> ChainruleError:
        """The same error seen from one level further out: that of `linear` inside `layers.3`."""
        return type(self)(f"{place}.{self}")


class ShapeError(ChainruleError):
    """Shapes that do not fit together: `where: expected ..., got .... advice`."""

    def __init__(self, where: str, expected: str, actual: str, advice: str = "") -> None:
        super().__init__(f"{where}: expected {expected}, got {actual}" + (f". {advice}" if advice else ""))
        self.where = where
        self.expected = expected
        self.actual = actual
        self.advice = advice

    def inside(self, place: str) -> ShapeError:
        """The same error seen from one level further out: `linear` inside `layers.3` is `layers.3.linear`."""
        return ShapeError(f"{place}.{self.where}", self.expected, self.actual, self.advice)

    def of(self, operation: str) -> ShapeError:
        """The same error in the name of the operation that was called: `mean`, not the `sum` in it."""
        _, comma, argument = self.where.partition(",")
        return ShapeError(operation + comma + argument, self.expected, self.actual, self.advice)


class DTypeError(ChainruleError):
    """An array whose element type cannot be used there."""


class DeviceError(ChainruleError):
    """A device that is not there, or arrays on different devices in one operation."""


class GraphError(ChainruleError):
    """A derivative that the recorded graph cannot give."""


class FileFormatError(ChainruleError):
    """A file that is not what it should be: truncated, foreign or damaged."""


class Unplannable(Exception):
    """A step does something that no list of calls can repeat, and runs eagerly; the text says what."""
