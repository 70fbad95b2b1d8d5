"""Which items of "what implementers get wrong" and which rulings have a test: read from the
docstrings of the tests, with the reason where there is none.
"""
import ast
import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
ITEMS = range(1, 67)
RULINGS = range(1, 16)

# The rest of chapter 4 is about certificates; these of the first 66 no server shows on the wire.
WITHOUT_TEST = {
    45: "how a charger combines profiles: its own arithmetic; ours is in the tests of dlm",
    61: "whether limits are followed shows in currents over time: tests of dlm and simulation",
}
RULINGS_WITHOUT_TEST = {
    11: "certificates: needs TLS",
}


def _numbers(word, text):
    found = set()
    for group in re.findall(rf"\b{word}s?\s+((?:R?\d+(?:,\s+)?)+)", text):
        found |= {int(number) for number in re.findall(r"\d+", group)}
    return found


def tests_by_number():
    """(item -> tests, ruling -> tests)."""
    items, rulings = {}, {}
    for path in sorted(HERE.glob("*_test.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.FunctionDef) or not node.name.startswith("test_"):
                continue
            text = ast.get_docstring(node) or ""
            name = f"{path.stem}.{node.name}"
            for number in _numbers("[Ii]tem", text):
                items.setdefault(number, []).append(name)
            for number in _numbers("[Rr]uling", text):
                rulings.setdefault(number, []).append(name)
    return items, rulings


def table():
    """(lines of the table, numbers with neither a test nor a reason)."""
    items, rulings = tests_by_number()
    lines, missing = [], []
    for prefix, numbers, tests, reasons in (("item ", ITEMS, items, WITHOUT_TEST),
                                            ("R", RULINGS, rulings, RULINGS_WITHOUT_TEST)):
        for number in numbers:
            found = ", ".join(tests.get(number, []))
            reason = reasons.get(number)
            if not found and not reason:
                missing.append(f"{prefix}{number}")
            lines.append(f"{prefix}{number:<3} {found or 'no test: ' + (reason or '?')}")
    return lines, missing
