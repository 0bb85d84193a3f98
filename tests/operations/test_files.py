"""The runbook, dashboard, and alert rules name only what exists."""

import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest
import yaml

from bot.base import metrics
from bot.base.settings import ROOT, Settings
from bot.cli.main import main
from bot.monitoring import alert_rules as monitoring_alert_rules
from bot.monitoring.snapshot import SystemSnapshot
from bot.web.operations.metrics import REDIS_COUNTERS, collect_deployment_metrics
from tests.monitoring.test_alarms import AT, HEALTHY

RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
ALERTS = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "puente.json").read_text())
LINES = re.sub(r"```.*?```", "", RUNBOOK, flags=re.S)
"""The runbook without its code blocks, which `test_runbook.py` runs."""
SPANS = re.findall(r"`([^`]+)`", LINES)
METRIC = re.compile(r"puente_\w+")


def build_full_snapshot() -> SystemSnapshot:
    """Fill everything, so that every metric and label appears."""
    assert HEALTHY.database and HEALTHY.redis
    severities = ("info", "follow_up", "escalate_day", "escalate_now")
    of_all = dict.fromkeys(("urgent", "default", "bulk"), 1)
    redis = replace(
        HEALTHY.redis,
        waiting_job_counts=of_all,
        failed_job_counts=of_all,
        oldest_queued_at=dict.fromkeys(of_all, AT - timedelta(seconds=3)),
        counters={(name, "x" if label else ""): 1 for name, _, label in REDIS_COUNTERS},
    )
    database = replace(
        HEALTHY.database,
        open_case_counts={(severity, False): (1, AT) for severity in severities},
        claim_seconds={severity: [1.0, 2.0] for severity in severities},
        delivery_counts={("alert", "text", "delivered"): 1},
        twilio_code_counts={(30007,): 1},
        active_recipient_counts={("waiting",): 1},
        fact_counts={"expired": 1, "soon": 1},
    )
    return replace(HEALTHY, redis=redis, database=database)


def samples() -> dict[str, list[dict[str, str]]]:
    """Return every existing metric → the labels of its samples."""
    metrics.WEBHOOK_SECONDS.labels("messages", "failed").observe(1)
    metrics.WEBHOOK_SECONDS.labels("messages", "refused").observe(1)
    metrics.MESSAGES_IN.labels("sms").inc(0)
    metrics.STORE_ERRORS.labels("redis").inc(0)
    own = (metrics.WEBHOOK_SECONDS, metrics.MESSAGES_IN, metrics.STORE_ERRORS)
    families = [
        *collect_deployment_metrics(build_full_snapshot()),
        *(one for metric in own for one in metric.collect()),
    ]
    found: dict[str, list[dict[str, str]]] = {}
    for family in families:
        for sample in family.samples:
            found.setdefault(sample.name, []).append(dict(sample.labels))
    return found


def alert_rules() -> list[dict[str, str]]:
    return [rule for group in ALERTS["groups"] for rule in group["rules"]]


def expressions() -> list[str]:
    panels = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    return [*panels, *(str(rule["expr"]) for rule in alert_rules())]


@pytest.mark.parametrize("expression", expressions())
def test_every_expression_uses_existing_metrics_and_labels(expression: str) -> None:
    there = samples()
    assert METRIC.findall(expression)
    for name, chosen in re.findall(r"(puente_\w+)(?:\{([^}]*)\})?", expression):
        assert name in there, name
        wanted = dict(re.findall(r'(\w+)="([^"]*)"', chosen))
        assert any(wanted.items() <= labels.items() for labels in there[name]), (name, wanted)
    grouped = {one.strip() for labels in re.findall(r"by \(([^)]*)\)", expression) for one in labels.split(",")}
    known = {label for name in METRIC.findall(expression) for labels in there[name] for label in labels}
    assert grouped - {"instance"} <= known, "it groups by a label that is not there"
    assert expression.count("(") == expression.count(")") and expression.count("{") == expression.count("}")


def test_every_metric_is_on_the_dashboard() -> None:
    shown = {re.sub(r"_(bucket|count|sum)$", "", name) for text in expressions() for name in METRIC.findall(text)}
    there = {re.sub(r"_(bucket|count|sum|created)$", "", name) for name in samples()}
    assert {name for name in there if not name.endswith("_in") and not name.endswith("_errors")} <= shown


def test_labels_have_few_values_and_no_family_data() -> None:
    few = {
        "alarm",
        "part",
        "queue",
        "process",
        "kind",
        "means",
        "state",
        "severity",
        "quantile",
        "code",
        "channel",
        "webhook",
        "result",
        "store",
    }
    few |= {"within", "outcome", "reason", "le"}
    assert {label for rows in samples().values() for labels in rows for label in labels} <= few


def test_prometheus_rules_match_program_limits() -> None:
    of_name = {str(rule["alert"]): str(rule["expr"]) for rule in alert_rules()}
    assert set(monitoring_alert_rules.ALARM_NAMES) <= set(of_name)
    for queue, seconds in monitoring_alert_rules.MAX_QUEUE_WAIT_SECONDS.items():
        assert of_name[f"queue_{queue}"].endswith(f"> {seconds}")
    for severity, seconds in monitoring_alert_rules.MAX_UNCLAIMED_SECONDS.items():
        assert of_name[f"unclaimed_{severity}"].endswith(f"> {seconds}")
    limits = {
        "deliveries_late": f"> {monitoring_alert_rules.MAX_DELIVERY_DELAY_SECONDS}",
        "unknown_outcomes": f">= {monitoring_alert_rules.MIN_UNKNOWN_SENDS}",
        "opt_outs": f">= {monitoring_alert_rules.MIN_OPT_OUTS_PER_HOUR}",
        "disk_full": f"< {monitoring_alert_rules.MIN_FREE_DISK_RATIO:.2f}",
        "logins_locked": f">= {monitoring_alert_rules.MIN_LOCKED_LOGINS}",
    }
    for name, limit in limits.items():
        assert of_name[name].endswith(limit), name
    assert f">= {monitoring_alert_rules.MIN_REFUSED_SENDS} " in of_name["twilio_failing"]


def test_every_rule_links_to_a_runbook_heading() -> None:
    headings = set(re.findall(r"^### (.+)$", RUNBOOK, re.M))
    for rule in alert_rules():
        file, _, heading = str(dict(rule["annotations"])["runbook"]).partition("#")  # type: ignore[call-overload]
        assert file == "docs/runbook.md" and heading in headings, rule["alert"]


def test_dashboard_is_valid_for_grafana() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids) and DASHBOARD["schemaVersion"] >= 36
    for panel in DASHBOARD["panels"]:
        assert panel["title"] and panel["targets"] and panel["type"] in ("timeseries", "stat")
        assert panel["datasource"]["uid"] == "${source}"


def test_every_command_of_the_runbook_exists() -> None:
    spans = [span for span in SPANS if not span.startswith(("/", "#"))]
    commands = [span.split() for span in spans if span.startswith("python -m bot")]
    assert len(commands) > 10
    for words in commands:
        command = main.commands[words[3]]
        rest = words[4:]
        if hasattr(command, "commands"):
            assert rest[0] in command.commands, words
            rest = rest[1:]
        options = {name for one in command.params for name in one.opts}
        assert {word for word in rest if word.startswith("--")} <= options, words
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert {span.split()[1] for span in spans if span.startswith("make ")} <= targets
    for span in spans:
        for file in re.findall(r"^(?:python )?((?:deploy|docs|bot|messages|worker)[\w/.-]*)", span):
            assert (ROOT / file).exists(), span


def test_every_metric_setting_page_and_link_of_the_runbook_exists() -> None:
    there = samples()
    assert METRIC.findall(LINES)
    for name in METRIC.findall(LINES):
        assert name in there, name
    of_others = {"WEB_CONCURRENCY", "NAME", "ADDRESS", "LANGUAGE", "START"}
    names = {name for span in SPANS for name in re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", span)}
    assert names - of_others <= {name.upper() for name in Settings.model_fields}
    for link in re.findall(r"\]\(([\w-]+\.md)\)", RUNBOOK):
        assert (ROOT / "docs" / link).exists(), link
    console = (ROOT / "bot" / "web" / "console" / "core" / "menu.py").read_text()
    for page in ("System health", "On-call schedule", "Inbox", "Content to review", "Accounts", "Announcements"):
        assert page in console and page in RUNBOOK
