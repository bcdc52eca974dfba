#!/usr/bin/env python3
"""A terminal of Q/GDW 376.1 made by hand in another language: the standard library of Python and frames that were captured elsewhere.

Every frame it sends is a captured one with other address, number, points and checksum. It dials, logs in, beats, keeps a meter archive in
a file, answers daily freezes (with a gap until it is told that the rest was read), and reports an event until it is confirmed.

    terminal3761.py --port 3761 --address 0133E903 --state FILE [--unread 2,3] [--report]

Lines on standard input: `report`, `read` (the gap is closed). Lines on standard output: one JSON object each.
"""
import argparse
import json
import os
import select
import socket
import sys
import time
from datetime import datetime, timedelta

# Captured: login of terminal 0200-1234H, its heartbeat, an F161 answer of point 9, a clock answer, a denial, a version change.
LOGIN = bytes.fromhex("68 32 00 32 00 68 C9 00 02 34 12 00 02 71 00 00 01 00 85 16")
HEARTBEAT = bytes.fromhex("68 32 00 32 00 68 C9 00 02 34 12 00 02 71 00 00 04 00 88 16")
FREEZE = bytes.fromhex(
    "68 BA 00 BA 00 68 88 01 33 E9 03 02 0D 62 01 02 01 14 20 07 24 05 00 21 07 24 04 "
    "00 07 81 21 00 00 50 00 03 00 00 00 00 09 00 00 57 80 05 00 00 00 00 04 00 B6 16"
)
CLOCK = bytes.fromhex("68 4A 00 4A 00 68 88 00 13 00 05 00 0C 70 00 00 02 00 51 20 23 07 10 18 E1 16")
DENIED = bytes.fromhex("68 32 00 32 00 68 8B 00 00 01 00 00 00 60 00 00 02 00 EE 16")
CONFIRMED = bytes.fromhex("68 4A 00 4A 00 68 88 00 10 01 00 2C 00 E1 00 00 01 00 01 19 44 10 16 05 30 16")
EVENT = bytes.fromhex(
    "68 82 00 82 00 68 88 00 25 01 00 04 0E 61 00 00 01 00 01 01 00 01 "
    "01 0E 35 10 16 01 14 02 32 2E 30 31 32 2E 30 32 29 16"
)

F161 = 161


def frame(control, address, a3, afn, seq, data):
    """Length twice with the two low bits 10, sum of the user bytes."""
    user = bytes([control]) + address + bytes([a3, afn, seq]) + data
    length = (len(user) << 2) | 2
    head = bytes([0x68]) + length.to_bytes(2, "little") * 2 + bytes([0x68])
    return head + user + bytes([sum(user) & 0xFF, 0x16])


def user_data(captured):
    """Behind SEQ, up to the checksum."""
    return captured[14:-2]


def units(data):
    """Points and items of identifiers, one behind the other, pn by pn and inside each by rising Fn."""
    da1, da2, dt1, dt2 = data[:4]
    points = [0] if da1 == 0 and da2 == 0 else [(da2 - 1) * 8 + bit + 1 for bit in range(8) if da1 >> bit & 1]
    items = [dt2 * 8 + bit + 1 for bit in range(8) if dt1 >> bit & 1]
    return [(pn, fn) for pn in points for fn in items]


def identifier(pn, fn):
    da = bytes([0, 0]) if pn == 0 else bytes([1 << ((pn - 1) % 8), (pn - 1) // 8 + 1])
    return da + bytes([1 << ((fn - 1) % 8), (fn - 1) // 8])


def cut(held):
    """Whole frames off the front; a byte that begins none is dropped."""
    frames = []
    while len(held) >= 6:
        length = int.from_bytes(held[1:3], "little")
        if held[0] != 0x68 or held[3:5] != held[1:3] or held[5] != 0x68:
            held = held[1:]
            continue
        size = (length >> 2) + 8
        if len(held) < size:
            break
        one, held = held[:size], held[size:]
        if one[-1] == 0x16 and sum(one[6:-2]) & 0xFF == one[-2]:
            frames.append(one)
    return frames, held


class Terminal:
    def __init__(self, args):
        self.address = bytes.fromhex(args.address)
        self.unread = {int(pn) for pn in args.unread.split(",") if pn}
        self.path = args.state
        self.began = datetime.fromisoformat(args.clock) if args.clock else datetime.now()
        self.since = time.monotonic()
        self.records = {}
        self.pending = None
        if self.path and os.path.exists(self.path):
            with open(self.path, encoding="ascii") as file:
                kept = json.load(file)
            self.records = {int(number): bytes.fromhex(record) for number, record in kept["records"].items()}
            self.pending = kept["pending"]
        if args.report and self.pending is None:
            self.pending = 5
        self.keep()
        self.sock = None

    def keep(self):
        """On disk before anybody is told: a terminal that is switched off goes on where it was."""
        if not self.path:
            return
        with open(self.path + ".new", "w", encoding="ascii") as file:
            json.dump({"records": {n: r.hex() for n, r in self.records.items()}, "pending": self.pending}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(self.path + ".new", self.path)

    def say(self, bytes_):
        try:
            self.sock.sendall(bytes_)
        except OSError:
            pass

    def own(self, captured, seq=None):
        """A captured frame of a terminal, as ours."""
        return frame(captured[6], self.address, 0, captured[12], captured[13] if seq is None else seq, user_data(captured))

    def report(self):
        """AFN0E with CON, the same until it is confirmed."""
        tell(said="report")
        self.say(frame(0xC4, self.address, 0, 0x0E, 0x70 | self.pending, user_data(EVENT)))

    def answer(self, asked):
        control, a3, afn, seq = asked[6], asked[11], asked[12], asked[13]
        if control & 0x80 or asked[7:11] != self.address:
            return
        number = seq & 15
        data = asked[14:-2]
        if seq & 0x80:
            data = data[:-6]
        if afn in (1, 4, 5, 6, 15, 16):
            data = data[:-16]
        tell(heard="%02X" % afn, seq=number, data=data.hex().upper())
        if afn == 0:
            if self.pending == number and data[:4] == bytes([0, 0, 1, 0]):
                self.pending = None
                self.keep()
                tell(confirmed=number)
            return

        def reply(like, body):
            self.say(frame(like[6], self.address, a3, 0 if like in (DENIED, CONFIRMED) else afn, 0x60 | number, body))

        if afn == 4 and units(data)[0] == (0, 10):
            count = int.from_bytes(data[4:6], "little")
            for at in range(count):
                record = data[6 + at * 27 : 6 + (at + 1) * 27]
                which = int.from_bytes(record[:2], "little")
                if record[2:4] == b"\0\0":
                    self.records.pop(which, None)
                else:
                    self.records[which] = record
            self.keep()
            return reply(CONFIRMED, user_data(CONFIRMED)[:4])
        if afn == 10 and units(data)[0] == (0, 10):
            count = int.from_bytes(data[4:6], "little")
            asked_for = [int.from_bytes(data[6 + at * 2 : 8 + at * 2], "little") for at in range(count)]
            found = [self.records[which] for which in asked_for if which in self.records]
            return reply(CLOCK, identifier(0, 10) + len(found).to_bytes(2, "little") + b"".join(found))
        if afn == 12 and units(data)[0] == (0, 2):
            now = self.began + timedelta(seconds=time.monotonic() - self.since)
            stamp = [now.second, now.minute, now.hour, now.day, now.month, now.year % 100]
            return reply(CLOCK, identifier(0, 2) + bytes(part // 10 * 16 + part % 10 for part in stamp))
        if afn == 12 and units(data)[0] == (0, 7):
            return reply(CLOCK, identifier(0, 7) + user_data(EVENT)[4:6])
        if afn == 14:
            return reply(CLOCK, user_data(EVENT))
        if afn == 13:
            body = b""
            known = {int.from_bytes(record[2:4], "little") for record in self.records.values()}
            while len(data) >= 7:
                for pn, fn in units(data):
                    if fn == F161 and pn in known:
                        day = data[4:7]
                        freeze = user_data(FREEZE)[7:]
                        if pn in self.unread:
                            freeze = b"\xee" * 5 + freeze[5:6] + b"\xee" * 25
                        body += identifier(pn, fn) + day + freeze
                data = data[7:]
            return reply(FREEZE, body) if body else reply(DENIED, user_data(DENIED))
        return reply(DENIED, user_data(DENIED))

    def connection(self, host, port, lines):
        """One connection, until it breaks; False when standard input ended."""
        with socket.create_connection((host, port), timeout=5) as self.sock:
            self.say(self.own(LOGIN))
            held, online, said_at, beat_at = b"", False, 0.0, time.monotonic() + 5
            while True:
                ready, _, _ = select.select([self.sock, sys.stdin], [], [], 0.05)
                if sys.stdin in ready:
                    line = sys.stdin.readline()
                    if not line:
                        return False
                    if line.strip() == "report":
                        self.pending = 5
                        self.keep()
                    if line.strip() == "read":
                        self.unread.clear()
                if self.sock in ready:
                    came = self.sock.recv(65536)
                    if not came:
                        return True
                    frames, held = cut(held + came)
                    for one in frames:
                        if not online and one[12] == 0 and one[13] & 15 == LOGIN[13] & 15:
                            online = True
                            tell(online=True)
                        self.answer(one)
                if online and self.pending is not None and time.monotonic() - said_at > 1:
                    said_at = time.monotonic()
                    self.report()
                if time.monotonic() > beat_at:
                    beat_at += 5
                    self.say(self.own(HEARTBEAT, 0x70 | 9))


def tell(**what):
    print(json.dumps(what), flush=True)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--address", default="0133E903", help="A1 and A2 as they stand on the wire")
    options.add_argument("--state", default="", help="file for archive and unconfirmed report")
    options.add_argument("--unread", default="", help="points whose meters were not read yet")
    options.add_argument("--clock", default="", help="what its clock shows at the start: 2024-07-21T00:20:00")
    options.add_argument("--report", action="store_true", help="an event waits")
    args = options.parse_args()
    terminal = Terminal(args)
    while True:
        try:
            if not terminal.connection(args.host, args.port, sys.stdin):
                return
        except OSError:
            pass
        tell(online=False)
        time.sleep(0.3)


main()
