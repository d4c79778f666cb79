"""Why an attempt must stop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, assert_never

from jobforge.contract.errors import JobForgeError
from jobforge.core.errors import AttemptLost, BlastRadiusExceeded, KillSwitchOn, WindowClosed


@dataclass(frozen=True, slots=True)
class Stop:
    """`name` is the reason that was given, the window's name or the limit; '' where lost."""

    kind: Literal["lost", "kill", "window", "action_cap", "day_cap"]
    name: str = ""

    def to_error(self) -> JobForgeError:
        """What the attempt ends with."""
        match self.kind:
            case "lost":
                return AttemptLost()
            case "kill":
                return KillSwitchOn(
                    f"a kill switch is on: {self.name}", hint="jobforge switch list"
                )
            case "window":
                return WindowClosed(
                    f"no change may be made now, says the window {self.name}",
                    hint="jobforge window list",
                )
            case "action_cap":
                return too_many_targets(f"one action may change {self.name} targets at most")
            case "day_cap":
                return too_many_targets(f"actions may change {self.name} targets a day at most")
            case _:
                assert_never(self.kind)


def too_many_targets(message: str) -> BlastRadiusExceeded:
    """The refusal of an action that would change too much."""
    return BlastRadiusExceeded(message, hint="jobforge limits show --tenant T")
