"""The endings of calls in words, for people who review: what happened, seen from outside.

The sentences for the user of a call are in `backend.wording`. A test checks that no ending is left
out.
"""

from collections.abc import Mapping

from backend.bilingual import bilingual

ENDING_WORDS: Mapping[str, str] = {
    "client_left": bilingual("the user left", "ユーザーが退出"),
    "completed": bilingual("ended as planned", "通話を終了"),
    "draining": bilingual("the server restarted", "サーバーの再起動"),
    "bad_frames": bilingual("unreadable data from the client", "読み取れないデータを受信"),
    "unauthenticated": bilingual("not signed in", "未ログイン"),
    "revoked": bilingual("signed out meanwhile", "通話中にログアウト"),
    "forbidden": bilingual("not allowed", "許可されていない通話"),
    "too_slow": bilingual("the user's connection was too slow", "ユーザーの回線が低速"),
    "unresponsive": bilingual("the user's page did not respond", "ユーザーのページが応答なし"),
    "idle": bilingual("nothing was said for a while", "しばらく発言なし"),
    "taken_over": bilingual("went on in another tab or device", "別のタブまたは端末で継続"),
    "time_limit": bilingual("the time limit was reached", "通話時間の上限"),
    "rate_limit": bilingual("the client sent too much at once", "送信量の超過"),
    "too_many_calls": bilingual("too many calls at once", "同時通話数の上限"),
    "server_full": bilingual("the server was full", "サーバーが満員"),
    "hourly_limit": bilingual("too many calls in an hour", "1時間の通話回数の上限"),
    "budget_spent": bilingual("the budget was spent", "予算の上限"),
    "internal": bilingual("an error of the server", "サーバーのエラー"),
    "provider_failed": bilingual("the voice service broke off", "音声サービスの切断"),
    "provider_refused": bilingual("the voice service refused the call", "音声サービスの拒否"),
    "provider_unavailable": bilingual(
        "the voice service could not be reached", "音声サービスに接続不可"
    ),
    "provider_timeout": bilingual(
        "the voice service did not answer in time", "音声サービスの応答なし"
    ),
    "interrupted": bilingual("cut off: the server process died", "サーバープロセスの停止で中断"),
}


def ending_words(ending: str) -> str:
    """The words for a stored ending; one that is not in the table is shown as it is."""
    return ENDING_WORDS.get(ending, ending)
