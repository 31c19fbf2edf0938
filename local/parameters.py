"""The template's parameters, and what must hold between them."""

from collections.abc import Mapping

import yaml

from local.host import TEMPLATE

# How much later than its creation a batch may show in the listing of the real Claude API. 404s were seen for about a
# quarter of an hour; our emulator shows a batch at once.
LISTING_LAG_SECONDS = 900


class UnsafeParametersError(ValueError):
    """With these parameters a batch could be sent twice."""


def defaults() -> dict[str, str]:
    """The values that the template's parameters have when nobody gives one."""
    parameters = yaml.load(TEMPLATE.read_text(), _TemplateLoader)["Parameters"]  # noqa: S506 - a SafeLoader
    return {name: str(each["Default"]) for name, each in parameters.items()}


def check(parameters: Mapping[str, str], *, listing_lag_seconds: int) -> None:
    """Raises UnsafeParametersError when a batch could be sent again while its first sending may still succeed.

    `parameters` need only hold what differs from the defaults.
    """
    effective = defaults() | dict(parameters)
    settle, timeout = int(effective["SettleSeconds"]), int(effective["SendTimeoutSeconds"])
    if settle <= timeout + listing_lag_seconds:
        raise UnsafeParametersError(
            f"SettleSeconds ({settle}) must exceed SendTimeoutSeconds ({timeout}) by more than the "
            f"{listing_lag_seconds} s that a new batch may need to show in Claude's listing"
        )


class _TemplateLoader(yaml.SafeLoader):
    """Reads CloudFormation's YAML; an intrinsic such as `!Ref` becomes None."""


_TemplateLoader.add_multi_constructor("!", lambda *_: None)
