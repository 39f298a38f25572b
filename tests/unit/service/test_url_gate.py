"""Which URLs a service reads for others."""

from __future__ import annotations

import pytest

from chainrule.service.jobs.url_gate import check_urls
from chainrule.worker.spec import JobSpec, SpecError, parse_spec

SCHEMES = ("https", "http", "s3")


def job(path: str) -> JobSpec:
    return parse_spec(
        {
            "dataset": {"source": "csv", "path": path},
            "model": [{"linear": {"units": 1}}],
            "loss": "squared_error",
            "optimizer": "adam",
        }
    )


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("file:///etc/passwd", "this service does not read file://"),
        ("memory://x", "this service does not read memory://"),
        ("http://127.0.0.1:8080/x", "'127.0.0.1' is 127.0.0.1, an address within the service's own network"),
        ("http://localhost/x", "an address within the service's own network"),
        ("http://169.254.169.254/latest", "an address within the service's own network"),
        ("http://10.0.0.7/x", "an address within the service's own network"),
        ("https://[::1]/x", "an address within the service's own network"),
        ("https://[::ffff:127.0.0.1]/x", "an address within the service's own network"),
    ],
)
def test_what_the_operator_has_not_allowed_is_refused(url: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        check_urls(job(url), SCHEMES)
    [violation] = caught.value.violations
    assert violation.field == "dataset.path" and message in violation.message


@pytest.mark.parametrize("url", ["s3://bucket/x.csv", "https://1.1.1.1/x.csv", "/data/x.csv"])
def test_what_the_operator_allows_passes(url: str) -> None:
    check_urls(job(url), SCHEMES)


def test_a_service_of_ones_own_reads_what_its_user_may() -> None:
    check_urls(job("http://127.0.0.1/x"), None)
