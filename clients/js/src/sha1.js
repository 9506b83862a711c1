import { digestOf, padded } from "./padding.js";

const SHA1_START = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];

/** SHA-1 (RFC 3174) of bytes. In JavaScript, because Web Crypto is there in secure contexts only. */
export function sha1(message) {
  const view = padded(message);
  const state = new Uint32Array(SHA1_START);
  const words = new Uint32Array(80);
  for (let offset = 0; offset < view.byteLength; offset += 64) {
    for (let i = 0; i < 16; i++) words[i] = view.getUint32(offset + i * 4);
    for (let i = 16; i < 80; i++) {
      words[i] = rotatedLeft(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
    }
    addSha1Block(state, words);
  }
  return digestOf(state);
}

function addSha1Block(state, words) {
  let [a, b, c, d, e] = state;
  for (let i = 0; i < 80; i++) {
    const sum = rotatedLeft(a, 5) + mixed(i, b, c, d) + e + words[i];
    e = d;
    d = c;
    c = rotatedLeft(b, 30);
    b = a;
    a = sum | 0;
  }
  for (const [index, word] of [a, b, c, d, e].entries()) state[index] += word;
}

/** The function of a round, with its constant. */
function mixed(round, b, c, d) {
  if (round < 20) return ((b & c) | (~b & d)) + 0x5a827999;
  if (round < 40) return (b ^ c ^ d) + 0x6ed9eba1;
  if (round < 60) return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
  return (b ^ c ^ d) + 0xca62c1d6;
}

function rotatedLeft(word, bits) {
  return (word << bits) | (word >>> (32 - bits));
}
