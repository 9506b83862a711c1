"""How Redis keeps accounts and sessions: the bytes of a session, and the scripts that know them."""

import struct
from typing import Final

from toto_django.stores.base import SessionRecord

__all__ = [
    "CHANGE_PROPERTIES",
    "CREATE_ACCOUNT",
    "DELETE_SESSION",
    "INDEX_SESSION",
    "RENEW_SESSION",
    "REPLACE_HASH",
    "SWAP_STATE",
    "expiry_bytes",
    "packed",
    "unpacked",
    "version_bytes",
]

HEADER: Final = struct.Struct(">QdH")
"""A session as it is kept: version, expiry, length of the user id; then the user id and the state."""

CREATE_ACCOUNT: Final = """
if redis.call('EXISTS', KEYS[1]) == 1 then
  return redis.call('HGET', KEYS[1], 'creation') == ARGV[1] and 1 or 0
end
redis.call('HSET', KEYS[1], 'creation', ARGV[1])
for i = 2, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
return 1
"""
REPLACE_HASH: Final = """
local password = redis.call('HGET', KEYS[1], 'password')
if not password then return 0 end
if ARGV[2] and password ~= ARGV[2] and password ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'password', ARGV[1])
return 1
"""
CHANGE_PROPERTIES: Final = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local count = tonumber(ARGV[1])
for i = 2, 2 * count, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
for i = 2 * count + 2, #ARGV do redis.call('HDEL', KEYS[1], ARGV[i]) end
return 1
"""
SWAP_STATE: Final = """
local kept = redis.call('GET', KEYS[1])
if not kept or struct.unpack('>d', kept, 9) <= struct.unpack('>d', ARGV[4]) then return 'gone' end
local version = string.sub(kept, 1, 8)
if version == ARGV[2] then return 'done' end
if version ~= ARGV[1] then return 'conflict' end
local owner = string.sub(kept, 9, 18 + struct.unpack('>H', kept, 17))
redis.call('SET', KEYS[1], ARGV[2] .. owner .. ARGV[3], 'KEEPTTL')
return 'done'
"""
RENEW_SESSION: Final = """
local kept = redis.call('GETRANGE', KEYS[1], 8, 15)
if #kept == 0 or struct.unpack('>d', kept) <= struct.unpack('>d', ARGV[3]) then return 0 end
if struct.unpack('>d', kept) < struct.unpack('>d', ARGV[1]) then
  redis.call('SETRANGE', KEYS[1], 8, ARGV[1])
  redis.call('PEXPIREAT', KEYS[1], ARGV[2])
end
return 1
"""
DELETE_SESSION: Final = """
local kept = redis.call('GET', KEYS[1])
if not kept then return false end
redis.call('DEL', KEYS[1])
return string.sub(kept, 19, 18 + struct.unpack('>H', kept, 17))
"""
INDEX_SESSION: Final = """
redis.call('ZADD', KEYS[1], 'GT', ARGV[1], ARGV[2])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
"""


def packed(record: SessionRecord) -> bytes:
    """See HEADER."""
    user_id = record.user_id.encode("utf-8", "surrogatepass")
    return HEADER.pack(record.version, record.expires, len(user_id)) + user_id + record.state


def unpacked(session_id: str, value: bytes) -> SessionRecord:
    """See packed."""
    version, expires, length = HEADER.unpack_from(value)
    start = HEADER.size + length
    user_id = value[HEADER.size : start].decode("utf-8", "surrogatepass")
    return SessionRecord(session_id, user_id, expires, value[start:], version)


def version_bytes(version: int) -> bytes:
    """As in HEADER."""
    return version.to_bytes(8, "big")


def expiry_bytes(expires: float) -> bytes:
    """As in HEADER."""
    return struct.pack(">d", expires)
