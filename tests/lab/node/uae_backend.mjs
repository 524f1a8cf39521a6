// A stand-in for what is behind the gateways of the UAE's Open Finance: an LFI's Ozone Connect, or the API Hub's Consent Manager.
// Health checks as in "Ozone Connect - Health Check APIs" 2.1 and "API Hub Consent Manager" 2.1; of the rest one resource each.
// Usage: node uae_backend.mjs <configuration.json>, with id, role (hub or participant), host and listen.
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';

const config = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));

// The caller's certificate as the gateway saw it (RFC 9440: one byte sequence of RFC 8941, between colons).
function certificate(request) {
  const found = /^:([A-Za-z0-9+/=]+):$/.exec(request.headers['client-cert'] ?? '');
  return found && new crypto.X509Certificate(Buffer.from(found[1], 'base64'));
}

const name = (lines) => lines.split('\n').join(', ');
const health = (mtlsStatus) => ({ connectionEstablished: true, mtlsStatus, hostName: config.host });
const unauthorised = [401, { errorMessage: 'no client certificate was presented' }];

function echo(request) {
  const seen = certificate(request);
  if (!seen) return unauthorised;
  return [200, { ...health('established'), clientCertificate: { subject: name(seen.subject), issuer: name(seen.issuer) } }];
}

const participant = {
  '/hello': () => [200, health('not-checked')],
  '/hello-mtls': (request) => (certificate(request) ? [200, health('established')] : unauthorised),
  '/echo-cert': echo,
  '/accounts': () => [200, { data: [], meta: {} }],
};
const hub = {
  '/hello-mtls': echo,
  '/consents': () => [200, { data: [], meta: { pageNumber: 1, totalPages: 0, totalRecords: 0 } }],
};
const answers = config.role === 'hub' ? hub : participant;

const server = http.createServer((request, response) => {
  request.resume();
  const answer = request.method === 'GET' && answers[new URL(request.url, 'http://backend').pathname];
  const [status, body] = answer ? answer(request) : [404, { errorMessage: 'not found' }];
  console.log(JSON.stringify({ method: request.method, url: request.url, status, provider: request.headers['o3-provider-id'] ?? '' }));
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
});
server.listen(config.listen.port, config.listen.address, () => console.log(`backend of ${config.id} ready`));
process.on('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
});
