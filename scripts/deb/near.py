#!/usr/bin/env python3
"""Says how far two float WAV files of the same length are apart at most, and fails above 1e-6 (-120 dBFS).

near.py A B
"""

import struct
import sys


def samples(path):
    with open(path, "rb") as file:
        data = file.read()
    at = 12
    while data[at : at + 4] != b"data":
        (size,) = struct.unpack_from("<I", data, at + 4)
        at += 8 + size + size % 2
    (size,) = struct.unpack_from("<I", data, at + 4)
    return struct.unpack_from(f"<{size // 4}f", data, at + 8)


a, b = samples(sys.argv[1]), samples(sys.argv[2])
if len(a) != len(b) or max(map(abs, a)) < 0.01:
    sys.exit(f"{len(a)} and {len(b)} samples")
apart = max(abs(x - y) for x, y in zip(a, b))
print(f"{apart:.1e} apart at most")
sys.exit(apart > 1e-6)
