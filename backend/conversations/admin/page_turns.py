"""What the admin's page of a session shows of its chapters and turns: words instead of codes."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from backend.conversations.admin.page_words import BEGINNINGS, STATES, STATUSES, WORDS
from backend.conversations.chapters import Chapter
from backend.conversations.ending_words import ending_words
from backend.conversations.models import Usage
from backend.conversations.reading import ReadTurn
from backend.protocol.transcript.turns import Modality, Role

_MICRO = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class PageCost:
    """The cost of one paid thing: `usd` with its unit or "unknown", and what it was paid for."""

    usd: str
    model: str
    details: str
    is_estimated: bool


@dataclass(frozen=True, slots=True)
class PageTurn:
    """A turn. `status`, `heard` and `first_sound` are empty where there is nothing to say.

    `time` and `iso_time` are made here: the filter `date` took an eighth of a long page.
    """

    read: ReadTurn
    time: str
    iso_time: str
    how: str
    status: str
    heard: str
    first_sound: str
    costs: Sequence[PageCost]


@dataclass(frozen=True, slots=True)
class PageChapter:
    """A chapter. `begun` and `ended` are empty for one without a call."""

    chapter: Chapter
    begun: str
    ended: str
    turns: Sequence[PageTurn]


def page_chapters(chapters: Iterable[Chapter], usages: Iterable[Usage]) -> list[PageChapter]:
    """The chapters for the page, in the language of the request."""
    costs = _costs_by_item(usages)
    return [
        PageChapter(
            chapter,
            begun="" if chapter.beginning is None else BEGINNINGS[chapter.beginning],
            ended=how_ended(chapter),
            turns=[_page_turn(read, costs) for read in chapter.turns],
        )
        for chapter in chapters
    ]


def how_ended(chapter: Chapter) -> str:
    """The ending of the chapter's call in words, or the state of one that has not ended."""
    if chapter.call is None or chapter.state is None:
        return ""
    return STATES.get(chapter.state) or ending_words(chapter.call.ending)


def _page_turn(read: ReadTurn, costs: Mapping[str, Sequence[PageCost]]) -> PageTurn:
    turn = read.turn
    is_first_part = turn.content_index == 0
    return PageTurn(
        read,
        time="" if turn.started_at is None else f"{turn.started_at:%H:%M:%S}",
        iso_time="" if turn.started_at is None else turn.started_at.isoformat(),
        how=_how(read),
        status=STATUSES.get(turn.status, ""),
        heard=_heard(read),
        first_sound=""
        if turn.first_sound_ms is None
        else WORDS["first_sound"].format(ms=turn.first_sound_ms),
        costs=costs.get(turn.item_id, ()) if is_first_part else (),
    )


def _how(read: ReadTurn) -> str:
    if read.turn.modality == Modality.VOICE:
        return WORDS["spoken"]
    return WORDS["typed" if read.side == Role.USER else "written"]


def _heard(read: ReadTurn) -> str:
    if read.heard_s is None:
        return ""
    return WORDS["heard_in_part" if read.unheard else "heard"].format(seconds=read.heard_s)


def _costs_by_item(usages: Iterable[Usage]) -> Mapping[str, Sequence[PageCost]]:
    """What was paid for each item: an answer's response, and the transcription of speech."""
    costs: defaultdict[str, list[PageCost]] = defaultdict(list)
    for each in usages:
        item_id = each.item_id or (each.source_id if each.kind == "transcription" else "")
        if item_id:
            costs[item_id].append(page_cost(each))
    return costs


def page_cost(used: Usage) -> PageCost:
    """The cost of this usage for the page."""
    parts = [
        *_tokens("audio", used.audio_in, used.audio_in_cached, used.audio_out),
        *_tokens("text", used.text_in, used.text_in_cached, used.text_out),
        *_tokens("image", used.image_in, used.image_in_cached, 0),
    ]
    if used.seconds:
        parts.append(WORDS["transcribed"].format(seconds=f"{used.seconds:.1f}"))
    return PageCost(
        usd=_usd(used.cost_usd),
        model=used.model,
        details=" · ".join(parts),
        is_estimated=used.is_estimated,
    )


def _usd(cost: Decimal | None) -> str:
    """USD with six decimals: most answers cost less than a cent."""
    return str(WORDS["unknown"]) if cost is None else f"{cost.quantize(_MICRO)} USD"


def _tokens(kind: str, given: int, cached: int, produced: int) -> list[str]:
    parts = []
    if given:
        part = WORDS["tokens_in"].format(kind=WORDS[kind], number=given)
        of_these = WORDS["cached"].format(number=cached)
        parts.append(f"{part} {of_these}" if cached else part)
    if produced:
        parts.append(WORDS["tokens_out"].format(kind=WORDS[kind], number=produced))
    return parts
