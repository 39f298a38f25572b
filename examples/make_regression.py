"""Writes regression.csv: how far a ball flies, by speed, angle and height of the throw, with some noise."""

from __future__ import annotations

import csv
import math
import random
from pathlib import Path

GRAVITY = 9.81  # m/s^2
ROWS = 600


def distance(speed: float, angle: float, height: float) -> float:
    """Metres to where the ball comes down. speed: m/s, angle: degrees, height: metres above the ground."""
    forward, upward = speed * math.cos(math.radians(angle)), speed * math.sin(math.radians(angle))
    return forward * (upward + math.sqrt(upward**2 + 2 * GRAVITY * height)) / GRAVITY


def main() -> None:
    draw = random.Random(20)
    path = Path(__file__).with_name("regression.csv")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["speed", "angle", "height", "distance"])
        for _ in range(ROWS):
            throw = (
                round(draw.uniform(5, 25), 2),
                round(draw.uniform(10, 75), 1),
                round(draw.uniform(0, 3), 2),
            )
            writer.writerow([*throw, round(distance(*throw) + draw.gauss(0, 0.5), 2)])


if __name__ == "__main__":
    main()
