#!/usr/bin/env python3
"""The house rules as a test: who includes whom, lengths, co_await, words that must not be there.

Usage: tidy_test.py ROOT | --self-test

Prints one line a violation, `file:line: what`, and a count at the end. Before the tree is read,
each rule is tried on a small made-up tree, so that a rule that can no longer fire is noticed.
"""
import ast
import fnmatch
import os
import re
import subprocess
import sys
import tempfile

# --- What may include what -----------------------------------------------------------------------
# Patterns of the files that a folder may include besides itself and base. `folder/pattern` as a key
# adds to its folder. Folders that are not listed (tests, bench, app) may include everything.
CORE_OF_METERS = ["meters/[!b]*", "meters/b[!u]*"]  # without the bus: no line, no thread
ROWS = ["db/rows.hpp", "db/journal.hpp"]
MAY_INCLUDE = {
    "base": [],
    "ocpp": [],
    "dlm": [],
    "meters": [],
    "certs": [],
    "db": ["ocpp/types.hpp", "dlm/model.hpp", "meters/reading.hpp"],
    "site": ["ocpp/*", "dlm/*", *CORE_OF_METERS, *ROWS],
    "gateway": ["site/*", "ocpp/*", *ROWS],
    "gateway/uplink*": ["net/*"],
    "alerts": ["site/*", *ROWS],
    "reports": ["db/queries.hpp"],
    "net": ["certs/*"],
    "api": ["site/*", "gateway/*", "dlm/*", "meters/*", "alerts/*", "reports/*", "net/*", "certs/*",
            "db/rows.hpp", "db/queries.hpp", "db/token.hpp"],
    "sim": ["site/*", "gateway/*", "ocpp/*", "dlm/*", *CORE_OF_METERS, *ROWS],
    "sim/main*": ["net/*", "meters/bus_server.hpp"],
    "sim/socket_*": ["net/*", "meters/bus_server.hpp"],
}
# The only files that may include a third-party header: its prefix, then patterns.
THIRD_PARTY = {
    "boost/beast": ["net/*.cpp"],
    "date/": ["base/time_zone.cpp"],
    "pqxx/": ["db/*.cpp", "db/connection.hpp"],
    "libpq": ["db/*.cpp"],
    "sqlite3": ["db/spill.cpp"],
    "modbus": ["meters/bus*.cpp"],
    "openssl/": ["net/*.cpp", "certs/*"],
    "xlsxwriter": ["reports/xlsx.cpp"],
    "hpdf": ["reports/pdf.cpp"],
    "nlohmann/json.hpp": ["base/codec.cpp", "ocpp/session.cpp", "dlm/plan_file.cpp",
                          "meters/profile*.cpp", "app/config*.cpp"],
}
UNRULED = ("tests", "bench")
# Where clocks may be read; everything else is handed the time.
CLOCKS = ["app/*", "net/*", "meters/bus*", "db/*", "sim/main*", "sim/socket_*"]

LINES_MAX = 500
FUNCTION_LINES_MAX = 70
COLUMNS_MAX = 100
COUNTED = (".cpp", ".hpp", ".py", ".ts", ".vue")
# Put together here so that this file does not contain them.
MARKERS = re.compile(r"\b(?:%s)\b" % "|".join(["TO" "DO", "FIX" "ME", "X" "XX", "HA" "CK"]))
REGISTRIES = re.compile("|".join(re.escape(host) for host in [
    "deb." "debian.org", "snapshot." "debian.org", "registry." "npmjs.org",
    "registry." "yarnpkg.com", "npm." "pkg.github.com", "pypi." "org", "files." "pythonhosted.org",
    "static." "crates.io",
    "proxy." "golang.org", "deb." "nodesource.com", "apt." "postgresql.org"]))
SKIPPED_FOLDERS = {".git", "build", "var", "node_modules", "__pycache__"}


def matches(path, patterns):
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)


def strip_cpp(text):
    """The text with comments and the insides of literals as blanks; every line keeps its place."""
    pattern = re.compile(
        r'//[^\n]*|/\*.*?\*/|R"(?P<end>[^\s()\\]{0,16})\(.*?\)(?P=end)"|"(?:\\.|[^"\\\n])*"'
        r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'", re.DOTALL)

    def blank(match):
        found = match.group(0)
        if found[0] == "/":
            return re.sub(r"[^\n]", " ", found)
        quote = '"' if found[0] in 'R"' else "'"
        return quote + re.sub(r"[^\n]", " ", found[1:-1]) + quote

    return pattern.sub(blank, text)


def line_at(text, position):
    return text.count("\n", 0, position) + 1


# --- Rules: each yields (line, what) ------------------------------------------------------------
def check_includes(path, text):
    folder = path.split("/")[0]
    allowed = [folder + "/*", "base/*"]
    for key, patterns in MAY_INCLUDE.items():
        if folder == key or ("/" in key and fnmatch.fnmatchcase(path, key)):
            allowed += patterns
    for number, line in enumerate(text.split("\n"), 1):
        found = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
        if not found:
            continue
        target = found.group(2)
        if found.group(1) == '"' and folder in MAY_INCLUDE and not matches(target, allowed):
            yield number, f"{folder}/ may not include {target}"
        if folder in UNRULED:
            continue
        for prefix, files in THIRD_PARTY.items():
            if target.startswith(prefix) and not matches(path, files):
                yield number, f"<{target}> may only be included by {', '.join(files)}"


def check_header(path, text):
    if not path.endswith(".hpp"):
        return
    if not text.startswith("//"):
        yield 1, "a header starts with a comment: its purpose and its thread rule"
    if not re.search(r"^#pragma once$", text, re.MULTILINE):
        yield 1, "#pragma once is missing"


def check_catch_all(code):
    for found in re.finditer(r"\bcatch\s*\(\s*\.\.\.\s*\)", code):
        yield line_at(code, found.start()), "catch of everything: name what is expected"


def check_clocks(path, code):
    if matches(path, CLOCKS) or path.split("/")[0] not in MAY_INCLUDE:
        return
    for found in re.finditer(r"_clock::now\s*\(|\bclock_gettime\s*\(|\bgettimeofday\s*\(", code):
        yield line_at(code, found.start()), "a clock is read here: take the time as a parameter"


def without_control(head):
    """The head of a statement without `if (...)`, `else`, `case x:` and the like in front of it."""
    while True:
        head = head.lstrip()
        word = re.match(r"(?:else|do|default\s*:|case\b[^:?]*(?:::[^:?]*)*:(?!:))", head)
        if word:
            head = head[word.end():]
            continue
        control = re.match(r"(?:if(?:\s+constexpr)?|while|for|switch)\s*\(", head)
        if not control:
            return head.strip()
        depth = 1
        at = control.end()
        while at < len(head) and depth > 0:
            depth += {"(": 1, ")": -1}.get(head[at], 0)
            at += 1
        if depth > 0:
            return head.strip()
        head = head[at:]


# A declaration up to its `=`: type (with template arguments, references), then a name or [a, b].
DECLARATION = re.compile(r"(?:[\w:]+(?:\s*<[\w\s:<>,&*]*>)?[\s&*]+)+(?:\w+|\[[\w\s,]+\])\s*=$")


def opens_block(before):
    """Whether a brace behind this text opens a block, and not the initialiser of a value."""
    before = before[-200:].rstrip()
    return before == "" or before[-1] in ");{}]" or re.search(
        r"\b(?:else|do|try|const|noexcept|override|final|mutable)$|->\s*[\w:<>,&*\s]+$", before)


def check_co_await(code):
    for found in re.finditer(r"\bco_await\b", code):
        begin = found.start()
        while begin > 0 and code[begin - 1] not in ";{}":
            begin -= 1
        if begin > 0 and code[begin - 1] == "{" and not opens_block(code[:begin - 1]):
            yield line_at(code, found.start()), "co_await inside braces (it has to stand alone)"
            continue
        head = without_control(code[begin:found.start()])
        tail = code[found.end():code.find(";", found.end())]
        what = None
        if head not in ("", "co_return") and not DECLARATION.match(head):
            what = "inside an expression"
        elif re.search(r"\bco_await\b", tail):
            what = "twice in one statement"
        elif re.search(r"[(,]\s*\[[^\]]+\]\s*[({]", tail):
            what = "with a capturing lambda as argument: name the lambda first"
        elif "{" in tail:
            what = "with braces in its expression: name the value first"
        elif re.search(r"\?|&&|\|\|", tail):
            what = "as an operand"
        if what:
            yield line_at(code, found.start()), f"co_await {what} (it has to stand alone)"


def function_bodies(code):
    """Yields the positions of the opening and closing braces of each outermost function body."""
    code = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*",
                  lambda found: re.sub(r"[^\n]", " ", found.group(0)), code, flags=re.MULTILINE)
    stack = []  # kinds of the open braces: "scope", "function", "initialiser", "other"
    begin = 0
    after_initialiser = False
    opened = 0
    for found in re.finditer(r"[{};]", code):
        mark, at = found.group(0), found.start()
        head = code[begin:at].strip()
        begin = at + 1
        if mark == "{":
            kind = kind_of_brace(head, after_initialiser)
            if kind == "function" and "function" not in stack:
                opened = at
            stack.append(kind)
        elif mark == "}" and stack:
            kind = stack.pop()
            if kind == "function" and "function" not in stack:
                yield opened, at
            after_initialiser = kind == "initialiser"
            continue
        if mark != "{" or stack[-1] != "initialiser":
            after_initialiser = False


def kind_of_brace(head, after_initialiser):
    if re.match(r"(?:inline\s+)?namespace\b|extern\b[^()]*$", head):
        return "scope"
    if after_initialiser and (head == "" or re.match(r",.*\)$", head, re.DOTALL)):
        return "function"
    if after_initialiser and re.match(r",.*\w$", head, re.DOTALL):
        return "initialiser"
    if re.search(r"\)[^;?]*[^:]:[^:;]*\w\s*$", head):
        return "initialiser"
    if re.search(r"\)\s*(?:(?:const|noexcept|override|final|mutable|try|&&?)\s*)*"
                 r"(?:->\s*[\w:<>,&*\s]+)?$", head) or re.search(r"\)\s*(?:noexcept)?\s*:[^:].*\)$",
                                                                 head, re.DOTALL):
        return "function"
    return "scope" if re.search(r"\b(?:class|struct|union|enum)\b", head) else "other"


def check_functions(path, text, code):
    if path.endswith(".py"):
        spans = [(node.lineno, node.end_lineno) for node in ast.walk(ast.parse(text))
                 if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    else:
        spans = [(line_at(code, first), line_at(code, last))
                 for first, last in function_bodies(code)]
    for first, last in spans:
        if last - first + 1 > FUNCTION_LINES_MAX:
            yield first, f"a function of {last - first + 1} lines (at most {FUNCTION_LINES_MAX})"


def check_lengths(path, lines):
    if path.endswith(COUNTED) and len(lines) > LINES_MAX:
        yield len(lines), f"{len(lines)} lines (at most {LINES_MAX})"
    if not path.endswith((*COUNTED, ".sh", ".cmake", "CMakeLists.txt")) and not is_script(path):
        return
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS_MAX:
            yield number, f"{len(line)} columns (at most {COLUMNS_MAX})"


def is_script(path):
    return re.fullmatch(r"(?:script|\.ci)/[a-z_]+", path) is not None


def check_sleep(path, code):
    # The helpers that poll what cannot be waited for, one a language, are kept in these places.
    if not path.startswith("tests/") or matches(path, ["tests/support/*", "*/support.py"]):
        return
    if path.endswith(".py"):
        code = re.sub(r"#[^\n]*|\"[^\"\n]*\"|'[^'\n]*'", "", code)
    for found in re.finditer(r"\b(?:u|nano)?sleep(?:_for|_until)?\s*\(", code):
        yield line_at(code, found.start()), "a test sleeps: wait for the event instead"


def check_words(lines, machine_paths):
    for number, line in enumerate(lines, 1):
        if MARKERS.search(line):
            yield number, "a marker for unfinished work: finish it, or file it"
        if REGISTRIES.search(line):
            yield number, "the host of a package registry: each machine has its own settings"
        if any(path in line for path in machine_paths):
            yield number, "a path of this machine"


def check_benches(text, script):
    """Benchmarks that script/bench does not run: their claims would be nobody's."""
    for found in re.finditer(r"^(?:add_executable\((\w+)|foreach\(program ([^)]*))", text,
                             re.MULTILINE):
        for name in (found.group(1) or found.group(2)).split():
            if not re.search(rf"\b{name}\b", script):
                yield line_at(text, found.start()), f"{name} is in no list of script/bench"


# --- Reading a tree -------------------------------------------------------------------------------
def files_of(root):
    """Paths below root: what git would commit, or for a tree without git everything not skipped."""
    if os.path.exists(os.path.join(root, ".git")):
        listed = subprocess.run(
            ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            capture_output=True, check=False)
        if listed.returncode == 0:
            names = {name for name in listed.stdout.decode().split("\0") if name}
            return sorted(name for name in names if os.path.isfile(os.path.join(root, name)))
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS]
        found += [os.path.relpath(os.path.join(folder, name), root) for name in names]
    return sorted(found)


def text_of(root, path):
    """The file's text; "" if there is none."""
    try:
        with open(os.path.join(root, path), encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def machine_paths_of(root):
    """The checkout and the home folder, where they are too special to be meant as an example."""
    paths = [os.path.realpath(root) + "/", os.path.expanduser("~") + "/"]
    return [path for path in paths if path.count("/") > 2 or path == "/root" "/"]


def violations(root):
    """Yields "file:line: what" for everything in the tree that breaks a rule."""
    machine_paths = machine_paths_of(root)
    for path in files_of(root):
        try:
            with open(os.path.join(root, path), encoding="utf-8") as file:
                text = file.read()
        except UnicodeDecodeError:
            continue
        lines = text.split("\n")
        if lines[-1] == "":
            lines.pop()
        found = [*check_words(lines, machine_paths), *check_lengths(path, lines)]
        if path.endswith((".cpp", ".hpp")):
            code = strip_cpp(text)
            found += [*check_includes(path, text), *check_header(path, text),
                      *check_catch_all(code), *check_clocks(path, code), *check_co_await(code),
                      *check_functions(path, text, code), *check_sleep(path, code)]
        elif path.endswith(".py"):
            found += [*check_functions(path, text, ""), *check_sleep(path, text)]
        elif path == "bench/CMakeLists.txt":
            found += check_benches(text, text_of(root, "script/bench"))
        for number, what in sorted(found):
            yield f"{path}:{number}: {what}"


# --- The rules tried on made-up trees -------------------------------------------------------------
CLEAN = {
    "base/time_zone.cpp": "#include <date/tz.h>\n",
    "base/units.hpp": "// Units.\n#pragma once\n#include <string>\n",
    "site/site.cpp": '#include "db/rows.hpp"\n#include "dlm/a.hpp"\n#include "meters/trust.hpp"\n',
    "sim/socket_runner.cpp": '#include "net/listener.hpp"\n#include "meters/bus_server.hpp"\n',
    "db/spill.cpp": "#include <sqlite3.h>\n#include <pqxx/pqxx>\n",
    "tests/net/a_test.cpp": "#include <boost/beast.hpp>\n// sleep(1) in a comment is none\n",
    "app/main.cpp": "int main() {\n" + "    f();\n" * 68 + "}\n",
    "net/link.cpp": """// co_await in a comment
awaitable<void> Link::run() {
    co_await stream_.async_accept(use);
    const auto size = co_await stream_.async_read(buffer_, use);
    auto [error, count] = co_await read(as_tuple(use));
    std::vector<std::map<int, std::string>> all = co_await collect();
    const std::string text = "co_await (co_await x)";
    if (count > 0) co_await close(use);
    else
        co_await stream_.async_write(f(size, [](int) { return 1'000; }(2)), use);
    for (;;) {
        co_return co_await finish(use);
    }
}
""".replace("[](int) { return 1'000; }(2)", "1'000"),
    "api/list.cpp": "A::A(B& b)\n    : b_{b}, c_(b) {\n" + "    f();\n" * 68 + "}\n",
}
BODY = "    f();\n" * 69
# (file, its text, line of the violation, a part of its message)
BROKEN = [
    ("dlm/a.cpp", '\n#include "ocpp/types.hpp"\n', 2, "dlm/ may not include ocpp/types.hpp"),
    ("base/a.cpp", '#include "app/config.hpp"\n', 1, "may not include app/"),
    ("site/a.cpp", '#include "meters/bus.hpp"\n', 1, "may not include meters/bus.hpp"),
    ("site/a.cpp", '#include "db/connection.hpp"\n', 1, "may not include db/connection.hpp"),
    ("sim/world.cpp", '#include "net/listener.hpp"\n', 1, "may not include net/"),
    ("net/a.cpp", "#include <pqxx/pqxx>\n", 1, "only be included by db/"),
    ("net/a.hpp", "// A.\n#pragma once\n#include <boost/beast.hpp>\n", 3, "only be included by"),
    ("db/a.cpp", "#include <sqlite3.h>\n", 1, "only be included by db/spill.cpp"),
    ("site/a.cpp", "#include <nlohmann/json.hpp>\n", 1, "only be included by base/codec.cpp"),
    ("meters/trust.cpp", "#include <modbus/modbus.h>\n", 1, "only be included by meters/bus"),
    ("api/a.cpp", "#include <openssl/ssl.h>\n", 1, "only be included by net/"),
    ("site/a.cpp", "#include <date/tz.h>\n", 1, "only be included by base/time_zone.cpp"),
    ("bench/CMakeLists.txt", "add_executable(a_bench a.cpp)\n", 1, "is in no list of script/bench"),
    ("bench/CMakeLists.txt", "\nforeach(program a)\n", 2, "a is in no list of script/bench"),
    ("base/a.hpp", "#pragma once\n", 1, "starts with a comment"),
    ("base/a.hpp", "// A.\nint a();\n", 1, "#pragma once"),
    ("base/a.cpp", "void f() try {\n} catch (...) {\n}\n", 2, "catch of everything"),
    ("site/a.cpp", "auto a = std::chrono::steady_clock::now();\n", 1, "a clock is read"),
    ("base/a.cpp", "int a;\n" * 501, 501, "501 lines"),
    ("script/a", "#" * 101 + "\n", 1, "101 columns"),
    ("base/a.cpp", "void f() {\n" + BODY + "}\n", 1, "a function of 71 lines"),
    ("base/a.cpp", "A::A() : b_{1},\n    c_(2) {\n" + BODY + "}\n", 2, "a function of 71 lines"),
    ("base/a.cpp", "struct A {\n    int f() const {\n" + BODY + "    }\n};\n", 2, "71 lines"),
    ("tests/a_test.cpp", "TEST(A, B) {\n" + BODY + "}\n", 1, "a function of 71 lines"),
    ("tests/a.py", "def f():\n" + "    g()\n" * 70, 1, "a function of 71 lines"),
    ("net/a.cpp", "void f() {\n    if (co_await g()) h();\n}\n", 2, "inside an expression"),
    ("net/a.cpp", "void f() {\n    h(1,\n      co_await g());\n}\n", 3, "inside an expression"),
    ("net/a.cpp", "void f() {\n    auto a = b ? co_await g() : c;\n}\n", 2, "inside an expression"),
    ("net/a.cpp", "void f() {\n    A a{co_await g()};\n}\n", 2, "inside braces"),
    ("net/a.cpp", "void f() {\n    a = co_await g();\n}\n", 2, "inside an expression"),
    ("net/a.cpp", "void f() {\n    co_await g([this] { h(); });\n}\n", 2, "capturing lambda"),
    ("net/a.cpp", "void f() {\n    co_await g(A{1});\n}\n", 2, "with braces"),
    ("net/a.cpp", "void f() {\n    const bool a = co_await g() && b;\n}\n", 2, "as an operand"),
    ("tests/a_test.cpp", "void f() { std::this_thread::sleep_for(1s); }\n", 1, "a test sleeps"),
    ("tests/integration/a_test.py", "import time\ntime.sleep(1)\n", 2, "a test sleeps"),
    ("docs/a.md", "One.\nTO" "DO: two\n", 2, "unfinished work"),
    ("base/a.cpp", "// FIX" "ME\n", 1, "unfinished work"),
    ("package-lock.json", '"resolved": "https://registry.' 'npmjs.org/a"\n', 1, "package registry"),
    ("docs/a.md", "see ROOT/docs\n", 1, "a path of this machine"),
]


def violations_of(files):
    with tempfile.TemporaryDirectory(prefix="busbar-tidy-") as root:
        for path, text in files.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text.replace("ROOT", os.path.realpath(root)))
        return list(violations(root))


def self_test():
    """Returns what is wrong with the rules themselves, one line each."""
    wrong = [f"a clean tree is refused: {line}" for line in violations_of(CLEAN)]
    for path, text, line, what in BROKEN:
        found = violations_of({path: text})
        if not found or not found[0].startswith(f"{path}:{line}: ") or what not in found[0]:
            wrong.append(f"expected {path}:{line}: ...{what}..., found {found or 'nothing'}")
        elif len(found) > 1:
            wrong.append(f"expected one violation in {path}, found {found}")
    return wrong


def main(arguments):
    if len(arguments) != 1 or arguments[0] in ("-h", "--help"):
        print(__doc__.strip(), file=sys.stderr)
        return 0 if arguments and arguments[0] in ("-h", "--help") else 2
    broken_rules = self_test()
    for line in broken_rules:
        print(f"self-test: {line}")
    print(f"self-test: {len(BROKEN) + 1} cases, {len(broken_rules)} wrong")
    if arguments[0] == "--self-test" or broken_rules:
        return 1 if broken_rules else 0
    root = arguments[0]
    count = 0
    for line in violations(root):
        print(line)
        count += 1
    print(f"house rules: {len(files_of(root))} files, {count} violations")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
