// Preloaded into the ledger, which has no setting for it: whatever listens does so on one address only, the loopback address by default.
'use strict'
const net = require('node:net')
const host = process.env.LISTEN_ADDRESS || '127.0.0.1'
const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (first, ...rest) {
  if (first !== null && typeof first === 'object' && 'port' in first) return listen.call(this, { ...first, host }, ...rest)
  if (typeof rest[0] === 'string' || rest[0] === undefined) rest.shift()
  return listen.call(this, first, host, ...rest)
}
