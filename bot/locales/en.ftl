# The language: its BCP 47 tag, and what stands between two sentences
language-tag = en
language-gap = { " " }

# While it waits and runs
waiting = { $ahead ->
    [0] You're next.
    [one] In line: 1 job is ahead of you.
   *[other] In line: { $ahead } jobs are ahead of you.
}
paused = Drawing is paused for now; your place in line is kept.
deserted = No computer is connected to draw right now. Your place in line is kept; it goes on by itself.
working-optimize = Rewriting your words…
working-upscale = Enlarging your picture…
working-start = Getting ready to draw…
working-one = Drawing… step { $step } of { $steps }
working-many = Drawing { $count } pictures… { $percent }%
working-finish = Finishing…

# When it is done
finished-one = Here is your picture · { $steps ->
    [one] 1 step
   *[other] { $steps } steps
} · seed { $seed } · { $seconds } s
finished-many = Here are your { $count } pictures · { $steps ->
    [one] 1 step
   *[other] { $steps } steps
} · seeds { $seed } · { $seconds } s
finished-upscale = Here is your picture, enlarged to { $width }×{ $height } · { $seconds } s
finished-optimize = Here is your prompt, rewritten.
finished-optimize-same = Your prompt is fine as it is; nothing was changed.
finished-optimize-repeated = I have no other wording for this.
cancelled-waiting = Cancelled before it started. It cost you nothing.
cancelled-running = Cancelled. Only the steps already drawn count.
cancelled-left = You closed the page.
cancelled-jobs = Cancelled { $count ->
    [one] 1 job
   *[other] { $count } jobs
}.
deleted = Deleted.
edit = Change what you like and send it again.
edit-words = Say what to change in the picture, such as “make it night”.
favourite-on = ⭐ Job #{ $job } is a favourite now; it stays when older pictures are removed.
favourite-off = Job #{ $job } is no longer a favourite.

# Small print
note-original = Your words: { $words }
note-ignored = No effect here, ignored: { $flags }
note-pasted = Read as generation data: { $flags }
note-cleaned = Invisible characters or control codes were removed.
note-truncated = The prompt was too long for the model and was shortened.
note-enhanced-place = Added a place.
note-enhanced-time = Added a time of day.
note-enhanced-light = Added light.
note-outside-world = This small model knows nothing of what you named. It does well with: { $suggestions }.
note-negative-cleaned = Invisible characters or control codes were removed from the negative prompt.
note-negative-truncated = The negative prompt was too long for the model and was shortened.
note-negative-folded = What you didn't want was worked into the prompt.
note-negative-unknown = Some of what you didn't want is nothing the small model knows; that has no effect.
note-negative-unguided = The negative prompt has no effect at --cfg 1; use 1.1 or more.
note-sr = { $network ->
    [sr] Enlarged by the small built-in network.
   *[other] Enlarged by { $network }.
}
note-lanczos = Resized with Lanczos: larger, but no new detail.
note-redraw = Redrawn by the model: the fine detail is new.
note-zoom = Zoomed out { $value }×: what is around the picture is new.
note-pan = Moved by a quarter: { $value ->
    [left] what is on the left
    [right] what is on the right
    [up] what is above
   *[down] what is below
} is new.
note-brush = Only what was painted over is new.
note-words = Changed as you said: the model was given the picture itself.
note-prompt = This model can't change a picture itself: your words were added to its prompt, and it was drawn again.

# When it fails
error-out_of_memory = There wasn't enough memory for this. Try a smaller size.
error-numerics = The picture came out broken.
error-bad_input = The model can't work with this.
error-model_missing = The model isn't installed yet.
error-lost = The drawing engine stopped in the middle of this each time.
plain = #{ $job }: not everything about this can be shown.
error-storage = There was no room to keep the picture.
error-internal = Something went wrong on our side.
error-refused = This couldn't be drawn after all.
error-free = { $reason } It cost you nothing.

# Refusals
refused-empty-prompt = Tell me what to draw, for example: a red sailboat on the sea at sunset.
refused-link-not-fetched = I do not fetch links such as { $link }. Attach the picture itself, or write in words what it shows.
refused-prompt-too-long = Your text has { $length } characters; up to { $limit } are allowed.
refused-unknown-flag = There is no flag { $flag }; /help lists the ones you can use.
refused-flag-needs-value = { $flag } needs a value after it.
refused-bad-value = { $flag } can't be “{ $value }”; allowed: { $allowed }.
refused-too-many-loras = { $count } LoRA files at once are too many; up to { $limit } are allowed.
refused-too-many-requests = That makes { $count } requests at once; up to { $limit } are allowed.
refused-banned-words = This contains words that aren't allowed here.
refused-burst = That's more than { $limit ->
    [one] 1 request
   *[other] { $limit } requests
} a minute; try again { $when }.
refused-per-day = That's more than your { $limit ->
    [one] 1 picture
   *[other] { $limit } pictures
} a day ({ $left } left); try again { $when }.
refused-per-day-never = That's more than the { $limit ->
    [one] 1 picture
   *[other] { $limit } pictures
} you may ask for in a day ({ $left } left); ask for fewer or smaller ones.
refused-waiting = You already have { $limit ->
    [one] 1 job
   *[other] { $limit } jobs
} in line, which is the limit; wait for one to finish or cancel one.
refused-queue-full = The line is full ({ $limit } jobs); try again { $when }.
refused-too-many = { $count } pictures at once are too many; up to { $limit } are allowed.
refused-too-large = A picture of { $megapixels } megapixels is too large; the limit is { $limit }.
refused-bad-image = I can't read that picture; send a PNG, JPEG or WebP file.
refused-bad-mask = The mask has to be as large as the picture and cover some of it: paint over what should change.
refused-no-inpainting = This model draws whole pictures only, so it can't draw beyond a picture's edge or anew within it.
refused-no-instruction = Say what to change, like /edit 17 make it night.
refused-view-of-upload = { $command } works on pictures drawn here: give the number of a job, like { $command } 17, or reply to its message.
refused-too-long = It would be { $side } pixels on its longer side; the limit is { $limit }.
refused-image-too-large = That picture is too large; the limit is { $limit }.
refused-needs-image = Attach a picture, or give the number of one of your jobs, like /upscale 17.
refused-nothing-to-redraw = This picture doesn't carry the prompt it was drawn from, so it can only be enlarged. Leave out “redraw”.
refused-no-such-job = You have no job #{ $job }; /history lists yours.
refused-no-job-yet = You haven't made anything yet.
refused-not-yours = Only the person who asked for this can do that.
refused-admins-only = Only administrators of this bot can do that.
refused-banned = You've been shut out of this bot; come back { $when }.
refused-banned-never = You've been shut out of this bot.
ban-reason = Reason: { $reason }
refused-bad-code = This code is wrong or too old; /link on the other platform gives a new one.
refused-too-many-tries = Too many wrong codes; try again { $when }.
refused-own-code = That is your own code; send it on the other platform.
refused-bad-name = “{ $name }” names nobody; write discord:user:ID, telegram:user:ID, or #JOB for the asker of a job.
refused-not-banned = { $name } isn't shut out.
refused-draining = Nothing new is accepted right now, as the bot is about to be restarted; try again in a while.
refused-unfit-picture = The picture turned out as something that isn't shown here.
refused-not-linked = You haven't linked any accounts.
refused-nothing-to-cancel = You have nothing waiting or running.
refused-picture-gone = This picture is no longer there.
refused-prompt-gone = The words of this job are no longer kept.
refused-not-finished = Job #{ $job } has no finished picture.
refused-unknown-command = I don't know { $command }; /help lists what I can do.
door-unavailable = Nothing can be kept just now, the disk or the database refuses. Please try again in a moment.
refused-internal = Something went wrong on our side; please try again.

when-seconds = { $n ->
    [one] in 1 second
   *[other] in { $n } seconds
}
when-minutes = { $n ->
    [one] in 1 minute
   *[other] in { $n } minutes
}
when-hours = { $n ->
    [one] in 1 hour
   *[other] in { $n } hours
}
when-days = { $n ->
    [one] in 1 day
   *[other] in { $n } days
}
when-later = later
about-seconds = about { $n } seconds
about-minutes = { $n ->
    [one] about 1 minute
   *[other] about { $n } minutes
}
about-hours = { $n ->
    [one] about 1 hour
   *[other] about { $n } hours
}

# Info
info-title = Job #{ $job } · picture { $picture } of { $count }
info-job = Job #{ $job }
info-picture = { $width }×{ $height } · { $steps ->
    [one] 1 step
   *[other] { $steps } steps
} · guidance { $guidance } · seed { $seed }
info-upscale = { $width }×{ $height } · enlarged
info-negative = Negative prompt: { $words }
info-loras = LoRA: { $loras }
info-strength = Drawn over your picture, strength { $strength }
info-variation = Variation: seed { $seed }, prompt noise { $prompt }, latent noise { $latent }
info-model = Model: { $name }
info-program = Made by { $name }
info-seed = Seed { $seed }
info-no-prompt = Its prompt isn't written in a way I can read, so the picture can be enlarged but not redrawn.
info-unreadable = This picture carries another program's parameters, in a form I can't read. It can be enlarged but not redrawn.
info-seconds = Took { $seconds } s

# Buttons
button-reroll = Reroll
    .hint = Draw it again, differently
button-retry = Try again
    .hint = Put it back in line
button-vary = Vary
    .hint = Draw a close relative of this picture
button-upscale = Upscale
    .hint = Make this picture larger
button-zoom = { $factor }×
    .hint = Zoom out { $factor } times: draw what is around this picture
button-pan =
    .left = Move left by a quarter
    .right = Move right by a quarter
    .up = Move up by a quarter
    .down = Move down by a quarter
button-edit = Edit
    .hint = Change the prompt and send it again
button-info = Info
    .hint = Show all parameters
button-delete = Delete
    .hint = Delete this for good
button-cancel = Cancel
    .hint = Stop this job
button-cancel-job = Cancel #{ $job }
    .hint = Stop this job
button-use = Draw this
    .hint = Draw this prompt
button-original = Draw mine
    .hint = Draw your own words instead
button-as-written = As I wrote it
    .hint = Draw the same from your own words, with nothing changed or added
button-another = Reword
    .hint = Write it once more in other words
button-reset = Reset
    .hint = Back to the defaults of this bot
button-forget = Delete everything
    .hint = There is no way back
button-keep = Keep it
    .hint = Change nothing
button-pick = { $letter }{ $number }
    .upscale = Make picture { $number } larger
    .vary = Draw close relatives of picture { $number }

# Lists
queue-total = { $total ->
    [0] Nobody is waiting.
    [one] 1 job is waiting.
   *[other] { $total } jobs are waiting.
}
queue-drawing = { $total ->
    [one] 1 job is being drawn.
   *[other] { $total } jobs are being drawn.
}
queue-none = None of them is yours.
queue-running = #{ $job } · being drawn · { $words }
queue-place = #{ $job } · number { $place } in line · { $words }
history-empty = Nothing yet. Tell me what to draw!
history-favourites = ⭐ Your favourites:
history-title = Your latest:
history-line = #{ $job } · { $state } · { $words }
state-queued = waiting
state-running = being drawn
state-finished = done
state-failed = failed
state-cancelled = cancelled
state-deleted = deleted
words-upscale = (enlarged picture)
words-gone = (words no longer kept)
loras-title = Styles for a prompt, such as “--lora NAME:0.8”:
loras-line = { $name } · say: { $words }
loras-line-plain = { $name }
loras-more = … and { $count } more
loras-none = There are no styles (LoRA files) here.
quota-day = Pictures in the last 24 hours: { $spent } of { $limit }, { $left } left.
quota-day-open = Pictures in the last 24 hours: { $spent }, no limit.
quota-minute = Requests in the last minute: { $used } of { $limit }.
quota-waiting = Your jobs in line: { $used } of { $limit }.
# Settings
settings = This is what holds where you say nothing; a flag in a prompt still wins.
# A person's own things
forget = This deletes your pictures, prompts, favourites, settings and links for good, on every platform you linked, and cancels what you have in line. Messages already posted stay where they are.
forget-done = Done: nothing about you is left, except what you asked for in the last 24 hours, counted without your name.
forget-kept = Nothing was deleted.
link-code = Send this to me on your other platform within ten minutes. Tell nobody else: whoever sends it shares your history.
link-done = You are one person now with { $name } on { $platform }: one history, one quota. /link off separates you again.
link-off = Your accounts are separate again.
# For administrators
paused-by-operator = Paused: nothing new starts until /resume; people may go on asking.
resumed-by-operator = Going on.
draining-by-operator = Draining: nothing new is accepted until /resume or a restart; what waits is made.
banned = { $name } is shut out for { $days ->
    [one] 1 day
   *[other] { $days } days
}.
banned-for-good = { $name } is shut out for good.
unbanned = { $name } may come in again.
bans-none = Nobody is shut out.
bans-title = Shut out:
bans-for-good = for good
bans-until = back { $when }
stats-title = The last 24 hours:
stats-jobs = Jobs: { $total } ({ $states })
stats-people = People: { $people } ({ $platforms })
stats-pace = Pictures an hour: { $pictures } · waiting now: { $waiting }
stats-waited = Waited, median: { $seconds } s
stats-drew = Drew, median: { $seconds } s
stats-worker = Computer { $name }: drawing { $running } · drawn { $drawn } · { $seconds } s a picture
stats-losses = Begun again after the engine was lost: { $losses }
setting-aspect = Aspect ratio
setting-steps = Steps
setting-cfg = Guidance
setting-count = Pictures
setting-optimize = Rewrite prompts
setting-enhance = Add light, place and time
setting-spoiler = Cover pictures
setting-value-auto = Auto
setting-value-unguided = { $value } (off)
setting-value-on = On
setting-value-off = Off

# Help
help-intro = Tell me what to draw and I'll draw it, in plain words, English or Chinese.
help-try = Try: { $example }
help-commands = Commands
help-flags = Flags, anywhere after the prompt
help-line = { $name } – { $meaning }
help-ignored = Midjourney flags without a meaning here are ignored.
command-imagine = draw a picture
    .words = imagine
command-optimize = turn a rough wish into a precise prompt
    .words = optimize
command-upscale = make a picture larger: x2, x3 or x4, with “sr” or “lanczos”, or “redraw” for new detail
    .words = upscale
command-edit = change a picture as you say, like /edit 17 make it night
    .words = edit
command-zoom = zoom out of a picture: x1.5 or x2
    .words = zoom
command-pan = move a picture by a quarter: left, right, up or down
    .words = pan
command-reroll = draw your latest again, differently
    .words = reroll
command-queue = see the line
    .words = queue
command-cancel = cancel your jobs, or one by its number
    .words = cancel
command-history = list your latest jobs
    .words = history
command-show = show a job again
    .words = show
command-info = show all parameters of a picture
    .words = info
command-quota = see what you have left
    .words = quota
command-loras = list the styles (LoRA files) for --lora
    .words = loras
command-settings = see and change your own defaults
    .words = settings
command-link = use one account on several platforms
    .words = link
command-forget = delete everything about you
    .words = forget
command-help = show this
    .words = help start
command-pause = start nothing new; people may go on asking
    .words = pause
command-resume = go on after /pause or /drain
    .words = resume
command-drain = accept nothing new and finish what waits
    .words = drain
command-stats = see what the bot did today
    .words = stats
command-ban = shut somebody out: NAME or #JOB, days, reason
    .words = ban
command-unban = let somebody in again: NAME or #JOB
    .words = unban
flag-ar = shape of the picture, such as 16:9
    .name = aspect
flag-size = exact size in pixels, such as 512x768
flag-seed = start from this number; the same seed gives the same picture
    .name = seed
flag-steps = drawing steps
    .name = steps
flag-fast = only as many steps as the prompt needs, 4 to 8
    .name = fast
flag-cfg = how closely to follow the prompt
    .name = cfg
flag-count = number of pictures
    .name = count
flag-repeat = repeat the request
flag-lora = styles from LoRA files on this server, such as ink:0.8
    .name = lora
flag-strength = how much to change an attached picture
    .name = strength
flag-raw = my words as they are: no rewriting, nothing added
flag-optimize = rewrite the prompt or not
    .name = optimize
flag-enhance = add light, place and time or not
    .name = enhance
flag-spoiler = cover the picture until one clicks on it
    .name = spoiler
flag-no = what should not be in the picture
    .name = negative

# Words one may type for a value
typed-on = on true
typed-off = off false
typed-auto = auto
typed-random = random
typed-help =
    help
    help me
    hello
    hi
    hey
    hi there
    hello there
    good morning
    what can you do
    what do you do
    how does this work
    how do i use this
    who are you
typed-all = all
typed-separate = off
typed-sr = sr
typed-redraw = redraw
typed-left = left
typed-right = right
typed-up = up
typed-down = down

# Telegram
telegram-ask-imagine = What shall I draw? Answer this message.
telegram-ask-optimize = Which words shall I turn into a prompt? Answer this message.
telegram-ask-hint = a red sailboat on the sea at sunset
telegram-closed = I only answer people and groups my operator has let in. This one goes by “{ $name }” in the configuration.
telegram-copy-prompt = Copy the prompt
telegram-copy-seed = Copy the seed
telegram-private = That's for your eyes only, so I answer in private. Open our chat, press Start, and I'll show you there.
telegram-muted = I may not write in that group, so nothing was drawn there. Ask one of its administrators to let me, or write to me here.
telegram-as-chat = You write as the group or a channel, and I only draw for people I can tell apart: write as yourself, or to me in private.
telegram-forwarded-picture = A forwarded picture is no request yet. Reply to it with words to change it, /upscale to enlarge it, or /info to read how it was made.
telegram-forwarded-text = A forwarded message is no request. Send the words yourself to have them drawn.
telegram-unusable = I cannot use this attachment. Send a photo, a picture as a file, a GIF or a sticker.
telegram-open = Open our chat
telegram-back = All settings
telegram-as-file = Telegram strips the parameters from photos. Send the picture as a file, and I can read them.

# Discord
discord-menu-info = Picture info
discord-menu-upscale = Upscale picture
discord-option-prompt = what to draw; flags such as --ar 16:9 may stand in it
    .name = prompt
discord-option-image = a picture to start from
    .name = image
discord-option-job = number of one of your jobs
    .name = job
discord-option-picture = which picture of the job, from 1
    .name = picture
discord-option-factor = how many times larger per side
    .name = factor
discord-option-method = sr: a network; lanczos: nothing new; redraw: the model draws new detail, slowly
    .name = method
discord-option-zoom = how many times as far away
    .name = factor
discord-option-direction = which way to move
    .name = direction
discord-option-change = what to change, such as “make it night”
    .name = words
discord-option-code = the code from the other platform, or “off” to separate again
    .name = code
discord-option-person = somebody on Discord
    .name = person
discord-option-asker = somebody by the number of a job they asked for
    .name = job
discord-option-name = somebody by name, such as telegram:user:123
    .name = name
discord-option-days = for how many days; for good if you don't say
    .name = days
discord-option-reason = what the person is told
    .name = reason
discord-edit-title = Edit the prompt
discord-edit-label = Prompt and flags
discord-change-title = Change the picture
discord-change-label = What to change
discord-comma = { ", " }
discord-permission-view-channel = View Channel
discord-permission-send-messages = Send Messages
discord-permission-send-messages-in-threads = Send Messages in Threads
discord-permission-attach-files = Attach Files
discord-permission-embed-links = Embed Links
discord-refused-explicit = Discord holds this picture for explicit and does not take it here. /show { $job } shows it where that is allowed.
discord-refused-picture = Discord does not take this picture here. /show { $job } shows it somewhere else.
discord-sent-by-dm = I could not post the picture here, so I sent it to you as a direct message.
refused-not-here = This bot isn't open here. Its operator can open it by allowing { $place }.
refused-missing-permissions = I couldn't post a picture here: I lack { $permissions }. Ask a moderator to allow it, or try another channel.
refused-no-picture = There is no picture in this message.
refused-no-parameters = This picture carries no parameters; they are lost in screenshots and re-encoded files.
note-enhanced = Added: { $words }.
note-kept = Left in Chinese, because not every word was understood: { $words }.
note-left-out = Left out, because it isn't known here: { $words }.
note-nearest = Drawn as the nearest thing that this small model knows: { $words }.
note-near = Also near: { $words }.
note-unread = This model reads no Chinese, and these words weren't understood: { $words }. Try them in English.
note-optimizer-failed = The language model couldn't run, so the rules reworded it.
note-optimizer-language-model = Reworded by the language model.
note-optimizer-loading = The language model is still being downloaded, so the rules reworded it.
note-optimizer-slow = The language model took too long, so the rules reworded it.
note-optimizer-too-slow = The language model can't keep up on this machine, so the rules reworded it.
note-optimizer-unusable = The language model strayed from your words, so the rules reworded it.
note-lora-text-encoder = The LoRA file changes the text encoder, too; that part is left out.
note-world-count = This small model draws one of each, and no more than two things.

# Web
page-title = Pictures from words
page-welcome = What shall I draw?
page-earlier = Earlier pictures
page-conversation = Conversation
page-prompt = Prompt
page-placeholder = Describe a picture…
page-attach = Attach a picture
page-detach = Remove the attached picture
page-attached = Attached picture
page-enhance = Enhance
page-steps = Steps
page-cfg = CFG
page-optimize = Optimize
page-optimize-hint = Rewrite this into a precise prompt, here in the box
page-optimizing = Rewriting your words…
page-undo = Undo
page-reword = Reword
page-stop = Stop
page-more = More controls
page-auto = Optimize when I send
page-enhance-hint = Add light, place and time where you name none
page-aspect = Aspect ratio
page-count = Pictures
page-negative = Not in the picture
page-negative-hint = text, people…
page-seed = Seed
page-seed-hint = random
page-strength = Change to the attached picture
page-reset = Reset
page-deleted = Deleted.
page-favourite = Favourite
page-leaving = If you close this page, what is still being drawn here is cancelled.
page-keep = Keep drawing when I leave
page-understood = All right
page-menu = Menu
page-gallery = Gallery
page-settings = Settings
page-help = Help
page-keys = Keyboard shortcuts
page-tongue = Language
page-theme = Theme
page-theme-auto = Like the device
page-theme-light = Light
page-theme-dark = Dark
page-commands = Commands
page-search = Search in prompts
page-shape = Any shape
page-square = Square
page-wide = Wide
page-tall = Tall
page-days = Any time
page-day = Last day
page-week = Last week
page-month = Last month
page-favourites = Favourites
page-none = No pictures found.
page-previous = Previous picture
page-next = Next picture
page-copy-prompt = Copy prompt
page-copy-seed = Copy seed
page-copied = Copied
page-actions = What to do with it
page-key-card = From card to card
page-key-group = Next button of a group
page-additions = What goes with it
page-upscale = { button-upscale }
page-vary = { button-vary }
page-any-model = The operator can choose another model; docs/models.md says how.
page-model-name = Model
page-model-download = Download
page-model-whole = Whole on a card of
page-model-here = Here
page-key-line = New line
page-key-write = Go to the text box; there: commands
page-key-next = Previous or next picture
page-send = Send
page-viewer = Picture in full size
page-brush = Only here
page-brush-hint = Paint over what should change, then say what shall be there.
page-brush-keys = Painting area: arrow keys move the brush, the space bar paints, Backspace takes back
page-brush-size = Brush
page-brush-use = Use this
page-download = Download
page-close = Close
page-dismiss = Dismiss
page-enlarge = Show in full size
page-reveal = Spoiler: click to show
page-from = from #{ $job }
page-progress = Progress
page-expected = Expected { $when }
page-reconnecting = Reconnecting…
page-unreachable = The bot cannot be reached. Is it running?
page-not-picture = That file is not a picture.
page-failed = Something went wrong on the way; please try again.
page-too-large = That picture is too large; the limit is { $limit } MB.
page-too-large-on-the-way = That is larger than the server in front of the bot lets through.
page-again = Put it back into the text box
page-ask = Enter your token
page-enter = Open
page-no-script = This page needs JavaScript.
door-no-token = This opens with a token: enter yours on the page, or send it as bearer.
door-wrong-token = That token isn't right.
door-only-here = This page has no token, so it only answers browsers on its own machine, and none through a proxy. To open it to others, set web.token, and name its public address in web.hosts.
door-foreign-host = “{ $host }” isn't known here. If that is a name of this page, add it to web.hosts.
door-foreign-origin = Requests from { $origin } aren't answered. If that is an address of this page, add its name to web.hosts.
door-foreign-site = Requests from other sites aren't answered.
door-nothing-there = There is nothing at { $path }.
door-wrong-method = { $path } can't be asked in this way.
door-too-large = That is too large; the limit is { $limit }.
door-too-slow = That took too long to arrive; please try again.

# Setting the bot up on the command line
setup-intro = Enter keeps what is there, { $remove } removes a token, Ctrl+C changes nothing.
setup-model =
    What is to draw?
      1  embedded: picture-book scenes, on any machine; nothing to download
      2  { $large }: anything, in English and Chinese; { $gigabytes } GB to download, { $duration } at 100 Mbit/s
      or a model's folder, or its name on the hub
setup-which = Number, folder or name [{ $now }]:
setup-looking = Looking at what this machine can do with it…
setup-anyway = Take it all the same? (y/n)
setup-yes = y yes
setup-discord = Discord, the token from https://discord.com/developers/applications, page Bot [{ $now }]:
setup-telegram = Telegram, the token from @BotFather [{ $now }]:
setup-set = set
setup-none = none
setup-written = Written: { $file }, which only you can read.
setup-unchanged = Nothing was changed.
setup-start = Start the bot: { $command }
