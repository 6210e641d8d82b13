"""The words of the admin's list of sessions and of its filters, in English and Japanese.

Those with `{names}` are formats: `word.format(name=...)`.
"""

from collections.abc import Mapping

from backend.bilingual import bilingual

WORDS: Mapping[str, str] = {
    "title": bilingual("title", "タイトル"),
    "untitled": bilingual("(untitled)", "（無題）"),
    "begun": bilingual("begun (UTC)", "開始 (UTC)"),
    "minutes": bilingual("minutes", "分"),
    "turns": bilingual("turns", "発言"),
    "calls": bilingual("calls", "通話"),
    "mode": bilingual("mode", "モード"),
    "last_ending": bilingual("last ending", "最後の終わり方"),
    "cost": bilingual("cost (USD)", "費用 (USD)"),
    "model": bilingual("model", "モデル"),
    "none": bilingual("–", "–"),
    "live": bilingual("live", "通話中"),
    "silent": bilingual("open, but its server does not respond", "サーバーの応答なし"),
    "unknown": bilingual("unknown", "不明"),
    "unknown_why": bilingual(
        "A model that was used has no price in the catalogue.",
        "使用したモデルの料金がカタログにありません。",
    ),
    "estimated_why": bilingual(
        "Partly estimated: the provider has not confirmed all of it.",
        "一部は推定です。プロバイダーがまだ確定していません。",
    ),
    "reviewed": bilingual("reviewed", "レビュー済み"),
    "all": bilingual("All", "すべて"),
    "search_help": bilingual(
        "Words of a title, a username or a turn: every word must occur. Case, width and kana make"
        " no difference; %, _ and * are ordinary characters.",
        "タイトル、ユーザー名、発言の言葉で検索します（空白区切りはすべてを含む）。大文字と小文字、"
        "全角と半角、ひらがなとカタカナは区別しません。%、_、* もそのままの文字として検索します。",
    ),
    "search_too_long": bilingual(
        "The search is too long: {number} characters. It may have {most}.",
        "検索する言葉が長すぎます（{number}文字）。{most}文字以内で入力してください。",
    ),
    "search_single_characters": bilingual(
        "The search has more than {most} words of a single character, so nothing was searched."
        " Please write longer words.",
        "1文字の言葉が{most}個を超えているため、検索しませんでした。"
        "2文字以上の言葉で検索してください。",
    ),
    "search_capped": bilingual(
        "More than {most} sessions match. The first {most} in this order are listed; a longer word"
        " or a filter narrows them down.",
        "{most}件を超える会話が見つかりました。この順序で先頭の{most}件を表示しています。"
        "言葉を長くするか、絞り込みをお使いください。",
    ),
    "search_too_slow": bilingual(
        "The search took too long and was stopped. Longer words are found faster.",
        "検索に時間がかかりすぎるため中止しました。言葉を長くしてお試しください。",
    ),
    "not_understood": bilingual(
        "This was not understood, so all sessions are listed: {what}",
        "次の条件を読み取れないため、すべての会話を表示しています: {what}",
    ),
    "no_choice": bilingual(
        "“{filter}” has no choice “{value}”, so it does not filter.",
        "「{filter}」に「{value}」という選択肢はないため、絞り込みません。",
    ),
    "no_user": bilingual(
        "No user with sessions is called “{name}”.",
        "会話のあるユーザーに「{name}」はいません。",
    ),
    "by_user": bilingual("user", "ユーザー"),
    "username": bilingual("Username", "ユーザー名"),
    "show": bilingual("Show", "表示"),
    "language": bilingual("language", "言語"),
    "provider": bilingual("provider", "プロバイダー"),
    "trouble": bilingual("trouble", "問題"),
    "ended_badly": bilingual("a call ended badly", "通話の異常終了"),
    "interrupted": bilingual("interrupted answers", "途中で止められた回答"),
    "untranscribed": bilingual("failed transcription", "文字起こしの失敗"),
    "ending": bilingual("ending of a call", "通話の終わり方"),
    "live_now": bilingual("live now", "通話中"),
    "no_cost": bilingual("nothing", "なし"),
    "cost_estimated": bilingual("partly estimated", "一部推定"),
    "under": bilingual("under {high}", "{high}未満"),
    "between": bilingual("{low} to {high}", "{low}以上{high}未満"),
    "over": bilingual("{low} and more", "{low}以上"),
    "no_minutes": bilingual("none", "なし"),
    "previous": bilingual("Previous session", "前の会話"),
    "next": bilingual("Next session", "次の会話"),
    "neighbours": bilingual("Sessions beside this one in the list", "一覧での前後の会話"),
}

MODES: Mapping[bool, tuple[str, str]] = {
    True: ("🎤", bilingual("voice", "音声")),
    False: ("💬", bilingual("text", "文字")),
}
"""The sign and the word, by a session's `realtime_mode`."""
