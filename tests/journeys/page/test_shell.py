"""Around the conversation: the URL, the session list, sign-in, and the message box."""

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.journeys.page.conftest import SECOND_QUESTION
from tests.journeys.page.visitor import Login, Visitor, register, visiting
from tests.journeys.stack import Stack, http

pytestmark = pytest.mark.page


def test_the_skip_link_and_the_back_button_do_not_end_the_call(
    browser: Browser, stack: Stack
) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        page = visitor.page
        visitor.tap_microphone()
        visitor.await_state("listening")
        session_id = visitor.session_id
        page.get_by_role("link", name="Skip to the message box").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#message")).to_be_focused()
        page.evaluate(
            """new Promise((resolve) => {
              addEventListener("hashchange", resolve);
              location.hash = "#elsewhere";
            })"""
        )
        page.go_back()
        expect(page.locator("#mode-voice")).to_have_attribute("aria-pressed", "true")
        assert (visitor.session_id, visitor.live_tracks()) == (session_id, 1)
        assert page.evaluate("watch.sockets.map(({ readyState }) => readyState)") == [1]


OFFLINE = "net::ERR_INTERNET_DISCONNECTED"
UNREACHABLE = "The server cannot be reached. Check your network and try again."


def test_a_failed_rename_or_deletion_is_reported_and_changes_nothing(
    browser: Browser, stack: Stack
) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        visitor.allow(OFFLINE)
        page = visitor.page
        visitor.type_and_wait("How many people work on the orders?")
        title = page.locator("#sessions .session-title")
        expect(title).to_have_text("How many people work on the orders?")
        complaint = page.locator("#drawer-complaint")
        visitor.context.set_offline(True)
        visitor.choose_in_menu("Rename")
        page.get_by_label("New name").fill("Orders")
        page.keyboard.press("Enter")
        expect(complaint).to_have_text(f"The name was not changed. {UNREACHABLE}")
        expect(title).to_have_text("How many people work on the orders?")

        visitor.choose_in_menu("Delete")
        expect(complaint).to_have_text(f"The conversation was not deleted. {UNREACHABLE}")
        expect(visitor.lines).to_have_count(2)
        visitor.context.set_offline(False)
        visitor.choose_in_menu("Delete")
        expect(title).to_have_count(0)
        expect(complaint).to_be_empty()
        expect(page.get_by_role("heading", name="What shall we talk about?")).to_be_visible()


def test_the_menu_of_a_conversation_shows_a_title_of_one_long_word(
    browser: Browser, stack: Stack
) -> None:
    login = register(stack)
    body = {"title": "W" * 120}
    assert http("POST", f"{stack.url}/api/sessions/", body, token=login.token).status == 201
    with visiting(browser, stack, login=login, viewport={"width": 360, "height": 740}) as visitor:
        page = visitor.page
        page.locator("#drawer-open").click()
        page.locator(".session-more").press("Enter")
        for name in ("Rename", "Export", "Delete", "Cancel"):
            expect(page.get_by_role("dialog").get_by_text(name)).to_be_in_viewport(ratio=1)
        menu = page.locator("#session-menu")
        assert menu.evaluate("(menu) => menu.scrollWidth <= menu.clientWidth")


def test_a_failed_sign_out_is_reported_and_the_user_stays_signed_in(
    browser: Browser, stack: Stack
) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        visitor.allow(OFFLINE)
        page = visitor.page
        page.locator("#account summary").click()
        visitor.context.set_offline(True)
        page.get_by_role("button", name="Sign out everywhere").click()
        page.get_by_role("dialog").get_by_role("button", name="Sign out everywhere").click()
        expect(page.get_by_role("alert")).to_have_text(f"You are still signed in. {UNREACHABLE}")
        visitor.context.set_offline(False)
        # A dialog that is cancelled does nothing, also after one that was confirmed.
        page.get_by_role("button", name="Sign out everywhere").click()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.reload()
        expect(page.locator("#message")).to_be_visible()
        page.locator("#account summary").click()
        page.get_by_role("button", name="Sign out everywhere").click()
        page.get_by_role("dialog").get_by_role("button", name="Sign out everywhere").click()
        expect(page.get_by_label("Username")).to_be_focused()
        assert visitor.token is None


def test_a_conversation_that_fails_to_load_keeps_the_draft_and_can_be_retried(
    browser: Browser, stack: Stack
) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        visitor.allow(OFFLINE)
        page, box = visitor.page, visitor.page.locator("#message")
        row = page.locator("#sessions .session")
        visitor.type_and_wait("Hello, thank you for taking the time today.")
        visitor.await_stored(2)
        page.locator("#new-session").click()
        visitor.context.set_offline(True)
        row.click()
        card = visitor.help_card("not_loaded")
        expect(card).to_be_visible()
        expect(page.locator("#empty")).to_be_hidden()

        visitor.type("How many people work on the orders?")
        expect(card).to_be_visible()
        expect(box).to_have_value("How many people work on the orders?")
        card.get_by_role("button", name="Try again").click()
        expect(card).to_be_visible()
        expect(box).to_have_value("How many people work on the orders?")
        visitor.tap_microphone()
        expect(card).to_be_visible()
        expect(page.locator("#mode-voice")).to_have_attribute("aria-pressed", "false")

        page.locator("#new-session").click()
        expect(box).to_have_value("")
        row.click()
        expect(card).to_be_visible()
        visitor.context.set_offline(False)
        visitor.tap_microphone()
        visitor.await_state("listening")
        expect(box).to_have_value("How many people work on the orders?")
        box.press("Enter")
        expect(visitor.answers.nth(1)).to_be_visible()


def test_sending_to_a_conversation_that_failed_to_load_loads_it(
    browser: Browser, stack: Stack
) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        visitor.allow(OFFLINE)
        visitor.type_and_wait("Hello, thank you for taking the time today.")
        visitor.await_stored(2)
        visitor.page.locator("#new-session").click()
        visitor.context.set_offline(True)
        visitor.page.locator("#sessions .session").click()
        expect(visitor.help_card("not_loaded")).to_be_visible()
        visitor.context.set_offline(False)
        visitor.type("How many people work on the orders?")
        expect(visitor.answers.nth(1)).to_have_attribute("data-status", "completed")
        expect(visitor.page.locator("#message")).to_have_value("")
        expect(visitor.page.locator("#help")).to_be_empty()


def test_a_session_list_that_fails_to_load_says_so_and_can_be_retried(
    browser: Browser, stack: Stack
) -> None:
    login = register(stack)
    for title in ("Kyoto", "Orders", "Tea"):
        body = {"title": title}
        assert http("POST", f"{stack.url}/api/sessions/", body, token=login.token).status == 201
    with visiting(browser, stack, login=login) as visitor:
        visitor.allow("net::ERR_FAILED")
        page, rows = visitor.page, visitor.page.locator("#sessions .session")
        expect(rows).to_have_count(3)
        failed = page.locator("#sessions-empty", has_text="The conversations could not be loaded.")
        retry = page.locator("#sessions-retry")

        page.route("**/api/sessions/", lambda route: route.abort())
        page.reload()
        expect(failed).to_be_visible()
        retry.click()
        expect(retry).to_have_attribute("aria-disabled", "false")
        expect(failed).to_be_visible()
        page.unroute("**/api/sessions/")
        retry.focus()
        page.keyboard.press("Enter")
        expect(rows).to_have_count(3)
        expect(retry).to_be_hidden()
        expect(page.locator("#new-session")).to_be_focused()

        page.route("**/api/sessions/", lambda route: route.abort())
        page.reload()
        expect(failed).to_be_visible()
        page.unroute("**/api/sessions/")
        visitor.type("How many people work on the orders?")
        expect(rows).to_have_count(4)
        expect(retry).to_be_hidden()


@pytest.mark.realtime_audio
def test_a_conversation_is_titled_by_its_first_message(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        page = visitor.page
        titles = page.evaluate_handle(
            """() => {
              const place = document.getElementById("title");
              const seen = [place.textContent];
              new MutationObserver(() => seen.push(place.textContent))
                .observe(place, { childList: true });
              return seen;
            }"""
        )
        visitor.tap_microphone()
        expect(page.locator("#title")).to_have_text(SECOND_QUESTION)
        assert titles.json_value() == ["New conversation", SECOND_QUESTION]
        expect(page.locator("#sessions .session-title")).to_have_text(SECOND_QUESTION)

        visitor.choose_in_menu("Rename")
        page.get_by_label("New name").fill(" ")
        page.keyboard.press("Enter")
        expect(page.locator("#sessions .session-title")).to_have_text(SECOND_QUESTION)


def test_enter_during_an_ime_composition_does_not_send(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        box = visitor.page.locator("#message")
        box.fill("こんにちは")
        # The Enter that ends a composition: in Chromium and Firefox, and in Safari.
        for how in ("{ isComposing: true }", "{ keyCode: 229 }"):
            box.evaluate(
                f"""(box) => box.dispatchEvent(new KeyboardEvent("keydown",
                  {{ key: "Enter", bubbles: true, cancelable: true, ...{how} }}))"""
            )
        expect(box).to_have_value("こんにちは")
        expect(visitor.lines).to_have_count(0)
        box.press("Enter")
        expect(visitor.lines.first.locator(".text")).to_have_text("こんにちは")
        assert [line["text"] for line in visitor.bubbles()].count("こんにちは") == 1


def test_a_deletion_is_undone_by_keyboard(browser: Browser, stack: Stack) -> None:
    login = register(stack)
    for title in ("Kyoto", "Orders"):
        body = {"title": title}
        assert http("POST", f"{stack.url}/api/sessions/", body, token=login.token).status == 201
    with visiting(browser, stack, login=login) as visitor:
        page, keys = visitor.page, visitor.page.keyboard
        rows = page.locator("#sessions .session-title")
        row = page.get_by_role("button", name="Kyoto").first
        row.click()
        page.locator("#message").fill("Half a thought")
        visitor.choose_in_menu("Delete", of="Kyoto")
        expect(rows).to_have_text(["Orders"])
        undo = page.get_by_role("button", name="Undo")
        expect(undo).to_be_focused()
        expect(page.locator("#empty")).to_be_visible()
        assert "Deleted: “Kyoto”" in visitor.watched("announced")

        keys.press("Enter")
        expect(rows).to_have_text(["Orders", "Kyoto"])
        expect(row).to_be_focused()
        expect(row).to_have_attribute("aria-current", "true")
        expect(page.locator("#message")).to_have_value("Half a thought")
        expect(undo).to_have_count(0)
        page.reload()
        expect(rows).to_have_text(["Orders", "Kyoto"])

        visitor.choose_in_menu("Delete", of="Orders")
        expect(undo).to_be_focused()
        keys.press("Tab")
        keys.press("Enter")
        expect(page.locator("#new-session")).to_be_focused()
        page.reload()
        expect(rows).to_have_text(["Kyoto"])


def test_voice_and_language_are_chosen_before_and_during_a_conversation(
    browser: Browser, stack: Stack
) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        page = visitor.page
        settings = page.get_by_role("button", name="Settings")
        voice, language = page.locator("#session-voice"), page.locator("#session-language")

        def stored() -> tuple[str, str]:
            url = f"{stack.url}/api/sessions/{visitor.session_id}/"
            session = http("GET", url, token=visitor.token).json
            return session["voice"], session["language"]

        settings.click()
        voice.select_option("cedar")
        language.select_option("ja")
        page.keyboard.press("Escape")
        visitor.type_and_wait("Hello, thank you for taking the time today.")
        assert stored() == ("cedar", "ja")
        settings.click()
        expect(voice).to_have_value("cedar")
        with page.expect_response(lambda response: response.request.method == "PATCH") as changed:
            voice.select_option("marin")
        assert changed.value.ok
        assert stored() == ("marin", "ja")
        page.reload()
        settings.click()
        expect(voice).to_have_value("marin")
        expect(language).to_have_value("ja")


def test_a_draft_survives_a_reload_but_not_a_sign_out(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        page, box = visitor.page, visitor.page.locator("#message")
        box.fill("How many people")
        page.reload()
        expect(box).to_have_value("How many people")
        page.locator("#account summary").click()
        page.get_by_role("button", name="Sign out", exact=True).click()
        sign_in(visitor, register(stack))
        expect(page.locator("#sessions-empty")).to_be_visible()
        expect(box).to_have_value("")


ARABIC = "كيف حالك؟ Kaiwa!"


def test_right_to_left_text_is_shown_right_to_left(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        page = visitor.page
        page.locator("#message").fill(ARABIC)
        assert page.locator("#message").evaluate("(box) => box.matches(':dir(rtl)')")
        page.keyboard.press("Enter")
        expect(page.locator("#sessions .session-title")).to_have_text(ARABIC)
        places = (visitor.lines.first.locator(".text"), page.locator("#title"))
        for place in (*places, page.locator("#sessions .session-title")):
            first, last = place.evaluate(
                """(place) => {
                  const text = place.firstChild;
                  const at = (index) => {
                    const range = document.createRange();
                    range.setStart(text, index);
                    range.setEnd(text, index + 1);
                    return range.getBoundingClientRect().x;
                  };
                  return [at(0), at(text.length - 1)];
                }"""
            )
            assert first > last


def test_signing_in_and_out_applies_to_all_tabs(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        with visitor.page.expect_popup() as popup:
            visitor.page.evaluate("void open('/')")
        other = popup.value
        expect(other.locator("#message")).to_be_visible()
        visitor.tap_microphone()
        visitor.await_state("listening")
        visitor.page.locator("#message").fill("How many people")

        other.locator("#account summary").click()
        other.get_by_role("button", name="Sign out", exact=True).click()
        expect(visitor.page.get_by_label("Username")).to_be_visible()
        expect(visitor.page.get_by_text("You are signed out.")).to_be_visible()
        assert visitor.token is None
        visitor.page.evaluate(
            """watch.waitUntil(() => watch.tracks.every(({ readyState }) => readyState === "ended"),
              "the microphone is off")"""
        )

        token = register(stack).token
        other.evaluate("(token) => localStorage.setItem('kaiwa.token', token)", token)
        expect(visitor.page.locator("#message")).to_have_value("")
        expect(visitor.page.locator("#empty")).to_be_visible()
        expect(visitor.page.locator("#help")).to_be_empty()
        assert (visitor.token, visitor.session_id) == (token, "")


def test_a_message_that_is_too_long_is_refused_and_not_truncated(
    browser: Browser, stack: Stack
) -> None:
    with visiting(browser, stack, login=register(stack)) as visitor:
        page, box = visitor.page, visitor.page.locator("#message")
        most = "あ" * 32_000
        visitor.type(f"{most}!")
        expect(page.get_by_role("alert")).to_contain_text("shorten it to 32,000 characters")
        expect(page.get_by_role("button", name="Send")).to_have_attribute("aria-disabled", "true")
        expect(box).to_have_value(f"{most}!")
        expect(visitor.lines).to_have_count(0)
        box.press("Backspace")
        expect(page.get_by_role("alert")).to_have_count(0)
        box.press("Enter")
        expect(visitor.answers).to_have_attribute("data-status", "completed")
        visitor.await_stored(2)
        assert len(visitor.turns()[0]["text"]) == len(most)


def sign_in(visitor: Visitor, login: Login) -> None:
    visitor.page.get_by_label("Username").fill(login.username)
    visitor.page.get_by_label("Password").fill(login.password)
    visitor.page.get_by_role("button", name="Sign in").click()


def test_the_message_box_has_focus_after_sign_in_and_focus_is_not_moved_later(
    browser: Browser, stack: Stack
) -> None:
    with visiting(browser, stack) as visitor:
        held: list[Route] = []
        visitor.page.route("**/api/sessions/", lambda route: held.append(route))
        sign_in(visitor, register(stack))
        expect(visitor.page.locator("#message")).to_be_focused()
        visitor.page.locator("#thread").focus()
        with visitor.page.expect_response("**/api/sessions/"):
            held[0].continue_()
        expect(visitor.page.locator("#sessions-empty")).to_be_visible()
        expect(visitor.page.locator("#thread")).to_be_focused()


def test_on_a_phone_signing_in_opens_no_keyboard_and_enter_breaks_the_line(
    browser: Browser, stack: Stack
) -> None:
    with visiting(
        browser, stack, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True
    ) as visitor:
        sign_in(visitor, register(stack))
        expect(visitor.page.locator("#thread")).to_be_focused()
        visitor.tap_microphone()
        visitor.await_state("listening")
        visitor.page.locator("#mute").click()
        hint = visitor.page.locator("#state-hint")
        expect(hint).to_have_text("Unmute to speak")
        # Enter breaks the line, as its key on the screen says; the button sends.
        box = visitor.page.locator("#message")
        expect(box).to_have_attribute("enterkeyhint", "enter")
        box.fill("First line")
        box.press("Enter")
        visitor.page.keyboard.type("Second line")
        expect(box).to_have_value("First line\nSecond line")
        visitor.page.locator("#send").tap()
        expect(visitor.lines.filter(has_text="First line Second line")).to_be_visible()


@pytest.mark.untimed_audio
def test_the_welcome_keeps_its_scroll_position_when_a_call_starts(
    browser: Browser, stack: Stack
) -> None:
    with visiting(
        browser, stack, login=register(stack), viewport={"width": 740, "height": 360}
    ) as visitor:
        thread = visitor.page.locator("#thread")
        expect(visitor.page.locator("#suggestions")).to_be_visible()
        scrolled = thread.evaluate("(thread) => (thread.scrollTop = 80, thread.scrollTop)")
        assert scrolled == 80
        # Read as soon as the state changes: the first turn, which comes soon, replaces the welcome.
        thread.evaluate(
            """(thread) => {
              const root = document.documentElement;
              watch.scrollTopWhileListening = new Promise((resolve) => {
                const observer = new MutationObserver(() => {
                  if (root.dataset.state !== "listening") return;
                  observer.disconnect();
                  resolve(thread.scrollTop);
                });
                observer.observe(root, { attributeFilter: ["data-state"] });
              });
            }"""
        )
        visitor.tap_microphone()
        while_listening = visitor.page.evaluate("() => watch.scrollTopWhileListening")
        assert while_listening == scrolled
        expect(visitor.answers).to_be_visible()
        expect(visitor.lines.last).to_be_in_viewport()
