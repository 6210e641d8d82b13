"""The words of the page of numbers, in English and Japanese."""

from collections.abc import Mapping

from backend.bilingual import bilingual

WORDS: Mapping[str, str] = {
    "title": bilingual("Numbers", "統計"),
    "period": bilingual("Period", "期間"),
    "days_7": bilingual("7 days", "7日間"),
    "days_30": bilingual("30 days", "30日間"),
    "days_90": bilingual("90 days", "90日間"),
    "divided": bilingual("Divided by", "内訳"),
    "group_all": bilingual("Nothing", "なし"),
    "group_model": bilingual("Model", "モデル"),
    "group_user": bilingual("User", "ユーザー"),
    "csv": bilingual("Download as CSV", "CSVをダウンロード"),
    "calls": bilingual("Calls", "通話数"),
    "minutes": bilingual("Minutes", "通話時間（分）"),
    "cost": bilingual("Cost", "費用"),
    "answers": bilingual("Answers", "回答数"),
    "tokens": bilingual("Tokens in / out", "トークン（入力 / 出力）"),
    "bad": bilingual("lost or failed", "件の切断・障害"),
    "bad_share": bilingual("Lost or failed", "切断・障害"),
    "p50": bilingual("Median", "中央値"),
    "p95": bilingual("95th percentile", "95パーセンタイル"),
    "first_sound": bilingual("First sound", "応答の開始"),
    "unpriced": bilingual("entries of unknown price, not included", "件は価格不明のため含みません"),
    "unknown": bilingual("unknown", "不明"),
    "unknown_price": bilingual("without entries of unknown price", "価格不明の分を含みません"),
    "estimated": bilingual("entries estimated", "件は推定値です"),
    "calls_title": bilingual("Calls", "通話数"),
    "calls_note": bilingual(
        "Ended calls, on the day they began.", "終了した通話。開始した日に数えます。"
    ),
    "minutes_title": bilingual("Minutes of calls", "通話時間（分）"),
    "minutes_note": bilingual(
        "From the start of a call to its end.", "通話の開始から終了までの時間です。"
    ),
    "cost_title": bilingual("Cost in USD", "費用（米ドル）"),
    "cost_note": bilingual(
        "Spoken and typed answers, transcriptions and titles, at the prices of the day.",
        "音声と文字の回答、文字起こし、タイトルの費用です。当日の価格で計算します。",
    ),
    "latency_title": bilingual("Time to the first sound", "応答の開始までの時間"),
    "latency_note": bilingual(
        "From the end of the user's speech to the first sound of the answer; within 2%.",
        "ユーザーの発話の終わりから、回答の最初の音までの時間です（誤差2%以内）。",
    ),
    "endings_title": bilingual("How calls ended", "通話の終わり方"),
    "endings_note": bilingual(
        "Lost or failed are the calls that nobody wanted to end.",
        "切断・障害は、意図せずに終わった通話です。",
    ),
    "everything": bilingual("All", "すべて"),
    "others": bilingual("Others", "その他"),
    "deleted_users": bilingual("Deleted users", "削除されたユーザー"),
    "table": bilingual("Table", "表で見る"),
    "day": bilingual("Day", "日付"),
    "nothing_here": bilingual("Nothing in this period.", "この期間のデータはありません。"),
    "nothing_known": bilingual(
        "No price is known of what was used in this period.",
        "この期間に使われたモデルの価格がわかりません。",
    ),
    "keys": bilingual(
        "The arrow keys go from day to day; the same numbers are in the table below.",
        "矢印キーで日付を移動できます。同じ数値が下の表にあります。",
    ),
    "by_model": bilingual("By model", "モデル別"),
    "by_user": bilingual("By user", "ユーザー別"),
    "all_rows_in_csv": bilingual(
        "Only the first ones are listed. The CSV has all of them.",
        "上位のみ表示しています。すべての行はCSVにあります。",
    ),
    "endings": bilingual("Endings in detail", "終わり方の内訳"),
    "ending": bilingual("Ending", "終わり方"),
    "kind": bilingual("Kind", "種類"),
    "share": bilingual("Share", "割合"),
    "no_figures": bilingual("There are no numbers yet.", "まだデータがありません。"),
    "no_figures_why": bilingual(
        "The background worker adds them up every ten minutes, once somebody has talked.",
        "会話があると、バックグラウンドのワーカーが10分ごとに集計します。",
    ),
    "updated": bilingual("Added up at", "集計日時:"),
    "stale": bilingual(
        "Nothing has been added up for more than an hour. Is the background worker running?",
        "1時間以上集計されていません。バックグラウンドのワーカーが動いているか確認してください。",
    ),
    "days_left": bilingual(
        "earlier days are still to be added up.", "日分の過去のデータを集計しています。"
    ),
}
