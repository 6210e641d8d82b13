"""What a `response` object of the Responses API says. PURE."""

from backend.protocol.reading import JsonObject, clean_text_at, mappings_at


def output_text(response: JsonObject) -> str:
    """The text of the response's messages. A refusal is an answer in words, and counts as text."""
    parts = [
        part
        for item in mappings_at(response, "output")
        if item.get("type") == "message"
        for part in mappings_at(item, "content")
    ]
    return "".join(clean_text_at(part, "text") or clean_text_at(part, "refusal") for part in parts)
