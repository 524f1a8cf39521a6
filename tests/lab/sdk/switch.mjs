// A stand-in for the hub's switch: routes FSPIOP calls by FSPIOP-Destination, and re-signs nothing. Where the hub has a ledger,
// transfers go through it.
// Usage: node switch.mjs <configuration.json>; see README.md beside this file.
import fs from 'node:fs';
import http from 'node:http';
import { Transfers } from './transfers.mjs';

const config = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const LIMIT = 1_000_000;
const TIMEOUT = 10_000;
const KEPT = ['content-type', 'accept', 'date'];
const counts = { received: {}, forwarded: {}, refused: {} };
const records = [];

function count(kind, name) {
  counts[kind][name] = (counts[kind][name] ?? 0) + 1;
}

function record(entry) {
  records.push({ at: new Date().toISOString(), ...entry });
  if (records.length > 1000) records.shift();
  console.log(JSON.stringify(entry));
}

// Whether the caller's end of this connection belongs to the hub's gateway: a process of that name on this machine.
// The kernel's tables say it, so no header has to be believed (proc(5): /proc/net/tcp, /proc/<pid>/fd).
function fromGateway(socket) {
  const row = (port, address) => `${address.split('.').reverse().map((part) => Number(part).toString(16).padStart(2, '0')).join('')}:${port.toString(16).padStart(4, '0')}`.toUpperCase();
  const [own, peer] = [row(socket.localPort, socket.localAddress), row(socket.remotePort, socket.remoteAddress)];
  const lines = fs.readFileSync('/proc/self/net/tcp', 'utf8').split('\n').map((line) => line.trim().split(/\s+/));
  const inode = lines.find((fields) => fields[1] === peer && fields[2] === own)?.[9];
  if (!inode) return false;
  for (const process of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (fs.readFileSync(`/proc/${process}/comm`, 'utf8').trim() !== config.gateway_program) continue;
      const handles = fs.readdirSync(`/proc/${process}/fd`);
      if (handles.some((handle) => link(`/proc/${process}/fd/${handle}`) === `socket:[${inode}]`)) return true;
    } catch {
      // It ended meanwhile.
    }
  }
  return false;
}

function link(path) {
  try {
    return fs.readlinkSync(path);
  } catch {
    return '';
  }
}

const known = (id) => /^[\w-]+$/.test(id) && fs.existsSync(`${config.keys_folder}/${id}.pem`);

// GET /parties carries no destination: the switch's account lookup knows whose customer it is.
function destinationOf(request) {
  const named = request.headers['fspiop-destination'];
  if (named) return named;
  const [, resource, type, number] = request.url.split('?')[0].split('/');
  return resource === 'parties' ? config.parties[`${type}/${number}`] : undefined;
}

async function readBody(request) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > LIMIT) throw Object.assign(new Error('body too large'), { status: 413, code: '3100', reason: 'body-size' });
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function refusal(status, code, reason) {
  return Object.assign(new Error(reason), { status, code, reason });
}

// Body and protected headers go on as they came: the destination judges the source's signature.
function call(place, method, path, sent, destination, body) {
  const kept = Object.entries(sent).filter(([name]) => name.startsWith('fspiop-') || KEPT.includes(name));
  const headers = { ...Object.fromEntries(kept), 'fspiop-destination': destination };
  if (body.length) headers['content-length'] = body.length;
  return new Promise((resolve, reject) => {
    const options = { ...place, method, path, headers, timeout: TIMEOUT };
    const outgoing = http.request(options, (answer) => {
      const parts = [];
      answer.on('data', (part) => parts.push(part));
      answer.on('error', reject);
      answer.on('end', () => resolve({ status: answer.statusCode, refused: answer.headers['x-refused-because'], text: Buffer.concat(parts).toString().slice(0, 300) }));
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in time')));
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

async function forward(place, method, path, headers, body, source, destination) {
  const { status, refused, text } = await call(place, method, path, headers, destination, body);
  count('forwarded', `${method} /${path.split('/')[1]}`);
  record({ kind: 'forwarded', method, path, source, destination, status, refused, signed: 'fspiop-signature' in headers, ...(status >= 300 && { text }) });
}

const transfers = config.ledger && new Transfers(config, (method, url, headers, body, source, destination) =>
  forward({ host: url.hostname, port: url.port }, method, url.pathname, headers, body, source, destination));

async function serve(request, response) {
  const [, resource] = request.url.split(/[/?]/);
  const name = `${request.method} /${resource}`;
  const source = request.headers['fspiop-source'] ?? '';
  count('received', name);
  try {
    if (!request.socket.passed) throw refusal(403, '3100', 'not-through-gateway');
    const destination = destinationOf(request);
    if (!destination || !known(destination)) throw refusal(404, '3204', 'destination-unknown');
    const body = await readBody(request);
    response.writeHead(request.method === 'PUT' ? 200 : 202).end();
    if (transfers && resource === 'transfers' && body.length) transfers.accept(request, destination, body);
    else await forward(config.outbound, request.method, request.url, request.headers, body, source, destination);
  } catch (error) {
    const { status = 500, code = '2001', reason = 'internal' } = error;
    count('refused', reason);
    record({ kind: 'refused', method: request.method, path: request.url, source, reason, detail: error.message });
    if (!response.headersSent) {
      response.writeHead(status, { 'content-type': 'application/vnd.interoperability.error+json;version=1.0', 'x-refused-by': 'switch', 'x-refused-because': reason });
      response.end(JSON.stringify({ errorInformation: { errorCode: code, errorDescription: reason } }));
    }
  }
}

function control(request, response) {
  const found = { '/counts': counts, '/records': records, '/health': { id: config.id } }[request.url];
  response.writeHead(found ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(found ?? {}));
}

const server = http.createServer(serve);
server.on('connection', (socket) => {
  socket.passed = fromGateway(socket);
});
const servers = [[server, config.listen], [http.createServer(control), config.control]];
await Promise.all(servers.map(([each, { address, port }]) => new Promise((ready) => each.listen(port, address, ready))));
await transfers?.start();
console.log('switch ready');
process.on('SIGTERM', () => {
  transfers?.stop();
  for (const [each] of servers) {
    each.close();
    each.closeAllConnections();
  }
});
