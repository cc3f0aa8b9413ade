"""Sharing an amount among lines so that the shares sum to it exactly (最大余额法)."""

from __future__ import annotations

from collections.abc import Sequence


def allocate(amount: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Shares of ``amount`` by the largest remainder; they sum to it and none exceeds its weight.

    The units that rounding down leaves go to the largest remainders; ties go to
    the larger weight, then to the earlier place. Raises ValueError unless
    0 <= amount <= sum(weights).
    """
    whole = sum(weights)
    if not 0 <= amount <= whole:
        raise ValueError(f"{amount} cannot be shared over weights that sum to {whole}")
    if amount == 0:
        return (0,) * len(weights)
    shares = [amount * weight // whole for weight in weights]
    order = sorted(range(len(weights)), key=lambda place: (-(amount * weights[place] % whole), -weights[place], place))
    for place in order[: amount - sum(shares)]:
        shares[place] += 1
    return tuple(shares)
