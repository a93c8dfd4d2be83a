"""Where a message of the web chat lives, and which event it is. Knows no HTTP."""

from bot.types import Address, Job, User


def address_of(user: User, message: str) -> Address:
    """Return the address of a user's message."""
    return Address("web", f"{user.id}/{message}")


def event_of(user: User, message: str) -> str:
    """Return the intake key of a user's message: sent twice, it is one job."""
    return f"{user.id}/{message}"


def read_place(address: Address) -> tuple[str, str]:
    """Return the user and the message an address means."""
    person, _, message = address.place.partition("/")
    return person, message


def message_of(job: Job, person: str) -> str:
    """Return the message in which a user's page shows a job.

    Linked accounts share jobs: one that was requested elsewhere is shown by its number.
    """
    address = job.request.address
    asker, message = read_place(address) if address.platform == "web" else ("", "")
    return message if asker == person else f"job-{job.id}"
