"""Loads model.conf and policy.csv in the `casbin` package for Python, and asks it what we have decided.

    casbin_agrees.py DIRECTORY

DIRECTORY holds one directory for each policy, with the two files and the cases (`tests/it/portability.rs` writes them).
The names in a case are closed: whoever embeds casbin brings the names that a person goes by. Nothing is absent in a case,
because casbin does not know what that is. `present` and `true` are added as functions, as `present` and `true` are no
words of Python's; a column that is open by its declaration is one more line.

What does not travel: a column, list or claim whose name is a keyword of Python's (`from`, `in`, `class`), a column that is
called `kind`, and a list or claim that is called `names`.
"""

import json
import logging
import sys
from pathlib import Path
from types import SimpleNamespace

import casbin


def enforcer(directory, open_columns):
    loaded = casbin.Enforcer(str(directory / "model.conf"), str(directory / "policy.csv"))
    lines = (directory / "policy.csv").read_text(encoding="utf-8").splitlines()
    for kind in ("p", "g"):
        written = sum(1 for line in lines if line.strip().startswith((kind + ",", kind + " ")))
        read = len(loaded.get_model()[kind][kind].policy)
        if read != written:
            sys.exit(f"{directory}: casbin read {read} of {written} `{kind}` lines")
    loaded.add_function("present", lambda value: value is not None)
    loaded.add_function("true", True)
    loaded.add_function("false", False)
    for column in open_columns:
        loaded.add_policy("*", "*", column, "*", "true", "allow")
    return loaded


def main(directory):
    # It warns of every denial.
    logging.disable(logging.WARNING)
    policies = sorted(path.parent for path in directory.glob("*/cases.json"))
    asked = allowed = wrong = 0
    for policy in policies:
        asks = json.loads((policy / "cases.json").read_text(encoding="utf-8"))
        theirs = enforcer(policy, asks["open"])
        for case in asks["cases"]:
            sub, obj, ctx = (SimpleNamespace(**case[part]) for part in ("sub", "obj", "ctx"))
            answer = theirs.enforce(sub, case["dom"], obj, case["act"], ctx)
            asked += 1
            allowed += answer
            if answer != case["ours"]:
                wrong += 1
                print(f"{policy.name}: casbin says {answer}, we say {case['ours']}: {json.dumps(case, ensure_ascii=False)}")
    if not asked:
        sys.exit(f"there are no cases under {directory}")
    print(f"casbin {casbin_version()} on Python: {asked} cases of {len(policies)} policies, {allowed} allowed, {wrong} otherwise than ours")
    sys.exit(1 if wrong else 0)


def casbin_version():
    from importlib.metadata import version

    return version("casbin")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
