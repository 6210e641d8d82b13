"""The words of the admin's page of a session, in English and Japanese.

Those with `{names}` are formats: `word.format(name=...)`.
"""

from collections.abc import Mapping

from backend.bilingual import bilingual
from backend.conversations.chapters import Beginning, CallState
from backend.protocol.transcript.turns import TurnStatus
from backend.wording import REPORTED

WORDS: Mapping[str, str] = {
    "call": bilingual("Call", "通話"),
    "typed_chapter": bilingual("Typed, outside a call", "文字でのやりとり（通話外）"),
    "reported_chapter": bilingual(
        "Talked with the provider directly, outside a call", "プロバイダーとの直接接続（通話外）"
    ),
    "reported": bilingual(REPORTED["en"], REPORTED["ja"]),
    "silence": bilingual("Nothing was said in this call.", "この通話には発言がありません。"),
    "spoken": bilingual("spoken", "音声"),
    "typed": bilingual("typed", "文字入力"),
    "written": bilingual("written", "文字"),
    "not_transcribed": bilingual("(not transcribed)", "（文字起こしなし）"),
    "no_words": bilingual("(no words)", "（発言なし）"),
    "heard": bilingual("Heard: the first {seconds} s.", "再生されたのは最初の{seconds}秒です。"),
    "heard_in_part": bilingual(
        "Heard: the first {seconds} s; the greyed words were not (an estimate).",
        "再生されたのは最初の{seconds}秒です。灰色の部分は再生されていません（推定）。",
    ),
    "first_sound": bilingual("first sound after {ms} ms", "最初の音まで{ms}ミリ秒"),
    "cost": bilingual("Cost", "費用"),
    "unknown": bilingual("unknown", "不明"),
    "tokens_in": bilingual("{kind} in {number}", "{kind}入力 {number}"),
    "tokens_out": bilingual("{kind} out {number}", "{kind}出力 {number}"),
    "cached": bilingual("(cached {number})", "（キャッシュ {number}）"),
    "transcribed": bilingual("{seconds} s transcribed", "{seconds}秒を文字起こし"),
    "nothing_said": bilingual("Nothing was said yet.", "まだ発言がありません。"),
    "no_call": bilingual("There was no call yet.", "まだ通話がありません。"),
    "started": bilingual("Started (UTC)", "開始 (UTC)"),
    "begun": bilingual("Begun", "始まり方"),
    "lasted": bilingual("Lasted", "通話時間"),
    "ending": bilingual("Ending", "終わり方"),
    "model": bilingual("Model", "モデル"),
    "worker": bilingual("Worker", "ワーカー"),
    "provider": bilingual("Provider", "プロバイダー"),
    "estimated": bilingual("estimated", "推定"),
    "cost_unknown": bilingual(
        "Unknown: a model that was used has no price in the catalogue.",
        "不明です。使用したモデルの料金がカタログにありません。",
    ),
    "cost_estimated": bilingual(
        "Part of it is an estimate: the provider has not sent all of its usage.",
        "一部は推定です。プロバイダーから使用量がすべて届いていません。",
    ),
    "tokens": bilingual("Tokens", "トークン"),
    "in": bilingual("In", "入力"),
    "of_these_cached": bilingual("of these cached", "うちキャッシュ"),
    "out": bilingual("Out", "出力"),
    "audio": bilingual("Audio", "音声"),
    "text": bilingual("Text", "テキスト"),
    "image": bilingual("Image", "画像"),
    "also_transcribed": bilingual(
        "Transcribed speech: {seconds} s.", "ほかに{seconds}秒の音声を文字起こししました。"
    ),
    "review_title": bilingual("Review", "レビュー"),
    "not_reviewed": bilingual(
        "Nobody has reviewed this session.", "まだ誰もレビューしていません。"
    ),
    "reviewed_by": bilingual(
        "Reviewed by {name}, {time} UTC", "{name} がレビュー済み（{time} UTC）"
    ),
    "your_note": bilingual("Your note", "あなたのメモ"),
    "note_help": bilingual(
        "Optional, at most {number} characters. Everybody who may view this session can read it.",
        "任意。{number}文字まで。この会話を閲覧できる全員に表示されます。",
    ),
    "mark": bilingual("Mark as reviewed", "レビュー済みにする"),
    "update": bilingual("Save the note", "メモを保存"),
    "withdraw": bilingual("Withdraw my review", "自分のレビューを取り消す"),
    "marked": bilingual("Your review was saved.", "レビューを保存しました。"),
    "withdrawn": bilingual("Your review was withdrawn.", "レビューを取り消しました。"),
    "note_too_long": bilingual(
        "The note was not saved: it is longer than {number} characters.",
        "メモを保存できませんでした。{number}文字以内で入力してください。",
    ),
}

BEGINNINGS: Mapping[Beginning, str] = {
    Beginning.FIRST: bilingual("first call", "最初の通話"),
    Beginning.CONTINUED: bilingual("continues the call before", "前の通話の続き"),
    Beginning.REOPENED: bilingual("reopened later", "時間をおいて再開"),
}

STATES: Mapping[CallState, str] = {
    CallState.LIVE: bilingual("live", "通話中"),
    CallState.SILENT: bilingual("open, but its server does not respond", "サーバーの応答なし"),
}
"""The states of a call that has not ended."""

STATUSES: Mapping[str, str] = {
    TurnStatus.IN_PROGRESS: bilingual("in progress", "進行中"),
    TurnStatus.INTERRUPTED: bilingual("interrupted", "途中で中断"),
    TurnStatus.FAILED: bilingual("failed", "失敗"),
}
"""Of a turn that is not completed."""

SESSION_STATUSES: Mapping[str, str] = {
    "open": bilingual("open", "利用可能"),
    "live": bilingual("live", "通話中"),
    "closed": bilingual("closed", "終了"),
}

MODES: Mapping[bool, str] = {True: bilingual("voice", "音声"), False: bilingual("text", "文字")}
"""By a session's `realtime_mode`."""
