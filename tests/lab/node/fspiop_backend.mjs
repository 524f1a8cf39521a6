// A small FSPIOP service behind a side's gateway: judges signatures, then forwards (hub) or answers (participant).
// Usage: node fspiop_backend.mjs <configuration.json>; see README.md beside this file for the keys.
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import crypto from 'node:crypto';
import { judge, sign } from './jws_judge.mjs';
import { call, tokens } from './outbound.mjs';

const configuration = () => JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const config = { base_path: '', ...configuration() };
const token = config.credentials_file && tokens(config.outbound, config.credentials_file);
const LIMIT = 1_000_000;
const KEPT_RECORDS = 2000;
const records = [];

function record(entry) {
  records.push({ at: new Date().toISOString(), ...entry });
  if (records.length > KEPT_RECORDS) records.shift();
  const { body, headers, ...short } = entry;
  console.log(JSON.stringify(short));
}

class Refusal extends Error {
  constructor(status, code, reason, description) {
    super(description);
    Object.assign(this, { status, code, reason });
  }
}

// What a message is about, for finding it again: the last word of the path, or the id that a POST carries.
function identifier(resource, path, body) {
  const own = path.split('?')[0].split('/').filter((word) => word && word !== 'error').slice(1);
  return own.at(-1) ?? body?.[`${resource.replace(/s$/, '')}Id`] ?? '';
}

async function readBody(request) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > LIMIT) throw new Refusal(413, '3100', 'body-size', 'Body too large');
    parts.push(part);
  }
  return Buffer.concat(parts);
}

// Without a gateway in front, the certificate is judged here: exactly the hub's, not any of the CA that signed it.
function checkCertificate(request) {
  if (!config.inbound_tls) return;
  const found = request.socket.getPeerCertificate().raw;
  const fingerprint = found && crypto.createHash('sha256').update(found).digest('hex');
  if (!configuration().inbound_tls.fingerprints.includes(fingerprint)) {
    throw new Refusal(403, '3100', 'certificate-unknown', 'Client certificate is not the hub\'s');
  }
}

async function receive(request) {
  checkCertificate(request);
  const raw = await readBody(request);
  const path = request.url.startsWith(`${config.base_path}/`) ? request.url.slice(config.base_path.length) : request.url;
  const message = {
    method: request.method,
    path,
    source: request.headers['fspiop-source'] ?? '',
    destination: request.headers['fspiop-destination'] ?? '',
  };
  if (raw.length || !['GET', 'DELETE'].includes(request.method)) {
    try {
      judge(config.keys_folder, request.headers, raw);
    } catch (error) {
      throw Object.assign(new Refusal(400, '3105', error.reason, 'Invalid signature'), { message: error.message, seen: message });
    }
  }
  const body = raw.length ? JSON.parse(raw) : undefined;
  const resource = path.split(/[/?]/)[1] ?? '';
  return { ...message, resource, id: identifier(resource, path, body), raw, body, headers: request.headers };
}

const known = (id) => /^[\w-]+$/.test(id) && fs.existsSync(`${config.keys_folder}/${id}.pem`);

// The body and the protected headers go on as they came: the destination judges the source's signature, not ours.
async function forward({ method, path, id, source, destination, raw, headers }) {
  const kept = Object.entries(headers).filter(([name]) => name.startsWith('fspiop-') || ['content-type', 'accept', 'date'].includes(name));
  const { status, headers: answered } = await call(config.outbound, method, path, Object.fromEntries(kept), raw);
  record({ kind: 'forwarded', method, path, id, source, destination, status, refused: answered['x-refused-because'] });
}

async function send(method, path, destination, body) {
  const resource = path.split('/')[1];
  const type = `application/vnd.interoperability.${resource}+json;version=1.0`;
  const bare = {
    'content-type': type,
    date: new Date().toUTCString(),
    'fspiop-source': config.id,
    ...(destination && { 'fspiop-destination': destination }),
  };
  const signed = body
    ? sign(config.signing_key_file, { method, uri: path, headers: bare, body })
    : { headers: { ...bare, accept: type, 'fspiop-http-method': method, 'fspiop-uri': path } };
  for (let attempt = 1; ; attempt += 1) {
    const authorization = token ? { authorization: `Bearer ${await token.get()}` } : {};
    const answer = await call(config.outbound, method, path, { ...signed.headers, ...authorization }, signed.body);
    if (answer.status !== 401 || attempt > 1 || !token) return answer;
    token.drop();
  }
}

function answerBody(resource, { path, body }) {
  const soon = new Date(Date.now() + 60_000).toISOString();
  const fulfilment = crypto.createHash('sha256').update('a lab secret').digest();
  const condition = crypto.createHash('sha256').update(fulfilment).digest('base64url');
  if (resource === 'parties') {
    const [, , partyIdType, partyIdentifier] = path.split('?')[0].split('/');
    return { party: { partyIdInfo: { partyIdType, partyIdentifier, fspId: config.id }, name: config.id } };
  }
  if (resource === 'quotes') return { transferAmount: body.amount, expiration: soon, ilpPacket: 'AA', condition };
  if (resource === 'transfers') {
    return { transferState: 'COMMITTED', fulfilment: fulfilment.toString('base64url'), completedTimestamp: new Date().toISOString() };
  }
  return { errorInformation: { errorCode: '3002', errorDescription: 'Unknown URI' } };
}

async function answer(message) {
  const { method, resource, path, id, source } = message;
  if (method === 'PUT') return;
  const body = answerBody(resource, message);
  const target = method === 'GET' || resource === 'parties' ? path.split('?')[0] : `/${resource}/${id}`;
  const uri = body.errorInformation ? `${target}/error` : target;
  const { status, headers } = await send('PUT', uri, source, body);
  record({ kind: 'answered', method: 'PUT', path: uri, id, source: config.id, destination: source, status, refused: headers['x-refused-because'] });
}

function accept(message) {
  const { raw, headers, ...entry } = message;
  const hub = config.mode === 'hub';
  if (hub && message.destination !== config.id && !known(message.destination)) {
    throw Object.assign(new Refusal(400, '3201', 'destination-unknown', 'Destination FSP does not exist'), { seen: entry });
  }
  record({ kind: message.method === 'PUT' ? 'callback' : 'message', ...entry, headers });
  if (hub && message.destination === config.id) return;
  (hub ? forward : answer)(message).catch((error) => record({ kind: 'failed', id: message.id, path: message.path, error: error.message }));
}

function refuse(response, error) {
  const { status = 500, code = '2001', reason = 'internal', seen = {} } = error;
  record({ kind: 'refused', reason, status, ...seen, detail: error.message });
  response.writeHead(status, {
    'content-type': 'application/vnd.interoperability.error+json;version=1.0',
    'x-refused-by': 'backend',
    'x-refused-because': reason,
  });
  const errorDescription = { 3105: 'Invalid signature', 3201: 'Destination FSP Error' }[code] ?? reason;
  response.end(JSON.stringify({ errorInformation: { errorCode: code, errorDescription } }));
}

async function serve(request, response) {
  try {
    const message = await receive(request);
    accept(message);
    response.writeHead(message.method === 'PUT' ? 200 : 202).end();
  } catch (error) {
    refuse(response, error);
  }
}

// The lab's window: what came and went, and a hand to send a message with this side's key and token.
async function control(request, response) {
  const url = new URL(request.url, 'http://control');
  const json = (status, value) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  try {
    if (url.pathname === '/health') return json(200, { id: config.id, mode: config.mode });
    if (url.pathname === '/messages') {
      const id = url.searchParams.get('id');
      return json(200, records.filter((entry) => id === null || entry.id === id));
    }
    if (url.pathname === '/send' && request.method === 'POST') {
      const { method, path, destination, body } = JSON.parse(await readBody(request));
      return json(200, await send(method, path, destination, body));
    }
    return json(404, {});
  } catch (error) {
    return json(502, { error: error.message });
  }
}

// What the gateways offer: forward secrecy and authenticated encryption only; Node.js alone would take CBC suites too.
const POLICY = {
  minVersion: 'TLSv1.2',
  ecdhCurve: 'X25519:P-256:P-384',
  ciphers: [
    'TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256',
    'ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES256-GCM-SHA384', 'ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305',
  ].join(':'),
};

function makeServer({ inbound_tls: tls }) {
  if (!tls) return http.createServer(serve);
  const read = (file) => fs.readFileSync(file);
  const material = () => ({ cert: read(tls.certificate_file), key: read(tls.key_file), ca: read(tls.client_ca_file) });
  const server = https.createServer({ ...material(), ...POLICY, requestCert: true, rejectUnauthorized: true }, serve);
  process.on('SIGHUP', () => server.setSecureContext({ ...material(), ...POLICY }));
  return server;
}

const servers = [[makeServer(config), config.listen], [http.createServer(control), config.control]];
await Promise.all(servers.map(([server, { address, port }]) => new Promise((ready) => server.listen(port, address, ready))));
console.log(`backend of ${config.id} ready on ${servers.map(([server]) => `${server.address().address}:${server.address().port}`).join(' and ')}`);
process.on('SIGTERM', () => {
  for (const [server] of servers) {
    server.close();
    server.closeAllConnections();
  }
});
