"""What a user of the emulator may choose: how long things take, and a few habits of the service.

The default durations are in the spirit of what the real service was seen to take (medians of recorded traffic, rounded
where few were seen); with a virtual clock they cost nothing, for a demonstration on real time there is
:meth:`Durations.quick`.
"""

from dataclasses import astuple, dataclass, field
from typing import Self


@dataclass(frozen=True, slots=True)
class Durations:
    """How long each operation takes, in seconds.

    Parameters
    ----------
    unchanged : float
        An action that finds nothing to do, as a start of a running VM.
    eviction : float
        From ``simulateEviction`` to the deallocated VM.
    run_command : float
        The least that a managed run command's operation takes, however short its script.
    instance_view : float
        For so long after its PUT a run command is shown without an instance view.
    delete_group : float
        The deletion of a resource group with all that is in it.
    resource : float
        A change or the deletion of any other resource.
    evaluation : float
        The evaluation of a template, before its deployment begins anything and when all is there.
    """

    create: float = 40.0
    update: float = 10.0
    delete: float = 60.0
    start: float = 21.0
    power_off: float = 15.0
    deallocate: float = 60.0
    restart: float = 1.0
    redeploy: float = 126.0
    reapply: float = 10.0
    reimage: float = 60.0
    unchanged: float = 1.0
    eviction: float = 30.0
    run_command: float = 5.0
    run_command_delete: float = 3.0
    instance_view: float = 1.0
    delete_group: float = 90.0
    resource: float = 4.0
    evaluation: float = 1.0

    def scaled(self, factor: float) -> Self:
        """Return durations that are each ``factor`` times as long."""
        return type(self)(*(seconds * factor for seconds in astuple(self)))

    @classmethod
    def quick(cls) -> Self:
        """Return durations for a demonstration on real time: the longest takes two and a half seconds."""
        return cls().scaled(0.02)


@dataclass(frozen=True, slots=True)
class Throttling:
    """How much may be asked for: what Azure has published, or so many times as much.

    Parameters
    ----------
    scale : float
        How many times the published buckets, and what flows into them; from a millionth to a million.
    header_per_policy : bool
        Whether ``x-ms-ratelimit-remaining-resource`` comes once for each policy, as documented, instead of once with
        all of them, as seen on the wire. Without sockets the values are joined anyway.

    Raises
    ------
    ValueError
        When ``scale`` is beyond that: dates and headers could not tell such waits and buckets.
    """

    scale: float = 1.0
    header_per_policy: bool = False

    def __post_init__(self) -> None:
        if not 1e-6 <= self.scale <= 1e6:  # noqa: PLR2004  # as the docstring says
            raise ValueError(f"the scale must be a number from 0.000001 to 1000000, not {self.scale}")


@dataclass(frozen=True, slots=True)
class Settings:
    """The emulator's habits.

    Parameters
    ----------
    durations : Durations
        How long operations take.
    run_scripts : bool
        Whether run commands really execute their scripts.
    retry_after : int or None
        Seconds that an answer "still running" tells its client to wait; ``None`` sends no such header, as the service
        was mostly seen to do.
    page_size : int
        How many items a page of a list holds.
    token_lifetime : float
        Seconds for which a token is valid.
    throttling : Throttling or None
        How much may be asked for; ``None``: nobody counts, and answers say that plenty is left.
    """

    durations: Durations = field(default_factory=Durations)
    run_scripts: bool = True
    retry_after: int | None = None
    page_size: int = 500
    token_lifetime: float = 86_400.0
    throttling: Throttling | None = field(default_factory=Throttling)
    spread: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.spread <= 1:
            raise ValueError(f"the spread must be a number from 0 to 1, not {self.spread}")
