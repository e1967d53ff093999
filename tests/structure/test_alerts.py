"""Every alert rings when it should, by promtool; its figures exist, and the runbook says what to do."""

import os
import re
import shutil
import subprocess
from typing import Any

import prometheus_client
import pytest
import yaml

from shared.contracts.catalog import SERVICES
from tests.structure.house import ROOT
from tests.structure.test_routes import _app

FOLDER = ROOT / "deploy" / "prometheus"
FIGURE = re.compile(r"\bflacon_\w+")
SUFFIXES = ("_bucket", "_sum", "_count", "_total")


def _rules(name: str) -> list[dict[str, Any]]:
    loaded = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    return [rule for group in loaded["groups"] for rule in group["rules"]]


def _promtool(*words: str) -> str:
    tool = shutil.which("promtool")
    if tool is None:
        assert "FLACON_PROMTOOL" not in os.environ, "promtool is missing"
        pytest.skip("promtool is not installed (Debian: apt install prometheus)")
    done = subprocess.run([tool, *words], cwd=FOLDER, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_accepts_its_configuration() -> None:
    _promtool("check", "config", "prometheus.yml")


def test_each_alert_rings_when_it_should_and_is_silent_before() -> None:
    _promtool("test", "rules", "alerts.test.yml")


def test_each_alert_is_tried_silent_and_ringing() -> None:
    tests = yaml.safe_load((FOLDER / "alerts.test.yml").read_text(encoding="utf-8"))["tests"]
    tried = {(one["alertname"], bool(one["exp_alerts"])) for test in tests for one in test["alert_rule_test"]}
    assert tried == {(rule["alert"], rings) for rule in _rules("alerts.yml") for rings in (True, False)}


def test_each_alert_has_its_entry_in_the_runbook_and_no_entry_is_of_none() -> None:
    text = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    entries = re.findall(r"^### (\w+)\n\*(page|ticket)\.\*", text, re.MULTILINE)
    rules = _rules("alerts.yml")
    assert sorted(entries) == sorted((rule["alert"], rule["labels"]["severity"]) for rule in rules)
    assert all(rule["annotations"]["runbook"] == f"docs/runbook.md#{rule['alert'].lower()}" for rule in rules)


def test_every_figure_that_a_rule_reads_is_one_that_a_service_shows() -> None:
    for service in SERVICES:
        _app(service)
    shown = {family.name for family in prometheus_client.REGISTRY.collect()}
    shown |= {name + suffix for name in shown for suffix in SUFFIXES}
    rules = [*_rules("rules.yml"), *_rules("alerts.yml")]
    recorded = {rule["record"].split(":")[1] for rule in rules if "record" in rule}
    read = {name for rule in rules for name in FIGURE.findall(rule["expr"])}
    assert read - recorded - shown == set()


def test_every_service_is_watched() -> None:
    loaded = yaml.safe_load((FOLDER / "prometheus.yml").read_text(encoding="utf-8"))
    watched = {
        job["job_name"]: [name for found in job["dns_sd_configs"] for name in found["names"]]
        for job in loaded["scrape_configs"]
    }
    assert watched == {service: [service] for service in SERVICES}
