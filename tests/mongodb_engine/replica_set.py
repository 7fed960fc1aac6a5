"""Two members of a replica set in front of one MongoDB server: what a client sees of discovery and of an election.

The server that the tests can have is no member of a set. Here every answer is its own but one: to `hello` it seems to be a
member, so that the driver discovers the set, reads from its primary, and finds the next one when that is gone.
"""

from functools import partial

import bson

from tests.mongodb_engine.proxy import Proxy

NAME = "shop"
LEGACY_REPLY, MESSAGE = 1, 2013  # codes of the wire protocol
HEADER = 16
BEFORE_DOCUMENT = {LEGACY_REPLY: HEADER + 20, MESSAGE: HEADER + 5}


class ReplicaSet:
    """Use as a context manager.

    Attributes:
        members: a proxy each. primary: the place of the present one. elections: how many there were.
    """

    def __init__(self, server: str):
        self.members = [
            Proxy(server, reply=partial(self._reply, place), broken=partial(self._lost, place))
            for place in range(2)
        ]
        self.primary = self.elections = 0

    @property
    def address(self) -> str:
        """MongoDB's address of the set."""
        return f"mongodb://{','.join(member.host for member in self.members)}/?replicaSet={NAME}"

    def __enter__(self) -> "ReplicaSet":
        for member in self.members:
            member.__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        for member in self.members:
            member.__exit__(*raised)

    def _lost(self, place: int) -> None:
        """A primary whose connections broke is gone for good; the other one is elected."""
        self.members[place].refuse()
        self.primary, self.elections = 1 - place, self.elections + 1

    def _reply(self, place: int, message: bytes) -> bytes:
        start = BEFORE_DOCUMENT.get(int.from_bytes(message[12:16], "little"))
        if start is None or b"maxWireVersion" not in message[:4096]:
            return message
        length = int.from_bytes(message[start : start + 4], "little")
        told = bson.decode(message[start : start + length])
        told.pop("topologyVersion", None)  # else the driver waits for the next answer instead of asking again
        is_primary = place == self.primary
        told |= {
            "setName": NAME,
            "setVersion": 1,
            "hosts": [member.host for member in self.members],
            "me": self.members[place].host,
            "primary": self.members[self.primary].host,
            "ismaster": is_primary,
            "isWritablePrimary": is_primary,
            "secondary": not is_primary,
        }
        if is_primary:
            told["electionId"] = bson.ObjectId(f"{self.elections:024x}")
        document = bson.encode(told)
        whole = message[4:start] + document + message[start + length :]
        return (len(whole) + 4).to_bytes(4, "little") + whole
