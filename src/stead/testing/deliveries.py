"""Payloads made by hand, for tests of targets: real parts and trees, and a service that needs
nothing but what every Debian has.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from typing import IO

from stead.deploy.targets import Delivery, generation_directory, tree_directory
from stead.values.deployment import (
    PLACEHOLDER,
    Health,
    Member,
    OneOff,
    Part,
    Payload,
    PlacedFile,
    Service,
    Tree,
)
from stead.values.digest import digest, short_key
from stead.values.frozen import replace

SERVER = b"""\
use strict; use IO::Socket::INET;
$| = 1;
my $at = shift;
sub text { open(my $f, '<', $_[0]) or return '?'; local $/; my $t = <$f>; $t =~ s/\\s+$//; $t }
my ($version, $where) = (text("$at/version"), text("$at/where"));
print "serving $version\\n";
exit 3 if $version eq 'broken';
my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $ENV{PORT},
    Listen => 20, ReuseAddr => 1) or die "no port: $!";
while (my $client = $socket->accept) {
    my $request = <$client>;
    while (my $line = <$client>) { last if $line =~ /^\\s*$/ }
    my $file = $ENV{FILE} ? text($ENV{FILE}) : '';
    my $secret = $ENV{TOKEN} ? length($ENV{TOKEN}) : 0;
    my $status = $version eq 'ill' ? '500 ill' : '200 OK';
    my $said = "$version|$where|$ENV{GREETING}|$file|$secret|$$\\n";
    print $client "HTTP/1.0 $status\\r\\nContent-Length: ".length($said)."\\r\\n\\r\\n$said";
    close $client;
}
"""
"""A web server that says which generation it is of: version, tree, greeting, file, secret's length,
process."""


def part(name: str, files: dict[str, bytes]) -> Part:
    """Make a part of files with their contents; where one has the placeholder, it is keyed."""
    members = []
    for path, content in sorted(files.items()):
        offsets, start = [], 0
        while (found := content.find(PLACEHOLDER.encode(), start)) >= 0:
            offsets.append(found)
            start = found + 1
        members.append(
            Member(path, mode=0o644, content=content, keyed=tuple(offsets), size=len(content))
        )
    made = Part(name, "", tuple(members))
    out = io.BytesIO()
    write(made, out)
    return replace(made, digest=hashlib.sha256(out.getvalue()).hexdigest(), size=out.tell())


def write(made: Part, out: IO[bytes]) -> None:
    """Write a part's tar."""
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for member in made.members:
            assert member.content is not None
            entry = tarfile.TarInfo(member.path)
            entry.size, entry.mode = len(member.content), member.mode
            tar.addfile(entry, io.BytesIO(member.content))


def tree(name: str, *parts: Part) -> Tree:
    return Tree(short_key([name, [one.digest for one in parts]]), name, parts)


def delivery(payload: Payload) -> Delivery:
    """Make a delivery of a payload, with all that a plan would add."""
    said = digest(repr(payload))
    record = json.dumps({"recipe": payload.recipe, "digest": said})
    return Delivery(payload, said, record, write)


def shop(
    root: str,
    version: str,
    ports: tuple[int, ...],
    *,
    recipe: str = "shop",
    more: tuple[Part, ...] = (),
    greeting: str = "hello",
    secret: str = "",
    release: str = "",
    timeout: float = 20.0,
    keep: int = 3,
    check: bool = True,
) -> Delivery:
    """Make a recipe with one service per port; what it answers tells its generation."""
    files = {
        "server.pl": SERVER,
        "version": f"{version}\n".encode(),
        "where": f"{tree_directory(root, PLACEHOLDER)}\n".encode(),
    }
    code = tree("code", part("code", files), *more)
    at = tree_directory(root, code.key)
    placed = f"{generation_directory(root, recipe)}/files/shop.ini"
    services = tuple(
        Service(
            name=f"web-{index + 1}" if index else "web",
            app="web",
            argv=("perl", f"{at}/server.pl", at),
            directory=at,
            environment=(
                ("FILE", placed),
                ("GREETING", greeting),
                ("PORT", str(port)),
            ),
            secrets=("TOKEN",) if secret else (),
            ports=(port,),
        )
        for index, port in enumerate(ports)
    )
    command = Service("migrate", "web", ("sh", "-c", release or "echo migrated $0 $*"), at)
    shown = tuple((one.name, "TOKEN", secret) for one in services if secret)
    return delivery(
        Payload(
            recipe=recipe,
            target="test",
            address="",
            root=root,
            trees=(code,),
            services=services,
            commands=(OneOff("migrate", command, release=bool(release)),),
            files=(PlacedFile(placed, f"version = {version}\n".encode(), secret=bool(secret)),),
            checks=tuple(
                Health(url=f"http://127.0.0.1:{port}/", timeout=timeout) for port in ports if check
            ),
            keep=keep,
            secrets=shown,
        )
    )
