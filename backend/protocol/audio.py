"""PCM16 arithmetic: 24 kHz, mono, two bytes a sample, the only format our sessions ask for."""

SAMPLE_RATE_HZ = 24_000
BYTES_PER_SAMPLE = 2
BYTES_PER_MS = SAMPLE_RATE_HZ * BYTES_PER_SAMPLE // 1000


def ms_of_bytes(byte_count: int) -> float:
    """How long this many bytes of PCM16 sound, in milliseconds."""
    return byte_count / BYTES_PER_MS


def bytes_of_ms(ms: float) -> int:
    """How many bytes of PCM16 sound for `ms` milliseconds, in whole samples, rounded down."""
    return int(ms * SAMPLE_RATE_HZ / 1000) * BYTES_PER_SAMPLE


def bytes_of_base64(encoded: str) -> int:
    """How many bytes this base64 text stands for, by its length: nothing is decoded or checked."""
    return max(0, len(encoded) * 3 // 4 - encoded.count("=", -2))


def ms_of_base64(encoded: str) -> float:
    """How long this base64 PCM16 sounds, in milliseconds, without decoding it."""
    return ms_of_bytes(bytes_of_base64(encoded))
