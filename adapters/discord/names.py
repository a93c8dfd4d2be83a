"""What commands, options and menus are called where people write Chinese: simplified, then traditional.

Names are identifiers with rules of their own (no spaces, at most 32 characters), so they are no sentences in
the message files.
"""

from discord import Locale

CHINESE: dict[str, tuple[str, str]] = {
    "imagine": ("画图", "畫圖"),
    "optimize": ("润色", "潤色"),
    "upscale": ("放大", "放大"),
    "reroll": ("再来一张", "再來一張"),
    "queue": ("队列", "佇列"),
    "cancel": ("取消", "取消"),
    "history": ("历史", "歷史"),
    "show": ("查看", "查看"),
    "info": ("参数", "參數"),
    "quota": ("额度", "額度"),
    "help": ("帮助", "說明"),
    "settings": ("设置", "設定"),
    "forget": ("忘记我", "忘記我"),
    "link": ("绑定", "綁定"),
    "pause": ("暂停", "暫停"),
    "resume": ("继续", "繼續"),
    "drain": ("收工", "收工"),
    "stats": ("统计", "統計"),
    "ban": ("封禁", "封鎖"),
    "unban": ("解封", "解除封鎖"),
    "prompt": ("描述", "描述"),
    "aspect": ("画幅", "畫幅"),
    "count": ("张数", "張數"),
    "steps": ("步数", "步數"),
    "fast": ("快速", "快速"),
    "cfg": ("引导强度", "引導強度"),
    "seed": ("种子", "種子"),
    "negative": ("不要", "不要"),
    "enhance": ("补充", "補充"),
    "image": ("图片", "圖片"),
    "strength": ("改动强度", "改動強度"),
    "job": ("任务", "任務"),
    "picture": ("第几张", "第幾張"),
    "spoiler": ("剧透", "防雷"),
    "factor": ("倍数", "倍數"),
    "method": ("方式", "方式"),
    "code": ("绑定码", "綁定碼"),
    "person": ("用户", "使用者"),
    "name": ("名称", "名稱"),
    "days": ("天数", "天數"),
    "reason": ("原因", "原因"),
    "Picture info": ("图片参数", "圖片參數"),
    "Upscale picture": ("放大图片", "放大圖片"),
}
PLACES = {Locale.chinese: 0, Locale.taiwan_chinese: 1}


def localized(name: str, locale: Locale) -> str | None:
    """Return the name in a locale, None where the English one stands."""
    if locale not in PLACES or name not in CHINESE:
        return None
    return CHINESE[name][PLACES[locale]]
