"""Every sentence in both languages, with the same values; the language from options and locale."""

import re
from pathlib import Path

import pytest

from backend.cli.wording import LANGUAGES, SENTENCES, Language, language_of, sentence

CLI = Path(__file__).resolve().parents[2] / "backend" / "cli"


@pytest.mark.parametrize("name", SENTENCES)
def test_a_sentence_has_both_languages_and_the_same_values(name: str) -> None:
    words = SENTENCES[name]
    assert set(words) == set(LANGUAGES)
    assert all(text.strip() for text in words.values())
    values = [sorted(re.findall(r"\{(\w+)\}", words[language])) for language in LANGUAGES]
    assert values[0] == values[1]
    if name != "assistant":
        assert re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", words["ja"])


def test_every_sentence_that_the_code_names_exists() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in CLI.glob("*.py"))
    named = set(re.findall(r'(?:ExitCode\.\w+, |warn\(|words\(|sentence\()\s*"(\w+)"', text))
    assert len(named) > 40
    assert named <= set(SENTENCES)


@pytest.mark.parametrize(
    ("arguments", "environ", "language"),
    [
        (["--lang", "ja", "talk"], {}, "ja"),
        (["talk", "--lang=ja"], {}, "ja"),
        (["--lang", "en"], {"LANG": "ja_JP.UTF-8"}, "en"),
        (["--lang"], {"LANG": "ja_JP.UTF-8"}, "en"),
        (["talk"], {"LANG": "ja_JP.UTF-8"}, "ja"),
        (["talk"], {"LC_ALL": "C.UTF-8", "LANG": "ja_JP.UTF-8"}, "en"),
        (["talk"], {"LC_ALL": "", "LANG": "ja_JP.UTF-8"}, "ja"),
        ([], {}, "en"),
    ],
)
def test_the_language_is_that_of_the_option_or_the_locale(
    arguments: list[str], environ: dict[str, str], language: Language
) -> None:
    assert language_of(arguments, environ) == language


def test_an_error_that_is_not_known_is_named() -> None:
    assert "new_code" in sentence("new_code", "en")
