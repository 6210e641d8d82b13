"""PURE: the parameters of a session and of a response, as tables of shapes (protocol §1.2, §2).

What is here is what the simulator takes and can send back, whether or not it has a use for it.
"""

from typing import Any, Final

from backend.simulator.engine.validators import (
    Shape,
    by_kind,
    by_type,
    flag,
    free,
    list_of,
    map_of,
    number,
    one_of,
    or_null,
    record,
    short_text,
    text,
    whole,
)

VOICES: Final = (
    "alloy",
    "ash",
    "ballad",
    "coral",
    "echo",
    "sage",
    "shimmer",
    "verse",
    "marin",
    "cedar",
)
PCM: Final[dict[str, Any]] = {"type": "audio/pcm", "rate": 24_000}

_FORMAT = by_type({"audio/pcm": record({"type": text, "rate": one_of(24_000)}, needs=("rate",))})
_MODALITIES = one_of(["audio"], ["text"])
_MOST_TOKENS = by_kind({str: one_of("inf"), int: whole(1, 4096)})
_REASONING = record({"effort": one_of("minimal", "low", "medium", "high", "xhigh")})

# ── Tools ───────────────────────────────────────────────────────────────────────────────────────

_WHICH_TOOLS = record({"read_only": flag, "tool_names": list_of(text)})
_FUNCTION = record(
    {"type": text, "name": text, "description": text, "parameters": free}, needs=("name",)
)
_MCP = record(
    {
        "type": text,
        "server_label": text,
        "server_url": text,
        "server_description": text,
        "connector_id": one_of(
            "connector_dropbox",
            "connector_gmail",
            "connector_googlecalendar",
            "connector_googledrive",
            "connector_microsoftteams",
            "connector_outlookcalendar",
            "connector_outlookemail",
            "connector_sharepoint",
        ),
        "tunnel_id": text,
        "authorization": text,
        "headers": or_null(map_of(text)),
        "allowed_tools": or_null(by_kind({list: list_of(text), dict: _WHICH_TOOLS})),
        "allowed_callers": or_null(list_of(one_of("direct", "programmatic"))),
        "require_approval": or_null(
            by_kind(
                {
                    str: one_of("always", "never"),
                    dict: record({"always": _WHICH_TOOLS, "never": _WHICH_TOOLS}),
                }
            )
        ),
        "defer_loading": flag,
    },
    needs=("server_label",),
)
_TOOLS = or_null(list_of(by_type({"function": _FUNCTION, "mcp": _MCP})))
_TOOL_CHOICE = by_kind(
    {
        str: one_of("auto", "none", "required"),
        dict: by_type(
            {
                "function": record({"type": text, "name": text}, needs=("name",)),
                "mcp": record(
                    {"type": text, "server_label": text, "name": or_null(text)},
                    needs=("server_label",),
                ),
            }
        ),
    }
)

# ── Both ────────────────────────────────────────────────────────────────────────────────────────

_PROMPT = or_null(
    record(
        {
            "id": text,
            "version": or_null(text),
            "variables": or_null(
                map_of(
                    by_kind(
                        {
                            str: text,
                            dict: by_type(
                                {"input_text": record({"type": text, "text": text}, ("text",))}
                            ),
                        }
                    )
                )
            ),
        },
        needs=("id",),
    )
)
_BOTH: Final[dict[str, Shape]] = {
    "output_modalities": _MODALITIES,
    "instructions": or_null(text),
    "tools": _TOOLS,
    "tool_choice": _TOOL_CHOICE,
    "parallel_tool_calls": flag,
    "reasoning": _REASONING,
    "max_output_tokens": _MOST_TOKENS,
    "prompt": _PROMPT,
}
_VOICE: Final[dict[str, Shape]] = {"format": _FORMAT, "voice": one_of(*VOICES)}

# ── A response ──────────────────────────────────────────────────────────────────────────────────

RESPONSE_FIELDS: Final[dict[str, Shape]] = {
    **_BOTH,
    "audio": record({"output": record(_VOICE)}),
    "conversation": text,
    "input": or_null(list_of(free)),
    "metadata": or_null(map_of(short_text(0, 512), most_pairs=16, most_name=64)),
}
RESPONSE: Final = record(RESPONSE_FIELDS)
"""What a `response.create` asks for; each item of its `input` has a shape of its own."""

ITEM_REFERENCE: Final = record({"type": text, "id": text}, needs=("id",))
"""An item of the conversation, in a response's `input`."""

# ── A session ───────────────────────────────────────────────────────────────────────────────────

_TRANSCRIPTION = record(
    {
        "model": text,
        "language": text,
        "languages": list_of(text),
        "prompt": text,
        "keywords": list_of(text),
        "delay": one_of("minimal", "low", "medium", "high", "xhigh"),
    }
)
_NOISE_REDUCTION = record(
    {"type": one_of("near_field", "far_field"), "strength": number(0, 1)},
)
_TRUNCATION = by_kind(
    {
        str: one_of("auto", "disabled"),
        dict: by_type(
            {
                "retention_ratio": record(
                    {
                        "type": text,
                        "retention_ratio": number(0, 1),
                        "token_limits": record({"post_instructions": whole(0)}),
                    },
                    needs=("retention_ratio",),
                )
            }
        ),
    }
)
_TRACING = or_null(
    by_kind(
        {
            str: one_of("auto"),
            dict: record({"workflow_name": text, "group_id": text, "metadata": free}),
        }
    )
)
INPUT_FIELDS: Final[dict[str, Shape]] = {
    "format": _FORMAT,
    "transcription": or_null(_TRANSCRIPTION),
    "noise_reduction": or_null(_NOISE_REDUCTION),
    "turn_detection": or_null(free),
}
SESSION_FIELDS: Final[dict[str, Shape]] = {
    **_BOTH,
    "type": one_of("realtime"),
    "model": text,
    "audio": record(
        {"input": record(INPUT_FIELDS), "output": record({**_VOICE, "speed": number(0.25, 1.5)})}
    ),
    "truncation": _TRUNCATION,
    "tracing": _TRACING,
    "include": or_null(list_of(one_of("item.input_audio_transcription.logprobs"))),
}
SESSION: Final = record(SESSION_FIELDS, needs=("type",))
"""What a `session.update` may hold; `turn_detection` has a shape of its own by its type."""

_DETECTION_FIELDS: Final[dict[str, Shape]] = {
    "type": text,
    "create_response": flag,
    "interrupt_response": flag,
}
TURN_DETECTION: Final = by_type(
    {
        "server_vad": record(
            {
                **_DETECTION_FIELDS,
                "threshold": number(0, 1),
                "prefix_padding_ms": whole(0, 10_000),
                "silence_duration_ms": whole(0, 10_000),
                "idle_timeout_ms": or_null(whole(1_000, 600_000)),
            }
        ),
        "semantic_vad": record(
            {**_DETECTION_FIELDS, "eagerness": one_of("low", "medium", "high", "auto")}
        ),
    }
)
