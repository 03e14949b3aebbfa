"""What people are told of a figure: its value, its goal, and how far it is from it."""

from tests.bench.comparing import Result


def attained(result: Result, number: float) -> float:
    """Return how good a number is over the goal: 1 reaches it, and more is better.

    What is wanted low and has become nothing is as good as a thousandth of its goal.
    """
    if result.is_speed:
        return max(number / result.goal, 0.001)
    return result.goal / max(number, result.goal / 1000)


def value(result: Result, number: float) -> str:
    """Return a number of a figure, with its unit if it is an amount."""
    if result.amount is None:
        return f"{number:.2f}"
    return f"{number:.3g} {result.unit}"


def target(result: Result) -> str:
    """Return the goal, and whether more or less is wanted."""
    unit = "" if result.amount is None else f" {result.unit}"
    return f"{'≥' if result.is_speed else '≤'} {result.goal:g}{unit}"
