"""Passwords never show in an error or in a listing of the settings."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunoe_schema.redaction import mask_passwords

PASSWORDS = st.text(min_size=1)
SCHEMES = st.sampled_from(["redis", "rediss", "unix", "postgresql", "redis+sentinel"])
NAMES = st.text(string.ascii_letters + string.digits + "@/%._-", max_size=8)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:s3cret@cache:6379/0", "redis://:***@cache:6379/0"),
        ("rediss://user:s3cret@cache/0", "rediss://user:***@cache/0"),
        ("redis://ada@example.com:s3cret@cache/0", "redis://ada@example.com:***@cache/0"),
        ("postgresql://eunoe:s3cr/et@x@db:5432/eunoe", "postgresql://eunoe:***@db:5432/eunoe"),
        ("postgresql://db/eunoe?user=eunoe&password=s3cret&a=b", "postgresql://db/eunoe?user=eunoe&password=***&a=b"),
        ("postgresql://db/eunoe?sslpassword=s3 cret&a=b", "postgresql://db/eunoe?sslpassword=***&a=b"),
        ("host=db password=s3cret user=eunoe", "host=db password=*** user=eunoe"),
        (r"host=db password = 's3 \' cret' user=eunoe", "host=db password = *** user=eunoe"),
        (r"PASSWORD=s3\ cret user=eunoe", "PASSWORD=*** user=eunoe"),
        ("redis:/user:s3cret@cache", "redis:***@cache"),
        ("user:s3cret@cache", "user:***@cache"),
        ("redis://user:@cache", "redis://user:@cache"),
        ("redis://cache:6379/0", "redis://cache:6379/0"),
        ("redis://[::1]:6379/0", "redis://[::1]:6379/0"),
        ("sentence-transformers/all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"),
    ],
)
def test_passwords_are_masked(url: str, shown: str) -> None:
    """A URL or a connection string loses its passwords and nothing else, also when it is malformed."""
    assert mask_passwords(url) == shown


@given(scheme=SCHEMES, user=NAMES, password=PASSWORDS)
def test_no_part_of_a_password_before_the_host_survives(scheme: str, user: str, password: str) -> None:
    """Any password is hidden whole, whichever characters it holds unencoded."""
    assert mask_passwords(f"{scheme}://{user}:{password}@host").removesuffix("@host") == f"{scheme}://{user}:***"


@given(scheme=SCHEMES, host=NAMES, password=PASSWORDS)
def test_no_part_of_a_password_parameter_survives(scheme: str, host: str, password: str) -> None:
    """A password parameter is hidden up to the next parameter, whatever stands before it."""
    password = password.replace("&", "-")
    shown = mask_passwords(f"{scheme}://{host}:6379/0?password={password}&db=1")
    assert shown in {f"{scheme}://{host}:6379/0?password=***&db=1", f"{scheme}://{host}:***&db=1"}
