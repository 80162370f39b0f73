"""What build servers understand: JUnit XML, and the annotations of GitHub."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from latprof.check import Outcome, Verdicts
from latprof.report.checking import outcome_label, outcome_sentence
from latprof.units import printable

__all__ = ["github_annotations", "junit_xml"]


def junit_xml(verdicts: Verdicts) -> bytes:
    """One test case per outcome: failures as such, what cannot be judged as skipped (as failed where strict)."""
    failed = verdicts.failed
    skipped = [item for item in verdicts.of("unknown") if item not in failed]
    counts = {"tests": len(verdicts.outcomes), "failures": len(failed), "skipped": len(skipped), "errors": 0}
    attributes = {"name": "latprof check"} | {key: str(value) for key, value in counts.items()}
    suites = ET.Element("testsuites", attributes)
    suite = ET.SubElement(suites, "testsuite", attributes)
    for item in verdicts.outcomes:
        case = ET.SubElement(
            suite, "testcase", {"classname": f"latprof.{item.rule}", "name": printable(outcome_label(item))}
        )
        if item in failed:
            ET.SubElement(case, "failure", {"message": printable(item.reason)}).text = printable(outcome_sentence(item))
        elif item.status == "unknown":
            ET.SubElement(case, "skipped", {"message": printable(item.reason)})
    ET.indent(suites)
    text: str = ET.tostring(suites, encoding="unicode")
    return f"<?xml version='1.0' encoding='utf-8'?>\n{text}\n".encode()


def github_annotations(verdicts: Verdicts) -> str:
    """One line per failure (error) and per figure that cannot be judged (warning)."""
    lines = [_annotation("error", item) for item in verdicts.failed]
    lines += [_annotation("warning", item) for item in verdicts.of("unknown") if item not in verdicts.failed]
    return "".join(line + "\n" for line in lines)


def _annotation(level: str, item: Outcome) -> str:
    title = _escaped(outcome_label(item)).replace(":", "%3A").replace(",", "%2C")
    return f"::{level} title=latprof {title}::{_escaped(outcome_sentence(item))}"


def _escaped(text: str) -> str:
    """As workflow commands want it: names come from logs and must not begin a command of their own."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
