"""Numbers in words: bytes, times, counts; and the labels of power-of-two classes."""

from __future__ import annotations


def count(value: int) -> str:
    return f"{value:,}"


def size(value: float) -> str:
    """Bytes in the unit that shows three digits: 640 bytes, 12.5 KiB."""
    if value < 1024:
        return f"{value:.0f} byte{'' if value == 1 else 's'}"
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        value /= 1024
        if value < 1024 or unit == "TiB":
            break
    return f"{value:.{0 if value >= 100 else 1}f} {unit}"


def duration(nanoseconds: float) -> str:
    """A time in the unit that shows three digits."""
    for unit, scale in (("ns", 1.0), ("µs", 1e3), ("ms", 1e6)):
        if nanoseconds < scale * 1000:
            return f"{nanoseconds / scale:.{0 if unit == 'ns' or nanoseconds >= scale * 100 else 1}f} {unit}"
    return f"{nanoseconds / 1e9:.{0 if nanoseconds >= 1e11 else 1}f} s"


def share(part: float, whole: float) -> str:
    """A part in percent; what is there is never 0.0 %."""
    if not whole:
        return "-"
    percent = 100 * part / whole
    return "< 0.1 %" if 0 < percent < 0.05 else f"{percent:.1f} %"


def class_label(log2: int, shown: str = "size") -> str:
    """A class of powers of two by its upper end: the class of 6 holds 33 to 64. Times of class 0 are those that the
    clock's steps are too long for."""
    if shown == "time" and log2 == 0:
        return "no step of the clock"
    return "≤ " + {"size": size, "time": duration, "calls": count}[shown](1 << log2)


def bar(part: float, whole: float, width: int = 24) -> str:
    """A bar for a terminal; what is there has at least a thin one."""
    if not part or not whole:
        return ""
    eighths = max(1, round(8 * width * part / whole))
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()
