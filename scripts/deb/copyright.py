#!/usr/bin/env python3
"""Prints the file `copyright` of the package: our licence, and of each crate in the program its licence and that licence's text.

copyright.py RUST_TARGET
"""

import hashlib
import json
import pathlib
import subprocess
import sys


def cargo(*arguments):
    return subprocess.run(["cargo", *arguments], check=True, capture_output=True, text=True).stdout


def crates_in(target):
    """Name and version of everything that is linked into the program."""
    lines = cargo(
        "tree", "--locked", "-p", "backline", "-e", "normal", "--target", target, "--prefix", "none", "-f", "{p}"
    ).splitlines()
    return {tuple(line.split()[:2]) for line in lines if line.strip()}


def licence_texts(folder, package):
    """The files with which a crate tells its licence."""
    names = ("license", "licence", "copying", "unlicense", "copyright", "notice")
    found = [f for f in sorted(folder.iterdir()) if f.is_file() and f.name.lower().startswith(names)]
    told = package.get("license_file")
    if told and (folder / told).is_file() and folder / told not in found:
        found.append(folder / told)
    return [f.read_text(errors="replace").strip() for f in found]


def indented(text):
    """A text as a continued field of the Debian format."""
    return "\n".join(" " + line if line.strip() else " ." for line in text.splitlines())


def main():
    target = sys.argv[1]
    linked = crates_in(target)
    packages = json.loads(cargo("metadata", "--locked", "--format-version", "1", "--filter-platform", target))["packages"]
    members = {"backline", "engine-core", "backend-jack", "backend-alsa"}
    top = pathlib.Path(__file__).resolve().parent.parent.parent

    print("Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/")
    print("Upstream-Name: backline")
    print("Comment: The program is linked with the crates named below, each under its own licence.")
    print()
    print("Files: *")
    print("Copyright: The backline developers")
    print("License: Expat or Apache-2.0")
    texts = {}
    for package in sorted(packages, key=lambda p: (p["name"], p["version"])):
        name, version = package["name"], package["version"]
        if (name, "v" + version) not in linked or name in members:
            continue
        licence = package["license"]
        if not licence:
            sys.exit(f"copyright: crate {name} names no licence")
        keys = []
        for text in licence_texts(pathlib.Path(package["manifest_path"]).parent, package):
            if "Apache License" in text and "TERMS AND CONDITIONS FOR USE, REPRODUCTION" in text:
                keys.append("/usr/share/common-licenses/Apache-2.0")
                continue
            key = hashlib.sha256(" ".join(text.split()).encode()).hexdigest()
            texts.setdefault(key, (len(texts) + 1, text))
            keys.append(texts[key][0])
        print()
        print(f"Files: crate/{name}/{version}/*")
        print(f"Copyright: {', '.join(package['authors']) or f'the authors of {name}'}")
        print(f"License: {licence}")
        source = package["repository"] or package["homepage"]
        said = f"Source: {source}. " if source else ""
        where = "Text: " + ", ".join(str(k) for k in dict.fromkeys(keys)) + "." if keys else "The crate carries no text of it."
        print(f"Comment: {said}{where}")
    print()
    print("Files: rust/std/*")
    print("Copyright: The Rust Project Contributors")
    print("License: MIT OR Apache-2.0")
    print("Comment: Source: https://github.com/rust-lang/rust. The standard library.")
    print()
    print("License: Expat")
    print(indented((top / "LICENSE-MIT").read_text().strip()))
    print()
    print("License: Apache-2.0")
    print(" On Debian systems the text is in /usr/share/common-licenses/Apache-2.0.")
    for number, text in texts.values():
        print()
        print(f"License: text-{number}")
        print(indented(text))


main()
