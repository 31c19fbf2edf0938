"""Takes each permission away in turn, sees what it was for fail, and puts it back."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

from local.roles.permissions import Document, permissions_of, tls_only
from local.roles.policies import Policies
from local.roles.scenes import Scene
from local.roles.stage import Invocation, NotPreparedError, Stage
from local.roles.table import TLS_ONLY, Proof, proof_of


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that a scene cannot do without."""

    words: str  # "its role lacks sqs:SendMessage on BatchQueue"
    suffered: Callable[[], AbstractContextManager[None]]


Cast = Mapping[type[Scene], Sequence[Loss]]


def prove(cast: Cast, stage: Stage, say: Callable[[str], None]) -> list[str]:
    """What is wrong, a sentence each: a scene that fails without a loss, or goes well in spite of one."""

    def play(scene: type[Scene]) -> list[str]:
        wrong = list(_play(scene, cast[scene], stage))
        if not wrong:
            say(f"{scene.function}, {scene.__name__}: {len(cast[scene])} taken away, {len(cast[scene])} denied")
        return wrong

    with stage.quiet(), ThreadPoolExecutor() as pool:
        one_by_one = [play(scene) for scene in cast if not scene.starts_anew]
        side_by_side = pool.map(play, [scene for scene in cast if scene.starts_anew])
        return [sentence for told in [*one_by_one, *side_by_side] for sentence in told]


def cast_of(template: Document, policies: Policies) -> Cast:
    """The scenes of the table, each with the losses that it must not survive."""
    cast: dict[type[Scene], list[Loss]] = {}

    def add(proof: Proof, loss: Loss) -> None:
        if isinstance(proof, type):
            cast.setdefault(proof, []).append(loss)

    for permission in permissions_of(template):
        add(proof_of(permission), Loss(f"its role lacks {permission}", partial(policies.without, permission)))
    for name in tls_only(template):
        add(TLS_ONLY[name], Loss(f"the policy of {name} refuses TLS", partial(policies.refusing_tls, name)))
    return cast


def _play(scene: type[Scene], losses: Sequence[Loss], stage: Stage) -> Iterator[str]:
    try:
        if not scene.starts_anew:  # the others have shown that the function works with its key
            ready = _ready(scene, stage)
            if not ready.is_done(invocation := ready.call()):
                yield f"{scene.function} fails in {scene.__name__} with all of its permissions: {_end(invocation)}"
                return
        for loss in losses:
            yield from _suffer(loss, _ready(scene, stage))
    except NotPreparedError as error:
        yield f"{scene.__name__} could not be prepared: {error}"


def _ready(scene: type[Scene], stage: Stage) -> Scene:
    if not scene.starts_anew:  # they play side by side, and nothing of the scenes before disturbs them
        stage.clear()
    return scene(stage)


def _suffer(loss: Loss, ready: Scene) -> Iterator[str]:
    with loss.suffered():
        invocation = ready.call()
        is_done = ready.is_done(invocation)
    name = type(ready).__name__
    if is_done:
        yield f"{ready.function} does its work in {name} although {loss.words}: nothing there needs it"
    elif not invocation.was_denied:
        yield f"{ready.function} fails in {name} where {loss.words}, but nothing was denied: {_end(invocation)}"


def _end(invocation: Invocation) -> str:
    """The function's answer and its log, without the metrics."""
    lines = [line for line in invocation.log.splitlines() if not line.startswith('{"_aws"')]
    return "\n".join([str(invocation.answer), *lines])
