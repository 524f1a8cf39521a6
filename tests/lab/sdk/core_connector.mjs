// A stand-in for a participant's own systems, in the form in which the SDK calls them (its backend API).
// Usage: node core_connector.mjs <configuration.json>; see README.md beside this file.
import fs from 'node:fs';
import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

const config = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));

async function readJson(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return JSON.parse(Buffer.concat(parts).toString() || '{}');
}

function party(type, number) {
  if (!config.numbers.includes(number)) return [404, { statusCode: '3204', message: 'no such customer' }];
  const name = `Customer of ${config.organisation}`;
  return [200, { idType: type, idValue: number, type: 'CONSUMER', displayName: name, firstName: 'Customer', lastName: config.id }];
}

function quote({ quoteId, transactionId, amount, currency }) {
  return {
    quoteId,
    transactionId,
    transferAmount: amount,
    transferAmountCurrency: currency,
    payeeReceiveAmount: amount,
    payeeReceiveAmountCurrency: currency,
    expiration: new Date(Date.now() + 60_000).toISOString(),
  };
}

// What a transfer is answered with: a payee whose systems misbehave on purpose is what its payers are tested against.
function transfer({ transferId, amount }) {
  const reported = { homeTransactionId: transferId };
  if (amount === '13.01') return [200, { ...reported, fulfilment: 'A'.repeat(43) }];
  if (amount === '13.02') return [500, { statusCode: '5100', message: 'the payee refuses' }];
  return [200, reported];
}

async function answer(request) {
  const [, resource, type, number] = request.url.split('?')[0].split('/');
  const name = `${request.method} ${resource}`;
  if (name === 'GET parties') return party(type, number);
  if (name === 'POST quoterequests') return [200, quote(await readJson(request))];
  if (name === 'POST transfers') return transfer(await readJson(request));
  return [404, { statusCode: '3002', message: 'unknown URI' }];
}

// A slow system, while the file says so.
async function wait() {
  if (fs.existsSync(config.delay_file)) await pause(Number(fs.readFileSync(config.delay_file, 'utf8')));
}

const server = http.createServer(async (request, response) => {
  let status = 500;
  let body = { statusCode: '2001', message: 'internal' };
  try {
    await wait();
    [status, body] = await answer(request);
  } catch (error) {
    console.error(error.message);
  }
  console.log(JSON.stringify({ method: request.method, path: request.url, status }));
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
});
await new Promise((ready) => server.listen(config.listen.port, config.listen.address, ready));
console.log('core-connector ready');
process.on('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
});
