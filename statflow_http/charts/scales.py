"""The value axis: round numbers that enclose the data, and how numbers are written. Pure.

Whatever finite numbers come in, from 5e-324 to 1.7e308, the axis has a length that is neither zero nor infinite, and
every tick a label that differs from its neighbour's.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Why these: the difference of two numbers inside them is still finite, also once rounded up to a round number.
EXTREME = 1e307
# Less than this is drawn as nothing: the steps of the axis would fall out of the range of floats.
SPREAD_MIN = 1e-290
# A spread below this part of the magnitude is drawn as a flat line: its labels would need more than seven digits.
RELATIVE_SPREAD_MIN = 1e-6

SUFFIXES = ("", "k", "M", "G", "T", "P", "E")
# Numbers below this are written out: 9,999 reads better than 10k.
PLAIN_MAX = 10_000.0
SMALLEST_PLAIN = 1e-4
# Floats above this hold no digit after the point, and people read no figure this long.
GROUPED_MAX = 1e15
MINUS = "−"


@dataclass(frozen=True, slots=True)
class Scale:
    """A value axis.

    Attributes:
        low, high: its ends, which are ticks.
        ticks: round numbers from low to high, at least two.
        labels: what is written at them.
    """

    low: float
    high: float
    ticks: tuple[float, ...]
    labels: tuple[str, ...]

    def fraction(self, values: Floats) -> Floats:
        """Where values lie: 0 at the low end, 1 at the high one; NaN stays."""
        return (values - self.low) / (self.high - self.low)


def bounded(values: Floats) -> Floats:
    """Values that can be drawn: infinite ones become NaN, huge ones are cut off."""
    found = np.where(np.isfinite(values), values, np.nan)
    return np.clip(found, -EXTREME, EXTREME)


def scale(lowest: float, highest: float, *, ticks_max: int, whole: bool = False, from_zero: bool = False) -> Scale:
    """An axis of round numbers around a range.

    Zero is on it where the data lie no farther from it than they are spread: then the eye compares heights rightly, and
    where they lie farther, it would only see a flat line.

    Args:
        lowest, highest: of the data, inside `EXTREME`.
        ticks_max: at most so many steps, at least 1.
        whole: the data are whole numbers, so that no tick is a fraction.
        from_zero: zero is on it in any case.
    """
    low, high = _widened(lowest, highest)
    if from_zero or (0 < low <= high - low) or (low - high <= high < 0):
        low, high = min(low, 0.0), max(high, 0.0)
    step = round_step((high - low) / max(ticks_max, 1))
    if whole:
        step = max(step, 1.0)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    # Rounding outwards may have added a step: then the next round number is taken once.
    if last - first > max(ticks_max, 1):
        step = round_step(step * 1.01)
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    last = max(last, first + 1)
    ticks = tuple(index * step for index in range(first, last + 1))
    return Scale(ticks[0], ticks[-1], ticks, tick_labels(ticks, step))


def _widened(lowest: float, highest: float) -> tuple[float, float]:
    """A range that can be divided into steps: one of a flat line reaches to zero."""
    assert lowest <= highest, (lowest, highest)
    magnitude = max(abs(lowest), abs(highest))
    if magnitude < SPREAD_MIN:
        return 0.0, 1.0
    if highest - lowest < magnitude * RELATIVE_SPREAD_MIN:
        return min(lowest, 0.0), max(highest, 0.0)
    return lowest, highest


def round_step(least: float) -> float:
    """The least of 1, 2, 5 times a power of ten that is not less."""
    power = math.floor(math.log10(least))
    for digit in (1, 2, 5, 10):
        step = float(f"{digit}e{power}")
        if step >= least * (1 - 1e-9):
            return step
    return float(f"1e{power + 1}")


def tick_labels(ticks: tuple[float, ...], step: float) -> tuple[str, ...]:
    """Labels of ticks, all of one suffix and with as many decimals as the step needs."""
    largest = max(abs(tick) for tick in ticks)
    if not is_plain(largest) or step < SMALLEST_PLAIN:
        digits = max(math.ceil(math.log10(largest)) - math.floor(math.log10(step)), 0)
        return tuple(exponential(tick, digits) for tick in ticks)
    power = suffix_power(largest)
    decimals = max(0, -math.floor(math.log10(step / 1000.0**power) + 1e-9))
    return tuple(_label(tick, power, decimals) for tick in ticks)


def _label(tick: float, power: int, decimals: int) -> str:
    if tick == 0:
        return "0"
    return f"{tick / 1000.0**power:,.{decimals}f}{SUFFIXES[power]}".replace("-", MINUS)


def is_plain(magnitude: float) -> bool:
    """Whether a number of this magnitude is written without an exponent."""
    return magnitude == 0 or SMALLEST_PLAIN <= magnitude < 1000.0 ** len(SUFFIXES)


def suffix_power(magnitude: float) -> int:
    """How many thousands a number of this magnitude is written in."""
    if magnitude < PLAIN_MAX:
        return 0
    return min(math.floor(math.log10(magnitude) / 3 + 1e-9), len(SUFFIXES) - 1)


def exponential(value: float, digits: int) -> str:
    """A number with an exponent: 1.5e−7."""
    mantissa, _, exponent = f"{value:.{min(digits, 15)}e}".partition("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return "0" if value == 0 else f"{mantissa}e{int(exponent)}".replace("-", MINUS)


def short(value: float) -> str:
    """A number in about four digits: 9,999, 12.3k, 0.0125, 1.5e−7; "–" for NaN."""
    if not math.isfinite(value):
        return "–"
    magnitude = abs(value)
    if not is_plain(magnitude):
        return exponential(value, 2)
    power = suffix_power(magnitude)
    if power and magnitude >= 999.5 * 1000.0**power and power < len(SUFFIXES) - 1:
        power += 1  # 999,999 is 1M, not 1,000k
    scaled = value / 1000.0**power
    text = f"{scaled:,.{_decimals(abs(scaled), 4 if power == 0 else 3)}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"{text}{SUFFIXES[power]}".replace("-", MINUS)


def grouped(value: float, digits: int = 4) -> str:
    """A number as a table has it: 1,234,567 where it is whole, else in at least so many digits; "–" for NaN."""
    if not math.isfinite(value):
        return "–"
    magnitude = abs(value)
    if not is_plain(magnitude) or magnitude >= GROUPED_MAX:
        return exponential(value, digits)
    text = f"{value:,.{0 if value == round(value) else _decimals(magnitude, digits)}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text.replace("-", MINUS)


def _decimals(magnitude: float, digits: int) -> int:
    """Decimals with which a number is written in so many digits."""
    before = 1 if magnitude < 1 else math.floor(math.log10(magnitude)) + 1
    leading = 0 if magnitude >= 1 or magnitude == 0 else -math.floor(math.log10(magnitude)) - 1
    return max(0, digits - before + leading)


def with_unit(text: str, unit: str) -> str:
    """A number with its unit: "12 ms", "12%"."""
    if not unit or text == "–":
        return text
    return text + unit if unit in ("%", "‰", "°") else f"{text} {unit}"
