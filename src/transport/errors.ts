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
  LISTEN_TAKEN: {
    recovery: 'stop',
    hint: 'another program listens there, perhaps a second gateway: `ss -ltnp` names it; choose another port',
  },
  LISTEN_DENIED: { recovery: 'stop', hint: 'ports below 1024 need a right of their own: choose a higher one' },
  LISTEN_ADDRESS: { recovery: 'stop', hint: 'this machine has no such address: 0.0.0.0 means all of its own' },
  LISTEN_FAILED: { recovery: 'stop', hint: 'the code of the system says why; check host and port' },
  MQTT_SETTINGS: {
    recovery: 'stop',
    hint: 'write the url as mqtt://HOST:PORT or mqtts://HOST:PORT; user and password have keys of their own',
  },
  MQTT_UNREACHABLE: {
    recovery: 'wait',
    hint: 'check host, port and firewall; mosquitto_sub -h HOST -p PORT -t test tries it from this machine',
  },
  MQTT_TLS: {
    recovery: 'wait',
    hint: 'check the CA, the name in the certificate of the broker, both dates, and our client certificate with its key',
  },
  MQTT_REFUSED_LOGIN: {
    recovery: 'wait',
    hint: 'check user name, password and what the broker allows this client id; it is tried again every 30 s',
  },
  MQTT_REFUSED: { recovery: 'wait', hint: 'the log of the broker says why; check the MQTT version and the client id' },
  MQTT_CLOSED: {
    recovery: 'wait',
    hint: 'look into the log of the broker; two clients with one client id push each other out',
  },
  MQTT_PROTOCOL: { recovery: 'wait', hint: 'is it an MQTT port, and is a proxy in between? what came is not MQTT' },
  MQTT_SUBSCRIBE: { recovery: 'wait', hint: 'check the filter and the read rights (ACL) of this user at the broker' },
  MQTT_OFFLINE: { recovery: 'wait', hint: 'nothing was sent: the state of the connections says why the broker is away' },
  MQTT_PUBLISH: { recovery: 'wait', hint: 'check the topic and the write rights (ACL) of this user at the broker' },
})
