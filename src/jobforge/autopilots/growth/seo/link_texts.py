"""Link texts that say nothing, by language. Source: Lighthouse audit `link-text`."""

from __future__ import annotations

NON_DESCRIPTIVE: dict[str, frozenset[str]] = {
    "en": frozenset(
        [
            "click here",
            "click this",
            "go",
            "here",
            "information",
            "learn more",
            "more",
            "more info",
            "more information",
            "right here",
            "read more",
            "see more",
            "start",
            "this",
        ]
    ),
    "ja": frozenset(
        ["ここをクリック", "こちらをクリック", "リンク", "続きを読む", "続く", "全文表示"]
    ),
    "es": frozenset(
        [
            "click aquí",
            "click aqui",
            "clicka aquí",
            "clicka aqui",
            "pincha aquí",
            "pincha aqui",
            "aquí",
            "aqui",
            "más",
            "mas",
            "más información",
            "más informacion",
            "mas información",
            "mas informacion",
            "este",
            "enlace",
            "este enlace",
            "empezar",
        ]
    ),
    "pt": frozenset(
        ["clique aqui", "ir", "mais informação", "mais informações", "mais", "veja mais"]
    ),
    "ko": frozenset(
        [
            "여기",
            "여기를 클릭",
            "클릭",
            "링크",
            "자세히",
            "자세히 보기",
            "계속",
            "이동",
            "전체 보기",
        ]
    ),
    "sv": frozenset(["här", "klicka här", "läs mer", "mer", "mer info", "mer information"]),
    "de": frozenset(
        ["klicke hier", "hier klicken", "hier", "mehr", "siehe", "dies", "das", "weiterlesen"]
    ),
    "ta": frozenset(
        [
            "அடுத்த பக்கம்",
            "மறுபக்கம்",
            "முந்தைய பக்கம்",
            "முன்பக்கம்",
            "மேலும் அறிக",
            "மேலும் தகவலுக்கு",
            "மேலும் தரவுகளுக்கு",
            "தயவுசெய்து இங்கே அழுத்தவும்",
            "இங்கே கிளிக் செய்யவும்",
        ]
    ),
    "fa": frozenset(
        [
            "اطلاعات بیشتر",
            "اطلاعات",
            "این",
            "اینجا بزنید",
            "اینجا کلیک کنید",
            "اینجا",
            "برو",
            "بیشتر بخوانید",
            "بیشتر بدانید",
            "بیشتر",
            "شروع",
        ]
    ),
}
