"""PURE: validators for the parameters of a session and of a response (protocol §1.2, §2).

The simulator accepts all these parameters and sends them back, whether or not it uses them.
"""

from typing import Any, Final

from backend.simulator.engine.validators import (
    Validator,
    any_object,
    boolean,
    by_json_type,
    by_type_field,
    integer,
    list_of,
    map_of,
    nullable,
    number,
    object_of,
    one_of,
    string,
    string_of_length,
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

_FORMAT = by_type_field(
    {"audio/pcm": object_of({"type": string, "rate": one_of(24_000)}, required=("rate",))}
)
_MODALITIES = one_of(["audio"], ["text"])
_MAX_OUTPUT_TOKENS = by_json_type({str: one_of("inf"), int: integer(1, 4096)})
_REASONING = object_of({"effort": one_of("minimal", "low", "medium", "high", "xhigh")})

# ── Tools ─────────────────────────────────────────────────────────────────────────────────────────

_TOOL_FILTER = object_of({"read_only": boolean, "tool_names": list_of(string)})
_FUNCTION = object_of(
    {"type": string, "name": string, "description": string, "parameters": any_object},
    required=("name",),
)
_MCP = object_of(
    {
        "type": string,
        "server_label": string,
        "server_url": string,
        "server_description": string,
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
        "tunnel_id": string,
        "authorization": string,
        "headers": nullable(map_of(string)),
        "allowed_tools": nullable(by_json_type({list: list_of(string), dict: _TOOL_FILTER})),
        "allowed_callers": nullable(list_of(one_of("direct", "programmatic"))),
        "require_approval": nullable(
            by_json_type(
                {
                    str: one_of("always", "never"),
                    dict: object_of({"always": _TOOL_FILTER, "never": _TOOL_FILTER}),
                }
            )
        ),
        "defer_loading": boolean,
    },
    required=("server_label",),
)
_TOOLS = nullable(list_of(by_type_field({"function": _FUNCTION, "mcp": _MCP})))
_TOOL_CHOICE = by_json_type(
    {
        str: one_of("auto", "none", "required"),
        dict: by_type_field(
            {
                "function": object_of({"type": string, "name": string}, required=("name",)),
                "mcp": object_of(
                    {"type": string, "server_label": string, "name": nullable(string)},
                    required=("server_label",),
                ),
            }
        ),
    }
)

# ── Session and response ──────────────────────────────────────────────────────────────────────────

_PROMPT = nullable(
    object_of(
        {
            "id": string,
            "version": nullable(string),
            "variables": nullable(
                map_of(
                    by_json_type(
                        {
                            str: string,
                            dict: by_type_field(
                                {
                                    "input_text": object_of(
                                        {"type": string, "text": string}, ("text",)
                                    )
                                }
                            ),
                        }
                    )
                )
            ),
        },
        required=("id",),
    )
)
_COMMON_FIELDS: Final[dict[str, Validator]] = {
    "output_modalities": _MODALITIES,
    "instructions": nullable(string),
    "tools": _TOOLS,
    "tool_choice": _TOOL_CHOICE,
    "parallel_tool_calls": boolean,
    "reasoning": _REASONING,
    "max_output_tokens": _MAX_OUTPUT_TOKENS,
    "prompt": _PROMPT,
}
_VOICE: Final[dict[str, Validator]] = {"format": _FORMAT, "voice": one_of(*VOICES)}

# ── Response ──────────────────────────────────────────────────────────────────────────────────────

RESPONSE_FIELDS: Final[dict[str, Validator]] = {
    **_COMMON_FIELDS,
    "audio": object_of({"output": object_of(_VOICE)}),
    "conversation": string,
    "input": nullable(list_of(any_object)),
    "metadata": nullable(map_of(string_of_length(0, 512), max_pairs=16, max_name_length=64)),
}
RESPONSE: Final = object_of(RESPONSE_FIELDS)
"""The parameters of a `response.create`; `item_from_client` validates the items of `input`."""

ITEM_REFERENCE: Final = object_of({"type": string, "id": string}, required=("id",))
"""A reference to an item of the conversation, in the `input` of a response."""

# ── Session ───────────────────────────────────────────────────────────────────────────────────────

_TRANSCRIPTION = object_of(
    {
        "model": string,
        "language": string,
        "languages": list_of(string),
        "prompt": string,
        "keywords": list_of(string),
        "delay": one_of("minimal", "low", "medium", "high", "xhigh"),
    }
)
_NOISE_REDUCTION = object_of(
    {"type": one_of("near_field", "far_field"), "strength": number(0, 1)},
)
_TRUNCATION = by_json_type(
    {
        str: one_of("auto", "disabled"),
        dict: by_type_field(
            {
                "retention_ratio": object_of(
                    {
                        "type": string,
                        "retention_ratio": number(0, 1),
                        "token_limits": object_of({"post_instructions": integer(0)}),
                    },
                    required=("retention_ratio",),
                )
            }
        ),
    }
)
_TRACING = nullable(
    by_json_type(
        {
            str: one_of("auto"),
            dict: object_of({"workflow_name": string, "group_id": string, "metadata": any_object}),
        }
    )
)
INPUT_FIELDS: Final[dict[str, Validator]] = {
    "format": _FORMAT,
    "transcription": nullable(_TRANSCRIPTION),
    "noise_reduction": nullable(_NOISE_REDUCTION),
    "turn_detection": nullable(any_object),
}
SESSION_FIELDS: Final[dict[str, Validator]] = {
    **_COMMON_FIELDS,
    "type": one_of("realtime"),
    "model": string,
    "audio": object_of(
        {
            "input": object_of(INPUT_FIELDS),
            "output": object_of({**_VOICE, "speed": number(0.25, 1.5)}),
        }
    ),
    "truncation": _TRUNCATION,
    "tracing": _TRACING,
    "include": nullable(list_of(one_of("item.input_audio_transcription.logprobs"))),
}
SESSION: Final = object_of(SESSION_FIELDS, required=("type",))
"""The parameters of a `session.update`; `TURN_DETECTION` validates `turn_detection`."""

_DETECTION_FIELDS: Final[dict[str, Validator]] = {
    "type": string,
    "create_response": boolean,
    "interrupt_response": boolean,
}
TURN_DETECTION: Final = by_type_field(
    {
        "server_vad": object_of(
            {
                **_DETECTION_FIELDS,
                "threshold": number(0, 1),
                "prefix_padding_ms": integer(0, 10_000),
                "silence_duration_ms": integer(0, 10_000),
                "idle_timeout_ms": nullable(integer(1_000, 600_000)),
            }
        ),
        "semantic_vad": object_of(
            {**_DETECTION_FIELDS, "eagerness": one_of("low", "medium", "high", "auto")}
        ),
    }
)
