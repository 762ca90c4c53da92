// Seals a token for one other tab: ECDH between two key pairs made for this one hand-over, HKDF, AES-GCM. What it is
// about goes into the key and is authenticated, so it opens for nothing else.

const CURVE = { name: "ECDH", namedCurve: "P-256" };

/** A key pair for one hand-over, whose private key cannot leave the browser, and the public key to send. */
export async function newPair() {
  const { privateKey, publicKey } = await crypto.subtle.generateKey(CURVE, false, ["deriveBits"]);
  return { privateKey, pub: await crypto.subtle.exportKey("raw", publicKey) };
}

/** `content` for the owner of the public key `to`. Both it and `about` are any JSON. */
export async function seal(to, about, content) {
  const { privateKey, pub } = await newPair();
  return { pub, box: await crypto.subtle.encrypt(...(await agree(privateKey, to, about)), bytes(content)) };
}

/** What `seal` was given. Rejects when it was not sealed for this key, or about something else. */
export async function open(privateKey, about, { pub, box }) {
  const plain = await crypto.subtle.decrypt(...(await agree(privateKey, pub, about)), box);
  return JSON.parse(new TextDecoder().decode(plain));
}

/** The cipher and its key. The key is used once, so its nonce can be the same always. */
async function agree(mine, theirs, about) {
  const { subtle } = crypto;
  const info = bytes(about);
  const other = await subtle.importKey("raw", theirs, CURVE, false, []);
  const secret = await subtle.deriveBits({ name: "ECDH", public: other }, mine, 256);
  const base = await subtle.importKey("raw", secret, "HKDF", false, ["deriveKey"]);
  const cipher = { name: "AES-GCM", length: 256, iv: new Uint8Array(12), additionalData: info };
  const hkdf = { name: "HKDF", hash: "SHA-256", salt: info, info };
  return [cipher, await subtle.deriveKey(hkdf, base, cipher, false, ["encrypt", "decrypt"])];
}

function bytes(value) {
  return new TextEncoder().encode(JSON.stringify(value));
}
