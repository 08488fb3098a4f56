#!/usr/bin/env python3
"""Writes crates/belay/layout.ld: the functions that `belay kustomize build` runs, to stand together.

    BELAY_LINK_MAP=/tmp/belay.map cargo build --release -p belay
    scripts/layout.py /tmp/belay.map target/release/belay FOLDER...

Each FOLDER is a kustomization that is built under callgrind (valgrind must be there): the plainest
first, since what it needs comes first. Names are
written without the hashes that change with every build; a name that is gone does no harm, and a
function that is not listed only stands elsewhere.
"""

import pathlib
import re
import subprocess
import sys
import tempfile


# What runs under other names than it is linked by: where a program begins, and what each crate that uses it has
# a copy of.
ALWAYS = [
    "*crt1.o(.text)",
    "*(.text._RNvNtCs*_3std3env7__var_os*)",
    "*(.text._ZN6memchr4arch6x86_644avx210packedpair6Finder14with_pair_impl17h*)",
]


def executed(program, folder):
    """The symbols of the functions that one build runs."""
    with tempfile.NamedTemporaryFile() as out:
        tool = ["valgrind", "-q", "--tool=callgrind", "--demangle=no", f"--callgrind-out-file={out.name}"]
        subprocess.run([*tool, program, "kustomize", "build", folder], stdout=subprocess.DEVNULL, check=True)
        text = pathlib.Path(out.name).read_text()
    return re.findall(r"^c?fn=\(\d+\) ([^\s']+)", text, re.M)


def objects(link_map):
    """The object file of each section of code."""
    found = {}
    for line in pathlib.Path(link_map).read_text().splitlines():
        section = re.search(r"(\S+):\(\.text\.(?:unlikely\.|startup\.|exit\.)?([^)]+)\)$", line)
        if section:
            found.setdefault(section[2], section[1])
    return found


def pattern(symbol, object_file):
    """What finds a function in every build. A generic one is looked for in its crate's objects only:
    elsewhere hundreds have the same name."""
    name = re.sub(r"\.llvm\.\d+$", "", symbol).replace("$", "?")
    name, generic = re.subn(r"17h[0-9a-f]{16}E.*$", "17h*", name)
    if symbol.startswith("_R"):
        name = re.sub(r"Cs[0-9A-Za-z]+_(?=\d)", "Cs*_", name) + "*"
    crate = re.search(r"\.(\w+)\.[0-9a-z]+-cgu\.\d+", object_file)
    files = f"*.{crate[1]}.*" if generic and crate else "*"
    sections = " ".join(f".text.{prefix}{name}" for prefix in ("", "unlikely.", "startup.", "exit."))
    return f"{files}({sections})"


def main():
    link_map, program, *folders = sys.argv[1:]
    known = objects(link_map)
    patterns = dict.fromkeys(ALWAYS)
    for folder in folders:
        new = {pattern(symbol, known[symbol]) for symbol in executed(program, folder) if symbol in known}
        patterns.update(dict.fromkeys(sorted(new - patterns.keys())))
    target = pathlib.Path(__file__).parent.parent / "crates/belay/layout.ld"
    lines = "\n".join(f"    {one}" for one in patterns)
    target.write_text(
        "/* Written by scripts/layout.py: what `belay kustomize build` runs stands together, so that a build\n"
        "   takes few pages of the program into memory. */\n"
        f"SECTIONS\n{{\n  .text.first :\n  {{\n{lines}\n  }}\n}}\nINSERT BEFORE .text;\n"
    )
    print(f"{len(patterns)} patterns")


if __name__ == "__main__":
    main()
