"""The chart's network policies, played through: who reaches whom, and nobody else."""

from collections.abc import Callable
from ipaddress import ip_address, ip_network

import pytest

from app.store.outbound.place import _PORTS
from tests.unit.stack.chart import Manifest, of_kind, pods, rendered, values
from tests.unit.stack.test_chart_pods import HANDS

DATA = {"api", "migrate-first", "backup", *HANDS}
STORES = {"postgres": 5432, "valkey": 6379, "objects": 8333}
PORTS = {*STORES.values(), 53, 80, 443, 6443, 8000, 8080, 8443, 9327, 9333}
Labels = dict[str, str]
Peer = Labels | str  # a pod's labels, or an address


def chosen(selector: Manifest, labels: Labels) -> bool:
    for rule in selector.get("matchExpressions", []):
        assert rule["operator"] == "NotIn"
        if labels[rule["key"]] in rule["values"]:
            return False
    return bool(selector.get("matchLabels", {}).items() <= labels.items())


def is_peer(peer: Manifest, other: Peer, namespace: Labels) -> bool:
    if "ipBlock" in peer:
        if not isinstance(other, str):
            return False
        block, address = peer["ipBlock"], ip_address(other)
        outside = any(address in ip_network(each) for each in block.get("except", []))
        return address in ip_network(block["cidr"]) and not outside
    if isinstance(other, str):
        return False
    if "namespaceSelector" in peer:
        return chosen(peer["namespaceSelector"], namespace)
    return chosen(peer["podSelector"], other)


def lets(rule: Manifest, way: str, port: int, matches: Callable[[Manifest], bool]) -> bool:
    ports = {each["port"] for each in rule["ports"]}
    return port in ports and (way not in rule or any(matches(peer) for peer in rule[way]))


def may(
    policies: list[Manifest], direction: str, pod: Labels, other: Peer, port: int, there: Labels
) -> bool:
    """Whether the policies of `pod` let it send to (or be sent to by) `other`."""
    way = {"Egress": "to", "Ingress": "from"}[direction]
    about = [
        p["spec"]
        for p in policies
        if direction in p["spec"]["policyTypes"] and chosen(p["spec"]["podSelector"], pod)
    ]
    assert about, "nothing denies"
    rules = [rule for spec in about for rule in spec.get(direction.lower(), [])]
    return any(
        lets(rule, way, port, lambda peer: is_peer(peer, other, there)) for rule in rules
    )


OWN = {"kubernetes.io/metadata.name": "prod"}


def play(manifests: list[Manifest]) -> tuple[list[Manifest], dict[str, Labels]]:
    policies = list(of_kind(manifests, "NetworkPolicy").values())
    labels = {part: own for part, (own, _) in pods(manifests).items()}
    return policies, labels


@pytest.fixture(scope="module")
def played() -> tuple[list[Manifest], dict[str, Labels]]:
    return play(rendered(values("gpu")))


def test_pods_reach_what_they_are_made_for_and_nothing_else() -> None:
    """Each side by itself: one that lets too much through is not to be saved by the other."""
    policies, labels = play(rendered({**values("gpu"), "backup": {"enabled": True}}))
    pairs = [(one, other, port) for one in labels for other in labels for port in PORTS]
    sent = {
        (one, other, port)
        for one, other, port in pairs
        if may(policies, "Egress", labels[one], labels[other], port, OWN)
    }
    taken = {
        (one, other, port)
        for one, other, port in pairs
        if may(policies, "Ingress", labels[other], labels[one], port, OWN)
    }
    wanted = {(one, store, port) for one in DATA for store, port in STORES.items()}
    wanted.add(("proxy", "api", 8000))
    assert sent == wanted
    assert taken == wanted | {(one, "proxy", 8080) for one in labels}  # the door


@pytest.mark.parametrize(
    ("address", "port", "who"),
    [
        ("93.184.216.34", 443, {"deliver", "worker-intake"}),
        ("93.184.216.34", 8443, {"deliver", "worker-intake"}),
        ("2606:2800:220:1::1", 443, {"deliver", "worker-intake"}),
        ("93.184.216.34", 80, set()),
        ("10.96.0.1", 443, set()),  # the API server's usual address
        ("169.254.169.254", 80, set()),  # a cloud's metadata
        ("169.254.169.254", 443, set()),
        ("192.168.1.1", 443, set()),
        ("100.64.0.1", 443, set()),
        ("127.0.0.1", 443, set()),
        ("0.0.0.1", 443, set()),
        ("172.16.0.1", 443, set()),
        ("172.31.255.254", 443, set()),
        ("192.0.0.192", 443, set()),
        ("198.19.0.1", 443, set()),
        ("239.1.1.1", 443, set()),
        ("3fff::1", 443, set()),
        ("fd00::1", 443, set()),
        ("2002:7f00:1::", 443, set()),
    ],
)
def test_only_two_reach_out_and_only_to_the_public_internet(
    address: str, port: int, who: set[str], played: tuple[list[Manifest], dict[str, Labels]]
) -> None:
    policies, labels = played
    found = {p for p, own in labels.items() if may(policies, "Egress", own, address, port, {})}
    assert found == who


def test_the_ports_that_lead_out_are_those_that_the_service_asks() -> None:
    outside = of_kind(rendered({}), "NetworkPolicy")["lathe-outside"]["spec"]["egress"]
    assert [port["port"] for port in outside[0]["ports"]] == list(_PORTS)


def test_names_are_asked_of_the_cluster_alone() -> None:
    policies, labels = play(rendered({}))
    dns = {"kubernetes.io/metadata.name": "kube-system"}
    asking = {p for p, own in labels.items() if may(policies, "Egress", own, {}, 53, dns)}
    assert asking == labels.keys() - {"postgres", "valkey"}
    for own in labels.values():
        assert not may(policies, "Egress", own, "8.8.8.8", 53, {})


def test_servers_elsewhere_are_reached_where_they_are_said_to_be() -> None:
    policies, labels = play(rendered(values("external")))
    deliver, api, proxy = labels["deliver"], labels["api"], labels["proxy"]
    for address, port, wanted in [
        ("10.20.0.9", 5432, True),
        ("10.20.1.9", 5432, False),
        ("10.20.1.9", 6379, True),
        ("10.20.0.9", 22, False),
        ("52.216.0.1", 443, True),  # the bucket: any address
    ]:
        assert may(policies, "Egress", api, address, port, {}) is wanted, (address, port)
        assert not may(policies, "Egress", proxy, address, port, {})
    assert may(policies, "Egress", deliver, "10.30.0.5", 443, {})


def test_others_come_in_only_where_they_were_let_in() -> None:
    def comes(manifests: list[Manifest], space: str, part: str, port: int) -> bool:
        policies, labels = play(manifests)
        there = {"kubernetes.io/metadata.name": space}
        return may(policies, "Ingress", labels[part], {"app": "x"}, port, there)

    plain, gpu, external = rendered({}), rendered(values("gpu")), rendered(values("external"))
    assert comes(plain, "anywhere", "proxy", 8080)
    assert comes(external, "ingress-nginx", "proxy", 8080)
    assert not comes(external, "anywhere", "proxy", 8080)
    assert comes(gpu, "keda", "postgres", 5432)
    assert not comes(plain, "keda", "postgres", 5432)
    assert comes(external, "monitoring", "api", 8000)
    assert not comes(gpu, "monitoring", "api", 8000)
    assert not comes(gpu, "keda", "valkey", 6379)


def test_all_our_processes_can_be_let_out_to_one_more_place() -> None:
    rule = {"to": [{"ipBlock": {"cidr": "10.40.0.7/32"}}], "ports": [{"port": 4317}]}
    policies, labels = play(rendered({"networkPolicy": {"everyone": [rule]}}))
    out = {
        p for p, own in labels.items() if may(policies, "Egress", own, "10.40.0.7", 4317, {})
    }
    assert out == labels.keys() & DATA


def test_policies_can_be_left_to_the_cluster() -> None:
    assert of_kind(rendered({"networkPolicy": {"enabled": False}}), "NetworkPolicy") == {}
