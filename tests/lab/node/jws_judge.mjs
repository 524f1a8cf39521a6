// FSPIOP signatures, judged and made by Mojaloop's own library: the independent opinion on what the pack installed.
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';

// Only the JWS part: the library as a whole costs ten times the memory.
const { validator: JwsValidator, signer: JwsSigner } = createRequire(import.meta.url)(
  '@mojaloop/sdk-standard-components/src/lib/jws/index.js',
);

// The library's own log would print tokens and keys.
const silent = { debug() {}, error() {} };
const logger = { child: () => silent };

const REASONS = [
  [/without a body/, 'signature-body-missing'],
  [/headers are all required|FSPIOP-Source HTTP header not/, 'signature-missing'],
  [/not available/, 'signature-key-unknown'],
  [/HTTP|protected header/, 'signature-header'],
];

/** Throws an Error with `.reason` unless the signature is by the key in `<folder>/<fspiop-source>.pem`. */
export function judge(folder, headers, raw) {
  try {
    const source = headers['fspiop-source'] ?? '';
    const known = /^[A-Za-z][A-Za-z0-9_-]{1,29}$/.test(source) && fs.existsSync(path.join(folder, `${source}.pem`));
    // Read for every message: a key that was replaced or taken away counts from the next message on.
    const validationKeys = known ? { [source]: fs.readFileSync(path.join(folder, `${source}.pem`), 'utf8') } : {};
    const body = raw.length ? JSON.parse(raw) : undefined;
    // The library's errors repeat all headers, and errors are logged: the bearer token, which no one signs, is kept from it.
    const { authorization: _token, ...passed } = headers;
    new JwsValidator({ validationKeys, logger }).validate({ headers: passed, body });
  } catch (error) {
    error.reason = REASONS.find(([pattern]) => pattern.test(error.message))?.[1] ?? 'signature-invalid';
    throw error;
  }
}

/** The headers and body text of a signed request; `body` is an object. */
export function sign(keyFile, { method, uri, headers, body }) {
  const request = { method, uri, headers: { ...headers }, body };
  new JwsSigner({ signingKey: fs.readFileSync(keyFile, 'utf8'), logger }).sign(request);
  return { headers: request.headers, body: request.body };
}
