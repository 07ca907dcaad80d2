"""A tone for each person: whoever hears it knows who speaks."""

import math
import struct
import wave
from pathlib import Path

RATE = 48_000
SECONDS = 2
HERTZ = {"ada": 480, "bob": 740, "cleo": 1100}
"""No tone is near a harmonic of another; each has whole waves in two seconds, so the loop has no click."""


def write_tone(path: Path, hertz: int) -> Path:
    """Two seconds of a sine as a WAV file, which Chromium's fake microphone repeats."""
    samples = (int(9_000 * math.sin(2 * math.pi * hertz * n / RATE)) for n in range(RATE * SECONDS))
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return path
