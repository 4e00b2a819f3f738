"""Under which URLs an environment answers."""

from __future__ import annotations

import pytest

from driftgate.health import Access, Json, Route, accesses
from driftgate.health.access import covers
from tests.health.shapes import live, thing

SECRET = thing("v1", "Secret", "shop-tls")


def route(path: str, service: str) -> Json:
    return {"path": path, "backend": {"service": {"name": service, "port": {"number": 80}}}}


def ingress(
    name: str, *paths: Json, host: str = "shop.example.com", tls: tuple[str, ...] = ("shop.example.com",)
) -> Json:
    return thing(
        "networking.k8s.io/v1",
        "Ingress",
        name,
        spec={
            "tls": [{"hosts": list(tls), "secretName": "shop-tls"}] if tls else [],
            "rules": [{"host": host, "http": {"paths": list(paths)}}],
        },
        status={"loadBalancer": {"ingress": [{"ip": "192.0.2.10"}]}},
    )


def test_a_host_of_two_ingresses_has_one_url_with_all_its_paths() -> None:
    """Paths of several Ingresses come together under their host, which is HTTPS when its Secret is there."""
    both = [ingress("a", route("/", "web")), ingress("b", route("/api", "api"))]
    assert accesses(live(SECRET, *both), both) == (
        Access("https://shop.example.com", (Route("/", "web"), Route("/api", "api")), ("192.0.2.10",)),
    )


@pytest.mark.parametrize(
    ("value", "without", "why"),
    [
        (ingress("a", route("/", "web")), (), "TLS Secret shop-tls does not exist"),
        (ingress("a", route("/", "web")), ("Secret",), "TLS Secret shop-tls was not read"),
        (ingress("a", route("/", "web"), tls=()), (), "no TLS entry covers the host"),
        (ingress("a", route("/", "web"), tls=("other.example.com",)), (), "no TLS entry covers the host"),
    ],
)
def test_a_host_without_https_says_why(value: Json, without: tuple[str, ...], why: str) -> None:
    """The reason is told, and what was not read is not said to be missing."""
    assert accesses(live(value, without=without), [value]) == (
        Access("http://shop.example.com", (Route("/", "web"),), ("192.0.2.10",), why),
    )


@pytest.mark.parametrize(
    ("pattern", "host", "wanted"),
    [
        ("shop.example.com", "shop.example.com", True),
        ("*.example.com", "shop.example.com", True),
        ("*.example.com", "a.shop.example.com", False),
        ("*.example.com", "example.com", False),
        ("shop.example.com", "example.com", False),
        ("", "", False),
    ],
)
def test_a_wildcard_covers_one_label(pattern: str, host: str, *, wanted: bool) -> None:
    """A TLS entry is for its own host, or with `*.` for exactly one label more."""
    assert covers(pattern, host) == wanted
