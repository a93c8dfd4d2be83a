"""Which messages are meant for the bot, and what they hold: a text, a picture, a job of ours they reply to.

Knows Telegram's messages; asks nothing of the core and sends nothing.
"""

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass

from telegram import Document, Message, PhotoSize, Sticker
from telegram import User as Account

from adapters.telegram.address import Place
from bot.types import Action

_COMMAND = re.compile(r"/[^\s@]+(?:@(?P<bot>\w+))?")
_FILMS = re.compile(r"video/|audio/")
_JOB = re.compile(r"\w+:(?P<job>[0-9]{1,18})(?::[0-9]+)?")

Picture = PhotoSize | Document | Sticker
"""A file whose bytes may be a picture."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message to the bot: `job` is the one whose message it replies to, `question` the text it replies to.

    `addressed` says that the bot is meant for sure; a bare command in a group may be another bot's. `further`
    is how many more pictures the album has, `unusable` says that what is attached is none. What is
    `forwarded`, or sent `as_chat` by a group or channel, is no request.
    """

    text: str
    picture: Picture | None = None
    job: int | None = None
    question: str = ""
    addressed: bool = True
    further: int = 0
    unusable: bool = False
    forwarded: bool = False
    as_chat: bool = False


def parse_messages(messages: Sequence[Message], me: Account, questions: Container[str]) -> Incoming | None:
    """Return what messages that a user sees as one say to the bot; None where they are not for the bot.

    In groups it hears commands, mentions and answers to its `questions`; all else there is talk.
    """
    message = messages[0]
    if message.is_automatic_forward:
        return None
    text = _text(messages)
    answered = message.reply_to_message
    ours = answered is not None and answered.from_user is not None and answered.from_user.id == me.id
    command = _COMMAND.match(text)
    if command and command["bot"] and command["bot"].casefold() != (me.username or "").casefold():
        return None
    name = re.compile(rf"@{re.escape(me.username or '')}\b", re.IGNORECASE)
    named = name.search(text) is not None
    question = (answered.text or "") if ours and answered else ""
    is_private = message.chat.type == "private"
    addressed = is_private or named or question in questions
    forwarded = message.forward_origin is not None
    if (
        not (text or message.effective_attachment)
        or not (addressed or command)
        or (forwarded and not is_private)
    ):
        return None
    pictures = [picture for each in messages if (picture := _picture(each))]
    job = job_of(answered) if ours and answered else None
    # An original that the bot sent as a file belongs to no job by its buttons, but it is a picture.
    there = _picture(answered) if answered and job is None and (ours or addressed or command) else None
    return Incoming(
        " ".join(name.sub(" ", text).split()) if named else text,
        pictures[0] if pictures else there,
        job,
        question,
        addressed,
        further=max(0, len(pictures) - 1),
        unusable=message.effective_attachment is not None and not pictures,
        forwarded=forwarded,
        as_chat=message.sender_chat is not None and not forwarded,
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


def _text(messages: Sequence[Message]) -> str:
    """Return the caption of an album, or a text that was too long for one message."""
    if messages[0].text:
        return "".join(message.text or "" for message in messages).strip()
    return next((message.caption.strip() for message in messages if message.caption), "")


def _picture(message: Message) -> Picture | None:
    """Return what may be a picture by its bytes; of what moves, the still that Telegram has of it."""
    if message.photo:
        return message.photo[-1]
    if message.sticker:
        moves = message.sticker.is_animated or message.sticker.is_video
        return message.sticker.thumbnail if moves else message.sticker
    if message.animation and _FILMS.match(message.animation.mime_type or ""):
        return message.animation.thumbnail
    if message.document and not _FILMS.match(message.document.mime_type or ""):
        return message.document
    return None
