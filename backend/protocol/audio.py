"""PCM16 arithmetic: 24 kHz, mono, two bytes per sample, the only format between page and relay."""

SAMPLE_RATE_HZ = 24_000
BYTES_PER_SAMPLE = 2
BYTES_PER_MS = SAMPLE_RATE_HZ * BYTES_PER_SAMPLE // 1000


def ms_of_bytes(byte_count: int) -> float:
    """The duration of this many bytes of PCM16, in milliseconds."""
    return byte_count / BYTES_PER_MS


def bytes_of_base64(encoded: str) -> int:
    """The number of bytes that this base64 encodes, from its length: nothing is decoded."""
    return max(0, len(encoded) * 3 // 4 - encoded.count("=", -2))


def ms_of_base64(encoded: str) -> float:
    """The duration of this base64 PCM16 in milliseconds, from its length."""
    # Of every audio delta: without the calls of the functions above.
    byte_count = len(encoded) * 3 // 4 - encoded.count("=", -2)
    return byte_count / BYTES_PER_MS if byte_count > 0 else 0.0
