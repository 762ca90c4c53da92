// Mints a token through each entry, then ends by itself.
import { readFile } from "node:fs/promises";
import { createTokenManager, TokenError } from "sessionmint";
import * as compat from "sessionmint/compat";
import * as external from "sessionmint/external";
import * as slim from "sessionmint/slim";

const iam = process.argv[2];
const wasm = () => readFile(new URL(import.meta.resolve("sessionmint/sessionmint.wasm")));

console.log(await createTokenManager({ iam }).getToken());
console.log(await external.createTokenManager({ iam }).getToken());
console.log(await slim.createTokenManager({ iam, wasm }).getToken());
console.log(await compat.createTokenManager({ iam }).getToken());
console.log([external, slim, compat].every((entry) => entry.TokenError === TokenError));
