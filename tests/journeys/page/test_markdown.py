"""A written answer is shown as Markdown, and what is hostile in it as text."""

import json

import pytest
from playwright.sync_api import Browser, expect

from tests.journeys.page.test_accessibility import find_violations
from tests.journeys.page.visitor import register, visiting
from tests.journeys.stack import Stack

pytestmark = pytest.mark.page

ANSWER = """# Plan

- **one**
- two

```js
alert(1)
```

```
a line WIDE
```

| a | b |
|---|---|
| c | d |

<img src=x onerror=alert(1)> [bad](javascript:alert(1)) [good](https://kaiwa.example/a)

<script>alert(1)</script>
""".replace("WIDE", "wide " * 100)

GROWING = ANSWER.replace("- two", "\n".join(f"- item `{n}` of it" for n in range(12)))
GROW = """async (source) => {
  const app = document.querySelector("script[type=module]").src;
  const { MarkdownView } = await import(new URL("views/markdown.js", app));
  const { LazyLexer } = await import(new URL("markdown/lexer.js", app));
  const lexer = new LazyLexer();
  await lexer.load();
  const boxes = [document.createElement("div"), document.createElement("div")];
  const [growing, whole] = boxes.map((box) => new MarkdownView(box, kaiwa.words, { say() {} }));
  const different = [];
  let firstItem = null;
  for (let end = 1; end <= source.length; end += 3) {
    const part = source.slice(0, end);
    growing.show(part, lexer.lex, false);
    whole.clear();
    whole.show(part, lexer.lex, true);
    if (boxes[0].innerHTML !== boxes[1].innerHTML) different.push(part);
    if (end > source.indexOf("- item `1`")) firstItem ??= boxes[0].querySelector("li");
  }
  return { different, isFirstItemKept: boxes[0].querySelector("li") === firstItem };
}"""

TURN = {
    "item_id": "written",
    "content_index": 0,
    "role": "assistant",
    "modality": "text",
    "text": ANSWER,
    "heard_text": None,
    "heard_ms": None,
    "status": "completed",
    "position": 0,
}


def test_a_written_answer_is_shown_as_markdown_and_can_be_copied(
    browser: Browser, stack: Stack
) -> None:
    clipboard = ("clipboard-read", "clipboard-write")
    with visiting(browser, stack, login=register(stack), permissions=clipboard) as visitor:
        page = visitor.page
        page.evaluate(f"kaiwa.talk.client.addTurns([{json.dumps(TURN)}])")
        text = visitor.answers.locator(".text")
        expect(text.get_by_role("listitem")).to_have_text(["one", "two"])
        expect(text.get_by_role("heading", name="Plan")).to_be_visible()
        expect(text.locator("pre").first).to_have_text("alert(1)")
        expect(text.get_by_role("cell")).to_have_text(["c", "d"])
        expect(text.get_by_role("link")).to_have_count(1)
        link = text.get_by_role("link", name="good")
        expect(link).to_have_attribute("href", "https://kaiwa.example/a")
        expect(link).to_have_attribute("rel", "noopener noreferrer")
        expect(text).to_contain_text("<img src=x onerror=alert(1)> [bad](javascript:alert(1)) good")
        expect(text).to_contain_text("<script>alert(1)</script>")
        assert page.locator("img, body script").count() == 0

        page.get_by_role("button", name="Copy the code").first.click()
        expect(page.locator('.copy[data-result="copied"]')).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == "alert(1)"
        page.get_by_role("button", name="Copy this message").press("Enter")
        expect(page.locator('.line-actions .copy[data-result="copied"]')).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == ANSWER
        assert visitor.watched("announced").count("Copied") == 2
        thread = page.locator("#thread")
        assert thread.evaluate("(box) => box.scrollWidth <= box.clientWidth")
        assert find_violations(visitor, "#thread") == []
        grown = page.evaluate(GROW, GROWING)
        assert grown == {"different": [], "isFirstItemKept": True}
