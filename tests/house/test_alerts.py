"""The alerts for Prometheus: well-formed, on metrics that the program has, with commands that it has."""

import re

import yaml
from house import ROOT, tracked

RULES = ROOT / "packaging/prometheus/weir.rules.yml"
SEVERITIES = {"page", "ticket", "info"}


def alerts():
    groups = yaml.safe_load(RULES.read_text())["groups"]
    assert len({group["name"] for group in groups}) == len(groups)
    return [rule for group in groups for rule in group["rules"]]


def said_by(pattern, *folders):
    files = tracked(*(f"{folder}/*.c" for folder in folders))
    return {name for file in files for name in re.findall(pattern, (ROOT / file).read_text(), re.M)}


def metrics():
    return said_by(r'\{\s*"(weir_[a-z_]+)"', "producer", "consumer", "app")


def commands():
    return said_by(r'^    \{"([a-z ]+)", "', "app")


def test_every_rule_is_whole():
    names = [rule["alert"] for rule in alerts()]
    assert len(set(names)) == len(names) >= 15
    for rule in alerts():
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}, rule["alert"]
        assert rule["labels"]["severity"] in SEVERITIES
        assert re.fullmatch(r"\d+[smhd]", rule.get("for", "1m"))
        assert rule["expr"].count("(") == rule["expr"].count(")")
        assert set(rule["annotations"]) == {"summary", "description"}
        for text in rule["annotations"].values():
            assert text.count("{{") == text.count("}}") and text.count("`") % 2 == 0


def test_every_metric_exists():
    named = {name for rule in alerts() for name in re.findall(r"\bweir_[a-z_]+", rule["expr"])}
    assert len(named) >= 14
    assert named <= metrics(), named - metrics()


def test_every_rule_names_a_command_that_exists():
    known = commands()
    for rule in alerts():
        named = re.findall(r"`weir ([a-z]+(?: [a-z]+)?)", rule["annotations"]["description"])
        assert named, f"{rule['alert']} names no command"
        for words in named:
            assert words in known or words.split()[0] in known, f"{rule['alert']}: weir {words}"


def test_labels_that_are_shown_are_there():
    """A label in a text must survive the expression's aggregation."""
    for rule in alerts():
        kept = {label for labels in re.findall(r"by \(([a-z_, ]+)\)", rule["expr"]) for label in labels.split(", ")}
        shown = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
        assert not kept or shown <= kept, rule["alert"]
