"""The words of the live desk, in English and Japanese."""

from collections.abc import Mapping

from backend.bilingual import bilingual

WORDS: Mapping[str, str] = {
    "title": bilingual("Live calls", "通話中の一覧"),
    "user": bilingual("User", "ユーザー"),
    "since": bilingual("Since (UTC)", "開始 (UTC)"),
    "duration": bilingual("Duration", "経過時間"),
    "state": bilingual("State", "状態"),
    "model": bilingual("Model", "モデル"),
    "worker": bilingual("Worker", "ワーカー"),
    "session": bilingual("Session", "会話"),
    "action": bilingual("Action", "操作"),
    "read": bilingual("Open", "開く"),
    "end": bilingual("End…", "終了…"),
    "end_of": bilingual("End the call of", "この通話を終了:"),
    "live": bilingual("live", "通話中"),
    "silent": bilingual("no heartbeat", "応答なし"),
    "ending": bilingual("ending", "終了処理中"),
    "total": bilingual("Calls now:", "現在の通話数:"),
    "nobody": bilingual("Nobody is in a call.", "現在、通話はありません。"),
    "longest": bilingual(
        "Only the longest-running ones are listed.", "経過時間の長い通話のみ表示しています。"
    ),
    "refreshes": bilingual(
        "The list refreshes itself every five seconds.", "この一覧は5秒ごとに更新されます。"
    ),
    "stale": bilingual(
        "The list could not be refreshed. It shows what was there before.",
        "一覧を更新できませんでした。以前の内容を表示しています。",
    ),
    "reload": bilingual("Refresh now", "今すぐ更新"),
    "end_title": bilingual("End this call?", "この通話を終了しますか？"),
    "end_means": bilingual(
        "The call ends within a few seconds. The user sees that it has ended, keeps the"
        " conversation so far, and may start another call. Your name is recorded in the audit log.",
        "通話は数秒以内に終了します。ユーザーには終了したことが表示され、それまでの会話は"
        "保存されます。ユーザーは新しい通話を始められます。この操作はあなたの名前とともに"
        "監査ログに記録されます。",
    ),
    "end_yes": bilingual("End the call", "通話を終了する"),
    "cancel": bilingual("Cancel", "キャンセル"),
    "is_over": bilingual("That call is over already.", "その通話はすでに終了しています。"),
    "end_requested": bilingual(
        "The call ends within a few seconds.", "通話は数秒以内に終了します。"
    ),
}
