"""What this machine offers a model, as one JSON line: `python -m engine.probe`.

Runs in a process of its own, so that the one who asks needs no torch.
"""

import json
import platform
import sys
from typing import Any


def probe() -> dict[str, Any]:
    """Return torch's version, the best device, its name, its memory in bytes and whether it has bfloat16."""
    import torch

    found: dict[str, Any] = {
        "torch": torch.__version__,
        "device": "cpu",
        "name": platform.processor() or "CPU",
    }
    found |= {"threads": torch.get_num_threads(), "bfloat16": False, "free": None, "total": None}
    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        found |= {"device": "cuda", "name": torch.cuda.get_device_name(), "free": free, "total": total}
        found["bfloat16"] = torch.cuda.is_bf16_supported()
    elif torch.backends.mps.is_available():
        found |= {"device": "mps", "name": "Apple GPU", "bfloat16": True}
        found["total"] = torch.mps.recommended_max_memory()
    return found


if __name__ == "__main__":
    json.dump(probe(), sys.stdout)
