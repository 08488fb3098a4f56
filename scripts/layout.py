#!/usr/bin/env python3
"""Writes crates/belay/layout.ld: the functions that run stand together, those of `belay kustomize build`
first and those of `belay run` behind them.

    BELAY_LINK_MAP=/tmp/belay.map cargo build --release -p belay
    scripts/layout.py /tmp/belay.map target/release/belay FOLDER... [--ran FILE...]

Each FOLDER is a kustomization that is built under callgrind (valgrind must be there): the plainest
first, since what it needs comes first. Each FILE is what callgrind wrote of the same binary at other
work, such as a `belay run` beside some Applications and Kustomizations that went from new to steady:

    valgrind --tool=callgrind --demangle=no --callgrind-out-file=FILE target/release/belay run ...

Names are written without the hashes that change with every build; a name that is gone does no harm, and
a function that is not listed only stands elsewhere.
"""

import argparse
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
        return ran(out.name)


def ran(file):
    """The symbols of the functions that callgrind saw."""
    text = pathlib.Path(file).read_text()
    return re.findall(r"^c?fn=\(\d+\) ([^\s']+)", text, re.M)


def sections(link_map):
    """The object file of each section of code, and what stands in front of the function's name in the section's."""
    found = {}
    for line in pathlib.Path(link_map).read_text().splitlines():
        section = re.search(r"(\S+):\(\.text\.((?:unlikely\.|startup\.|exit\.)?)([^)]+)\)$", line)
        if section:
            found.setdefault(section[3], (section[1], section[2]))
    return found


def pattern(symbol, object_file, prefix):
    """What finds a function in every build. A generic one is looked for in its crate's objects only:
    elsewhere hundreds have the same name."""
    name = re.sub(r"\.llvm\.\d+$", "", symbol).replace("$", "?")
    name, generic = re.subn(r"17h[0-9a-f]{16}E.*$", "17h*", name)
    if symbol.startswith("_R"):
        name = re.sub(r"Cs[0-9A-Za-z]+_(?=\d)", "Cs*_", name) + "*"
    crate = re.search(r"\.(\w+)\.[0-9a-z]+-cgu\.\d+", object_file)
    files = f"*.{crate[1]}.*" if generic and crate else "*"
    return f"{files}(.text.{prefix}{name})"


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("link_map")
    words.add_argument("program")
    words.add_argument("folders", nargs="+")
    words.add_argument("--ran", nargs="*", default=[])
    given = words.parse_args()
    known = sections(given.link_map)
    patterns = dict.fromkeys(ALWAYS)
    runs = [lambda folder=folder: executed(given.program, folder) for folder in given.folders]
    runs += [lambda file=file: ran(file) for file in given.ran]
    for run in runs:
        new = {pattern(symbol, *known[symbol]) for symbol in run() if symbol in known}
        patterns.update(dict.fromkeys(sorted(new - patterns.keys())))
    target = pathlib.Path(__file__).parent.parent / "crates/belay/layout.ld"
    lines = "\n".join(f"    {one}" for one in patterns)
    target.write_text(
        "/* Written by scripts/layout.py: what `belay kustomize build` and `belay run` run stands together, so\n"
        "   that they take few pages of the program into memory. */\n"
        f"SECTIONS\n{{\n  .text.first :\n  {{\n{lines}\n  }}\n}}\nINSERT BEFORE .text;\n"
    )
    print(f"{len(patterns)} patterns")


if __name__ == "__main__":
    main()
