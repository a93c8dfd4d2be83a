"""Simplified Chinese in traditional characters, as written on Taiwan, for commands, options and typed words.

Not a converter for any text: it knows the characters that those consist of, and a test names the one that is
missing when they change.
"""

WORDS = {
    "默认": "預設",
    "设置": "設定",
    "队列": "佇列",
    "账号": "帳號",
    "准确": "準確",
    "里面": "裡面",
    "任务里": "任務裡",
    "第几": "第幾",
    "几个": "幾個",
    "几倍": "幾倍",
    "网络": "網路",
    "什么": "什麼",
    "具体": "具體",
    "剩余": "剩餘",
    "帮助": "說明",
    "剧透": "防雷",
    "用户": "使用者",
    "解封": "解除封鎖",
    "封禁": "封鎖",
    "“": "「",
    "”": "」",
}
"""What is another word there, or would be another character elsewhere."""
PAIRS = (
    "个個 从從 关關 内內 写寫 删刪 务務 动動 参參 变變 号號 图圖 对對 开開 张張 换換 "
    "数數 时時 显顯 暂暫 来來 样樣 润潤 点點 现現 画畫 码碼 称稱 线線 绑綁 给給 统統 "
    "继繼 续續 编編 补補 计計 认認 记記 设設 诉訴 词詞 话話 说說 账帳 贴貼 这這 间間 "
    "随隨 队隊 额額 于於 机機 种種 绘繪 会會 长長 细細 节節 两兩 让讓 边邊 简簡 单單 "
    "历歷 启啟 闭閉 强強 导導 叠疊 风風 镜鏡 头頭 远遠 "
)
CHARACTERS = str.maketrans({pair[0]: pair[1] for pair in PAIRS.split()})


def traditional(text: str) -> str:
    """Return the text in traditional characters, as far as they are known here."""
    for simplified, word in WORDS.items():
        text = text.replace(simplified, word)
    return text.translate(CHARACTERS)
