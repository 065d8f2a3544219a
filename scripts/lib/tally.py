"""tally.py FILE: what a JUnit file of ctest or pytest says, as "passed failed skipped".

A C test program counts as its cmocka cases. One that fails without naming a failed case (it
crashed, a sanitizer ended it) counts as one failure. A file that is missing or empty counts as
nothing: the caller decides that nothing is a failure.
"""

import re
import sys
import xml.etree.ElementTree as xml

PASSED = re.compile(r"^\[ {7}OK \] ", re.MULTILINE)
FAILED = re.compile(r"^\[ {2}FAILED {2}\] (?!tests: )(?:\S+: )?(\S+)$", re.MULTILINE)


def tally(case):
    broken = case.find("failure") is not None or case.find("error") is not None
    skipped = case.find("skipped") is not None
    output = case.findtext("system-out") or ""
    cases = len(PASSED.findall(output))
    if cases or FAILED.search(output):
        failed = len(set(FAILED.findall(output)))
        return cases, max(failed, int(broken)), 0
    return int(not broken and not skipped), int(broken), int(skipped)


def main(path):
    try:
        cases = list(xml.parse(path).iter("testcase"))
    except (OSError, xml.ParseError):
        cases = []
    print(*(sum(column) for column in zip((0, 0, 0), *map(tally, cases))))


if __name__ == "__main__":
    main(sys.argv[1])
