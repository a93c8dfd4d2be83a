"""The log's thread: a pipe that nobody reads holds up nothing, and how much is missing is said."""

import logging
import os
import re
import subprocess
import sys

from bot.setup.log_stream import LINES, LogStream

PROGRAM = """
import logging, sys
from bot.setup.log_stream import LogStream
logging.basicConfig(stream=LogStream(sys.stderr))
for number in range(10_000):
    logging.error("%s " + 100 * "x", number)
print("drawn")
"""


def test_a_program_goes_on_and_ends_while_nobody_reads_its_log() -> None:
    unread, into = os.pipe()
    try:
        ended = subprocess.run(
            [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=into, timeout=60
        )
    finally:
        os.close(into)
        os.close(unread)
    assert (ended.returncode, ended.stdout.split()) == (0, [b"drawn"])


def test_a_log_that_is_read_again_says_how_many_lines_are_missing() -> None:
    out, into = os.pipe()
    logger = logging.getLogger("bot.setup.log_stream")
    with os.fdopen(out, encoding="utf-8") as reading, os.fdopen(into, "w", encoding="utf-8") as log:
        logger.addHandler(handler := logging.StreamHandler(LogStream(log)))
        for _ in range(3 * LINES):
            logger.warning(100 * "x")
        shown = [reading.readline() for _ in range(LINES)]
        logger.warning("again")
        while shown[-1] != "again\n":
            shown.append(reading.readline())
        logger.removeHandler(handler)
    gaps = [re.match(r"(\d+) lines of the log are missing here", line) for line in shown]
    missing = [int(gap[1]) for gap in gaps if gap]
    assert missing
    assert sum(missing) + shown.count(100 * "x" + "\n") == 3 * LINES
