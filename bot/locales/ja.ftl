# 言語：BCP 47 タグと、文と文のあいだに入れるもの
language-tag = ja
language-gap = { "" }

# 待っているとき、描いているとき
waiting = { $ahead ->
    [0] 次があなたの番です。
   *[other] 順番待ちです。前に { $ahead } 件あります。
}
paused = いまは描画を止めています。順番はそのままです。
deserted = いま描画できるマシンが接続されていません。順番はそのままで、接続されしだい自動で再開します。
working-optimize = プロンプトを推敲しています…
working-upscale = 画像を拡大しています…
working-start = 描く準備をしています…
working-one = 描いています… { $step } / { $steps } ステップ
working-many = { $count } 枚描いています… { $percent }%
working-finish = 仕上げています…

# 終わったとき
finished-one = できました · { $steps } ステップ · シード { $seed } · { $seconds } 秒
finished-many = { $count } 枚できました · { $steps } ステップ · シード { $seed } · { $seconds } 秒
finished-upscale = { $width }×{ $height } に拡大しました · { $seconds } 秒
finished-optimize = プロンプトを推敲しました。
finished-optimize-same = このままで十分なプロンプトです。何も変えていません。
finished-optimize-repeated = ほかの書き方は見つかりませんでした。
cancelled-waiting = 描き始める前にキャンセルしました。利用枠は減っていません。
cancelled-running = キャンセルしました。描いた分のステップだけを数えます。
cancelled-left = ページが閉じられました。
cancelled-jobs = { $count } 件の依頼をキャンセルしました。
deleted = 削除しました。
edit = 書き直して、もう一度送ってください。
edit-words = 画像の変えたい所を書いてください。例：「夜にして」
favourite-on = ⭐ 依頼 #{ $job } をお気に入りにしました。古い画像を整理しても残ります。
favourite-off = 依頼 #{ $job } をお気に入りから外しました。

# 注記
note-original = あなたの言葉：{ $words }
note-ignored = ここでは効果がないので無視しました：{ $flags }
note-pasted = 生成データとして読み取りました：{ $flags }
note-cleaned = 見えない文字や制御文字を取り除きました。
note-truncated = プロンプトがモデルには長すぎるので、短くしました。
note-enhanced-place = 場所を補いました。
note-enhanced-time = 時間帯を補いました。
note-enhanced-light = 光を補いました。
note-outside-world = この小さなモデルは、書かれたものをどれも知りません。得意なもの：{ $suggestions }。
note-negative-cleaned = ネガティブプロンプトから、見えない文字や制御文字を取り除きました。
note-negative-truncated = ネガティブプロンプトがモデルには長すぎるので、短くしました。
note-negative-folded = 描きたくないものは、プロンプトの中で避けるようにしました。
note-negative-unknown = 描きたくないものの一部は、この小さなモデルの知らないものなので効果がありません。
note-negative-unguided = --cfg 1 ではネガティブプロンプトが効きません。1.1 以上にしてください。
note-sr = { $network ->
    [sr] 内蔵の小さなネットワークで拡大しました。
   *[other] { $network } で拡大しました。
}
note-lanczos = Lanczos 法で拡大しました。大きくなりますが、細部は増えません。
note-redraw = モデルが描き直しました。細部は新しく描かれたものです。
note-zoom = { $value } 倍に引きました。画像の周りは新しく描いたものです。
note-pan = 4 分の 1 だけ動かしました。{ $value ->
    [left] 左側
    [right] 右側
    [up] 上側
   *[down] 下側
}は新しく描いたものです。
note-brush = 塗った所だけを描き直しました。
note-words = ご指示のとおりに変えました。モデルは元の画像を見ています。
note-prompt = このモデルは画像そのものを変えられないので、言葉をプロンプトに加えて描き直しました。

# 失敗したとき
error-out_of_memory = メモリが足りません。もっと小さいサイズで試してください。
error-numerics = 画像が壊れてしまいました。
error-bad_input = モデルがこの依頼を処理できません。
error-model_missing = モデルがまだインストールされていません。
error-lost = 描画エンジンが毎回途中で止まってしまいました。
plain = #{ $job }：表示できない情報があります。
error-storage = 空き容量がなく、画像を保存できませんでした。
error-internal = こちら側で問題が起きました。
error-refused = 結局、描くことができませんでした。
error-free = { $reason }利用枠は減っていません。

# お断りするとき
refused-empty-prompt = 何を描きますか？ 例：a red sailboat on the sea at sunset
refused-link-not-fetched = { $link } のようなリンクは開きません。画像そのものを添付するか、言葉で説明してください。
refused-prompt-too-long = { $length } 文字あります。{ $limit } 文字までにしてください。
refused-unknown-flag = { $flag } というフラグはありません。使えるものは /help で確認できます。
refused-flag-needs-value = { $flag } の後に値を書いてください。
refused-bad-value = { $flag } に「{ $value }」は使えません。使える値：{ $allowed }
refused-too-many-loras = LoRA ファイルを一度に { $count } 個は使えません。{ $limit } 個までです。
refused-too-many-requests = 一度に { $count } 件は多すぎます。{ $limit } 件までです。
refused-banned-words = ここでは使えない言葉が含まれています。
refused-burst = 1 分間の依頼は { $limit } 件までです。{ $when }もう一度お試しください。
refused-per-day = 1 日 { $limit } 枚の上限を超えます（残り { $left } 枚）。{ $when }もう一度お試しください。
refused-per-day-never = 1 日 { $limit } 枚の上限を超えます（残り { $left } 枚）。枚数を減らすか、小さくしてください。
refused-waiting = 順番待ちの依頼が上限の { $limit } 件あります。1 件終わるのを待つか、キャンセルしてください。
refused-queue-full = 順番待ちがいっぱいです（{ $limit } 件）。{ $when }もう一度お試しください。
refused-too-many = 一度に { $count } 枚は描けません。{ $limit } 枚までです。
refused-too-large = { $megapixels } メガピクセルの画像は大きすぎます。上限は { $limit } メガピクセルです。
refused-bad-image = この画像を読み込めません。PNG、JPEG、WebP のいずれかを送ってください。
refused-bad-mask = マスクは画像と同じ大きさで、一部を覆っている必要があります。変えたい所を塗ってください。
refused-no-inpainting = このモデルは画像全体しか描けません。画像の外側や一部だけを描くことはできません。
refused-no-instruction = 何を変えるかを書いてください。例：/編集 17 夜にして
refused-view-of-upload = { $command } はここで描いた画像に使えます。{ $command } 17 のように依頼の番号を書くか、そのメッセージに返信してください。
refused-too-long = 拡大すると長辺が { $side } ピクセルになります。上限は { $limit } ピクセルです。
refused-image-too-large = 画像が大きすぎます。上限は { $limit } です。
refused-needs-image = 画像を添付するか、依頼の番号を書いてください。例：/upscale 17
refused-nothing-to-redraw = この画像には元のプロンプトが残っていないので、拡大だけができます。「描き直し」を外してください。
refused-no-such-job = #{ $job } という依頼はありません。自分の依頼は /history で確認できます。
refused-no-job-yet = まだ何も描いていません。
refused-not-yours = これができるのは、依頼した本人だけです。
refused-admins-only = これができるのは、このボットの管理者だけです。
refused-banned = このボットの利用を停止されています。{ $when }また使えます。
refused-banned-never = このボットの利用を禁止されています。
ban-reason = 理由：{ $reason }
refused-bad-code = コードが間違っているか、期限が切れています。もう一方のサービスで /link を送ると、新しいコードがもらえます。
refused-too-many-tries = コードを何度も間違えました。{ $when }もう一度お試しください。
refused-own-code = これはあなた自身のコードです。もう一方のサービスで送ってください。
refused-bad-name = 「{ $name }」では相手がわかりません。discord:user:ID、telegram:user:ID、または依頼した人を表す #番号 で書いてください。
refused-not-banned = { $name } は禁止されていません。
refused-draining = まもなく再起動するため、新しい依頼を受け付けていません。しばらくしてからお試しください。
refused-unfit-picture = ここでは表示できない画像になりました。
refused-not-linked = 連携しているアカウントはありません。
refused-nothing-to-cancel = 待っている依頼も、描いている依頼もありません。
refused-picture-gone = この画像はもうありません。
refused-prompt-gone = この依頼のプロンプトは、もう保存されていません。
refused-not-finished = 依頼 #{ $job } には、でき上がった画像がありません。
refused-unknown-command = { $command } というコマンドはありません。できることは /help で確認できます。
door-unavailable = いまは何も保存できません。ディスクかデータベースが書き込みを受け付けません。少し待ってからお試しください。
refused-internal = こちら側で問題が起きました。もう一度お試しください。

when-seconds = { $n } 秒後に
when-minutes = { $n } 分後に
when-hours = { $n } 時間後に
when-days = { $n } 日後に
when-later = しばらくしてから
about-seconds = 約 { $n } 秒
about-minutes = 約 { $n } 分
about-hours = 約 { $n } 時間

# 画像の情報
info-title = 依頼 #{ $job } · { $picture } 枚目（全 { $count } 枚）
info-job = 依頼 #{ $job }
info-picture = { $width }×{ $height } · { $steps } ステップ · ガイダンス { $guidance } · シード { $seed }
info-upscale = { $width }×{ $height } · 拡大済み
info-negative = ネガティブプロンプト：{ $words }
info-loras = LoRA：{ $loras }
info-strength = あなたの画像をもとに描画、変化の強さ { $strength }
info-variation = 変化：シード { $seed }、プロンプトのノイズ { $prompt }、潜在ノイズ { $latent }
info-model = モデル：{ $name }
info-program = { $name } で作成
info-seed = シード { $seed }
info-no-prompt = プロンプトを読み取れない形式です。この画像は拡大できますが、描き直しはできません。
info-unreadable = ほかのプログラムのパラメータが入っていますが、読み取れない形式です。拡大はできますが、描き直しはできません。
info-seconds = 所要時間 { $seconds } 秒

# ボタン
button-reroll = もう一枚
    .hint = 別の絵にしてもう一度描く
button-retry = もう一度
    .hint = もう一度順番に並ぶ
button-vary = 変化
    .hint = この画像に近い絵を描く
button-upscale = 拡大
    .hint = この画像を大きくする
button-zoom = { $factor }×
    .hint = { $factor } 倍に引いて、画像の周りを描く
button-pan =
    .left = 左へ 4 分の 1 動かす
    .right = 右へ 4 分の 1 動かす
    .up = 上へ 4 分の 1 動かす
    .down = 下へ 4 分の 1 動かす
button-edit = 編集
    .hint = プロンプトを直して送り直す
button-info = 情報
    .hint = すべてのパラメータを見る
button-delete = 削除
    .hint = 完全に削除する
button-cancel = キャンセル
    .hint = この依頼をやめる
button-cancel-job = #{ $job } をキャンセル
    .hint = この依頼をやめる
button-use = これを描く
    .hint = このプロンプトで描く
button-original = 元の言葉で描く
    .hint = 自分の言葉のまま描く
button-as-written = 書いたとおり
    .hint = 自分の言葉のまま、書き換えも補いもせずにもう一度描く
button-another = 言い換える
    .hint = 別の言い方でもう一度書く
button-reset = リセット
    .hint = このボットの既定値に戻す
button-forget = すべて削除
    .hint = 元には戻せません
button-keep = 残す
    .hint = 何も変えない
button-pick = { $letter }{ $number }
    .upscale = { $number } 枚目を拡大する
    .vary = { $number } 枚目に近い絵を描く

# 一覧
queue-total = { $total ->
    [0] 待っている人はいません。
   *[other] { $total } 件が順番を待っています。
}
queue-drawing = { $total } 件を描画中です。
queue-none = その中にあなたの依頼はありません。
queue-running = #{ $job } · 描画中 · { $words }
queue-place = #{ $job } · { $place } 番目 · { $words }
history-empty = まだ何もありません。描きたいものを書いてみてください！
history-favourites = ⭐ お気に入り：
history-title = 最近の依頼：
history-line = #{ $job } · { $state } · { $words }
state-queued = 待機中
state-running = 描画中
state-finished = 完了
state-failed = 失敗
state-cancelled = キャンセル
state-deleted = 削除済み
words-upscale = （拡大した画像）
words-gone = （プロンプトは保存されていません）
loras-title = プロンプトの後に「--lora 名前:0.8」のように付けられるスタイル：
loras-line = { $name } · トリガーワード：{ $words }
loras-line-plain = { $name }
loras-more = …ほか { $count } 件
loras-none = ここにはスタイル（LoRA ファイル）がありません。
quota-day = この 24 時間の画像：{ $limit } 枚中 { $spent } 枚、残り { $left } 枚。
quota-day-open = この 24 時間の画像：{ $spent } 枚、上限なし。
quota-minute = この 1 分間の依頼：{ $limit } 件中 { $used } 件。
quota-waiting = 順番待ちの依頼：{ $limit } 件中 { $used } 件。
# 設定
settings = 指定がないときは、この設定で描きます。プロンプトの中のフラグが優先されます。
# 自分のこと
forget = 連携したすべてのサービスから、あなたの画像、プロンプト、お気に入り、設定、連携を完全に削除し、順番待ちの依頼をキャンセルします。すでに投稿されたメッセージは残ります。
forget-done = 削除しました。残るのは、名前を外して数えたこの 24 時間の利用量だけです。
forget-kept = 何も削除していません。
link-code = 10 分以内に、もう一方のサービスでこれを私に送ってください。ほかの人には教えないでください。送った人とあなたの履歴が共有されます。
link-done = { $platform } の { $name } と同じ人になりました。履歴と利用枠は共通です。/link off で解除できます。
link-off = アカウントの連携を解除しました。
# 管理者向け
paused-by-operator = 一時停止しました。/resume まで新しく描き始めません。依頼は受け付けます。
resumed-by-operator = 再開しました。
draining-by-operator = 受付を終了しました。/resume か再起動まで新しい依頼を受け付けません。待っている依頼は描きます。
banned = { $name } の利用を { $days } 日間禁止しました。
banned-for-good = { $name } の利用を無期限に禁止しました。
unbanned = { $name } はまた利用できます。
bans-none = 禁止されている人はいません。
bans-title = 禁止されている人：
bans-for-good = 無期限
bans-until = { $when }解除
stats-title = この 24 時間：
stats-jobs = 依頼：{ $total }（{ $states }）
stats-people = 人数：{ $people }（{ $platforms }）
stats-pace = 1 時間あたり { $pictures } 枚 · 待機中 { $waiting } 件
stats-waited = 待ち時間の中央値：{ $seconds } 秒
stats-drew = 描画時間の中央値：{ $seconds } 秒
stats-worker = マシン { $name }：描画中 { $running } 枚 · 完了 { $drawn } 枚 · 1 枚 { $seconds } 秒
stats-losses = エンジン停止後のやり直し：{ $losses } 回
setting-aspect = 縦横比
setting-steps = ステップ数
setting-cfg = ガイダンス
setting-count = 枚数
setting-optimize = プロンプトの推敲
setting-enhance = 光・場所・時間帯を補う
setting-spoiler = 画像を隠す
setting-value-auto = 自動
setting-value-unguided = { $value }（オフ）
setting-value-on = オン
setting-value-off = オフ

# ヘルプ
help-intro = 描きたいものを、英語か中国語で書いてください。
help-try = 例：{ $example }
help-commands = コマンド
help-flags = フラグ（プロンプトの後ならどこでも）
help-line = { $name }：{ $meaning }
help-ignored = ここで意味のない Midjourney のフラグは無視されます。
command-imagine = 画像を描く
    .words = 描画 画像生成
command-optimize = おおまかな希望を正確なプロンプトにする
    .words = 推敲
command-upscale = 画像を拡大する。「4倍」、「超解像」（ネットワーク）、「描き直し」（新しい細部）を付けられます
    .words = 拡大 アップスケール
command-edit = 言葉のとおりに画像を変える。例：/編集 17 夜にして
    .words = 編集
command-zoom = 1.5 倍か 2 倍に引いて、画像の周りを描く
    .words = ズームアウト
command-pan = 画像を左・右・上・下へ 4 分の 1 動かす
    .words = 移動
command-reroll = 直前の画像を、別の絵にして描く
    .words = もう一枚 もう1枚
command-queue = 順番待ちを見る
    .words = 順番待ち 順番
command-cancel = 自分の依頼を、すべてまたは番号で指定してキャンセルする
    .words = キャンセル 取り消し
command-history = 最近の依頼の一覧
    .words = 履歴
command-show = 依頼をもう一度表示する
    .words = 表示
command-info = 画像のすべてのパラメータを見る
    .words = 情報 パラメータ
command-quota = 残りの利用枠を見る
    .words = 利用枠
command-loras = --lora で使えるスタイル（LoRA ファイル）を一覧する
    .words = スタイル一覧
command-settings = 自分の既定値を見る、変える
    .words = 設定
command-link = 複数のサービスのアカウントを 1 つにする
    .words = 連携
command-forget = あなたに関するすべてを削除する
    .words = データ削除
command-help = この説明を表示する
    .words = ヘルプ 使い方
command-pause = 新しく描き始めるのを止める。依頼は受け付ける
    .words = 一時停止
command-resume = /pause や /drain のあとで再開する
    .words = 再開
command-drain = 新しい依頼を受け付けず、待っている分を描き終える
    .words = 受付終了
command-stats = 今日の統計を見る
    .words = 統計
command-ban = 利用を禁止する：名前または #番号、日数、理由
    .words = 利用禁止
command-unban = 禁止を解除する：名前または #番号
    .words = 禁止解除
flag-ar = 画像の縦横比。例：16:9
    .name = 縦横比
flag-size = ピクセル単位のサイズ。例：512x768
flag-seed = 乱数のシード。同じシードなら同じ画像になります
    .name = シード
flag-steps = 描画のステップ数
    .name = ステップ数
flag-fast = プロンプトに必要なだけのステップ数にする（4～8）
    .name = 高速
flag-cfg = プロンプトにどれだけ忠実に描くか
    .name = ガイダンス
flag-count = 画像の枚数
    .name = 枚数
flag-repeat = 同じ依頼を繰り返す回数
flag-lora = このサーバーの LoRA ファイルの画風。例：ink:0.8
    .name = lora
flag-strength = 添付した画像をどれだけ変えるか
    .name = 変化の強さ
flag-raw = 言葉のまま描く。推敲も補足もしない
flag-optimize = プロンプトを推敲するかどうか
    .name = 推敲
flag-enhance = 光・場所・時間帯を補うかどうか
    .name = 補足
flag-spoiler = クリックするまで画像を隠す
    .name = ネタバレ
flag-no = 画像に入れたくないもの
    .name = 除外

# 値として書ける言葉
typed-on = オン
typed-off = オフ
typed-auto = 自動
typed-random = ランダム
typed-help =
    こんにちは
    こんばんは
    おはよう
    おはようございます
    やあ
    何ができますか
    何ができるの
    使い方
    使い方を教えて
    使い方を教えてください
    あなたは誰ですか
typed-all = 全部 すべて
typed-separate = 解除 オフ
typed-sr = 超解像
typed-redraw = 描き直し
typed-left = 左 左へ
typed-right = 右 右へ
typed-up = 上 上へ
typed-down = 下 下へ

# Telegram
telegram-ask-imagine = 何を描きますか？ このメッセージに返信してください。
telegram-ask-optimize = どの言葉をプロンプトにしますか？ このメッセージに返信してください。
telegram-ask-hint = a red sailboat on the sea at sunset
telegram-closed = 管理者が許可した人とグループにだけ返信します。ここは設定では「{ $name }」です。
telegram-copy-prompt = プロンプトをコピー
telegram-copy-seed = シードをコピー
telegram-private = あなただけに見せる内容なので、個別にお返事します。私とのチャットを開いて「開始」を押してください。
telegram-muted = そのグループに書き込む権限がないので、描きませんでした。グループの管理者に許可を頼むか、ここで私に書いてください。
telegram-as-chat = グループまたはチャンネルとして書き込まれています。区別できる個人にだけ描きますので、ご自身のアカウントで書くか、個別チャットで送ってください。
telegram-forwarded-picture = 転送された画像だけでは依頼になりません。言葉で返信すると変更、/upscale で拡大、/info で作り方を表示します。
telegram-forwarded-text = 転送されたメッセージは依頼になりません。描きたい言葉をご自身で送ってください。
telegram-unusable = この添付ファイルは使えません。写真、画像ファイル、GIF、またはステッカーを送ってください。
telegram-open = チャットを開く
telegram-back = すべての設定
telegram-as-file = Telegram は写真からパラメータを取り除きます。ファイルとして送ってもらえれば読み取れます。

# Discord
discord-menu-info = 画像の情報
discord-menu-upscale = 画像を拡大
discord-option-prompt = 描きたいもの。--ar 16:9 のようなフラグも書けます
    .name = プロンプト
discord-option-image = もとにする画像
    .name = 画像
discord-option-job = 自分の依頼の番号
    .name = 依頼
discord-option-picture = 依頼の何枚目か（1 から）
    .name = 何枚目
discord-option-factor = 一辺を何倍にするか
    .name = 倍率
discord-option-method = sr：ネットワークで拡大、lanczos：細部は増えない、redraw：モデルが細部を描き直す（時間がかかります）
    .name = 方式
discord-option-zoom = 何倍に引くか
    .name = 倍率
discord-option-direction = どちらへ動かすか
    .name = 方向
discord-option-change = 変えたい所。例：「夜にして」
    .name = 指示
discord-option-code = もう一方のサービスのコード。off で連携を解除
    .name = コード
discord-option-person = Discord のユーザー
    .name = ユーザー
discord-option-asker = 本人の依頼の番号で指定
    .name = 依頼
discord-option-name = 名前で指定。例：telegram:user:123
    .name = 名前
discord-option-days = 日数。書かなければ無期限
    .name = 日数
discord-option-reason = 本人に伝える理由
    .name = 理由
discord-edit-title = プロンプトの編集
discord-edit-label = プロンプトとフラグ
discord-change-title = 画像を変える
discord-change-label = 変えたい所
discord-comma = 、
discord-permission-view-channel = チャンネルを見る
discord-permission-send-messages = メッセージを送信
discord-permission-send-messages-in-threads = スレッドでメッセージを送信
discord-permission-attach-files = ファイルを添付
discord-permission-embed-links = 埋め込みリンク
discord-refused-explicit = Discord がこの画像を露骨な内容と判断し、ここには投稿できません。許可された場所で /show { $job } と入力すると表示します。
discord-refused-picture = Discord がこの画像をここでは受け付けません。別の場所で /show { $job } と入力すると表示します。
discord-sent-by-dm = ここには投稿できなかったので、ダイレクトメッセージでお送りしました。
refused-not-here = このボットはここでは使えません。管理者が { $place } を許可すると使えるようになります。
refused-missing-permissions = ここには画像を投稿できません。次の権限がありません：{ $permissions }。モデレーターに頼むか、別のチャンネルで試してください。
refused-no-picture = このメッセージには画像がありません。
refused-no-parameters = この画像にはパラメータがありません。スクリーンショットや再圧縮したファイルでは失われます。
note-enhanced = 補いました：{ $words }。
note-kept = 分からない語があるため、中国語のまま使います：{ $words }。
note-left-out = 分からない語は省きました：{ $words }。
note-nearest = この小さなモデルが知らないものは、いちばん近いもので描きます：{ $words }。
note-near = ほかに近いもの：{ $words }。
note-unread = このモデルは中国語を読めず、次の語は訳せませんでした：{ $words }。英語でお試しください。
note-optimizer-failed = 言語モデルが動かなかったので、ルールで書き直しました。
note-optimizer-language-model = 言語モデルが書き直しました。
note-optimizer-loading = 言語モデルはまだダウンロード中なので、ルールで書き直しました。
note-optimizer-slow = 言語モデルに時間がかかりすぎたので、ルールで書き直しました。
note-optimizer-too-slow = この環境では言語モデルが遅すぎるので、ルールで書き直しました。
note-optimizer-unusable = 言語モデルの文が元の意味から外れたので、ルールで書き直しました。
note-lora-text-encoder = LoRA ファイルのうち、テキストエンコーダーを変える部分は使っていません。
note-world-count = この小さなモデルは、それぞれ 1 つずつ、2 種類までしか描けません。

# Web
page-title = 言葉から絵を
page-welcome = 何を描きますか？
page-earlier = 以前の画像
page-conversation = 会話
page-prompt = プロンプト
page-placeholder = 描きたいものを英語か中国語で…
page-attach = 画像を添付
page-detach = 添付した画像を外す
page-attached = 添付した画像
page-enhance = 補足
page-steps = ステップ数
page-cfg = CFG
page-optimize = 最適化
page-optimize-hint = 入力欄の文を正確なプロンプトに書き直します
page-optimizing = 文を書き直しています…
page-undo = 元に戻す
page-reword = 別の言い方
page-stop = 中止
page-more = その他の設定
page-auto = 送信時に最適化
page-enhance-hint = 光・場所・時間がなければ補います
page-aspect = 縦横比
page-count = 枚数
page-negative = 描かないもの
page-negative-hint = 文字、人物…
page-seed = シード
page-seed-hint = ランダム
page-strength = 添付画像の変更度
page-reset = リセット
page-deleted = 削除しました。
page-favourite = お気に入り
page-leaving = このページを閉じると、まだ描いている途中のものはキャンセルされます。
page-keep = 閉じても描き続ける
page-understood = わかりました
page-menu = メニュー
page-gallery = ギャラリー
page-settings = 設定
page-help = ヘルプ
page-keys = キーボードショートカット
page-tongue = 言語
page-theme = テーマ
page-theme-auto = 端末に合わせる
page-theme-light = ライト
page-theme-dark = ダーク
page-commands = コマンド
page-search = プロンプトを検索
page-shape = すべての形
page-square = 正方形
page-wide = 横長
page-tall = 縦長
page-days = すべての期間
page-day = 1 日以内
page-week = 1 週間以内
page-month = 1 か月以内
page-favourites = お気に入り
page-none = 画像が見つかりません。
page-previous = 前の画像
page-next = 次の画像
page-copy-prompt = プロンプトをコピー
page-copy-seed = シードをコピー
page-copied = コピーしました
page-actions = できること
page-key-card = カードの間を移動
page-key-group = グループ内の次のボタン
page-additions = 付け加えるもの
page-upscale = { button-upscale }
page-vary = { button-vary }
page-any-model = 運用者は別のモデルを選べます。方法は docs/models.md にあります。
page-model-name = モデル
page-model-download = ダウンロード
page-model-whole = 全体が載る VRAM
page-model-here = 取得済み
page-key-line = 改行
page-key-write = 入力欄へ移動（入力欄では：コマンド）
page-key-next = 前または次の画像
page-send = 送信
page-viewer = 原寸の画像
page-brush = ここだけ
page-brush-hint = 変えたい所を塗り、そこに何を描くかを書いてください。
page-brush-keys = 塗る所：矢印キーで筆を動かし、スペースで塗り、Backspace で取り消します
page-brush-size = 筆
page-brush-use = ここを描き直す
page-download = ダウンロード
page-close = 閉じる
page-dismiss = 閉じる
page-enlarge = 大きく表示
page-reveal = ネタバレ：クリックで表示
page-from = #{ $job } から
page-progress = 進み具合
page-expected = { $when }に完成予定
page-reconnecting = 再接続しています…
page-unreachable = ボットに接続できません。起動していますか？
page-not-picture = このファイルは画像ではありません。
page-failed = 途中で問題が起きました。もう一度お試しください。
page-too-large = 画像が大きすぎます。上限は { $limit } MB です。
page-too-large-on-the-way = ボットの手前にあるサーバーが通せる大きさを超えています。
page-again = 入力欄に戻す
page-ask = トークンを入力してください
page-enter = 開く
page-no-script = このページには JavaScript が必要です。
door-no-token = トークンが必要です。ページで入力するか、bearer として送ってください。
door-wrong-token = トークンが違います。
door-only-here = このページにはトークンが設定されていないので、同じマシンのブラウザーからの直接のアクセスにだけ応えます（プロキシ経由も不可）。ほかの人に公開するには、web.token を設定し、公開する名前を web.hosts に書いてください。
door-foreign-host = 「{ $host }」は登録されていません。このページの名前であれば、web.hosts に追加してください。
door-foreign-origin = { $origin } からのリクエストには応えません。このページのアドレスであれば、その名前を web.hosts に追加してください。
door-foreign-site = ほかのサイトからのリクエストには応えません。
door-nothing-there = { $path } には何もありません。
door-wrong-method = { $path } はこの方法では使えません。
door-too-large = 大きすぎます。上限は { $limit } です。
door-too-slow = 届くまでに時間がかかりすぎました。もう一度お試しください。

# コマンドラインでの設定
setup-intro = Enter で今の設定のまま進みます。{ $remove } でトークンを削除、Ctrl+C で何も変えずに終わります。
setup-model =
    何で描きますか？
      1  embedded：絵本のような場面。どのマシンでも描け、ダウンロードは不要です
      2  { $large }：何でも描けます（英語と中国語）。ダウンロードは { $gigabytes } GB、100 Mbit/s で{ $duration }
      または、モデルのフォルダー、hub での名前
setup-which = 番号、フォルダー、名前のどれか [{ $now }]：
setup-looking = このマシンで何ができるか調べています…
setup-anyway = それでもこれにしますか？（y/n）
setup-yes = y yes はい
setup-discord = Discord のトークン（https://discord.com/developers/applications の Bot ページ）[{ $now }]：
setup-telegram = Telegram のトークン（@BotFather から）[{ $now }]：
setup-set = 設定済み
setup-none = なし
setup-written = { $file } に書き込みました。読めるのはあなただけです。
setup-unchanged = 何も変更していません。
setup-start = ボットの起動：{ $command }
