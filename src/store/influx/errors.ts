import { failWith } from '../../core/index.ts'

/** Every way a talk with InfluxDB fails, and what happens next. */
const table = {
  INFLUX_CONFIG: { recovery: 'stop', hint: 'correct the store section of the configuration' },
  INFLUX_NETWORK: {
    recovery: 'wait',
    hint: 'is the server running, is the URL right, does a firewall stand between? readings wait in the outbox',
  },
  INFLUX_TIMEOUT: { recovery: 'wait', hint: 'the server is frozen or overloaded: look at its memory, disk and compactions' },
  INFLUX_CUT: { recovery: 'wait', hint: 'the connection ended inside an answer: the server or a proxy was restarted' },
  INFLUX_CLOSED: { recovery: 'wait', hint: 'the gateway is shutting down; the outbox keeps what was not stored' },
  INFLUX_BUSY: { recovery: 'wait', hint: 'the server asked for a pause' },
  INFLUX_SERVER: { recovery: 'wait', hint: 'an error inside the server: see its log' },
  INFLUX_NOT_INFLUX: { recovery: 'wait', hint: 'something between us and the server answered in its place: a proxy, a login page' },
  INFLUX_REDIRECT: { recovery: 'stop', hint: 'put the address the server points to into the configuration' },
  INFLUX_AUTH: { recovery: 'stop', hint: 'check user, password or token, and the right to write to this database' },
  INFLUX_DATABASE: { recovery: 'stop', hint: 'create the database, bucket or retention policy, or set createDatabase (1.x)' },
  INFLUX_LIMIT: {
    recovery: 'stop',
    hint: 'the server allows no more series: raise max-series-per-database / max-values-per-tag (0 = no limit)',
  },
  INFLUX_ENDPOINT: { recovery: 'stop', hint: 'the server does not know this request: is store.version (v1, v2, v3) right?' },
  INFLUX_REFUSED: {
    recovery: 'skip',
    hint: 'the words are the server’s; the reading lies with the dead letters and can be sent again after a repair',
  },
  INFLUX_TOO_LARGE: { recovery: 'split', hint: 'even one row is too long for the server: raise its max-body-size' },
  INFLUX_NAME: {
    recovery: 'skip',
    hint: 'rename it in the ledger: no control characters, no backslash at the end or before a comma, blank, = or backslash',
  },
  INFLUX_FIELD: { recovery: 'skip', hint: 'the name of this value is one that the stored rows use for themselves' },
  INFLUX_VALUE: { recovery: 'skip', hint: 'a defect of the gateway: no meter value looks like this' },
  INFLUX_CURSOR: { recovery: 'skip', hint: 'begin again without cursor: this one belongs to another store or another question' },
  INFLUX_QUERY: { recovery: 'skip', hint: 'the words are the server’s' },
  INFLUX_ANSWER: { recovery: 'wait', hint: 'the server’s answer is not what its documentation says: is it really InfluxDB?' },
} as const

export type InfluxCode = keyof typeof table

/** Makes a failed result of one of the codes above. */
export const fail = failWith(table)
