"""Which messages are meant for the bot, and what they hold: a text, a picture, a job of ours they reply to.

Knows Telegram's messages; asks nothing of the core and sends nothing.
"""

import re
from dataclasses import dataclass

from telegram import Document, Message, PhotoSize
from telegram import User as Account

from adapters.telegram.address import Place
from bot.types import Action

_COMMAND = re.compile(r"/[^\s@]+(?:@(?P<bot>\w+))?")
_PICTURES = re.compile(r"image/(?!svg)")
_JOB = re.compile(r"\w+:(?P<job>[0-9]{1,18})(?::[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message to the bot: `job` is the one whose message it replies to, `question` the text it replies to.

    `addressed` says that the bot is meant for sure; a bare command in a group may be another bot's.
    """

    text: str
    picture: PhotoSize | Document | None = None
    job: int | None = None
    question: str = ""
    addressed: bool = True


def parse_message(message: Message, me: Account) -> Incoming | None:
    """Return what a message says to the bot; None where it is not for the bot."""
    text = (message.text or message.caption or "").strip()
    answered = message.reply_to_message
    ours = answered is not None and answered.from_user is not None and answered.from_user.id == me.id
    command = _COMMAND.match(text)
    if command and command["bot"] and command["bot"].casefold() != (me.username or "").casefold():
        return None
    name = re.compile(rf"@{re.escape(me.username or '')}\b", re.IGNORECASE)
    named = name.search(text) is not None
    addressed = message.chat.type == "private" or ours or named
    empty = not text and (message.media_group_id or not message.effective_attachment)
    if empty or not (
        addressed or command
    ):  # the pictures of an album come one by one, its words with one of them
        return None
    text = " ".join(name.sub(" ", text).split()) if named else text
    picture = _picture(message)
    if answered is None:
        return Incoming(text, picture, addressed=addressed)
    if not ours:
        return Incoming(
            text, picture or (_picture(answered) if command or named else None), addressed=addressed
        )
    job = job_of(answered)
    # An original that the bot sent as a file belongs to no job by its buttons, but it is a picture.
    return Incoming(
        text, picture or (None if job else _picture(answered)), job, answered.text or "", addressed
    )


def job_of(message: Message) -> int | None:
    """Return the job a message of ours shows: its buttons carry the number."""
    rows = message.reply_markup.inline_keyboard if message.reply_markup else ()
    for button in (button for row in rows for button in row):
        if isinstance(button.callback_data, str) and (match := _JOB.fullmatch(button.callback_data)):
            return int(match["job"])
    return None


def place_of(message: Message) -> Place:
    """Return where a message is answered; the pictures of an album are one event."""
    event = f"{message.chat.id}/{message.media_group_id or message.message_id}"
    thread = message.message_thread_id if message.is_topic_message else None
    account = message.from_user
    return Place(
        message.chat.id,
        event,
        thread=thread,
        reply=message.message_id,
        lang=(account and account.language_code) or "",
        user=account.id if account else 0,
    )


def read_button(data: str) -> Action | None:
    """Return the action a button carries; None for one that an unknown version made."""
    try:
        return Action.unpack(data)
    except ValueError:
        return None


def _picture(message: Message) -> PhotoSize | Document | None:
    if message.photo:
        return message.photo[-1]
    if message.document and _PICTURES.match(message.document.mime_type or ""):
        return message.document
    return None
