// Loaded before Haraka: every outgoing connection gets TCP_NODELAY. Haraka 3.3 sets it nowhere, and its several
// small writes for a message then wait for the next hop's delayed ACK. In Haraka's favour.
const net = require('net')

const connect = net.Socket.prototype.connect
net.Socket.prototype.connect = function (...args) {
  this.setNoDelay(true)
  return connect.apply(this, args)
}
