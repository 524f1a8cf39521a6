// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// The real client of Connection Manager, as Payment Manager's management API starts it:   client.mjs SETTINGS.json
// It writes one line of JSON for each change of its tracks, and ends when its standard input does.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const require = createRequire(import.meta.url);
const mcm = require('@mojaloop/mcm-client');
const logger = require('@mojaloop/mcm-client/dist/lib/logger').default;
logger.setLevel?.('error');
const settings = JSON.parse(readFileSync(process.argv[2], 'utf8'));

const vault = new mcm.Vault({ ...settings.vault, logger });
await vault.connect();
await new mcm.AuthModel({ auth: settings.auth, logger, hubIamProviderUrl: settings.hubIamProviderUrl }).login();
const model = { dfspId: settings.dfspId, hubEndpoint: settings.hubEndpoint, logger };
let connector = {};
// Where a port is given, the SDK is pushed its keys by the client's own control server, as management-api has it do.
const control = settings.controlPort && new mcm.ControlServer.Server({
  port: settings.controlPort,
  logger,
  onRequestConfig: () => machine.sendEvent({ type: 'REQUEST_CONNECTOR_CONFIG' }),
  onRequestPeerJWS: () => {},
  onUploadPeerJWS: () => {},
});
control?.registerInternalEvents();
const machine = new mcm.ConnectionStateMachine({
  logger,
  vault,
  port: 0,
  refreshIntervalSeconds: settings.refreshIntervalSeconds,
  jwsRotationIntervalMs: 24 * 3600 * 1000,
  certExpiryThresholdDays: 7,
  reportStatesStatusIntervalSeconds: 2,
  dfspCertificateModel: new mcm.DFSPCertificateModel(model),
  hubCertificateModel: new mcm.HubCertificateModel(model),
  dfspEndpointModel: new mcm.DFSPEndpointModel(model),
  ControlServer: {
    changeConfig: async (config) => {
      connector = config;
      if (control) mcm.ControlServer.changeConfig(config);
    },
    notifyPeerJWS: async () => {},
  },
  config: {
    stateMachineInspectEnabled: false,
    callbackURL: settings.callbackURL,
    whitelistIP: settings.whitelistIP,
    dfspServerCsrParameters: settings.serverCsr,
    dfspClientCsrParameters: settings.clientCsr,
    dfspCaCsrParameters: settings.caCsr,
  },
});
await machine.start();
let last = '';
setInterval(() => {
  const states = Object.fromEntries(Object.entries(machine.getState()).map(([name, value]) => [name, value.status]));
  const tls = connector.outbound?.tls?.creds ?? {};
  const line = JSON.stringify({ states, client: String(tls.cert ?? ''), hubCA: String(tls.ca ?? ''), peers: Object.keys(connector.peerJWSKeys ?? {}) });
  if (line !== last) process.stdout.write(`${line}\n`);
  last = line;
}, 500);
// A line of its input is an event of the client's, such as ROTATE_JWS, which rotates its key as the timer does.
createInterface({ input: process.stdin }).on('line', (type) => machine.sendEvent({ type })).on('close', () => process.exit(0));
