"""PURE: what the people of the demo data say to the customer whom the simulator plays.

The written ones also have what people paste: several lines, full-width and half-width letters,
emoji, Markdown and HTML; the admin and its search are looked at with them.
"""

from collections.abc import Mapping
from typing import Final

from backend.wording import Language

OPENINGS: Final[Mapping[Language, tuple[str, ...]]] = {
    "en": (
        "Hello, thank you for taking the time today.",
        "Good morning! I would like to learn about your order desk.",
        "Hi, it's me again. Shall we go on where we stopped?",
        "How do you handle your orders at the moment?",
        "What is the most difficult part of your work?",
        "Before we talk about prices: what does a normal day look like?",
    ),
    "ja": (
        "こんにちは。本日はお時間をいただきありがとうございます。",
        "おはようございます。受注のお仕事について教えてください。",
        "先日の続きをお願いします。",
        "今はどのように注文を受けていますか。",
        "一番お困りのことは何ですか。",
        "費用のお話の前に、普段の一日の流れを伺えますか。",
    ),
}

SPOKEN: Final[Mapping[Language, tuple[str, ...]]] = {
    "en": (
        "How many orders do you get on a day?",
        "How many people work on the orders?",
        "And how long does it take to type one of them?",
        "Which software do you use for that?",
        "What have you tried so far?",
        "What happens when there is a mistake?",
        "How often does that happen?",
        "What does that cost you every month?",
        "How would it help if the typing went away?",
        "What do your customers say about it?",
        "It costs four hundred dollars a month.",
        "Is there a budget for this year?",
        "Who else decides about this?",
        "Have you looked at other companies?",
        "Our system reads the faxes by itself.",
        "Shall we start with a free trial next week?",
        "Could I visit you on Wednesday morning?",
        "I can send you a summary by email.",
        "Do you have any questions for me?",
        "Sorry, could you say that again?",
        "I understand. That must be hard at the end of the month.",
        "Yes.",
        "And then?",
        "Right.",
        "No, not really.",
        "How is the weather in your town?",
        "Are you a robot?",
        "Wait, one moment please.",
        "That is all for today. Have a nice day!",
    ),
    "ja": (
        "注文は一日に何件ぐらいありますか。",
        "受注は何人で担当していますか。",
        "一件の入力に時間はどのくらいかかりますか。",
        "そのために、どんなソフトをお使いですか。",
        "これまでに何か試されたことはありますか。",
        "間違いがあるとどうなりますか。",
        "それはどのくらいの頻度で起こりますか。",
        "その損失は毎月いくらぐらいですか。",
        "入力がなくなれば、どう変わりますか。",
        "お客様からの苦情はありますか。",
        "費用は月に五万円です。",
        "今年のご予算はどのくらいですか。",
        "ほかにどなたが決定に関わりますか。",
        "他社のサービスも比較されていますか。",
        "弊社のシステムはファックスを自動で読み取ります。",
        "来週、無料でお試しになりませんか。",
        "水曜日の午前に伺ってもよろしいでしょうか。",
        "まとめの資料をメールでお送りします。",
        "何かご質問はありますか。",
        "すみません、もう一度お願いします。",
        "なるほど。月末は特に大変ですね。",
        "はい。",
        "それで。",
        "本当ですか。",
        "いいえ、特にありません。",
        "そちらのお天気はいかがですか。",
        "あなたはロボットですか。",
        "少々お待ちください。",
        "本日は以上です。ありがとうございました。失礼いたします。",
    ),
}

WRITTEN: Final[Mapping[Language, tuple[str, ...]]] = {
    "en": (
        "Two questions:\n1. How many orders do you get on a day?\n2. Who types them?",
        "thanks 🙏 what happens when there is a mistake?",
        "Which software do you use? (Excel, SAP, …)",
        "Our list:\n\n- **fax** → read by itself\n- *telephone* → typed by hand\n\nHelpful?",
        "What does <b>one mistake</b> cost & who pays for it?",
        "Could you decide by the end of the month? 100% of our customers got their money back "
        "within a year, and we would come to your office in Rotterdam to set everything up, "
        "together with the people at the order desk, so that nobody has to stop working.",
        "price_list_2026.pdf – what do you think about the price?",
        "👨‍👩‍👧‍👦 how many people are in the team?",
    ),
    "ja": (
        "質問が二つあります。\n1. 注文は一日に何件ですか。\n2. どなたが入力していますか。",
        "ありがとうございます🙏 間違いがあるとどうなりますか？",
        "どんなソフトをお使いですか（Ｅｘｃｅｌ、ＳＡＰなど）",
        "弊社の案です。\n\n- **FAX** → 自動で読み取り\n- *電話* → 手入力\n\nいかがでしょうか。",
        "<b>間違い一件</b>の損失はいくら & どなたの負担ですか。",
        "月末までにご決定いただけますか。これまでのお客様は１００％、一年以内に費用を回収されています。"
        "導入の際は貴社まで伺い、受注担当の皆様とご一緒に設定いたしますので、業務を止める必要はございません。",
        "ﾌｧｯｸｽの件数を教えてください",
        "👨‍👩‍👧‍👦 チームは何人ですか",
    ),
}

TITLES: Final[Mapping[Language, tuple[str, ...]]] = {
    "en": (
        "Follow-up: free trial on Tuesday",
        "Practice for the meeting on Friday ☕",
        "My very long title about the order desk, its faxes, its telephone, its people, and about "
        "everything that could be better there by the end of the year",
    ),
    "ja": (
        "火曜日のお試しについて",
        "金曜日の商談の練習 ☕",
        "受注デスクのファックスと電話と担当者、そして年末までに改善できることのすべてについての、"
        "とても長い題名の会話",
    ),
}
"""Titles that people gave themselves; the last one is long."""
