/** The `session.update` of a page that talks to the provider directly. Pure. */

/** What the page's audio modules record and play (`audio/pcm.js`). */
const FORMAT = Object.freeze({ type: "audio/pcm", rate: 24_000 });

/** The turn detection of a session whose key says nothing about it: that of our keys. */
const TURN_DETECTION = Object.freeze({
  type: "server_vad",
  threshold: 0.5,
  prefix_padding_ms: 300,
  silence_duration_ms: 500,
});

/**
 * The settings that the page depends on. The instructions, the voice and the transcription are those that
 * our server put into the key: what a `session.update` leaves out stays as it is.
 *
 * @param {Record<string, any> | undefined} session That of `session.created`.
 * @param {string} eventId
 */
export function sessionUpdate(session, eventId) {
  const detection = session?.audio?.input?.turn_detection ?? TURN_DETECTION;
  return {
    type: "session.update",
    event_id: eventId,
    session: {
      type: "realtime",
      output_modalities: ["audio"],
      audio: {
        input: {
          format: FORMAT,
          // The server must end a turn and stop its answer by itself: the page only stops the sound.
          turn_detection: { ...detection, create_response: true, interrupt_response: true },
        },
        output: { format: FORMAT },
      },
    },
  };
}
