# SPDX-License-Identifier: BSD-2-Clause
"""Writes small databases in MaxMind's format, version 2, for tests: networks and their data in, bytes out.

    mmdb.database({"10.0.0.0/8": {"country": {"iso_code": "DE"}}}, ip_version=6, build_epoch=7)

A value is a dict, list, str, bytes, bool, float (a double), int (Python's, written as uint32) or one of
Uint16, Int32, Uint64, Uint128, Float, which say how it is written. Networks must not lie in one another."""

import ipaddress
import struct

MARKER = b"\xab\xcd\xefMaxMind.com"
NODE_BITS = 32


class Uint16(int):
    pass


class Int32(int):
    pass


class Uint64(int):
    pass


class Uint128(int):
    pass


class Float(float):
    pass


def control(kind, size):
    """The byte that names a value's kind and size, with what does not fit there behind it."""
    if size < 29:
        small, more = size, b""
    elif size < 285:
        small, more = 29, bytes([size - 29])
    else:
        small, more = 30, struct.pack(">H", size - 285)
    head = bytes([kind << 5 | small]) if kind < 8 else bytes([small, kind - 7])
    return head + more


def whole(kind, number):
    """An unsigned number without the zero bytes in front."""
    packed = int(number).to_bytes(16, "big").lstrip(b"\0")
    return control(kind, len(packed)) + packed


def encode(value):
    if isinstance(value, dict):
        return control(7, len(value)) + b"".join(encode(k) + encode(v) for k, v in value.items())
    if isinstance(value, list):
        return control(11, len(value)) + b"".join(map(encode, value))
    if isinstance(value, str):
        return control(2, len(value.encode())) + value.encode()
    if isinstance(value, bytes):
        return control(4, len(value)) + value
    if isinstance(value, bool):
        return control(14, int(value))
    if isinstance(value, Float):
        return control(15, 4) + struct.pack(">f", value)
    if isinstance(value, float):
        return control(3, 8) + struct.pack(">d", value)
    if isinstance(value, Int32):
        return control(8, 4) + struct.pack(">i", value)
    kinds = {Uint16: 5, Uint64: 9, Uint128: 10}
    return whole(kinds.get(type(value), 6), value)


def bits_of(network, ip_version):
    """The path to a network through the tree."""
    bits = network.network_address.max_prefixlen
    path = f"{int(network.network_address):0{bits}b}"[:network.prefixlen]
    # IPv4 lives below ::/96.
    return "0" * 96 + path if ip_version == 6 and network.version == 4 else path


def build_tree(networks, ip_version, offsets):
    """Nodes as pairs; an entry is None, a node's number, or the offset of data, wrapped in a tuple."""
    nodes = [[None, None]]
    for text in networks:
        path = bits_of(ipaddress.ip_network(text), ip_version)
        at = 0
        for bit in path[:-1]:
            if nodes[at][int(bit)] is None:
                nodes.append([None, None])
                nodes[at][int(bit)] = len(nodes) - 1
            at = nodes[at][int(bit)]
        nodes[at][int(path[-1])] = (offsets[text],)
    return nodes


def database(networks, ip_version=6, build_epoch=1, kind="Test"):
    """The bytes of a database."""
    data, offsets = b"", {}
    for text, value in networks.items():
        offsets[text] = len(data)
        data += encode(value)
    nodes = build_tree(networks, ip_version, offsets)

    def record(entry):
        if entry is None:
            return len(nodes)
        return entry if isinstance(entry, int) else len(nodes) + 16 + entry[0]

    tree = b"".join(struct.pack(">II", record(left), record(right)) for left, right in nodes)
    metadata = {"binary_format_major_version": Uint16(2), "binary_format_minor_version": Uint16(0),
                "build_epoch": Uint64(build_epoch), "database_type": kind,
                "description": {"en": "for tests"}, "ip_version": Uint16(ip_version),
                "languages": ["en"], "node_count": len(nodes), "record_size": Uint16(NODE_BITS)}
    return tree + bytes(16) + data + MARKER + encode(metadata)
