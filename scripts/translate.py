"""What CloudFormation gets from template.yaml: the template after the SAM transform, as JSON on standard output.

Linters see more in it than in the source, and the tests take their resources from it.
"""

import json
import sys
from pathlib import Path
from typing import Any

import boto3
from samtranslator.parser.parser import Parser  # type: ignore[import-untyped]
from samtranslator.translator.translator import Translator  # type: ignore[import-untyped]
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

TEMPLATE = Path(__file__).resolve().parent.parent / "template.yaml"
REGION = "us-east-1"  # the transform wants one for the partition in managed policies' names; the template uses none


def source(template: Path = TEMPLATE) -> dict[str, Any]:
    """The template as it is written, its short intrinsics (`!Ref X`) in their long form (`{"Ref": "X"}`)."""
    return dict(yaml_parse(template.read_text()))


def translate(template: Path = TEMPLATE) -> dict[str, Any]:
    """The template after the SAM transform; the places of the code, which only a build knows, are stand-ins."""
    document = source(template)
    for resource in document["Resources"].values():
        properties = resource.get("Properties", {})
        properties.update(
            {place: "s3://built-by-sam/code.zip" for place in ("CodeUri", "ContentUri") if place in properties}
        )
    translator = Translator(None, Parser(), boto_session=boto3.Session(region_name=REGION))
    return dict(translator.translate(document, {}, get_managed_policy_map=dict))


if __name__ == "__main__":
    json.dump(translate(), sys.stdout, indent=2)
