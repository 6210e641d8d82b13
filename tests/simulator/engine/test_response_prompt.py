"""Which user input a response answers."""

from tests.simulator.equipment import EngineBench, Event, only, silence, speech, text_item, types


def transcript_of(events: list[Event]) -> str:
    part = only(events, "response.done")["response"]["output"][0]["content"][0]
    text: str = part.get("transcript") or part["text"]
    return text


def test_a_response_waits_for_the_recognition_of_the_audio_it_answers() -> None:
    bench = EngineBench()
    bench.holds_recognition = True
    found = bench.play(speech(800) + silence(800))
    assert types(found)[-2:] == ["response.created", "rate_limits.updated"]
    bench.recognised_text = "What is the price?"
    done = only(bench.release(), "response.done")["response"]
    said = done["output"][0]["content"][0]["transcript"]
    assert said == "You said 'What is the price?' after 0 answers."


def test_a_typed_message_is_answered() -> None:
    bench = EngineBench()
    bench.send("conversation.item.create", item=text_item("Good morning."))
    done = only(bench.send("response.create"), "response.done")["response"]
    assert "Good morning." in done["output"][0]["content"][0]["transcript"]


def test_an_answered_message_is_not_answered_again() -> None:
    bench = EngineBench()
    bench.send("conversation.item.create", item=text_item("Good morning."))
    bench.send("response.create")
    assert transcript_of(bench.send("response.create")) == "You said '' after 1 answers."


def test_an_empty_conversation_is_answered_as_silence() -> None:
    assert transcript_of(EngineBench().send("response.create")) == "You said '' after 0 answers."


def test_the_responses_own_input_is_answered_before_the_conversation() -> None:
    bench = EngineBench()
    bench.send("conversation.item.create", item=text_item("Good morning."))
    found = bench.send("response.create", response={"input": [text_item("And you?")]})
    assert "'And you?'" in transcript_of(found)
    talk = [text_item("And you?"), text_item("Fine.", "assistant"), text_item("Sum up.", "system")]
    assert "'And you?'" in transcript_of(bench.send("response.create", response={"input": talk}))
    assert "''" in transcript_of(bench.send("response.create", response={"input": []}))


def test_audio_that_the_input_references_is_recognised_first_and_answered() -> None:
    bench = EngineBench()
    bench.holds_recognition = True
    bench.configure(
        {"audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": False}}}}
    )
    item = only(bench.play(speech(800) + silence(800)), "input_audio_buffer.committed")["item_id"]
    bench.send("conversation.item.create", item=text_item("Something else."))
    aside = {"conversation": "none", "input": [{"type": "item_reference", "id": item}]}
    assert "response.done" not in types(bench.send("response.create", response=aside))
    bench.recognised_text = "What is the price?"
    assert "'What is the price?'" in transcript_of(bench.release())
