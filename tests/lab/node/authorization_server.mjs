// The lab's authorization server: the real oidc-provider, reduced to what machines of participants need.
// Usage: node authorization_server.mjs <configuration.json>; see README.md beside this file for the keys.
import fs from 'node:fs';
import https from 'node:https';
import { X509Certificate } from 'node:crypto';
import { Provider, errors } from 'oidc-provider';

const config = {
  token_lifetime: 300,
  gateway_addresses: [],
  scopes: [],
  ...JSON.parse(fs.readFileSync(process.argv[2], 'utf8')),
};
const read = (file) => fs.readFileSync(file, 'utf8');

// Clients and the tokens that manage them outlive a restart; everything else lives minutes and stays in memory.
const KEPT = new Set(['Client', 'RegistrationAccessToken']);
const kept = fs.existsSync(config.clients_file) ? JSON.parse(read(config.clients_file)) : {};
const passing = {};

function save() {
  const staged = `${config.clients_file}.new`;
  fs.writeFileSync(staged, JSON.stringify(kept), { mode: 0o600 });
  fs.renameSync(staged, config.clients_file);
}

class FileAdapter {
  constructor(model) {
    this.kept = KEPT.has(model);
    const all = this.kept ? kept : passing;
    all[model] ??= {};
    this.records = all[model];
  }

  async upsert(id, payload) {
    this.records[id] = payload;
    if (this.kept) save();
  }

  async find(id) {
    return this.records[id];
  }

  async destroy(id) {
    delete this.records[id];
    if (this.kept) save();
  }

  async consume() {}

  async revokeByGrantId() {}
}

// RFC 8705 behind a proxy: whoever can set the header can claim any certificate, so only the gateway may. Else TLS itself tells.
function clientCertificate(ctx) {
  const peer = ctx.req.socket.remoteAddress.replace(/^::ffff:/, '');
  const header = ctx.get('x-client-certificate');
  if (!header) return ctx.req.socket.getPeerX509Certificate();
  if (!config.gateway_addresses.includes(peer)) return undefined;
  try {
    return new X509Certificate(Buffer.from(header, 'base64'));
  } catch {
    return undefined;
  }
}

function buildProvider() {
  const jwks = JSON.parse(read(config.jwks_file));
  const provider = new Provider(config.issuer, {
    adapter: FileAdapter,
    jwks,
    scopes: config.scopes,
    responseTypes: [],
    clientDefaults: {
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
      token_endpoint_auth_method: 'client_secret_basic',
    },
    clientAuthMethods: ['client_secret_basic', 'client_secret_post'],
    ttl: { ClientCredentials: () => config.token_lifetime },
    features: {
      devInteractions: { enabled: false },
      userinfo: { enabled: false },
      clientCredentials: { enabled: true },
      registration: { enabled: true, initialAccessToken: read(config.initial_access_token_file).trim() },
      registrationManagement: { enabled: true, rotateRegistrationAccessToken: true },
      mTLS: { enabled: true, certificateBoundAccessTokens: true, getCertificate: clientCertificate },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => config.audience,
        getResourceServerInfo(ctx, resource, client) {
          if (resource !== config.audience) throw new errors.InvalidTarget();
          // Connectors name no scope: they get all that their client was registered with, and never more.
          ctx.oidc.params.scope ??= client.scope;
          return {
            audience: config.audience,
            scope: client.scope ?? '',
            accessTokenFormat: 'jwt',
            accessTokenTTL: config.token_lifetime,
            jwt: { sign: { alg: 'RS256', kid: jwks.keys[0].kid } },
          };
        },
      },
    },
  });
  provider.on('server_error', (ctx, error) => console.error(`server-error ${ctx.path} ${error.stack}`));
  return provider.callback();
}

let handle = buildProvider();

function reload() {
  try {
    handle = buildProvider();
    console.log('signing keys read again');
  } catch (error) {
    console.error(`signing keys refused, the old ones stay: ${error.message}`);
  }
}

const server = https.createServer(
  { cert: read(config.certificate_file), key: read(config.key_file), minVersion: 'TLSv1.2', requestCert: true, rejectUnauthorized: false },
  (request, response) => handle(request, response),
);
server.listen(config.port, config.address, () => {
  console.log(`authorization server ready on https://${config.address}:${server.address().port}`);
});
fs.watchFile(config.jwks_file, { interval: 500 }, reload);
process.on('SIGHUP', reload);
process.on('SIGTERM', () => {
  fs.unwatchFile(config.jwks_file);
  server.close();
  server.closeAllConnections();
});
