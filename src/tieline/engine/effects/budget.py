"""The arithmetic of a shared rate: a token bucket with a reserve for live work. Pure; the store keeps the numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tieline.sdk.asking import BACKFILL, LIVE

__all__ = ["BACKFILL", "LIVE", "Bucket", "full", "give_back", "pause", "take"]

SHARE = 0.94
"""How much of the vendor's rate is used."""
BURST = 0.05
"""How much of a second's rate may be used at once. With SHARE it stays under the rate in every window of a second, wherever
the vendor's second begins."""
SOON_S = 1e-6
"""A shorter wait is none: clocks of floats since the epoch do not tell it."""
QUARTER_S = 900.0
QUARTERS = 96
"""In which a day's credits are counted; the present one beside those of a whole day, so never too few."""
RESERVE = 0.1
"""The part of a bucket, and of a day's credits, that back-fill leaves for live work."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is kept of one connection's rate.

    tokens         how much may be used at `at_s`; less than 0: promised to callers that wait
    at_s           seconds since the epoch
    paused_until_s nobody asks before
    used, day      credits used on that day (days since the epoch, UTC): what pages show
    spent          credits used in each quarter of an hour of the last day, as (quarters since the epoch, credits): vendors count
                   a day back from now, and who counted from midnight would use two days' credits around it
    """

    tokens: float
    at_s: float
    paused_until_s: float = 0.0
    used: float = 0.0
    day: int = 0
    spent: tuple[tuple[int, float], ...] = ()


def full(rate_per_s: float, now_s: float) -> Bucket:
    """A bucket nobody has taken from."""
    return Bucket(max(rate_per_s * BURST, 1.0), now_s, day=int(now_s // 86400))


def take(
    bucket: Bucket, cost: float, priority: int, now_s: float, rate_per_s: float, credits_per_day: float = 0
) -> tuple[Bucket, float]:
    """(the bucket after, seconds to wait). 0: taken. Otherwise nothing was taken; ask again after that time.

    rate_per_s, credits_per_day: 0 for no limit. A cost above what the bucket can hold is let through when it is full, and
    the bucket then owes the rest.
    """
    if now_s < bucket.paused_until_s:
        return bucket, bucket.paused_until_s - now_s
    day = int(now_s // 86400)
    if day != bucket.day:
        bucket = replace(bucket, used=0.0, day=day)
    if credits_per_day:
        bucket = replace(bucket, spent=_of_last_day(bucket, now_s))
        wait = _until_free(bucket, cost, credits_per_day * (1 - RESERVE if priority else 1), now_s)
        if wait:
            return bucket, wait
    if not rate_per_s:
        return replace(_used(bucket, cost, now_s), at_s=now_s), 0.0
    rate = rate_per_s * SHARE
    size = max(rate_per_s * BURST, 1.0)
    tokens = min(size, bucket.tokens + max(now_s - bucket.at_s, 0.0) * rate)
    reserve = size * RESERVE if priority else 0.0
    wanted = min(cost, size - reserve) + reserve
    if wanted - tokens > rate * SOON_S:
        return replace(bucket, tokens=tokens, at_s=now_s), (wanted - tokens) / rate
    return replace(_used(bucket, cost, now_s), tokens=tokens - cost, at_s=now_s), 0.0


def give_back(bucket: Bucket, unused: float, now_s: float) -> Bucket:
    """The bucket after credits that were taken lately were not used."""
    left = unused
    spent = list(bucket.spent)
    for at in range(len(spent) - 1, -1, -1):
        quarter, amount = spent[at]
        back = min(amount, left)
        spent[at] = (quarter, amount - back)
        left -= back
    kept = tuple(one for one in spent if one[1] > 0)
    same_day = bucket.day == int(now_s // 86400)
    return replace(bucket, used=max(0.0, bucket.used - unused) if same_day else bucket.used, spent=kept)


def _used(bucket: Bucket, cost: float, now_s: float) -> Bucket:
    quarter = int(now_s // QUARTER_S)
    spent = bucket.spent
    if spent and spent[-1][0] >= quarter:
        spent = (*spent[:-1], (spent[-1][0], spent[-1][1] + cost))
    else:
        spent = (*spent, (quarter, cost))
    return replace(bucket, used=bucket.used + cost, spent=spent)


def _of_last_day(bucket: Bucket, now_s: float) -> tuple[tuple[int, float], ...]:
    first = int(now_s // QUARTER_S) - QUARTERS
    return (
        bucket.spent
        if not bucket.spent or bucket.spent[0][0] >= first
        else tuple(one for one in bucket.spent if one[0] >= first)
    )


def _until_free(bucket: Bucket, cost: float, most: float, now_s: float) -> float:
    """Seconds until so much may be used of a day's credits; 0: now."""
    total = sum(amount for _, amount in bucket.spent)
    if total + cost <= most:
        return 0.0
    for quarter, amount in bucket.spent:
        total -= amount
        if total + cost <= most or total <= 0:
            return (quarter + QUARTERS + 1) * QUARTER_S - now_s
    return QUARTER_S


def pause(bucket: Bucket, seconds: float, now_s: float) -> Bucket:
    """The bucket after the vendor asked for silence: emptied, so that the end of it brings no burst."""
    until = max(bucket.paused_until_s, now_s + seconds)
    return replace(bucket, paused_until_s=until, tokens=min(bucket.tokens, 0.0), at_s=max(until, bucket.at_s))
