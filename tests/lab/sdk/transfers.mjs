// The switch's transfer service, a stand-in for ml-api-adapter: what participants send goes to the ledger's topics, and what the ledger
// notifies goes to the callback URLs that the ledger itself holds.
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { setTimeout as pause } from 'node:timers/promises';
import { sign } from '../node/jws_judge.mjs';

const NOTIFICATIONS = 'topic-notification-event';
const STORED = -1000; // librdkafka: where this consumer has come to
const ACTIONS = { COMMITTED: 'commit', RESERVED: 'reserve', ABORTED: 'reject' };
// What a participant is sent, by what the ledger has done: method, and type of endpoint in the ledger.
const FORWARDED = { prepare: ['POST', 'TRANSFER_POST'], commit: ['PUT', 'TRANSFER_PUT'], reserve: ['PUT', 'TRANSFER_PUT'] };
const FAILED = ['PUT', 'TRANSFER_ERROR'];
const MEDIA_TYPE = 'application/vnd.interoperability.transfers+json;version=1.1';

// The topic and action of a call, and the transfer that it is about.
function order(method, path, payload) {
  const [, , id, error] = path.split('/');
  if (method === 'POST') return ['prepare', 'prepare', payload.transferId];
  return error === 'error' ? ['fulfil', 'abort', id] : ['fulfil', ACTIONS[payload.transferState] ?? 'commit', id];
}

function decoded(payload) {
  const raw = /^data:/.test(payload) ? Buffer.from(payload.slice(payload.indexOf(',') + 1), 'base64') : Buffer.from(JSON.stringify(payload));
  return { raw, parsed: JSON.parse(raw.toString()) };
}

export class Transfers {
  // `send(method, url, headers, body, source, destination)` calls a participant through the hub's gateway.
  constructor(config, send) {
    this.config = config;
    this.send = send;
    this.refusals = new Map(); // by transfer: the payee's own words, because the ledger writes an error anew, and signed is what was sent
  }

  async start() {
    const { brokers_file: file, kafka_client: client } = this.config.ledger;
    while (!fs.existsSync(file)) await pause(100);
    const kafka = createRequire(import.meta.url)(client);
    const broker = { 'metadata.broker.list': fs.readFileSync(file, 'utf8').trim() };
    this.producer = new kafka.Producer(broker);
    this.consumer = new kafka.KafkaConsumer({ ...broker, 'group.id': 'switch' }, { 'auto.offset.reset': 'earliest' });
    await Promise.all([this.producer, this.consumer].map((each) => new Promise((ready) => each.once('ready', ready).connect())));
    this.producer.setPollInterval(100);
    this.consumer.on('data', ({ value }) => this.notified(JSON.parse(value)).catch((error) => console.error(error.message)));
    this.consumer.assign([{ topic: NOTIFICATIONS, partition: 0, offset: STORED }]); // a group would wait for members that were killed
    this.consumer.consume();
  }

  stop() {
    this.producer?.disconnect();
    this.consumer?.disconnect();
  }

  accept({ method, url, headers }, destination, body) {
    const [topic, action, id] = order(method, url, JSON.parse(body));
    if (action === 'abort') this.refusals.set(id, body);
    const state = { status: 'success', code: 0, description: 'action successful' };
    const message = {
      id,
      from: headers['fspiop-source'],
      to: destination,
      type: 'application/json',
      content: {
        uriParams: { id },
        headers: { ...headers, 'fspiop-destination': destination },
        payload: `data:${headers['content-type']};base64,${body.toString('base64')}`,
      },
      metadata: { correlationId: id, event: { id: randomUUID(), type: topic, action, createdAt: new Date().toISOString(), state } },
    };
    this.producer.produce(`topic-transfer-${topic}`, null, Buffer.from(JSON.stringify(message)), id);
  }

  async notified({ from, to, content, metadata }) {
    const { raw, parsed } = decoded(content.payload);
    const [method, type] = parsed.errorInformation ? FAILED : (FORWARDED[metadata.event.action] ?? []);
    const id = content.uriParams?.id ?? parsed.transferId;
    const byHub = from === this.config.ledger.hub_name;
    if (!type || to === this.config.ledger.hub_name || (byHub && !parsed.errorInformation)) return;
    const url = new URL((await this.endpoint(to, type)).replaceAll('{{transferId}}', id));
    const own = parsed.errorInformation ? !byHub && this.refusals.get(id) : raw;
    this.refusals.delete(id);
    if (own) await this.send(method, url, content.headers, own, from, to);
    else await this.refuse(method, url, parsed.errorInformation, to);
  }

  // The switch speaks for itself, which it does about errors only: it signs as the hub. Extensions are longer than the API allows.
  async refuse(method, url, { errorCode, errorDescription }, to) {
    const headers = { 'content-type': MEDIA_TYPE, date: new Date().toUTCString(), 'fspiop-source': this.config.id, 'fspiop-destination': to };
    const body = { errorInformation: { errorCode, errorDescription: errorDescription.slice(0, 128) } };
    const signed = sign(this.config.ledger.signing_key_file, { method, uri: url.pathname, headers, body });
    await this.send(method, url, signed.headers, Buffer.from(signed.body), this.config.id, to);
  }

  async endpoint(name, type) {
    const answer = await fetch(`${this.config.ledger.url}/participants/${name}/endpoints?type=FSPIOP_CALLBACK_URL_${type}`);
    const { value } = await answer.json();
    if (!value) throw new Error(`the ledger holds no ${type} of ${name}`);
    return value;
  }
}
