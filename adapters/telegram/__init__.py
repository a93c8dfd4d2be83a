"""Telegram, through python-telegram-bot: what people say and press there, and how a reply looks there.

Holds no state that matters: jobs are rows, buttons carry their job, and a message's place is in its address.
"""

from adapters.telegram.platform import TelegramPlatform

__all__ = ["TelegramPlatform"]
