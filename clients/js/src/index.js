export { Toto } from "./client.js";
export { codes, NetworkError, TimeoutError, TotoError } from "./errors.js";
export { hmacSha1, hmacSha256 } from "./hmac.js";
export { signAnswer, signRequest } from "./signing.js";
