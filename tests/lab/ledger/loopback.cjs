// Preloaded into the ledger, which has no setting for it: whatever listens does so on the loopback address only.
'use strict'
const net = require('node:net')
const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (first, ...rest) {
  if (first !== null && typeof first === 'object' && 'port' in first) return listen.call(this, { ...first, host: '127.0.0.1' }, ...rest)
  if (typeof rest[0] === 'string' || rest[0] === undefined) rest.shift()
  return listen.call(this, first, '127.0.0.1', ...rest)
}
