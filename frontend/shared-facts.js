/**
 * Facts that the page and the server must agree on. Data only: every value is JSON with sorted keys,
 * so that a program can write this file or compare it with the server's tables.
 */

/** The audio of the Realtime protocol: mono PCM16 at 24 kHz. `earlyMs` is how much audio is kept before
 * a call is ready; 2 s lost people's first words, 6 s kept them all. */
export const AUDIO = {
  "bytesPerMs": 48,
  "earlyMs": 6000
};

/** How a call can end: the close code of its WebSocket (null when nobody is left to close it) and
 * whether a client should reconnect by itself. */
export const ENDINGS = {
  "bad_frames": {
    "closeCode": 4400,
    "retryable": false
  },
  "budget_spent": {
    "closeCode": 4429,
    "retryable": false
  },
  "client_left": {
    "closeCode": 1000,
    "retryable": false
  },
  "completed": {
    "closeCode": 1000,
    "retryable": false
  },
  "draining": {
    "closeCode": 1012,
    "retryable": true
  },
  "forbidden": {
    "closeCode": 4403,
    "retryable": false
  },
  "hourly_limit": {
    "closeCode": 4429,
    "retryable": false
  },
  "idle": {
    "closeCode": 4408,
    "retryable": false
  },
  "internal": {
    "closeCode": 4500,
    "retryable": true
  },
  "interrupted": {
    "closeCode": null,
    "retryable": true
  },
  "provider_failed": {
    "closeCode": 4502,
    "retryable": true
  },
  "provider_refused": {
    "closeCode": 4502,
    "retryable": false
  },
  "provider_timeout": {
    "closeCode": 4504,
    "retryable": true
  },
  "provider_unavailable": {
    "closeCode": 4503,
    "retryable": true
  },
  "rate_limit": {
    "closeCode": 4429,
    "retryable": false
  },
  "revoked": {
    "closeCode": 4401,
    "retryable": false
  },
  "server_full": {
    "closeCode": 4429,
    "retryable": false
  },
  "taken_over": {
    "closeCode": 4409,
    "retryable": false
  },
  "time_limit": {
    "closeCode": 4410,
    "retryable": false
  },
  "too_many_calls": {
    "closeCode": 4429,
    "retryable": false
  },
  "too_slow": {
    "closeCode": 4408,
    "retryable": true
  },
  "unauthenticated": {
    "closeCode": 4401,
    "retryable": false
  },
  "unresponsive": {
    "closeCode": 4408,
    "retryable": true
  }
};

/** Languages of sessions, of the server's messages and of the page. */
export const LANGUAGES = [
  "en",
  "ja"
];

/** Bounds of what a client may send; a client that pings is silent for `silentClientMs` at most.
 * Characters are Unicode code points. */
export const LIMITS = {
  "messageCharacters": 32000,
  "passwordCharacters": 128,
  "passwordLeastCharacters": 8,
  "silentClientMs": 90000,
  "titleCharacters": 200,
  "usernameCharacters": 150
};

/** Error codes of the provider. `notShown` are races that a correct client loses now and then; one of
 * them is `invalid_value`, the answer to a truncation that comes too late. */
export const PROVIDER_ERRORS = {
  "notShown": [
    "conversation_already_has_active_response",
    "input_audio_buffer_commit_empty",
    "invalid_value",
    "item_create_duplicate_item_id",
    "item_retrieve_invalid_item_id",
    "item_truncate_invalid_item_id",
    "response_cancel_not_active"
  ]
};

/** The WebSocket of a call. `{session_id}` stands for the session's id. */
export const WEBSOCKET = {
  "path": "/ws/realtime/{session_id}/",
  "subprotocol": "realtime",
  "ticketSubprotocolPrefix": "relay.ticket."
};
