# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The text that names frames, read as the manager reads it, so that a mistake shows at once."""

from .errors import Refusal

FRAMES_MAX = 100_000
NUMBER_MAX = 1_048_574
_HOW = "write them like 1-24, 1,5,9-12 or 1-100/10"


def _number(text):
    # int() alone also takes 1_000 and digits of other scripts, which the manager refuses.
    digits = text[1:] if text[:1] in "+-" else text
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 12 else None


def _range(text):
    single = _number(text)
    if single is not None:
        return single, single
    dash = text.find("-", 1)
    if dash < 0:
        return None
    first, last = _number(text[:dash].strip()), _number(text[dash + 1 :].strip())
    return None if first is None or last is None else (first, last)


def parse_frames(text):
    """The frame numbers that a text like `1-24`, `1,5,9-12` or `1-100/10` names, ascending.

    Raises a `Refusal` with the code that the manager would give.
    """
    text = text.strip()
    if not text:
        raise Refusal("frames_empty", "no frames were named", "name at least one frame, like 1-24")
    frames = set()
    for part in text.split(","):
        span, slash, step_text = part.partition("/")
        step = _number(step_text.strip()) if slash else 1
        ends = _range(span.strip())
        if ends is None or step is None or step < 1:
            raise Refusal("frames_not_understood", f'can\'t read "{part[:40]}" as frames', _HOW)
        first, last = ends
        if first > last:
            message = f'the range "{part[:40]}" ends before it begins'
            raise Refusal("frames_empty", message, "name at least one frame, like 1-24")
        count = len(frames) + (last - first) // step + 1
        if count > FRAMES_MAX:
            message = f"{count} frames are more than a job may have ({FRAMES_MAX})"
            raise Refusal("frames_too_many", message, "submit them as several jobs")
        frames.update(range(first, last + 1, step))
    for frame in frames:
        if abs(frame) > NUMBER_MAX:
            message = f"frame {frame} is outside of -{NUMBER_MAX} to {NUMBER_MAX}"
            raise Refusal("frame_out_of_range", message, _HOW)
    return sorted(frames)
