import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { openAccessStore, openAuditLog, type Role, tokensOf } from '../../src/access/index.ts'
import { type Reading, seriesOf, shapeOf } from '../../src/core/index.ts'
import { openEmbeddedStore } from '../../src/store/embedded.ts'
import { ACT, good } from '../access/support.ts'
import { scratch } from '../support/processes.ts'

export const ZONE = 'Asia/Shanghai'
/** Midnights that are billed. */
export const MONTHS = ['03', '04', '05', '06', '07', '08'].map((month) => Date.parse(`2026-${month}-01T00:00:00+08:00`))

const shape = shapeOf(['1.8.0', '2.8.0'].map((field) => ({ field, obis: `1-0:${field}`, unit: 'kWh' as const, scaler: -2 })))

/** A day freeze as it lies in the store. */
export const freezeOf = (point: string, at: number, raws: readonly [number, number], change: Partial<Reading> = {}): Reading => ({
  series: seriesOf('register', { meter: `M-${point}`, point, area: 'A-1', source: 'day-freeze' }),
  ...{ shape, raws, scalers: null, absent: null, ratio: '1', measuredAt: at, receivedAt: at + 60_000, quality: 0 },
  ...change,
})

/** Registers of a point at an instant: every one differs from every other. */
export const rawsOf = (point: number, month: number): [number, number] => [100_000 * (point + 1) + 10_007 * month, 3 * point + month]

export const pointId = (at: number): string => `P-${String(at).padStart(5, '0')}`

export interface BillingPlace {
  readonly directory: string
  readonly data: string
  /** gateway.yaml. */
  readonly file: string
  /** May bill and keep the ledger. */
  readonly token: string
  /** Tokens of the same roles by their names. */
  readonly tokens: Readonly<Record<string, string>>
}

interface Wanted {
  readonly months?: readonly number[]
  readonly billing?: object
  readonly roles?: readonly Role[]
  /** More tokens: name and the zones they see; null: all. */
  readonly zones?: Readonly<Record<string, readonly string[] | null>>
}

/** A data directory with points whose meters froze their registers at every midnight of {@link MONTHS}; nothing is read. */
export const billingPlace = async (
  count: number,
  { months = MONTHS, billing = {}, roles = ['billing', 'engineer'], zones = {} }: Wanted = {},
): Promise<BillingPlace> => {
  const directory = scratch()
  const data = join(directory, 'data')
  mkdirSync(data)
  const points = Array.from({ length: count }, (_, at) => pointId(at))
  const ledger = {
    ...{ version: 1, zones: [{ id: 'Z-1' }, { id: 'Z-2' }] },
    areas: [
      { id: 'A-1', zone: 'Z-1' },
      { id: 'A-2', zone: 'Z-2' },
    ],
    customers: [{ id: 'C-1', name: 'mill' }],
    points: points.map((id, at) => ({ id, area: at % 2 === 0 ? 'A-1' : 'A-2', ...(at < 2 ? { customer: 'C-1' } : {}) })),
    meters: points.map((id, at) => ({
      ...{ id: `M-${id}`, point: id, line: 'hall', profile: 'dlt645-2007/three-phase' },
      address: String(at + 1).padStart(12, '0'),
    })),
  }
  const config = {
    ...{ version: 1, gateway: { id: 'g1', timezone: ZONE, data: 'data' }, http: { port: 0, requestsPerMinute: 1_000_000 } },
    ledger: 'ledger.yaml',
    lines: [{ id: 'hall', transport: { kind: 'tcp', host: '127.0.0.1', port: 1 } }],
    tasks: [],
    billing: { registers: ['1.8.0', '2.8.0'], ...billing },
  }
  const file = join(directory, 'gateway.yaml')
  writeFileSync(file, stringify(config))
  writeFileSync(join(directory, 'ledger.yaml'), stringify(ledger))
  const opened = good(await openEmbeddedStore({ directory: join(data, 'store'), zone: ZONE }))
  for (const [month, at] of months.entries()) {
    const rows = points.map((id, nth) => freezeOf(id, at, rawsOf(nth, month)))
    for (let start = 0; start < rows.length; start += 5_000) await opened.write(rows.slice(start, start + 5_000))
  }
  await opened.close()
  const log = good(openAuditLog(data, () => Date.now()))
  const store = openAccessStore(data, log)
  const add = (name: string, some: readonly string[] | null) =>
    good(tokensOf(store).add(name, { roles: [...roles], zones: some, customer: null, expiresAt: null }, ACT, Date.now())).text
  const token = add('billing-system', null)
  const tokens = Object.fromEntries(Object.entries(zones).map(([name, some]) => [name, add(name, some)]))
  store.close()
  log.close()
  return { directory, data, file, token, tokens }
}
