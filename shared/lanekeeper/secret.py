"""Claude's API key, from Secrets Manager. Apart from the other connections: producers' clients need no powertools."""

from aws_lambda_powertools.utilities import parameters

KEY_AGE_SECONDS = 300  # a rotated key is picked up within this


def claude_key(secret_arn: str) -> str:
    """The API key, kept for a few minutes."""
    return str(parameters.get_secret(secret_arn, max_age=KEY_AGE_SECONDS)).strip()
