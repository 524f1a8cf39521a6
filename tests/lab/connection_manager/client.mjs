// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// The real client of Connection Manager, as Payment Manager's management API starts it:   client.mjs SETTINGS.json
// It writes one line of JSON for each change of its tracks, and ends when its standard input does.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

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
    changeConfig: async (config) => { connector = config; },
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
process.stdin.on('end', () => process.exit(0)).resume();
