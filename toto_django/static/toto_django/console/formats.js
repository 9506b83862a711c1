import * as bson from "./bson.js";
import * as json from "./json.js";
import * as msgpack from "./msgpack.js";

/** By the names that TOTO["CODECS"] has for them. `protocol` is that of web sockets. */
export const FORMATS = {
  json: { title: "JSON", type: "application/json", isText: true, ...json },
  bson: { title: "BSON", type: "application/bson", protocol: "toto.bson", ...bson },
  msgpack: { title: "MessagePack", type: "application/msgpack", protocol: "toto.msgpack", ...msgpack },
};

/** The format of a content type, undefined for others. */
export function formatOf(contentType) {
  const type = contentType.split(";")[0].trim().toLowerCase();
  return Object.values(FORMATS).find((format) => format.type === type);
}
