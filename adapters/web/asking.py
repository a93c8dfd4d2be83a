"""From the words of a message to the core: which command, which parameters, and where the answer goes.

Knows commands, flags and the page's controls; knows no HTTP.
"""

from dataclasses import replace

from adapters.web.payload import Json, Message
from bot.core import Core
from bot.requests import commands, flags, upscale_options
from bot.requests.upscale_options import UpscaleOptions
from bot.storage.attached import at_hand
from bot.types import Action, Address, Job, Kind, Params, Reply, Request, User

JOBS: dict[str, Kind] = {"imagine": "imagine", "optimize": "optimize"}


async def ask(core: Core, user: User, message: Message) -> Job | Reply | None:
    """Put what a person said before the core; raises `Refused`."""
    command = commands.parse(message.text)
    address, event = address_of(user, message.id), event_of(user, message.id)
    if command.name in JOBS:
        params = flags.parse(
            command.rest, _with_controls(await core.members.defaults(user), message.controls)
        )
        return await core.submit(
            Request(user, address, event, JOBS[command.name], params), at_hand(message.image)
        )
    if command.name == "upscale" and message.image is not None:
        params = upscale_options.parse_options(command.rest).over(await core.members.defaults(user))
        return await core.submit(Request(user, address, event, "upscale", params), at_hand(message.image))
    if command.name in ("upscale", "reroll"):
        return await core.press(user, await _button(core, user, command), address, event)
    return await core.answer(user, command)


def address_of(user: User, message: str) -> Address:
    """Return the address of a person's message."""
    return Address("web", f"{user.id}/{message}")


def event_of(user: User, message: str) -> str:
    """Return the intake key of a person's message: sent twice, it is one job."""
    return f"{user.id}/{message}"


def read_place(address: Address) -> tuple[str, str]:
    """Return the person and the message an address means."""
    person, _, message = address.place.partition("/")
    return person, message


def message_of(job: Job, person: str) -> str:
    """Return the message in which a person's page shows a job.

    Linked accounts share jobs: one that was asked for elsewhere is shown by its number.
    """
    address = job.request.address
    asker, message = read_place(address) if address.platform == "web" else ("", "")
    return message if asker == person else f"job-{job.id}"


def words_of(job: Job, defaults: Params) -> str:
    """Return what the person typed, as far as the job keeps it; nothing where they pressed a button."""
    request = job.request
    if request.parent is not None:
        return ""
    if request.kind == "upscale":
        return f"/upscale {UpscaleOptions(request.params.factor, request.params.method).words()}".rstrip()
    line = flags.render(request.params, defaults)
    return f"/optimize {line}" if request.kind == "optimize" else line


async def _button(core: Core, user: User, command: commands.Command) -> Action:
    """Return the button that a typed command stands for."""
    if command.name == "reroll":
        return Action("reroll", (await core.history.newest(user, "imagine")).id)
    return upscale_options.read(command.rest).action()


def _with_controls(defaults: Params, controls: Json) -> Params:
    # Through the table of flags, so that a control and its flag allow the same values.
    line = "x"
    if "steps" in controls:
        line += f" --steps {controls['steps']}"
    if "guidance_scale" in controls:
        line += f" --cfg {controls['guidance_scale']}"
    params = replace(flags.parse(line, defaults), prompt="")
    switches = {name: controls[name] for name in ("enhance", "fast") if name in controls}
    return replace(params, **switches)
