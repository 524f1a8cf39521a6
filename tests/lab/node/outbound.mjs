// How a backend calls out: in plain HTTP through its gateway, or (a side without one) with mutual TLS itself.
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';

const TIMEOUT = 10_000;
const read = (file) => fs.readFileSync(file, 'utf8');

// Read for every call: renewed certificates count at once.
function tlsOptions({ ca_file, certificate_file, key_file, connect_address, local_address }) {
  const family = connect_address?.includes(':') ? 6 : 4;
  return {
    agent: false,
    minVersion: 'TLSv1.2',
    ca: read(ca_file),
    cert: read(certificate_file),
    key: read(key_file),
    localAddress: local_address,
    ...(connect_address && {
      lookup: (_name, options, done) =>
        options.all ? done(null, [{ address: connect_address, family }]) : done(null, connect_address, family),
    }),
  };
}

/** One request; resolves to {status, headers, body}. `outbound` is the configuration's section of that name. */
export function call(outbound, method, path, headers, body = '') {
  const url = new URL(outbound.url.replace(/\/$/, '') + path);
  const secure = url.protocol === 'https:';
  return new Promise((resolve, reject) => {
    const length = body.length ? { 'content-length': Buffer.byteLength(body) } : {};
    const request = (secure ? https : http).request(url, {
      method,
      headers: { ...headers, ...length },
      timeout: TIMEOUT,
      ...(secure && tlsOptions(outbound)),
    });
    request.on('timeout', () => request.destroy(new Error('no answer in time')));
    request.on('error', reject);
    request.on('response', (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(parts).toString() }));
    });
    request.end(body);
  });
}

/** A source of bearer tokens: `get()` fetches when there is none or it ends soon, `drop()` forgets the present one. */
export function tokens(outbound, credentialsFile) {
  let token;
  let until = 0;
  async function fetchToken() {
    const { client_id, client_secret, scope } = JSON.parse(read(credentialsFile));
    const basic = Buffer.from(`${encodeURIComponent(client_id)}:${encodeURIComponent(client_secret)}`).toString('base64');
    const form = new URLSearchParams({ grant_type: 'client_credentials', ...(scope && { scope }) }).toString();
    const headers = { authorization: `Basic ${basic}`, 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await call(outbound, 'POST', '/oauth2/token', headers, form);
    if (answer.status !== 200) throw new Error(`no token: ${answer.status} ${answer.headers['x-refused-because'] ?? ''}`);
    const { access_token, expires_in } = JSON.parse(answer.body);
    token = access_token;
    until = Date.now() + (expires_in - Math.min(30, expires_in / 2)) * 1000;
  }
  return {
    async get() {
      if (Date.now() >= until) await fetchToken();
      return token;
    },
    drop() {
      until = 0;
    },
  };
}
