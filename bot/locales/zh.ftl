# 语言：BCP 47 标签，以及两句话之间的内容
language-tag = zh-CN
language-gap = { "" }

# 等待与进行中
waiting = { $ahead ->
    [0] 下一个就轮到你了。
   *[other] 排队中，前面还有 { $ahead } 个任务。
}
paused = 暂时停画，你的位置会保留。
deserted = 现在没有机器可以画图，你的位置会保留，机器连上后会自动继续。
working-optimize = 正在润色你的描述……
working-upscale = 正在放大图片……
working-start = 准备开画……
working-one = 正在画……第 { $step } / { $steps } 步
working-many = 正在画 { $count } 张图……{ $percent }%
working-finish = 正在收尾……

# 完成
finished-one = 画好了 · { $steps } 步 · 种子 { $seed } · { $seconds } 秒
finished-many = { $count } 张都画好了 · { $steps } 步 · 种子 { $seed } · { $seconds } 秒
finished-upscale = 放大好了，{ $width }×{ $height } · { $seconds } 秒
finished-optimize = 提示词润色好了。
finished-optimize-same = 你的提示词已经很好，没有改动。
finished-optimize-repeated = 想不出别的写法了。
cancelled-waiting = 已取消，还没开始画，不计入额度。
cancelled-running = 已取消，只计已经画的步数。
cancelled-left = 你关闭了页面。
cancelled-jobs = 已取消 { $count } 个任务。
deleted = 已删除。
edit = 改好之后再发一次就行。
edit-words = 请写要改什么，比如“改成夜晚”。
favourite-on = ⭐ 任务 #{ $job } 已收藏，清理旧图时会保留。
favourite-off = 任务 #{ $job } 已取消收藏。

# 小字说明
note-original = 你的原话：{ $words }
note-ignored = 这里用不上，已忽略：{ $flags }
note-pasted = 按生成参数读取：{ $flags }
note-cleaned = 去掉了看不见的字符或控制符。
note-truncated = 提示词超出模型的长度，已截短。
note-enhanced-place = 补充了地点。
note-enhanced-time = 补充了时间。
note-enhanced-light = 补充了光线。
note-outside-world = 你说的东西这个小模型都不认识。可以试试：{ $suggestions }。
note-negative-cleaned = 去掉了负面提示词里看不见的字符或控制符。
note-negative-truncated = 负面提示词超出模型的长度，已截短。
note-negative-folded = 你不想要的内容已经写进提示词里避开。
note-negative-unknown = 你不想要的内容里，有些这个小模型不认识，不起作用。
note-negative-unguided = --cfg 为 1 时负面提示词不起作用，请用 1.1 或更高。
note-redraw = 由模型重绘：细节是新画的。
note-zoom = 镜头拉远到 { $value } 倍，图片四周是新画的。
note-pan = 画面移动了四分之一，{ $value ->
    [left] 左边
    [right] 右边
    [up] 上边
   *[down] 下边
}是新画的。
note-brush = 只有涂抹过的地方是新画的。
note-words = 已按你说的改：模型看到了原图。
note-prompt = 这个模型不能直接改图：你的话加进了提示词，重新画了一张。
note-sr = { $network ->
    [sr] 由自带的小网络放大。
   *[other] 由 { $network } 放大。
}
note-lanczos = 用 Lanczos 算法放大：尺寸变大，不会多出细节。

# 失败
error-out_of_memory = 内存不够，画不下。换小一点的尺寸试试。
error-numerics = 画出来的图是坏的。
error-bad_input = 模型处理不了这个请求。
error-model_missing = 模型还没有装好。
error-lost = 绘图引擎每次都在中途停下，没能画完。
plain = #{ $job }：部分信息无法显示。
error-storage = 磁盘空间不够，图片没能保存。
error-internal = 我们这边出了点问题。
error-refused = 这张最后没能画成。
error-free = { $reason }这次不计入额度。

# 拒绝
refused-empty-prompt = 想画什么？比如：夕阳下海上的一艘红色帆船。
refused-link-not-fetched = 我不会打开链接（{ $link }）。请直接发图片，或者用文字描述它。
refused-prompt-too-long = 文字有 { $length } 个字符，最多 { $limit } 个。
refused-unknown-flag = 没有 { $flag } 这个参数，发 /help 看看有哪些。
refused-flag-needs-value = { $flag } 后面要写一个值。
refused-bad-value = { $flag } 不能是“{ $value }”，可用范围：{ $allowed }。
refused-too-many-loras = 一次用 { $count } 个 LoRA 太多了，最多 { $limit } 个。
refused-too-many-requests = 一次发 { $count } 个请求太多了，最多 { $limit } 个。
refused-banned-words = 里面有这里不允许的词。
refused-burst = 每分钟最多 { $limit } 次请求，请{ $when }再试。
refused-per-day = 超出每天 { $limit } 张的额度了（还剩 { $left } 张），请{ $when }再试。
refused-per-day-never = 超出每天 { $limit } 张的额度了（还剩 { $left } 张），请少画几张，或者画小一点。
refused-waiting = 你已经有 { $limit } 个任务在排队，到上限了，请等一个画完或者先取消一个。
refused-queue-full = 队列满了（{ $limit } 个任务），请{ $when }再试。
refused-too-many = 一次画 { $count } 张太多了，最多 { $limit } 张。
refused-too-large = { $megapixels } 百万像素的图太大了，上限是 { $limit } 百万像素。
refused-bad-image = 这张图片读不出来，请发 PNG、JPEG 或 WebP 格式。
refused-bad-mask = 蒙版要和图片一样大，并且盖住一部分：请涂抹要改的地方。
refused-no-inpainting = 这个模型只会画整张图，画不了图片边缘以外，也不能只重画一部分。
refused-no-instruction = 请写要改什么，比如 /改图 17 改成夜晚。
refused-view-of-upload = { $command } 只用于在这里画的图：请写任务编号，比如 { $command } 17，或者回复那条消息。
refused-too-long = 放大后长边会有 { $side } 像素，上限是 { $limit }。
refused-image-too-large = 图片太大了，上限是 { $limit }。
refused-needs-image = 请附上一张图片，或者写上任务编号，比如 /upscale 17。
refused-nothing-to-redraw = 这张图片里没有保存画它时用的描述，只能直接放大，请去掉“重绘”。
refused-no-such-job = 你没有 #{ $job } 这个任务，发 /history 看看自己的任务。
refused-no-job-yet = 你还没有画过图。
refused-not-yours = 只有发起的人才能这么做。
refused-admins-only = 只有这个机器人的管理员才能这么做。
refused-banned = 你被暂停使用这个机器人，请{ $when }再来。
refused-banned-never = 你已被禁止使用这个机器人。
ban-reason = 原因：{ $reason }
refused-bad-code = 绑定码不对或已过期，请在另一个平台发 /link 重新获取。
refused-too-many-tries = 输错太多次了，请{ $when }再试。
refused-own-code = 这是你自己的绑定码，请在另一个平台上发送。
refused-bad-name = “{ $name }”不是可用的名称；请写 discord:user:编号、telegram:user:编号，或用 #任务 表示任务的发起人。
refused-not-banned = { $name } 没有被禁止。
refused-draining = 机器人即将重启，暂时不接受新任务，请过一会儿再来。
refused-unfit-picture = 画出来的内容不适合在这里展示。
refused-not-linked = 你还没有绑定任何账号。
refused-nothing-to-cancel = 你没有在排队或正在画的任务。
refused-picture-gone = 这张图已经不在了。
refused-prompt-gone = 这个任务的描述已经不再保存。
refused-not-finished = 任务 #{ $job } 没有画好的图。
refused-unknown-command = 不认识 { $command } 这个命令，发 /help 看看我会做什么。
door-unavailable = 现在无法保存任何内容：磁盘或数据库拒绝写入。请稍后再试。
refused-internal = 我们这边出了点问题，请再试一次。

when-seconds = { " " }{ $n } 秒后
when-minutes = { " " }{ $n } 分钟后
when-hours = { " " }{ $n } 小时后
when-days = { " " }{ $n } 天后
when-later = 稍后
about-seconds = 大约 { $n } 秒
about-minutes = 大约 { $n } 分钟
about-hours = 大约 { $n } 小时

# 参数
info-title = 任务 #{ $job } · 第 { $picture } 张，共 { $count } 张
info-job = 任务 #{ $job }
info-picture = { $width }×{ $height } · { $steps } 步 · 引导强度 { $guidance } · 种子 { $seed }
info-upscale = { $width }×{ $height } · 已放大
info-negative = 负面提示词：{ $words }
info-loras = LoRA：{ $loras }
info-strength = 以你的图片为底，改动强度 { $strength }
info-variation = 变化：种子 { $seed }，提示词扰动 { $prompt }，初始噪声扰动 { $latent }
info-model = 模型：{ $name }
info-program = 由 { $name } 生成
info-seed = 种子 { $seed }
info-no-prompt = 它的提示词写法我读不懂，所以这张图可以放大，不能重绘。
info-unreadable = 这张图带有其他程序写的参数，但我读不懂。它可以放大，不能重绘。
info-seconds = 用时 { $seconds } 秒

# 按钮
button-reroll = 重画
    .hint = 再画一张不一样的
button-retry = 再试一次
    .hint = 重新排队
button-vary = 变化
    .hint = 画一张相近的图
button-upscale = 放大
    .hint = 把这张图放大
button-zoom = { $factor }×
    .hint = 镜头拉远到 { $factor } 倍，画出图片四周
button-pan =
    .left = 画面向左移四分之一
    .right = 画面向右移四分之一
    .up = 画面向上移四分之一
    .down = 画面向下移四分之一
button-edit = 编辑
    .hint = 改一改提示词再发
button-info = 参数
    .hint = 查看全部参数
button-delete = 删除
    .hint = 彻底删除
button-cancel = 取消
    .hint = 停止这个任务
button-cancel-job = 取消 #{ $job }
    .hint = 停止这个任务
button-use = 用这个画
    .hint = 用这个提示词画
button-original = 用原话画
    .hint = 还是用你自己的话画
button-as-written = 原样
    .hint = 照你的原话再画一张，不改写、不补充
button-another = 换个写法
    .hint = 换一种说法再写一遍
button-reset = 恢复默认
    .hint = 恢复成机器人的默认设置
button-forget = 全部删除
    .hint = 删除后无法恢复
button-keep = 保留
    .hint = 什么都不改
button-pick = { $letter }{ $number }
    .upscale = 放大第 { $number } 张
    .vary = 画几张和第 { $number } 张相近的

# 列表
queue-total = { $total ->
    [0] 现在没有人在排队。
   *[other] 有 { $total } 个任务在排队。
}
queue-drawing = 正在画 { $total } 个任务。
queue-none = 其中没有你的任务。
queue-running = #{ $job } · 正在画 · { $words }
queue-place = #{ $job } · 排在第 { $place } 位 · { $words }
history-empty = 还没有画过，说说想画什么吧！
history-favourites = ⭐ 你的收藏：
history-title = 你最近的任务：
history-line = #{ $job } · { $state } · { $words }
state-queued = 排队中
state-running = 正在画
state-finished = 已完成
state-failed = 失败
state-cancelled = 已取消
state-deleted = 已删除
words-upscale = （放大图片）
words-gone = （描述已不再保存）
loras-title = 可以加在提示词后面的风格，例如“--lora 名称:0.8”：
loras-line = { $name } · 触发词：{ $words }
loras-line-plain = { $name }
loras-more = ……还有 { $count } 个
loras-none = 这里没有风格（LoRA 文件）。
quota-day = 最近 24 小时画了 { $spent } 张，上限 { $limit } 张，还剩 { $left } 张。
quota-day-open = 最近 24 小时画了 { $spent } 张，不限量。
quota-minute = 最近一分钟请求 { $used } 次，上限 { $limit } 次。
quota-waiting = 排队中的任务 { $used } 个，上限 { $limit } 个。
# 设置
settings = 没有特别说明时按这些设置来画；写在描述里的参数优先。
# 个人
forget = 这会永久删除你的图片、描述、收藏、设置和绑定（包括所有绑定的平台），并取消排队中的任务。已经发出的消息会留在原处。
forget-done = 已全部删除。只保留最近 24 小时的用量，不含你的身份。
forget-kept = 什么都没有删除。
link-code = 十分钟内在另一个平台上把它发给我。不要告诉别人：谁发了它，谁就能看到你的历史。
link-done = 你和 { $platform } 上的 { $name } 现在是同一个人：共用历史和额度。发 /link off 可以解除。
link-off = 账号已解除绑定。
# 管理员
paused-by-operator = 已暂停：/resume 之前不再开画，仍可继续提交。
resumed-by-operator = 继续。
draining-by-operator = 收尾中：/resume 或重启之前不接受新任务，排队的会画完。
banned = { $name } 被禁止使用 { $days } 天。
banned-for-good = { $name } 被永久禁止使用。
unbanned = { $name } 可以继续使用了。
bans-none = 没有人被禁止。
bans-title = 被禁止的人：
bans-for-good = 永久
bans-until = { $when }解除
stats-title = 最近 24 小时：
stats-jobs = 任务：{ $total }（{ $states }）
stats-people = 人数：{ $people }（{ $platforms }）
stats-pace = 每小时 { $pictures } 张 · 正在排队 { $waiting } 个
stats-waited = 等待时间中位数：{ $seconds } 秒
stats-drew = 绘制时间中位数：{ $seconds } 秒
stats-worker = 机器 { $name }：正在画 { $running } 张 · 已画 { $drawn } 张 · 每张 { $seconds } 秒
stats-losses = 引擎中断后重画：{ $losses } 次
setting-aspect = 画面比例
setting-steps = 步数
setting-cfg = 引导强度
setting-count = 张数
setting-optimize = 润色描述
setting-enhance = 补充光线、地点和时间
setting-spoiler = 遮住图片
setting-value-auto = 自动
setting-value-unguided = { $value }（关闭）
setting-value-on = 开
setting-value-off = 关

# 帮助
help-intro = 直接说想画什么，中文英文都行。
help-try = 试试：{ $example }
help-commands = 命令
help-flags = 参数，写在描述后面任意位置
help-line = { $name }：{ $meaning }
help-ignored = Midjourney 里在这儿用不上的参数会被忽略。
command-imagine = 画一张图
    .words = 画图 绘画 约稿
command-optimize = 把大概的想法变成准确的提示词
    .words = 润色 优化
command-upscale = 放大图片；可以加“4倍”，加“超分”用网络放大，加“重绘”会重新画出细节
    .words = 放大
command-edit = 按你说的改一张图，比如 /改图 17 改成夜晚
    .words = 改图
command-zoom = 镜头拉远，画出图片四周，1.5 倍或 2 倍
    .words = 拉远
command-pan = 画面移动四分之一：左、右、上、下
    .words = 平移
command-reroll = 把最近一张换个样子重画
    .words = 再来一张
command-queue = 查看队列
    .words = 队列
command-cancel = 取消全部任务，或按编号取消一个
    .words = 取消
command-history = 查看最近的任务
    .words = 历史
command-show = 再看一遍某个任务
    .words = 查看
command-info = 查看图片的全部参数
    .words = 参数
command-quota = 查看剩余额度
    .words = 额度
command-loras = 列出 --lora 可用的风格（LoRA 文件）
    .words = 风格列表
command-settings = 查看和修改自己的默认设置
    .words = 设置
command-link = 把几个平台的账号绑定成一个
    .words = 绑定
command-forget = 删除关于你的一切
    .words = 忘记我
command-help = 显示这份说明
    .words = 帮助
command-pause = 暂停开画，仍可继续提交
    .words = 暂停
command-resume = 解除 /pause 或 /drain
    .words = 继续 恢复
command-drain = 不再接受新任务，把排队的画完
    .words = 收工 停止接单
command-stats = 查看今天的统计
    .words = 统计
command-ban = 禁止某人使用：名称或 #任务、天数、原因
    .words = 封禁
command-unban = 解除禁止：名称或 #任务
    .words = 解封
flag-ar = 画面比例，比如 16:9；直接写“3:4”也行
    .name = 画幅
flag-size = 具体尺寸（像素），比如 512x768
flag-seed = 随机种子，种子相同画面就相同
    .name = 种子
flag-steps = 步数
    .name = 步数
flag-fast = 快速：描述越简单步数越少，4 到 8 步
    .name = 快速
flag-cfg = 对提示词的贴合程度
    .name = 引导强度
flag-count = 张数
    .name = 张数
flag-repeat = 同样的请求重复几次
flag-lora = 叠加本站的 LoRA 风格，比如 ink:0.8
    .name = lora
flag-strength = 对附图的改动程度
    .name = 改动强度
flag-raw = 原话照画：不润色，也不补充
flag-optimize = 是否润色提示词
    .name = 润色
flag-enhance = 是否补充光线、地点和时间
    .name = 补充
flag-spoiler = 图片先遮住，点开才看得到
    .name = 剧透
flag-no = 不想出现的内容
    .name = 不要

# 可以输入的值
typed-on = 开 开启
typed-off = 关 关闭
typed-auto = 自动
typed-random = 随机
typed-help =
    你好
    您好
    你好呀
    嗨
    哈喽
    早上好
    你会什么
    你能做什么
    你会做什么
    怎么用
    怎么用你
    你是谁
    救命
typed-all = 全部 所有
typed-separate = 解除 关闭
typed-sr = 超分 超分辨率 超解析度
typed-redraw = 重绘
typed-left = 左 向左 往左 左边
typed-right = 右 向右 往右 右边
typed-up = 上 向上 往上 上边
typed-down = 下 向下 往下 下边

# Telegram
telegram-ask-imagine = 想画什么？请回复这条消息。
telegram-ask-optimize = 要润色哪段话？请回复这条消息。
telegram-ask-hint = 夕阳下海上的一艘红色帆船
telegram-closed = 我只回答管理员允许的人和群。这里在配置里叫“{ $name }”。
telegram-copy-prompt = 复制提示词
telegram-copy-seed = 复制种子
telegram-private = 这些内容只给你看，我会私聊回复。请打开和我的私聊，点“开始”，就能看到。
telegram-muted = 我在那个群里不能发言，所以没有在那里画。请让群管理员允许我发言，或者直接在这里找我画。
telegram-as-chat = 你在以群或频道的身份发言，我只能给分得清的人画图：请用自己的身份发，或者私聊我。
telegram-forwarded-picture = 转发来的图片还不算请求。回复它并写上文字可以修改，发 /upscale 可以放大，发 /info 可以看它是怎么画的。
telegram-forwarded-text = 转发来的消息不算请求。想画的话，请自己发这段文字。
telegram-unusable = 这个附件我用不了。请发照片、图片文件、动图或贴纸。
telegram-open = 打开私聊
telegram-back = 全部设置
telegram-as-file = Telegram 会去掉照片里的参数。请把图片作为文件发送，我就能读出来。

# Discord
discord-menu-info = 图片参数
discord-menu-upscale = 放大图片
discord-option-prompt = 想画什么；里面可以写参数，比如 --ar 16:9
    .name = 描述
discord-option-image = 用来打底的图片
    .name = 图片
discord-option-job = 你的任务编号
    .name = 任务
discord-option-factor = 边长放大几倍
    .name = 倍数
discord-option-method = sr 用网络放大，lanczos 不加细节，redraw 让模型重新画出细节，用时更长
    .name = 方式
discord-option-zoom = 拉远几倍
    .name = 倍数
discord-option-direction = 往哪边移
    .name = 方向
discord-option-change = 要改什么，比如“改成夜晚”
    .name = 指令
discord-option-picture = 任务里的第几张，从 1 开始
    .name = 第几张
discord-option-code = 另一个平台给出的绑定码；填 off 可解除绑定
    .name = 绑定码
discord-option-person = Discord 上的某个人
    .name = 用户
discord-option-asker = 用对方的任务编号指定
    .name = 任务
discord-option-name = 用名称指定，比如 telegram:user:123
    .name = 名称
discord-option-days = 多少天；不填就是永久
    .name = 天数
discord-option-reason = 告诉对方的原因
    .name = 原因
discord-edit-title = 编辑描述
discord-edit-label = 描述和参数
discord-change-title = 改图
discord-change-label = 要改什么
discord-comma = 、
discord-permission-view-channel = 查看频道
discord-permission-send-messages = 发送消息
discord-permission-send-messages-in-threads = 在子区内发送消息
discord-permission-attach-files = 上传文件
discord-permission-embed-links = 嵌入链接
discord-refused-explicit = Discord 认为这张图含敏感内容，不让在这里发。可以在允许的地方用 /show { $job } 查看。
discord-refused-picture = Discord 不让在这里发这张图。可以在别处用 /show { $job } 查看。
discord-sent-by-dm = 这里发不了图片，我已经私信发给你了。
refused-not-here = 这个机器人没有对这里开放。它的管理员可以把 { $place } 加入允许列表。
refused-missing-permissions = 我没法在这里发图，缺少这些权限：{ $permissions }。请让管理员开启，或者换个频道。
refused-no-picture = 这条消息里没有图片。
refused-no-parameters = 这张图片里没有参数；截图或重新压缩过的图片会丢失参数。
note-enhanced = 补充了：{ $words }。
note-kept = 有词没有看懂，提示词保留中文：{ $words }。
note-left-out = 有词不认识，没有画进去：{ $words }。
note-nearest = 这个小模型不认识，用最接近的代替：{ $words }。
note-near = 也接近：{ $words }。
note-unread = 这个模型不懂中文，这些词也没能译成英文：{ $words }。请用英文试试。
note-optimizer-failed = 语言模型未能运行，已改用规则改写。
note-optimizer-language-model = 由语言模型改写。
note-optimizer-loading = 语言模型仍在下载，已改用规则改写。
note-optimizer-slow = 语言模型用时过长，已改用规则改写。
note-optimizer-too-slow = 语言模型在这台机器上跑得太慢，已改用规则改写。
note-optimizer-unusable = 语言模型改得偏离了原意，已改用规则改写。
note-lora-text-encoder = LoRA 文件里改动文本编码器的部分没有使用。
note-world-count = 这个小模型每样只画一个，一幅画最多两样。

# Web
page-title = 以文绘画
page-welcome = 想画什么？
page-earlier = 更早的图片
page-conversation = 对话
page-prompt = 提示词
page-placeholder = 描述一幅画面…
page-attach = 添加图片
page-detach = 移除图片
page-attached = 已添加的图片
page-enhance = 增强
page-steps = 步数
page-cfg = CFG
page-optimize = 优化
page-optimize-hint = 在输入框里改写成准确的提示词
page-optimizing = 正在改写你的描述…
page-undo = 撤销
page-reword = 换个说法
page-stop = 停止
page-more = 更多选项
page-auto = 发送时优化
page-enhance-hint = 没写光线、地点和时间时补上
page-aspect = 宽高比
page-count = 张数
page-negative = 画面里不要
page-negative-hint = 文字、人物…
page-seed = 种子
page-seed-hint = 随机
page-strength = 对所附图片的改动
page-reset = 恢复默认
page-deleted = 已删除。
page-favourite = 收藏
page-leaving = 关闭这个页面，还没画完的图就会取消。
page-keep = 离开后继续画
page-understood = 知道了
page-menu = 菜单
page-gallery = 图库
page-settings = 设置
page-help = 帮助
page-keys = 键盘快捷键
page-tongue = 语言
page-theme = 主题
page-theme-auto = 跟随设备
page-theme-light = 浅色
page-theme-dark = 深色
page-commands = 命令
page-search = 在提示词中搜索
page-shape = 任意形状
page-square = 方形
page-wide = 横幅
page-tall = 竖幅
page-days = 任意时间
page-day = 最近一天
page-week = 最近一周
page-month = 最近一个月
page-favourites = 收藏
page-none = 没有找到图片。
page-previous = 上一张
page-next = 下一张
page-copy-prompt = 复制提示词
page-copy-seed = 复制种子
page-copied = 已复制
page-actions = 可以做的事
page-key-card = 在卡片之间移动
page-key-group = 同一组的下一个按钮
page-additions = 附加内容
page-upscale = { button-upscale }
page-vary = { button-vary }
page-any-model = 操作者可以换用其他模型，方法见 docs/models.md。
page-model-name = 模型
page-model-download = 下载量
page-model-whole = 整个装下所需显存
page-model-here = 已下载
page-key-line = 换行
page-key-write = 到输入框；在框内：命令
page-key-next = 上一张或下一张
page-send = 发送
page-viewer = 查看大图
page-brush = 只改这里
page-brush-hint = 涂抹要改的地方，然后写那里该是什么。
page-brush-keys = 涂抹区：方向键移动画笔，空格键涂抹，退格键撤销
page-brush-size = 画笔
page-brush-use = 就改这里
page-download = 下载
page-close = 关闭
page-dismiss = 关闭提示
page-enlarge = 查看大图
page-reveal = 剧透内容，点击显示
page-from = 来自 #{ $job }
page-progress = 进度
page-expected = 预计{ $when }完成
page-reconnecting = 正在重新连接…
page-unreachable = 无法连接机器人，它在运行吗？
page-not-picture = 这个文件不是图片。
page-failed = 途中出了点问题，请重试。
page-too-large = 图片太大，上限是 { $limit } MB。
page-too-large-on-the-way = 内容太大，机器人前面的服务器不让通过。
page-again = 放回输入框
page-ask = 请输入令牌
page-enter = 打开
page-no-script = 这个页面需要 JavaScript。
door-no-token = 需要令牌才能使用：请在页面上输入，或作为 bearer 发送。
door-wrong-token = 令牌不正确。
door-only-here = 这个页面没有设置令牌，只回答本机浏览器的直接访问，不接受代理转发。要让别人使用，请设置 web.token，并把公开的域名写进 web.hosts。
door-foreign-host = 这里不认识“{ $host }”。如果它是这个页面的域名，请写进 web.hosts。
door-foreign-origin = 不回答来自 { $origin } 的请求。如果它是这个页面的地址，请把域名写进 web.hosts。
door-foreign-site = 不回答来自其他网站的请求。
door-nothing-there = { $path } 这里什么也没有。
door-wrong-method = { $path } 不支持这种请求方式。
door-too-large = 内容太大，上限是 { $limit }。
door-too-slow = 内容传输太慢，请重试。

# 在命令行上设置机器人
setup-intro = 直接按回车保留现有的设置，输入 { $remove } 删除令牌，按 Ctrl+C 则什么也不改。
setup-model =
    用什么来画？
      1  embedded：绘本风格的场景，任何机器都能画，不用下载
      2  { $large }：什么都能画，懂中文和英文；要下载 { $gigabytes } GB，100 Mbit/s 的网速下{ $duration }
      或者写模型的文件夹，或它在 hub 上的名字
setup-which = 编号、文件夹或名字 [{ $now }]：
setup-looking = 正在查看这台机器能用它做什么…
setup-anyway = 仍然选它吗？（y/n）
setup-yes = y yes 是
setup-discord = Discord 令牌，见 https://discord.com/developers/applications 的 Bot 页 [{ $now }]：
setup-telegram = Telegram 令牌，向 @BotFather 索取 [{ $now }]：
setup-set = 已设置
setup-none = 没有
setup-written = 已写入 { $file }，只有你能读取。
setup-unchanged = 什么也没有改。
setup-start = 启动机器人：{ $command }
