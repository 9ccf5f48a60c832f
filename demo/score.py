#!/usr/bin/env python3
"""The demo song as code: writes one small MIDI file per stem, and the click as a WAV.

    score.py DIR            into DIR: drums.mid bass.mid keys.mid guitar.mid pad.mid lead.mid click.wav
    score.py --cues         one line per spoken cue: its frame, a tab, its words
    score.py --frames       the song's length in frames

Plain Python, no dependencies. Everything is derived from the tables below and a fixed seed, so that two runs agree.
"""

import math
import random
import struct
import sys
import wave
from pathlib import Path

RATE = 48_000
BPM = 120  # 24 000 frames a beat: every beat falls on a frame
PPQ = 480
BEATS = 4
BAR = BEATS * PPQ
FRAMES_PER_BAR = RATE * 60 * BEATS // BPM

# Sections in bars. song.toml has the same in seconds (2 s a bar).
SECTIONS = [("Count-in", 1), ("Intro", 2), ("Verse", 4), ("Chorus", 8), ("Outro", 2)]

# One or two chords a bar, as (root of the bass, notes of the keys). Voicings move by the smallest step.
AM7 = (45, (60, 64, 67, 69))
FMAJ7 = (41, (57, 60, 64, 65))
CADD9 = (48, (55, 60, 62, 64))
GSUS = (43, (57, 60, 62, 67))
G = (43, (55, 59, 62, 67))
DM7 = (50, (57, 60, 62, 65))
ESUS = (40, (57, 59, 64, 69))
E7 = (40, (56, 59, 62, 64))
EM7 = (40, (55, 59, 62, 64))
C = (48, (55, 60, 64, 67))
C_E = (40, (55, 60, 64, 67))
AM = (45, (57, 60, 64, 69))
G_B = (47, (55, 59, 62, 67))

CHORDS = {
    "Intro": [[AM7], [FMAJ7, GSUS]],
    "Verse": [[AM7], [CADD9], [DM7], [ESUS, E7]],
    "Chorus": [[FMAJ7], [G], [EM7], [AM, G_B], [C, C_E], [FMAJ7], [DM7], [GSUS, G]],
    "Outro": [[FMAJ7, G], [CADD9]],
}


def starts():
    """First bar of each section."""
    bar, out = 0, {}
    for name, bars in SECTIONS:
        out[name] = bar
        bar += bars
    return out, bar


START, BARS = starts()
FRAMES = BARS * FRAMES_PER_BAR


def bars():
    """Every bar that has chords: (section, bar within it, first tick, chords)."""
    for name, chords in CHORDS.items():
        for i, bar_chords in enumerate(chords):
            yield name, i, (START[name] + i) * BAR, bar_chords


class Stem:
    """Notes of one instrument, played by a hand that is not quite a machine."""

    def __init__(self, name, program, channel=0, tight=6):
        self.name, self.program, self.channel = name, program, channel
        self.notes = []
        self.controls = []
        self.tight = tight
        self.rng = random.Random(name)

    def note(self, tick, length, key, velocity):
        if self.tight:
            tick += self.rng.randint(-self.tight // 2, self.tight)
            velocity += self.rng.randint(-5, 5)
        self.notes.append((max(0, tick), max(20, length), key, max(1, min(127, velocity))))

    def control(self, tick, number, value):
        self.controls.append((tick, number, value))

    def save(self, folder):
        events = []
        for tick, length, key, velocity in self.notes:
            events.append((tick, 2, bytes((0x90 | self.channel, key, velocity))))
            events.append((tick + length, 0, bytes((0x80 | self.channel, key, 0))))
        for tick, number, value in self.controls:
            events.append((tick, 1, bytes((0xB0 | self.channel, number, value))))
        events.sort(key=lambda e: e[:2])
        track = bytearray(b"\x00\xff\x51\x03" + (60_000_000 // BPM).to_bytes(3, "big"))
        track += bytes((0, 0xC0 | self.channel, self.program))
        now = 0
        for tick, _, message in events:
            track += varint(tick - now) + message
            now = tick
        track += varint(max(0, BARS * BAR - now)) + b"\xff\x2f\x00"
        head = struct.pack(">4sIHHH", b"MThd", 6, 0, 1, PPQ)
        (folder / f"{self.name}.mid").write_bytes(head + struct.pack(">4sI", b"MTrk", len(track)) + track)


def varint(n):
    out = [n & 0x7F]
    while n := n >> 7:
        out.append(n & 0x7F | 0x80)
    return bytes(reversed(out))


def step(n, swing=14):
    """Tick of the n-th sixteenth of a bar; the off-sixteenths lie back a little."""
    return n * PPQ // 4 + (swing if n % 2 else 0)


KICK, RIM, SNARE, HAT, PEDAL, OPEN, RIDE, CRASH = 36, 37, 38, 42, 44, 46, 51, 49
TOM_HIGH, TOM_MID, TOM_LOW = 48, 45, 41


def drums():
    s = Stem("drums", 0, channel=9, tight=4)

    def hits(at, key, steps, velocity):
        for n in steps:
            s.note(at + step(n), 60, key, velocity)

    def fill(at, short):
        if short:
            hits(at, SNARE, (12, 14), 88)
            hits(at, SNARE, (13, 15), 58)
            hits(at, KICK, (12,), 92)
            return
        for n, key, velocity in ((8, SNARE, 92), (9, SNARE, 60), (10, TOM_HIGH, 92), (11, TOM_HIGH, 78),
                                 (12, TOM_MID, 96), (13, TOM_MID, 80), (14, TOM_LOW, 104), (15, TOM_LOW, 92)):
            s.note(at + step(n), 90, key, velocity)
        hits(at, KICK, (8, 12), 88)

    for section, i, at, _ in bars():
        last = i == len(CHORDS[section]) - 1
        if section == "Intro":
            hits(at, HAT, range(0, 8 if last else 16, 2), 84)
            if last:
                hits(at, KICK, (0, 6), 80)
                hits(at, RIM, (4,), 70)
                fill(at, short=False)
        elif section == "Verse":
            quiet = 8 if last else 16
            hits(at, HAT, range(0, quiet, 4), 108)
            hits(at, HAT, range(2, quiet, 4), 90)
            if not last:
                hits(at, HAT, (7, 15), 66)
                hits(at, SNARE, (4, 12), 94)
                hits(at, SNARE, (9,), 34)
                hits(at, KICK, (0, 7, 10) if i % 2 else (0, 6, 10), 98)
            else:
                hits(at, SNARE, (4,), 94)
                hits(at, KICK, (0, 6), 98)
                fill(at, short=False)
            if i == 0:
                hits(at, CRASH, (0,), 84)
        elif section == "Chorus":
            quiet = 8 if last else 16
            hits(at, RIDE, range(0, quiet, 4), 104)
            hits(at, RIDE, range(2, quiet, 4), 88)
            hits(at, SNARE, (4,) if last else (4, 12), 106)
            hits(at, KICK, (0, 3, 6) if last else (0, 3, 6, 10), 104)
            if not last:
                hits(at, SNARE, (7, 9), 36)
                hits(at, OPEN, (14,), 84)
                hits(at, PEDAL, (4, 12), 76)
            if i in (0, 4):
                hits(at, CRASH, (0,), 98)
            if i == 3:
                fill(at, short=True)
            if last:
                fill(at, short=False)
        elif i == 0:
            hits(at, CRASH, (0,), 88)
            hits(at, HAT, range(0, 8, 2), 92)
            hits(at, SNARE, (4,), 88)
            hits(at, KICK, (0, 6), 94)
            fill(at, short=False)
        elif i == 1:
            hits(at, KICK, (0,), 108)
            hits(at, CRASH, (0,), 104)
    s.save(FOLDER)


def bass():
    s = Stem("bass", 33)
    order = list(bars())
    for k, (section, i, at, chords) in enumerate(order):
        if section == "Intro" and i < 1:
            continue
        if section == "Outro" and i == 1:
            s.note(at, BAR * 5 // 8, 36, 98)
            continue
        following = order[k + 1][3][0][0]
        for half, (root, _) in enumerate(chords if len(chords) == 2 else chords * 2):
            base = at + half * BAR // 2
            if section == "Intro":
                s.note(base, PPQ * 3 // 2, root, 84)
                continue
            second = half == 1
            s.note(base, PPQ * 5 // 8, root, 100)
            s.note(base + step(3), PPQ // 5, root, 74)
            if section == "Chorus":
                s.note(base + step(4), PPQ // 3, root + 12, 84)
                s.note(base + step(6), PPQ // 3, root + 7, 86)
            elif not second:
                s.note(base + step(6), PPQ // 3, root + 7, 82)
            if second:
                # Lead into the next bar's root by step.
                below = following - 2 if following > root else following + 2
                s.note(base + step(6), PPQ // 3, below, 82)
                s.note(base + step(7), PPQ // 5, following - 1 if following > root else following + 1, 76)
    s.save(FOLDER)


def keys():
    s = Stem("keys", 4)
    for section, i, at, chords in bars():
        for half, (_, notes) in enumerate(chords if len(chords) == 2 else chords * 2):
            base = at + half * BAR // 2
            if section == "Intro":
                # Broken chord, the last note left ringing.
                for n, key in enumerate(notes + (notes[2], notes[1], notes[3], notes[2])):
                    s.note(base + step(n, swing=6), PPQ // 2, key + 12, 62 + 6 * (n % 4 == 0) + 6 * i)
            elif section == "Verse":
                pattern = ((0, PPQ * 5 // 8, 66), (6, PPQ // 2, 58)) if half == 0 else ((3, PPQ // 4, 60), (6, PPQ // 3, 54))
                for n, length, velocity in pattern:
                    for key in notes:
                        s.note(base + step(n), length, key, velocity)
            elif section == "Chorus":
                for n, length, velocity in ((0, PPQ // 2, 80), (3, PPQ // 2, 72), (6, PPQ // 3, 70)):
                    for key in notes:
                        s.note(base + step(n), length, key, velocity)
            elif i == 0:
                for key in notes:
                    s.note(base, BAR // 2 - 30, key, 70)
            elif i == 1 and half == 0:
                for n, key in enumerate((48,) + notes + (76, 79)):
                    s.note(base + 18 * n, BAR * 5 // 8, key, 76)
    s.save(FOLDER)


def guitar():
    s = Stem("guitar", 26)
    for section, i, at, chords in bars():
        for half, (_, notes) in enumerate(chords if len(chords) == 2 else chords * 2):
            base = at + half * BAR // 2
            high = sorted(key + 12 if key < 60 else key for key in notes)
            if section == "Verse":
                # Short picked figure, in the gaps of the keys.
                for n, pick in ((1, 0), (2, 2), (4, 3), (5, 1)) if half == 0 else ((0, 2), (2, 3), (4, 1), (5, 2)):
                    s.note(base + step(n), PPQ // 6, high[pick], 64 + 8 * (n % 2 == 0))
            elif section == "Chorus":
                for n, length, velocity in ((2, PPQ // 3, 84), (4, PPQ // 8, 62), (6, PPQ // 3, 80)):
                    for k, key in enumerate(high[1:]):
                        s.note(base + step(n) + 7 * k, length, key + (12 if key < 64 else 0), velocity)
            elif section == "Outro" and i == 1 and half == 0:
                for k, key in enumerate((48, 55, 60, 64, 67, 74)):
                    s.note(base + 24 * k, BAR * 5 // 8, key, 72)
    s.save(FOLDER)


def pad():
    s = Stem("pad", 89, tight=0)
    for section, i, at, chords in bars():
        if section == "Verse" and i < 2 or section == "Intro":
            continue
        soft = section == "Verse"
        s.control(at, 11, 70 if soft else 96 + min(i, 4) * 4)
        length = BAR // len(chords)
        for k, (_, notes) in enumerate(chords):
            if section == "Outro" and i == 1:
                length = BAR * 5 // 8
            top = notes[2:] if soft else notes[1:]
            for key in top:
                s.note(at + k * length, length - 20, key + 12, 62 if soft else 84)
    s.save(FOLDER)


# (section, bar, sixteenth, length in sixteenths, key)
LEAD = [
    ("Verse", 2, 4, 2, 69), ("Verse", 2, 6, 2, 72), ("Verse", 2, 8, 6, 74),
    ("Verse", 3, 0, 8, 76), ("Verse", 3, 8, 4, 74), ("Verse", 3, 12, 2, 76), ("Verse", 3, 14, 2, 80),
    ("Chorus", 0, 0, 6, 81), ("Chorus", 0, 6, 2, 79), ("Chorus", 0, 8, 6, 76), ("Chorus", 0, 14, 2, 77),
    ("Chorus", 1, 0, 6, 79), ("Chorus", 1, 6, 2, 77), ("Chorus", 1, 8, 8, 74),
    ("Chorus", 2, 2, 2, 71), ("Chorus", 2, 4, 2, 74), ("Chorus", 2, 6, 6, 76), ("Chorus", 2, 12, 4, 79),
    ("Chorus", 3, 0, 8, 76), ("Chorus", 3, 8, 4, 74), ("Chorus", 3, 12, 2, 76), ("Chorus", 3, 14, 2, 79),
    ("Chorus", 4, 0, 6, 84), ("Chorus", 4, 6, 2, 83), ("Chorus", 4, 8, 6, 79), ("Chorus", 4, 14, 2, 79),
    ("Chorus", 5, 0, 4, 81), ("Chorus", 5, 4, 2, 79), ("Chorus", 5, 6, 2, 77), ("Chorus", 5, 8, 8, 76),
    ("Chorus", 6, 2, 2, 74), ("Chorus", 6, 4, 2, 77), ("Chorus", 6, 6, 6, 81), ("Chorus", 6, 12, 4, 79),
    ("Chorus", 7, 0, 8, 79), ("Chorus", 7, 8, 6, 74), ("Chorus", 7, 14, 2, 76),
    ("Outro", 0, 0, 4, 76), ("Outro", 0, 4, 4, 81), ("Outro", 0, 8, 4, 79), ("Outro", 0, 12, 2, 77), ("Outro", 0, 14, 2, 74),
    ("Outro", 1, 0, 10, 76),
]


def lead():
    s = Stem("lead", 78)
    for section, i, n, length, key in LEAD:
        at = (START[section] + i) * BAR
        s.note(at + step(n, swing=8), length * PPQ // 4 - 24, key, 96 if section == "Chorus" else 78)
        if length >= 6:
            # Vibrato comes in on long notes.
            s.control(at + step(n), 1, 0)
            s.control(at + step(n) + PPQ * 2 // 3, 1, 40)
            s.control(at + step(n) + length * PPQ // 4 - 30, 1, 0)
    s.save(FOLDER)


def click():
    """30 ms blips that begin on the very frame of their beat; the first of a bar is higher and louder."""
    samples = bytearray(2 * FRAMES)
    for beat in range(BARS * BEATS):
        first = beat % BEATS == 0
        frequency, level = (1600, 0.5) if first else (1000, 0.35)
        at = beat * FRAMES_PER_BAR // BEATS
        for n in range(RATE * 30 // 1000):
            value = level * math.exp(-n / (RATE * 0.006)) * math.cos(2 * math.pi * frequency * n / RATE)
            struct.pack_into("<h", samples, 2 * (at + n), round(32767 * value))
    with wave.open(str(FOLDER / "click.wav"), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(bytes(samples))


def cues():
    """The bar before each section: its name on the first beat, the count on the last two."""
    for name, first in START.items():
        if name in ("Count-in", "Intro"):
            continue
        at = (first - 1) * FRAMES_PER_BAR
        for beat, words in ((0, name), (2, "three"), (3, "four")):
            print(f"{at + beat * FRAMES_PER_BAR // BEATS}\t{words}")


if sys.argv[1:] == ["--cues"]:
    cues()
elif sys.argv[1:] == ["--frames"]:
    print(FRAMES)
elif len(sys.argv) == 2 and not sys.argv[1].startswith("-"):
    FOLDER = Path(sys.argv[1])
    FOLDER.mkdir(parents=True, exist_ok=True)
    for part in (drums, bass, keys, guitar, pad, lead, click):
        part()
else:
    sys.exit(__doc__.strip())
