"""Where to compute, and in which precision: decided once, recorded with its reason."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch

from core.errors import TrainingError


@dataclass(frozen=True)
class Device:
    """A device with the reason why it was taken; bf16 says whether training runs under bfloat16 autocast."""

    torch: torch.device
    reason: str
    bf16: bool = False

    def autocast(self) -> AbstractContextManager:
        """The precision of forward passes in training."""
        return torch.autocast(self.torch.type, dtype=torch.bfloat16) if self.bf16 else nullcontext()


@contextmanager
def repeatable(device: Device) -> Iterator[None]:
    """On the CPU, add up in a fixed order whatever the threads do: one seed, one result, bit for bit."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(before or device.torch.type == "cpu")
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


def choose_device(wanted: str) -> Device:
    """The device for "auto", "cpu" or "cuda".

    Raises:
        TrainingError: CUDA was asked for and is not there.
    """
    if wanted == "cpu":
        return Device(torch.device("cpu"), "asked for")
    if not torch.cuda.is_available():
        if wanted == "cuda":
            raise TrainingError(
                "device=cuda: this machine has no CUDA device that torch can use. Set device=auto."
            )
        return Device(torch.device("cpu"), f"no CUDA device; {torch.get_num_threads()} threads, float32")
    bf16 = torch.cuda.is_bf16_supported()
    precision = "bfloat16 autocast" if bf16 else "float32"
    why = "asked for" if wanted == "cuda" else "CUDA is there"
    return Device(torch.device("cuda"), f"{why}: {torch.cuda.get_device_name()}, {precision}", bf16)
