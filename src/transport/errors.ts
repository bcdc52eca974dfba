import { failWith } from '../core/index.ts'

/** Every way a connection fails, and what happens next. */
export const fail = failWith({
  TRANSPORT_REFUSED: {
    recovery: 'wait',
    hint: 'nothing listens there: check host and port, and that the serial server is in TCP server mode',
  },
  TRANSPORT_UNREACHABLE: { recovery: 'wait', hint: 'check the cable, the address and the route; ping it from this machine' },
  TRANSPORT_TIMEOUT: { recovery: 'wait', hint: 'a firewall drops the packets, or the device is off' },
  TRANSPORT_CLOSED: {
    recovery: 'wait',
    hint: 'the other side hung up: many serial servers take one client at a time, look for a second one',
  },
  TRANSPORT_STUCK: { recovery: 'wait', hint: 'the port takes no bytes: unplug and plug the adapter, check flow control is off' },
  TRANSPORT_BUSY: { recovery: 'wait', hint: 'another program holds the port: fuser -v PORT names it' },
  TRANSPORT_DENIED: { recovery: 'stop', hint: 'add this user to the group dialout and log in again' },
  TRANSPORT_MISSING: { recovery: 'wait', hint: 'no such port: compare with /dev/serial/by-id' },
  TRANSPORT_SETTINGS: { recovery: 'stop', hint: 'the adapter does not do this speed or parity' },
})
